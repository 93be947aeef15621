//! One child, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Bench, Do, MINUTE, SECOND, millis, node, start, until, until_state};
use parapet_supervision::{Backoff, Budget, FailureKind, NodeState, Restart, SlotError};

/// Fault 1: an actor panics. It is restarted alone, within a second of real time.
#[tokio::test]
async fn a_panic_restarts_the_actor_alone_within_a_second() {
    let bench = Bench::default();
    let spec = bench.supervisor("site").child(bench.probe("a").backoff(Backoff::default())).child(bench.probe("b"));
    let site = start(&spec).await;
    let before = Instant::now();
    bench.tell("a", Do::Panic("boom"));
    until("a answers again", SECOND, || bench.orders("a").starts() == 2 && bench.slot("a").is_up()).await;
    assert_eq!(bench.ping("a").await, Ok(2));
    assert!(before.elapsed() < SECOND, "took {:?}", before.elapsed());

    assert_eq!(bench.ping("b").await, Ok(1), "the sibling went on");
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Panic]);
    assert_eq!(bench.recorder.texts("site/a"), ["boom"]);
    let a = node(&site, "a");
    assert_eq!((a.restarts, a.restarts_in_window, a.state), (1, 1, NodeState::Running));
    assert_eq!(a.last_error.unwrap().text, "boom");
    assert_eq!(node(&site, "b").restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_and_a_kill_restart_it_too() {
    let bench = Bench::default();
    let _site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    bench.tell("a", Do::Fail("out of luck"));
    until("a is back", SECOND, || bench.orders("a").starts() == 2).await;
    bench.slot("a").ready(SECOND).await.unwrap();
    bench.tell("a", Do::StopYourself);
    until("a is back", SECOND, || bench.orders("a").starts() == 3).await;
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Error, FailureKind::Ended]);
    assert_eq!(bench.recorder.texts("site/a")[0], "out of luck");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_somebody_killed_comes_back() {
    use ractor::ActorRef;
    let bench = Bench::default();
    let cells = std::sync::Arc::new(parking_lot::Mutex::new(Vec::<ActorRef<Do>>::new()));
    let (kept, slot, orders, diary) = (cells.clone(), bench.slot("a"), bench.orders("a"), bench.diary.clone());
    let spec = parapet_supervision::ChildSpec::new("a", move |context| {
        let (kept, slot, orders, diary) = (kept.clone(), slot.clone(), orders.clone(), diary.clone());
        async move {
            let probe = common::Probe { id: "a".into(), diary, orders, handlers: context.handler_heartbeat() };
            let actor = context.spawn_into(&slot, probe, ()).await?;
            kept.lock().push(actor.clone());
            Ok(actor.get_cell())
        }
    });
    let _site = start(&bench.supervisor("site").child(spec)).await;
    cells.lock()[0].kill();
    until("a is back", SECOND, || bench.orders("a").starts() == 2).await;
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Killed]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_child_that_dies_gets_an_error_at_once() {
    let bench = Bench::default();
    let _site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    let slot = bench.slot("a");
    let waiting = tokio::spawn(async move { slot.call(Do::Swallow, MINUTE).await });
    bench.ping("a").await.unwrap();
    let before = tokio::time::Instant::now();
    bench.tell("a", Do::Panic("boom"));
    assert_eq!(waiting.await.unwrap(), Err(SlotError::Down { id: "a".into() }));
    assert!(before.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn while_a_child_waits_for_its_restart_its_handle_says_so() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").backoff(Backoff::fixed(MINUTE)))).await;
    bench.tell("a", Do::Panic("boom"));
    until_state(&site, "a", NodeState::Backoff, SECOND).await;
    let slot = bench.slot("a");
    assert!(!slot.is_up());
    assert_eq!(slot.cast(Do::Hang), Err(SlotError::Down { id: "a".into() }));
    let before = tokio::time::Instant::now();
    assert_eq!(slot.call(Do::Ping, MINUTE).await, Err(SlotError::Down { id: "a".into() }));
    assert_eq!(before.elapsed(), Duration::ZERO, "it did not wait");
    assert!(slot.ready(SECOND).await.is_err());
    slot.ready(2 * MINUTE).await.unwrap();
    assert_eq!(bench.ping("a").await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_child_that_lives_but_does_not_answer_times_out() {
    let bench = Bench::default();
    let _site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    let answer = bench.slot("a").call(Do::Swallow, millis(300)).await;
    assert_eq!(answer, Err(SlotError::Timeout { id: "a".into(), limit: millis(300) }));
    assert_eq!(answer.unwrap_err().to_string(), "a did not answer within 300ms");
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_is_restarted_after_a_failure_but_not_after_a_normal_end() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").restart(Restart::Transient))).await;
    bench.tell("a", Do::Panic("boom"));
    until("a is back", SECOND, || bench.orders("a").starts() == 2).await;
    bench.slot("a").ready(SECOND).await.unwrap();
    bench.tell("a", Do::StopYourself);
    until_state(&site, "a", NodeState::Stopped, SECOND).await;
    tokio::time::advance(10 * MINUTE).await;
    assert_eq!(bench.orders("a").starts(), 2);
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Panic]);
    assert_eq!(node(&site, "a").state, NodeState::Stopped, "it stays visible");
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_is_never_restarted_and_leaves_the_tree() {
    let bench = Bench::default();
    let spec = bench.supervisor("site").child(bench.probe("a").restart(Restart::Temporary)).child(bench.probe("b"));
    let site = start(&spec).await;
    bench.tell("a", Do::Panic("boom"));
    until("a is gone", SECOND, || site.tree().find("a").is_none()).await;
    tokio::time::advance(10 * MINUTE).await;
    assert_eq!(bench.orders("a").starts(), 1);
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Panic], "its failure is told all the same");
    assert!(!site.contains("a"));
}

