//! Starts that fail, panic or hang; budgets, and what follows when one is spent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::future::pending;
use std::time::Duration;

use common::{Bench, Do, MINUTE, OnStart, SECOND, millis, node, start, until, until_state};
use parapet_supervision::{Backoff, Budget, ChildSpec, FailureKind, NodeState, Restart, WhenSpent};
use tokio::time::{Instant, sleep};

/// Fault 2: an actor fails at every start. At most 5 restarts in 60 s, then one a minute.
#[tokio::test(start_paused = true)]
async fn five_restarts_a_minute_then_one_a_minute() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let site = start(&bench.supervisor("site").child(bench.probe("a").backoff(Backoff::default()))).await;
    let begun = Instant::now();
    let mut starts = vec![begun];
    while begun.elapsed() < 10 * MINUTE {
        let known = u32::try_from(starts.len()).unwrap();
        until("the next start", 2 * MINUTE, || bench.orders("a").starts() > known).await;
        starts.push(Instant::now());
    }
    let restarts = &starts[1..];
    for (index, last) in restarts.iter().enumerate() {
        let held = restarts[..=index].iter().filter(|at| last.duration_since(**at) < MINUTE).count();
        assert!(held <= 5, "{held} restarts within a minute");
    }
    for pair in restarts[4..].windows(2) {
        let gap = pair[1].duration_since(pair[0]);
        assert!(gap >= MINUTE && gap < MINUTE + SECOND, "slow tries are a minute apart, not {gap:?}");
    }
    assert!(restarts[4].duration_since(begun) < 10 * SECOND, "the first five come quickly");

    let a = node(&site, "a");
    assert_eq!(a.state, NodeState::Failed);
    assert!(a.next_try.is_some());
    assert_eq!(a.last_error.unwrap().text, "no luck at the start");
    let kinds = bench.recorder.kinds("site/a");
    assert_eq!(kinds.iter().filter(|kind| **kind == FailureKind::BudgetSpent).count(), 1, "told once: {kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == FailureKind::StartFailed).count(), starts.len());
}

#[tokio::test(start_paused = true)]
async fn a_failed_child_runs_again_as_soon_as_a_slow_try_succeeds() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Panic);
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    until_state(&site, "a", NodeState::Failed, 10 * SECOND).await;
    bench.orders("a").start_like(OnStart::Succeed);
    until_state(&site, "a", NodeState::Running, MINUTE + SECOND).await;
    assert!(bench.recorder.kinds("site/a").contains(&FailureKind::Panic), "a panic at the start is told as one");
    // It has to stay up before it gets its budget back.
    bench.tell("a", Do::Fail("too soon"));
    until_state(&site, "a", NodeState::Failed, SECOND).await;
    until_state(&site, "a", NodeState::Running, MINUTE + SECOND).await;
    sleep(MINUTE).await;
    bench.tell("a", Do::Fail("much later"));
    until_state(&site, "a", NodeState::Backoff, SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn each_child_has_a_budget_of_its_own() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let site = start(&bench.supervisor("site").child(bench.probe("a")).child(bench.probe("b"))).await;
    until_state(&site, "a", NodeState::Failed, 10 * SECOND).await;
    for round in 1..=5 {
        bench.slot("b").ready(SECOND).await.unwrap();
        bench.tell("b", Do::Panic("boom"));
        until("b is back", SECOND, || bench.orders("b").starts() == round + 1).await;
    }
    assert_eq!(node(&site, "b").restarts, 5);
    until_state(&site, "b", NodeState::Running, SECOND).await;
    assert_eq!(node(&site, "a").state, NodeState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_is_given_up_and_tried_again() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Hang);
    let spec = bench.supervisor("site").child(bench.probe("a").start_timeout(Some(2 * SECOND))).child(bench.probe("b"));
    let site = start(&spec).await;
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::StartTimeout]);
    assert_eq!(bench.recorder.texts("site/a"), ["did not start within 2s"]);
    assert_eq!(bench.ping("b").await, Ok(1), "it came up once a had been tried");
    bench.orders("a").start_like(OnStart::Succeed);
    until_state(&site, "a", NodeState::Running, SECOND).await;
    assert_eq!(bench.orders("a").alive(), 1, "the start that hung left nothing behind");
}

