//! What the tree and the observer tell.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::{Bench, Do, MINUTE, SECOND, node, start, until, until_state};
use parapet_supervision::{
    Backoff, ChildSpec, FailureReport, NodeState, Observer, Slot, SlotError, StateChange, SupervisorSpec,
};
use ractor::Actor;

#[tokio::test(start_paused = true)]
async fn the_tree_is_json_with_all_levels() {
    let bench = Bench::default();
    let cameras =
        SupervisorSpec::new("cameras").child(bench.probe("gate").backoff(Backoff::fixed(MINUTE)).kind("camera"));
    let site = start(&bench.supervisor("site").child(bench.probe("store")).child(ChildSpec::supervisor(cameras))).await;
    bench.tell("gate", Do::Panic("no signal"));
    until_state(&site, "cameras/gate", NodeState::Backoff, SECOND).await;

    let tree = serde_json::to_value(site.tree()).unwrap();
    assert_eq!(tree["state"], "running");
    assert_eq!(tree["kind"], "supervisor");
    let gate = &tree["children"][1]["children"][0];
    assert_eq!(gate["id"], "gate");
    assert_eq!(gate["kind"], "camera");
    assert_eq!(gate["state"], "backoff");
    assert_eq!(gate["last_error"]["kind"], "panic");
    assert_eq!(gate["last_error"]["text"], "no signal");
    let (since, next) = (gate["since"].as_u64().unwrap(), gate["next_try"].as_u64().unwrap());
    assert!(next > since && next <= since + 61_000, "{since} {next}");
    assert_eq!(tree["children"][0]["next_try"], serde_json::Value::Null);

    let paths: Vec<String> = site.tree().walk().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["site", "site/store", "site/cameras", "site/cameras/gate"]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_each_change_of_state_in_order() {
    use NodeState::{Backoff, Running, Starting, Stopping};
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    bench.tell("a", Do::Panic("boom"));
    until("a is back", SECOND, || bench.orders("a").starts() == 2).await;
    until_state(&site, "a", Running, SECOND).await;
    site.remove("a").await.unwrap();
    let states = bench.recorder.states("site/a");
    let expected = [Some(Starting), Some(Running), Some(Backoff), Some(Starting), Some(Running), Some(Stopping), None];
    assert_eq!(states, expected);
    for pair in bench.recorder.changes.lock().windows(2) {
        assert_eq!(pair[1].from, pair[0].to, "each change begins where the last one ended");
    }
}

struct Clumsy;

impl Observer for Clumsy {
    fn failure(&self, _: &FailureReport) {
        panic!("the journal is on fire");
    }

    fn state_change(&self, _: &StateChange) {
        panic!("so is the bus");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_harms_nobody() {
    let bench = Bench::default();
    let site = start(&SupervisorSpec::new("site").observer(Arc::new(Clumsy)).child(bench.probe("a"))).await;
    bench.tell("a", Do::Panic("boom"));
    until("a is back", SECOND, || bench.orders("a").starts() == 2).await;
    assert_eq!(node(&site, "a").restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn jitter_is_repeatable_with_a_seed() {
    let waits = async |seed: u64| {
        let bench = Bench::default();
        let backoff = Backoff { jitter: 0.5, ..Backoff::fixed(SECOND) };
        let spec =
            bench.supervisor("site").seed(seed).child(bench.probe("a").backoff(Backoff { max: MINUTE, ..backoff }));
        let site = start(&spec).await;
        for _ in 0..4 {
            bench.slot("a").ready(MINUTE).await.unwrap();
            bench.tell("a", Do::Panic("boom"));
            until_state(&site, "a", NodeState::Backoff, SECOND).await;
        }
        let failures = bench.recorder.failures.lock();
        failures.iter().filter_map(|report| report.next_try).collect::<Vec<_>>()
    };
    let (first, again, other) = (waits(1).await, waits(1).await, waits(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test(start_paused = true)]
async fn a_slot_can_be_filled_by_hand() {
    let bench = Bench::default();
    let slot: Slot<Do> = Slot::new("by-hand");
    assert_eq!(slot.cast(Do::Hang), Err(SlotError::Down { id: "by-hand".into() }));
    assert_eq!(slot.cast(Do::Hang).unwrap_err().to_string(), "by-hand is not running");
    let site = start(&bench.supervisor("site").child(bench.probe("unused"))).await;
    let context_slot = slot.clone();
    let orders = bench.orders("p");
    let diary = bench.diary.clone();
    let spec = ChildSpec::new("raw", move |context| {
        let probe = common::Probe {
            id: "p".into(),
            diary: diary.clone(),
            orders: Arc::clone(&orders),
            handlers: context.handler_heartbeat(),
        };
        let slot = context_slot.clone();
        async move {
            // Without the context's help: the supervisor still watches over it.
            let (actor, _) = Actor::spawn_linked(None, probe, (), context.supervisor()).await?;
            slot.fill(actor.clone());
            Ok(actor.get_cell())
        }
    });
    site.add(spec).unwrap();
    slot.ready(SECOND).await.unwrap();
    assert_eq!(slot.call(Do::Ping, SECOND).await, Ok(1));
    slot.cast(Do::Panic("boom")).unwrap();
    until("it is back", SECOND, || bench.orders("p").starts() == 2).await;
    slot.ready(SECOND).await.unwrap();
    assert_eq!(slot.call(Do::Ping, SECOND).await, Ok(2));
    assert_eq!(bench.recorder.texts("site/raw"), ["boom"]);
}
