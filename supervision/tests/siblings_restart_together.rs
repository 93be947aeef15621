//! One for all, and rest for one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, Do, MINUTE, OnStart, OnStop, SECOND, millis, node, start, until, until_state};
use parapet_supervision::{FailureKind, NodeState, Restart, Shutdown, Strategy, SupervisorHandle};

async fn site(bench: &Bench, strategy: Strategy, ids: &[&str]) -> SupervisorHandle {
    let spec = ids.iter().fold(bench.supervisor("site").strategy(strategy), |spec, id| spec.child(bench.probe(id)));
    let site = start(&spec).await;
    bench.diary.clear();
    site
}

async fn all_running(site: &SupervisorHandle) {
    until("all run", MINUTE, || site.tree().children.iter().all(|child| child.state == NodeState::Running)).await;
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_in_reverse_and_starts_in_order() {
    let bench = Bench::default();
    let site = site(&bench, Strategy::OneForAll, &["a", "b", "c", "d"]).await;
    bench.tell("b", Do::Panic("boom"));
    until("b failed", SECOND, || bench.orders("b").alive() == 0).await;
    until_state(&site, "b", NodeState::Backoff, SECOND).await;
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-b -d -c -a +a +b +c +d");
    assert_eq!(node(&site, "b").restarts, 1);
    assert_eq!(node(&site, "a").restarts, 0, "only the one that failed pays for it");
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_those_that_come_after() {
    let bench = Bench::default();
    let site = site(&bench, Strategy::RestForOne, &["a", "b", "c", "d"]).await;
    bench.tell("b", Do::Panic("boom"));
    until_state(&site, "b", NodeState::Backoff, SECOND).await;
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-b -d -c +b +c +d");
}

#[tokio::test(start_paused = true)]
async fn one_for_one_leaves_the_others_alone() {
    let bench = Bench::default();
    let site = site(&bench, Strategy::OneForOne, &["a", "b", "c"]).await;
    bench.tell("b", Do::Panic("boom"));
    until_state(&site, "b", NodeState::Backoff, SECOND).await;
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-b +b");
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_when_another_child_fails_in_the_restart() {
    let bench = Bench::default();
    let site = site(&bench, Strategy::RestForOne, &["a", "b", "c", "d"]).await;
    bench.orders("c").start_like(OnStart::Fail);
    bench.tell("b", Do::Panic("boom"));
    until("c has failed to start twice", SECOND, || bench.recorder.kinds("site/c").len() == 2).await;
    assert_eq!(bench.diary.text(), "-b -d -c +b", "d waits for c, b stays up");
    bench.orders("c").start_like(OnStart::Succeed);
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-b -d -c +b +c +d");
    assert_eq!(bench.orders("b").starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_when_an_earlier_child_fails_in_the_restart() {
    let bench = Bench::default();
    let site = site(&bench, Strategy::RestForOne, &["a", "b", "c"]).await;
    bench.orders("b").start_like(OnStart::Hang);
    bench.tell("b", Do::Panic("boom"));
    until("b hangs in its start", SECOND, || bench.orders("b").starts() == 2).await;
    bench.tell("a", Do::Panic("boom, too"));
    bench.orders("b").start_like(OnStart::Succeed);
    until_state(&site, "a", NodeState::Backoff, SECOND).await;
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-b -c -a +a +b +c");
}

#[tokio::test(start_paused = true)]
async fn one_for_all_when_another_child_fails_in_the_restart() {
    let bench = Bench::default();
    let site = site(&bench, Strategy::OneForAll, &["a", "b", "c"]).await;
    bench.orders("c").start_like(OnStart::Fail);
    bench.tell("a", Do::Panic("boom"));
    until("c has failed to start", SECOND, || !bench.recorder.kinds("site/c").is_empty()).await;
    bench.orders("c").start_like(OnStart::Succeed);
    until_state(&site, "c", NodeState::Backoff, SECOND).await;
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-a -c -b +a +b -b -a +a +b +c");
}

#[tokio::test(start_paused = true)]
async fn two_children_that_fail_at_once_both_come_back() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let bench = Bench::default();
        let site = site(&bench, strategy, &["a", "b", "c"]).await;
        bench.tell("c", Do::Panic("boom"));
        bench.tell("a", Do::Panic("boom"));
        until("both failed", SECOND, || bench.recorder.failures.lock().len() == 2).await;
        all_running(&site).await;
        for id in ["a", "b", "c"] {
            assert_eq!(bench.orders(id).alive(), 1, "{strategy:?}, {id}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn temporary_bystanders_are_stopped_and_not_started_again() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let bench = Bench::default();
        let spec = bench
            .supervisor("site")
            .strategy(strategy)
            .child(bench.probe("a"))
            .child(bench.probe("t").restart(Restart::Temporary))
            .child(bench.probe("z"));
        let site = start(&spec).await;
        bench.diary.clear();
        bench.tell("a", Do::Panic("boom"));
        until_state(&site, "a", NodeState::Backoff, SECOND).await;
        all_running(&site).await;
        assert_eq!(bench.diary.text(), "-a -z -t +a +z", "{strategy:?}");
        assert!(site.tree().find("t").is_none());
        assert!(bench.recorder.kinds("site/t").is_empty(), "a bystander did not fail");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_temporary_child_restarts_no_sibling() {
    let bench = Bench::default();
    let spec = bench
        .supervisor("site")
        .strategy(Strategy::OneForAll)
        .child(bench.probe("a"))
        .child(bench.probe("t").restart(Restart::Temporary));
    let site = start(&spec).await;
    bench.diary.clear();
    bench.tell("t", Do::Panic("boom"));
    until("t is gone", SECOND, || site.tree().find("t").is_none()).await;
    tokio::time::sleep(MINUTE).await;
    assert_eq!(bench.diary.text(), "-t");
}

#[tokio::test(start_paused = true)]
async fn a_transient_sibling_that_had_ended_starts_with_the_group() {
    let bench = Bench::default();
    let spec = bench
        .supervisor("site")
        .strategy(Strategy::OneForAll)
        .child(bench.probe("a"))
        .child(bench.probe("t").restart(Restart::Transient));
    let site = start(&spec).await;
    bench.tell("t", Do::StopYourself);
    until_state(&site, "t", NodeState::Stopped, SECOND).await;
    bench.tell("a", Do::Panic("boom"));
    until("t started again", SECOND, || bench.orders("t").starts() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_sibling_that_ignores_stop_is_killed_and_the_restart_goes_on() {
    let bench = Bench::default();
    let spec = bench
        .supervisor("site")
        .strategy(Strategy::OneForAll)
        .child(bench.probe("a"))
        .child(bench.probe("b").shutdown(Shutdown::Deadline(2 * SECOND)))
        .child(bench.probe("c"));
    let site = start(&spec).await;
    bench.diary.clear();
    bench.orders("b").stop_like(OnStop::Ignore);
    bench.tell("c", Do::Panic("boom"));
    until_state(&site, "b", NodeState::Stopping, SECOND).await;
    assert!(tokio::time::timeout(millis(1900), bench.slot("a").ready(MINUTE)).await.is_ok(), "a waits for its turn");
    all_running(&site).await;
    assert_eq!(bench.diary.text(), "-c -b -a +a +b +c");
    assert_eq!(bench.recorder.kinds("site/b"), [FailureKind::StopTimeout]);
    assert_eq!(bench.recorder.texts("site/b"), ["did not stop within 2s, and was killed"]);
}