#[tokio::test(start_paused = true)]
async fn what_a_start_that_hangs_had_spawned_is_killed() {
    let bench = Bench::default();
    let (slot, orders, diary) = (bench.slot("a"), bench.orders("a"), bench.diary.clone());
    let half_way = ChildSpec::new("a", move |context| {
        let (slot, orders, diary) = (slot.clone(), orders.clone(), diary.clone());
        async move {
            let probe = common::Probe { id: "a".into(), diary, orders, handlers: context.handler_heartbeat() };
            context.spawn_into(&slot, probe, ()).await?;
            pending().await
        }
    });
    let slowly = WhenSpent::RetrySlowly { every: MINUTE };
    let _site = start(&bench.supervisor("site").child(half_way.start_timeout(Some(SECOND)).when_spent(slowly))).await;
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::StartTimeout]);
    assert!(!bench.slot("a").is_up());
    until("it is dead", millis(50), || bench.orders("a").alive() == 0).await;
    assert_eq!(bench.orders("a").starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_dies_before_its_factory_returns_has_failed_with_its_own_words() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::FailSoon);
    let (slot, orders, diary) = (bench.slot("a"), bench.orders("a"), bench.diary.clone());
    let slow = ChildSpec::new("a", move |context| {
        let (slot, orders, diary) = (slot.clone(), orders.clone(), diary.clone());
        async move {
            let probe = common::Probe { id: "a".into(), diary, orders, handlers: context.handler_heartbeat() };
            let cell = context.spawn_into(&slot, probe, ()).await?.get_cell();
            sleep(SECOND).await;
            Ok(cell)
        }
    });
    let site = start(&bench.supervisor("site").child(slow.backoff(Backoff::fixed(MINUTE)))).await;
    until_state(&site, "a", NodeState::Backoff, SECOND).await;
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::Error]);
    assert_eq!(bench.recorder.texts("site/a"), ["no luck after the start"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_hangs_counts_against_the_budget() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").start_timeout(Some(SECOND)))).await;
    bench.orders("a").start_like(OnStart::Hang);
    bench.tell("a", Do::Panic("boom"));
    until_state(&site, "a", NodeState::Failed, 20 * SECOND).await;
    let kinds = bench.recorder.kinds("site/a");
    assert_eq!(kinds.iter().filter(|kind| **kind == FailureKind::StartTimeout).count(), 5, "{kinds:?}");
    assert_eq!(node(&site, "a").restarts, 5);
}

#[tokio::test(start_paused = true)]
async fn side_by_side_a_start_that_hangs_holds_up_nobody() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Hang);
    let spec = bench.supervisor("site").start_concurrently().child(bench.probe("a")).child(bench.probe("b"));
    let site = spec.start().await.unwrap();
    bench.slot("b").ready(millis(100)).await.unwrap();
    let error = site.settled(SECOND).await.unwrap_err();
    assert_eq!(error.waiting, ["site", "site/a"]);
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_fails_or_panics_is_a_failure_of_its_child() {
    let bench = Bench::default();
    let failing = ChildSpec::new("f", |_| async { Err("no model file".into()) });
    let panicking = ChildSpec::new("p", |_| async { panic!("in the factory") });
    let slowly = WhenSpent::RetrySlowly { every: MINUTE };
    let spec = bench.supervisor("site").child(failing.when_spent(slowly)).child(panicking.when_spent(slowly));
    let _site = start(&spec).await;
    assert_eq!(bench.recorder.texts("site/f")[0], "no model file");
    assert_eq!(bench.recorder.texts("site/p")[0], "in the factory");
    assert_eq!(bench.recorder.kinds("site/p")[0], FailureKind::Panic);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_right_after_its_start_is_counted_each_time() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::FailSoon);
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    until_state(&site, "a", NodeState::Failed, 20 * SECOND).await;
    assert_eq!(bench.orders("a").starts(), 6);
    assert_eq!(bench.orders("a").alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_whose_start_fails_is_forgotten() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let site = start(&bench.supervisor("site").child(bench.probe("a").restart(Restart::Temporary))).await;
    assert!(site.tree().children.is_empty());
    assert_eq!(bench.recorder.kinds("site/a"), [FailureKind::StartFailed]);
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_budget_is_paced_by_the_backoff_alone() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let backoff = Backoff { initial: millis(100), max: 10 * SECOND, factor: 2.0, jitter: 0.0 };
    let site =
        start(&bench.supervisor("site").child(bench.probe("a").budget(Budget::unlimited()).backoff(backoff))).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(node(&site, "a").state, NodeState::Backoff);
    let starts = bench.orders("a").starts();
    assert!((60..=70).contains(&starts), "{starts} starts in ten minutes");
}
