//! The actor that keeps a model to its overload policy: looks at the pool, moves the machine, tells everybody.

use std::{sync::Arc, time::Duration};

use parapet_config::OverloadPolicy;
use parapet_contracts::{Clock, status::Health};
use parapet_supervision::Heartbeat;
use serde::Serialize;

use super::{Change, Machine, Meter};
use crate::{
    bus::BusFeed,
    journal::{Failure, Journal},
    model::{ModelBoard, ModelPool},
    worker::{LoopResult, Stop},
};

/// How often it looks.
const TICK: Duration = Duration::from_millis(500);

/// What the actor needs.
#[derive(Clone)]
pub struct OverloadParts {
    /// The model's policy.
    pub policy: Arc<OverloadPolicy>,
    /// The model's pool.
    pub pool: Arc<ModelPool>,
    /// The pool of the lighter model, when the policy names one.
    pub lighter: Option<Arc<ModelPool>>,
    /// Where the state is shown.
    pub board: Arc<ModelBoard>,
    /// Hears of each change.
    pub journal: Journal,
    /// Tells the world of each change.
    pub bus: Arc<BusFeed>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// How a model stands to its overload policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverloadStatus {
    /// How many of its steps hold; lowering the rate counts as three.
    pub step: usize,
    /// How many there are.
    pub steps: usize,
    /// What is given up, for people; empty when nothing is.
    pub given_up: Vec<String>,
    /// The part of its slots' time that is needed: above 1 they can't keep up.
    pub load: f64,
    /// The part of the frames that were replaced before a slot was free.
    pub missed: f64,
    /// How often a step was taken or taken back since the actor started.
    pub changes: u64,
}

/// Runs until it is told to stop, and then gives everything back.
///
/// # Errors
/// None of its own: a panic is the actor's failure.
pub async fn keep_to_policy(parts: OverloadParts, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
    let (mut machine, mut meter, mut changes) = (Machine::new(&parts.policy), Meter::default(), 0);
    if parts.board.gives_up() {
        parts.over("its overload policy begins anew; nothing is given up any more".to_owned(), &[]);
    }
    loop {
        heartbeat.idle();
        tokio::select! {
            () = stop.wait() => break,
            () = tokio::time::sleep(TICK) => {}
        }
        let now = parts.clock.monotonic();
        let lighter = parts.lighter.as_ref().map(|pool| pool.load());
        let reading = meter.read(now, parts.pool.load(), lighter, machine.plan().lighter);
        let change = machine.tick(now, &reading);
        // Also without a change: a camera that came meanwhile has to find the lighter model.
        parts.pool.follow(machine.plan(), parts.lighter.as_ref());
        let (step, steps) = machine.rung();
        let given_up = machine.plan().describe(&parts.policy);
        if let Some(change) = change {
            changes += 1;
            parts.tell(change, &given_up);
        }
        let (load, missed) = (machine.load(&reading), reading.missed);
        parts.board.overload(OverloadStatus { step, steps, given_up, load, missed, changes });
    }
    parts.pool.follow_nothing();
    Ok(())
}

impl OverloadParts {
    fn tell(&self, change: Change, given_up: &[String]) {
        let model = self.pool.model();
        let load = if change.load.is_finite() { format!("{:.0} %", change.load * 100.0) } else { "all".to_owned() };
        let holds = if given_up.is_empty() { "nothing is given up any more".to_owned() } else { given_up.join(", ") };
        if change.worse {
            let text = format!("its slots can't keep up: {load} of their time is needed; {holds}");
            self.bus.model(model, Health::Degraded, Some(text.clone()));
            self.journal.report(Failure::new(format!("models/{model}"), "overload", text));
        } else {
            self.over(format!("room again: {load} of the slots' time would be needed; {holds}"), given_up);
        }
    }

    /// Something has come back; `given_up` is what has not.
    fn over(&self, text: String, given_up: &[String]) {
        let model = self.pool.model();
        let health = if given_up.is_empty() { Health::Online } else { Health::Degraded };
        self.bus.model(model, health, Some(text.clone()));
        self.journal.tell(Failure::new(format!("models/{model}"), "overload_over", text));
    }
}