#[tokio::test(start_paused = true)]
async fn the_backoff_grows_and_starts_anew_once_the_child_was_healthy() {
    let bench = Bench::default();
    let backoff = Backoff { initial: millis(100), max: millis(400), factor: 2.0, jitter: 0.0 };
    let _site = start(&bench.supervisor("site").child(bench.probe("a").backoff(backoff))).await;
    let fail = async || {
        bench.slot("a").ready(MINUTE).await.unwrap();
        bench.tell("a", Do::Fail("again"));
        let before = bench.recorder.failures.lock().len();
        until("a failed", SECOND, || bench.recorder.failures.lock().len() > before).await;
        bench.recorder.failures.lock().last().unwrap().next_try.unwrap().as_millis()
    };
    assert_eq!([fail().await, fail().await, fail().await, fail().await], [100, 200, 400, 400]);
    bench.slot("a").ready(SECOND).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(fail().await, 100);
}

/// On several threads, a successor could overtake its predecessor: ractor tells of an end before it drops the actor's state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_starts_when_all_that_its_predecessor_held_is_free() {
    let bench = Bench::default();
    let eager = |id| bench.probe(id).backoff(Backoff::fixed(Duration::ZERO)).budget(Budget::unlimited());
    let site = start(&bench.supervisor("site").child(eager("a")).child(eager("b"))).await;
    for id in ["a", "b"] {
        bench.orders(id).release_takes.store(10, Ordering::SeqCst);
    }
    for round in 1..=30 {
        for id in ["a", "b"] {
            bench.slot(id).ready(10 * SECOND).await.unwrap();
            match round % 3 {
                0 => bench.tell(id, Do::Panic("boom")),
                1 => bench.tell(id, Do::Fail("out of luck")),
                _ => drop(site.restart(eager(id))),
            }
        }
        until("both are back", 10 * SECOND, || {
            ["a", "b"].iter().all(|id| bench.orders(id).starts() == round + 1 && bench.slot(id).is_up())
        })
        .await;
    }
    assert_eq!((bench.orders("a").most(), bench.orders("b").most()), (1, 1));
    assert!(site.shutdown(10 * SECOND).await.is_clean());
    assert_eq!((bench.orders("a").alive(), bench.orders("b").alive()), (0, 0), "a stop has ended when all is free");
}
