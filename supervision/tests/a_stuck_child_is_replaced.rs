//! Stuck or busy: heartbeats.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::{Bench, Do, MINUTE, SECOND, millis, node, start, until, until_state};
use parapet_supervision::{ChildSpec, FailureKind, Heartbeat, NodeState, SlotError, WhenSpent};
use parking_lot::Mutex;

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_noticed_and_its_actor_replaced() {
    let bench = Bench::default();
    let spec = bench.supervisor("site").child(bench.probe("a").stuck_after(2 * SECOND)).child(bench.probe("b"));
    let site = start(&spec).await;
    bench.tell("a", Do::Hang);
    let slot = bench.slot("a");
    let waiting = tokio::spawn(async move { slot.call(Do::Ping, MINUTE).await });
    let before = tokio::time::Instant::now();
    assert_eq!(waiting.await.unwrap(), Err(SlotError::Down { id: "a".into() }), "who waits gets an error");
    assert!(before.elapsed() >= 2 * SECOND && before.elapsed() <= 3 * SECOND, "after {:?}", before.elapsed());
    bench.slot("a").ready(2 * SECOND).await.unwrap();
    assert_eq!(bench.ping("a").await, Ok(2));
    assert_eq!(bench.ping("b").await, Ok(1));
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Stuck]);
    assert!(bench.recorder.texts("site/a")[0].starts_with("message handler has been silent for 2."));
    assert!(bench.recorder.states("site/a").contains(&Some(NodeState::Stuck)));
    assert_eq!(node(&site, "a").restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_is_not_stuck() {
    let bench = Bench::default();
    let _site = start(&bench.supervisor("site").child(bench.probe("a").stuck_after(2 * SECOND))).await;
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(bench.ping("a").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn declared_work_is_busy_and_undeclared_work_is_stuck() {
    let bench = Bench::default();
    let _site = start(&bench.supervisor("site").child(bench.probe("a").stuck_after(2 * SECOND))).await;
    bench.tell("a", Do::Work(20 * SECOND, true));
    assert_eq!(bench.slot("a").call(Do::Ping, MINUTE).await, Ok(1));
    assert!(bench.recorder.failures.lock().is_empty());
    bench.tell("a", Do::Work(20 * SECOND, false));
    assert!(bench.slot("a").call(Do::Ping, MINUTE).await.is_err());
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Stuck]);
}

/// A probe with a thread of its own, whose heartbeats the test plays.
fn threaded(bench: &Bench, beats: &Arc<Mutex<Vec<Heartbeat>>>) -> ChildSpec {
    let (slot, orders, diary, beats) = (bench.slot("a"), bench.orders("a"), bench.diary.clone(), Arc::clone(beats));
    ChildSpec::actor("a", &slot, move |context| {
        beats.lock().push(context.heartbeat("inference"));
        let probe = common::Probe {
            id: "a".into(),
            diary: diary.clone(),
            orders: Arc::clone(&orders),
            handlers: context.handler_heartbeat(),
        };
        (probe, ())
    })
    .stuck_after(2 * SECOND)
    .when_spent(WhenSpent::RetrySlowly { every: MINUTE })
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_falls_silent_is_noticed_though_the_actor_answers() {
    let bench = Bench::default();
    let beats = Arc::default();
    let site = start(&bench.supervisor("site").child(threaded(&bench, &beats))).await;
    let thread = beats.lock()[0].clone();
    for _ in 0..10 {
        tokio::time::sleep(SECOND).await;
        thread.beat();
    }
    thread.idle();
    tokio::time::sleep(MINUTE).await;
    let busy = thread.busy(10 * SECOND);
    tokio::time::sleep(9 * SECOND).await;
    drop(busy);
    thread.beat();
    assert_eq!(bench.ping("a").await, Ok(1), "it beat, was idle, was busy");

    until("it is found stuck", 4 * SECOND, || !bench.recorder.failures.lock().is_empty()).await;
    assert!(bench.recorder.texts("site/a")[0].starts_with("inference has been silent for "));
    until_state(&site, "a", NodeState::Running, SECOND).await;
    // The beats of the thread that was given up do not count for its successor.
    for _ in 0..3 {
        thread.beat();
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(bench.recorder.kinds("site/a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn being_stuck_again_and_again_spends_the_budget() {
    let bench = Bench::default();
    let beats = Arc::default();
    let site = start(&bench.supervisor("site").child(threaded(&bench, &beats))).await;
    until_state(&site, "a", NodeState::Failed, MINUTE).await;
    assert_eq!(bench.recorder.kinds("site/a").iter().filter(|kind| **kind == FailureKind::Stuck).count(), 6);
}

/// Real time and real threads. Fault 15 asks for 5 s to notice and 10 s to be back.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_actor_that_blocks_its_thread_is_left_behind_and_a_successor_starts() {
    let bench = Bench::default();
    let spec = bench.supervisor("site").child(bench.probe("a").stuck_after(millis(200))).child(bench.probe("b"));
    let site = start(&spec).await;
    let release = bench.block("a").await;
    until("a successor runs", 5 * SECOND, || bench.orders("a").starts() == 2 && bench.slot("a").is_up()).await;
    assert_eq!(bench.ping("a").await, Ok(2));
    assert_eq!(bench.ping("b").await, Ok(1));
    assert_eq!(node(&site, "a").abandoned, 1);
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Stuck, FailureKind::StopTimeout]);

    drop(release); // the predecessor wakes, finds itself killed, and disturbs nobody
    until("it is gone", 5 * SECOND, || bench.orders("a").alive() == 1).await;
    assert_eq!(bench.ping("a").await, Ok(2));
    assert_eq!(node(&site, "a").restarts, 1);
    assert!(site.shutdown(5 * SECOND).await.is_clean());
}
