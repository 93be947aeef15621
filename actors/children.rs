//! How each kind of actor is supervised: what its supervisor must know to start, watch, restart and stop it.
//!
//! | actor | when its budget is spent | deadline to stop |
//! |---|---|---|
//! | camera, slot, rule, stream, uploader, bus | tried once a minute, for ever | 3 s |
//! | store, alert desk | the site stops | 8 s |

use std::{sync::Arc, time::Duration};

use parapet_supervision::{Backoff, BoxError, ChildSpec, Heartbeat, Shutdown, StartContext, SupervisorSpec, WhenSpent};

use parking_lot::Mutex;

use crate::{
    camera::{CameraActor, CameraParts},
    model::{InFlight, Loaded, OverloadParts, Slot, SlotParts, keep_to_policy},
    worker::{Body, Worker},
};

/// What a failed actor at the edge of the site waits between two tries once its budget is spent.
const SLOWLY: Duration = Duration::from_secs(60);
/// A deadline to stop that leaves time for the others within a site's ten seconds.
const SOON: Duration = Duration::from_secs(3);
/// What holds alerts that are not durable yet gets longer.
const DRAIN: Duration = Duration::from_secs(8);
/// An actor's loop that is neither idle nor busy for this long is stuck.
const STUCK: Duration = Duration::from_secs(5);

fn edge(spec: ChildSpec) -> ChildSpec {
    let backoff = Backoff { max: Duration::from_secs(10), ..Backoff::default() };
    spec.backoff(backoff).when_spent(WhenSpent::RetrySlowly { every: SLOWLY }).shutdown(Shutdown::Deadline(SOON))
}

/// One stream of a camera.
pub fn camera(parts: CameraParts) -> ChildSpec {
    let id = parts.role.actor(&parts.config.id);
    let spec = ChildSpec::new(&id, move |context: StartContext| {
        let parts = parts.clone();
        async move { Ok(context.spawn(CameraActor, parts).await?.get_cell()) }
    });
    edge(spec).kind("camera").stuck_after(STUCK)
}

/// A model: a supervisor with its slots, which begin with what was loaded for them already, in their order, and with what keeps it to its overload policy.
pub fn model(parts: &SlotParts, overload: Option<OverloadParts>, loaded: Vec<Loaded>) -> ChildSpec {
    let id = parts.model.id.to_string();
    let mut slots = SupervisorSpec::new(&id).start_concurrently();
    let mut loaded = loaded.into_iter();
    for (index, config) in parts.model.slots.iter().copied().enumerate() {
        let name = format!("slot-{index}");
        let (actor, parts) = (format!("models/{id}/{name}"), parts.clone());
        let in_flight = Arc::<InFlight>::default();
        let spare = Arc::new(Mutex::new(loaded.next()));
        let spec = worker(&name, "slot", move |heartbeat| {
            let (in_flight, spare) = (Arc::clone(&in_flight), Arc::clone(&spare));
            Slot { actor: actor.clone(), config, spare, in_flight, parts: parts.clone(), heartbeat }.body()
        });
        // Loading may take long, and the thread declares it.
        slots = slots.child(edge(spec).start_timeout(None));
    }
    if let Some(parts) = overload {
        slots = slots.child(edge_worker("overload", "overload", move |heartbeat| {
            let parts = parts.clone();
            Body::task(move |stop| keep_to_policy(parts, heartbeat, stop))
        }));
    }
    ChildSpec::supervisor(slots).kind("model")
}

/// An actor at the edge of the site that runs a loop.
pub fn edge_worker(id: &str, kind: &str, body: impl Fn(Heartbeat) -> Body + Send + Sync + 'static) -> ChildSpec {
    edge(worker(id, kind, body))
}

/// An actor without which the site can't keep its word: when it can't stay up, the site stops.
pub fn vital_worker(id: &str, kind: &str, body: impl Fn(Heartbeat) -> Body + Send + Sync + 'static) -> ChildSpec {
    worker(id, kind, body).when_spent(WhenSpent::Escalate).shutdown(Shutdown::Deadline(DRAIN))
}

fn worker(id: &str, kind: &str, body: impl Fn(Heartbeat) -> Body + Send + Sync + 'static) -> ChildSpec {
    let (body, name) = (Arc::new(body), id.to_owned());
    ChildSpec::new(id, move |context: StartContext| {
        let (body, name) = (Arc::clone(&body), name.clone());
        async move {
            let body = body(context.heartbeat("loop"));
            let actor = context.spawn(Worker, (name, body)).await.map_err(BoxError::from)?;
            Ok(actor.get_cell())
        }
    })
    .kind(kind)
    .stuck_after(STUCK)
}
