//! Children that are added, removed and replaced while the supervisor runs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, Do, MINUTE, OnStart, OnStop, SECOND, millis, node, start, until, until_state};
use parapet_supervision::{Backoff, ChildError, NodeState, Shutdown, StopOutcome, Strategy, WhenSpent};

#[tokio::test(start_paused = true)]
async fn a_child_can_be_added_and_removed() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    site.add(bench.probe("b")).unwrap();
    bench.slot("b").ready(SECOND).await.unwrap();
    assert_eq!(site.remove("a").await, Ok(StopOutcome::Stopped));
    assert_eq!(bench.orders("a").alive(), 0);
    let ids: Vec<String> = site.tree().children.into_iter().map(|child| child.id).collect();
    assert_eq!(ids, ["b"]);
    assert_eq!(bench.recorder.failures.lock().len(), 0, "a removal is no failure");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_taken_or_unknown_is_refused() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    let taken = site.add(bench.probe("a")).unwrap_err();
    assert_eq!(taken.to_string(), "site already has a child called a");
    let unknown = ChildError::Unknown { supervisor: "site".into(), child: "x".into() };
    assert_eq!(site.remove("x").await, Err(unknown.clone()));
    assert_eq!(site.restart(bench.probe("x")).await, Err(unknown));
    assert_eq!(bench.ping("a").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_removed_while_it_waits_for_its_restart_stays_dead() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").backoff(Backoff::fixed(10 * SECOND)))).await;
    bench.tell("a", Do::Panic("boom"));
    until_state(&site, "a", NodeState::Backoff, SECOND).await;
    assert_eq!(site.remove("a").await, Ok(StopOutcome::NotRunning));
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.orders("a").starts(), 1);
    assert!(site.tree().children.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_removed_after_its_budget_was_spent_stays_dead() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    until_state(&site, "a", NodeState::Failed, 10 * SECOND).await;
    let starts = bench.orders("a").starts();
    site.remove("a").await.unwrap();
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.orders("a").starts(), starts);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_removed_while_its_start_hangs_stays_dead() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Hang);
    let site = bench.supervisor("site").child(bench.probe("a").start_timeout(None)).start().await.unwrap();
    until("a hangs", SECOND, || bench.orders("a").starts() == 1).await;
    let before = tokio::time::Instant::now();
    site.remove("a").await.unwrap();
    assert!(before.elapsed() < SECOND);
    bench.orders("a").start_like(OnStart::Succeed);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!((bench.orders("a").starts(), bench.orders("a").alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_dies_while_it_is_being_removed_stays_dead() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    bench.tell("a", Do::Panic("boom"));
    site.remove("a").await.unwrap();
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!((bench.orders("a").starts(), bench.orders("a").alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_does_not_undo_a_removal() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    drop(site.remove("a"));
    until("a is gone", SECOND, || site.tree().children.is_empty() && bench.orders("a").alive() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_deliberate_restart_is_not_counted_and_touches_no_sibling() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let bench = Bench::default();
        let spec = bench.supervisor("site").strategy(strategy).child(bench.probe("a")).child(bench.probe("b"));
        let site = start(&spec).await;
        for round in 2..20 {
            assert_eq!(site.restart(bench.probe("a").kind("edited")).await, Ok(StopOutcome::Stopped));
            bench.slot("a").ready(SECOND).await.unwrap();
            assert_eq!(bench.ping("a").await, Ok(round));
        }
        let a = node(&site, "a");
        assert_eq!((a.restarts, a.kind.as_str(), a.state), (0, "edited", NodeState::Running));
        assert_eq!(bench.ping("b").await, Ok(1), "{strategy:?}");
        assert!(bench.recorder.failures.lock().is_empty());
        let ids: Vec<String> = site.tree().children.into_iter().map(|child| child.id).collect();
        assert_eq!(ids, ["a", "b"], "it keeps its place");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deliberate_restart_of_a_failed_child_starts_it_now_with_a_full_budget() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    until_state(&site, "a", NodeState::Failed, 10 * SECOND).await;
    bench.orders("a").start_like(OnStart::Succeed);
    assert_eq!(site.restart(bench.probe("a")).await, Ok(StopOutcome::NotRunning));
    bench.slot("a").ready(SECOND).await.unwrap();
    bench.tell("a", Do::Panic("boom"));
    until_state(&site, "a", NodeState::Backoff, SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_deliberate_restart_ends_a_start_that_hangs() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Hang);
    let site = bench.supervisor("site").child(bench.probe("a").start_timeout(None)).start().await.unwrap();
    until("a hangs", SECOND, || bench.orders("a").starts() == 1).await;
    bench.orders("a").start_like(OnStart::Succeed);
    site.restart(bench.probe("a")).await.unwrap();
    bench.slot("a").ready(SECOND).await.unwrap();
    assert_eq!(bench.orders("a").alive(), 1);
}

/// The wish and the end of the backoff come at the same instant, in either order: whichever is taken in second is stale.
#[tokio::test(start_paused = true)]
async fn a_deliberate_restart_at_the_very_end_of_the_backoff_starts_one_child() {
    for wish_first in [true, false] {
        let bench = Bench::default();
        let site = start(&bench.supervisor("site").child(bench.probe("a").backoff(Backoff::fixed(millis(100))))).await;
        let due = tokio::time::Instant::now() + millis(100);
        let wish = |site: parapet_supervision::SupervisorHandle, spec| {
            tokio::spawn(async move {
                tokio::time::sleep_until(due).await;
                site.restart(spec).await
            })
        };
        let early = wish_first.then(|| wish(site.clone(), bench.probe("a")));
        tokio::task::yield_now().await;
        bench.tell("a", Do::Panic("boom"));
        while bench.recorder.failures.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        let wish = early.unwrap_or_else(|| wish(site.clone(), bench.probe("a")));
        assert!(wish.await.unwrap().is_ok());
        tokio::time::sleep(SECOND).await;
        assert_eq!(tokio::time::Instant::now(), due + SECOND, "the failure took no time");
        assert_eq!((bench.orders("a").alive(), bench.orders("a").most()), (1, 1), "wish first: {wish_first}");
        assert!(bench.orders("a").starts() <= 3);
        assert_eq!(node(&site, "a").state, NodeState::Running);
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_added_again_waits_for_the_end_of_its_predecessor() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").shutdown(Shutdown::Deadline(2 * SECOND)))).await;
    bench.orders("a").stop_like(OnStop::Ignore);
    let removal = site.remove("a");
    site.add(bench.probe("a")).unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!((bench.orders("a").starts(), bench.orders("a").alive()), (1, 1));
    assert_eq!(removal.await, Ok(StopOutcome::Killed));
    bench.slot("a").ready(SECOND).await.unwrap();
    assert_eq!((bench.orders("a").starts(), bench.orders("a").alive()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_of_many_wishes_counts() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").shutdown(Shutdown::Deadline(SECOND)))).await;
    bench.orders("a").stop_like(OnStop::Ignore);
    let first = site.restart(bench.probe("a").kind("second"));
    let second = site.restart(bench.probe("a").kind("third"));
    let removal = site.remove("a");
    assert_eq!(first.await, Ok(StopOutcome::Killed));
    assert_eq!(second.await, Ok(StopOutcome::Killed));
    assert_eq!(removal.await, Ok(StopOutcome::Killed));
    tokio::time::sleep(MINUTE).await;
    assert_eq!(bench.orders("a").starts(), 1);
    assert!(site.tree().children.is_empty());
}

#[tokio::test(start_paused = true)]
async fn wishes_to_a_tree_that_has_ended_are_answered() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    site.shutdown(10 * SECOND).await;
    assert_eq!(tokio::time::timeout(SECOND, site.remove("a")).await.unwrap(), Ok(StopOutcome::NotRunning));
    site.add(bench.probe("b")).unwrap();
    assert_eq!(bench.orders("b").starts(), 0);
    assert!(site.shutdown(SECOND).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_wish_during_the_shutdown_is_answered() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").shutdown(Shutdown::Deadline(3 * SECOND)))).await;
    bench.orders("a").stop_like(OnStop::Ignore);
    let end = tokio::spawn({
        let site = site.clone();
        async move { site.shutdown(10 * SECOND).await }
    });
    until("it stops", SECOND, || site.tree().state == NodeState::Stopping).await;
    assert!(tokio::time::timeout(5 * SECOND, site.remove("a")).await.unwrap().is_ok());
    assert_eq!(end.await.unwrap().killed.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_child_delays_nobody_elses_removal() {
    let bench = Bench::default();
    let spec = bench
        .supervisor("site")
        .child(bench.probe("a").shutdown(Shutdown::Deadline(MINUTE)))
        .child(bench.probe("b").when_spent(WhenSpent::RetrySlowly { every: MINUTE }));
    let site = start(&spec).await;
    bench.orders("a").stop_like(OnStop::Ignore);
    let slow = site.remove("a");
    let before = tokio::time::Instant::now();
    site.remove("b").await.unwrap();
    assert!(before.elapsed() < millis(100));
    assert_eq!(slow.await, Ok(StopOutcome::Killed));
}
