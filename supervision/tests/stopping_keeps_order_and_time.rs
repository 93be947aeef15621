//! The end of a tree: in order, in time, and whatever its children do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, Do, MINUTE, OnStart, OnStop, SECOND, millis, start, until};
use parapet_supervision::{ChildSpec, Ended, FailureKind, KilledChild, NodeState, Shutdown, SupervisorSpec};
use tokio::time::Instant;

fn killed(path: &str) -> KilledChild {
    KilledChild { path: path.into(), abandoned: false }
}

#[tokio::test(start_paused = true)]
async fn children_start_in_order_and_stop_in_reverse_through_all_levels() {
    let bench = Bench::default();
    let inner = SupervisorSpec::new("inner").child(bench.probe("b1")).child(bench.probe("b2"));
    let spec =
        bench.supervisor("site").child(bench.probe("a")).child(ChildSpec::supervisor(inner)).child(bench.probe("c"));
    let site = start(&spec).await;
    let report = site.shutdown(10 * SECOND).await;
    assert_eq!(bench.diary.text(), "+a +b1 +b2 +c -c -b2 -b1 -a");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(site.ended().await, Ended::Stopped);
    assert!(site.tree().walk().iter().all(|(_, node)| node.state == NodeState::Stopped));
}

/// Fault 3: an actor ignores stop. It is killed at its deadline, the order is kept, and the exit takes at most 10 s.
#[tokio::test(start_paused = true)]
async fn a_child_that_ignores_stop_is_killed_at_its_deadline_and_the_order_is_kept() {
    let bench = Bench::default();
    let deaf = |id: &str, seconds| bench.probe(id).shutdown(Shutdown::Deadline(seconds * SECOND));
    let spec = bench
        .supervisor("site")
        .child(bench.probe("a"))
        .child(deaf("b", 3))
        .child(bench.probe("c"))
        .child(deaf("d", 2));
    let site = start(&spec).await;
    bench.diary.clear();
    bench.orders("b").stop_like(OnStop::Ignore);
    bench.orders("d").stop_like(OnStop::Ignore);
    let report = site.shutdown(10 * SECOND).await;
    assert_eq!(bench.diary.text(), "-d -c -b -a");
    assert_eq!(report.killed, [killed("site/d"), killed("site/b")]);
    assert!(!report.cut_short);
    assert!(report.took >= 5 * SECOND && report.took < 6 * SECOND, "{report:?}");
    assert_eq!(bench.recorder.kinds("site/b"), [FailureKind::StopTimeout]);
    assert_eq!(bench.recorder.kinds("site/c"), []);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_in_a_handler_is_killed_too() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").shutdown(Shutdown::Deadline(SECOND)))).await;
    bench.tell("a", Do::Hang);
    let report = site.shutdown(10 * SECOND).await;
    assert_eq!(report.killed, [killed("site/a")]);
}

#[tokio::test(start_paused = true)]
async fn a_brutal_kill_asks_nobody_and_is_no_failure() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").shutdown(Shutdown::BrutalKill))).await;
    bench.orders("a").stop_like(OnStop::Ignore);
    let report = site.shutdown(10 * SECOND).await;
    assert!(report.is_clean() && report.took < millis(10), "{report:?}");
    assert!(bench.recorder.failures.lock().is_empty());
    assert_eq!(bench.orders("a").alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_of_the_tree_all_that_is_left_is_killed_at_once() {
    let bench = Bench::default();
    let inner = SupervisorSpec::new("inner").child(bench.probe("b").shutdown(Shutdown::Infinity));
    let spec = bench.supervisor("site").child(bench.probe("a")).child(ChildSpec::supervisor(inner));
    let site = start(&spec).await;
    bench.orders("b").stop_like(OnStop::Ignore);
    let report = site.shutdown(4 * SECOND).await;
    assert!(report.cut_short);
    assert_eq!(report.killed, [killed("site/inner/b"), killed("site/a")]);
    assert!(report.took < 5 * SECOND, "{report:?}");
    until("all are dead", SECOND, || bench.orders("a").alive() + bench.orders("b").alive() == 0).await;
    assert!(site.tree().walk().iter().all(|(_, node)| !matches!(node.state, NodeState::Running | NodeState::Stopping)));
}

#[tokio::test(start_paused = true)]
async fn nobody_reaches_a_child_that_is_being_stopped() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a").shutdown(Shutdown::Deadline(3 * SECOND)))).await;
    bench.orders("a").stop_like(OnStop::Ignore);
    let slot = bench.slot("a");
    let waiting = tokio::spawn(async move { slot.call(Do::Swallow, MINUTE).await });
    bench.ping("a").await.unwrap();
    let removal = site.remove("a");
    let before = Instant::now();
    assert!(waiting.await.unwrap().is_err());
    assert!(bench.slot("a").cast(Do::Hang).is_err());
    assert!(before.elapsed() < SECOND, "who waits is told when the stop begins, not when it ends");
    removal.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_on_the_way_out_is_told() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").child(bench.probe("a"))).await;
    bench.orders("a").stop_like(OnStop::Fail);
    let report = site.shutdown(10 * SECOND).await;
    assert!(report.is_clean());
    assert_eq!(bench.recorder.texts("site/a"), ["no luck at the stop"]);
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_start_hangs_or_waits_stops_at_once() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    bench.orders("b").start_like(OnStart::Hang);
    let spec = bench.supervisor("site").child(bench.probe("a")).child(bench.probe("b")).child(bench.probe("c"));
    let site = spec.start().await.unwrap();
    until("b hangs", SECOND, || bench.orders("b").starts() == 1).await;
    let report = site.shutdown(10 * SECOND).await;
    assert!(report.is_clean() && report.took < SECOND, "{report:?}");
    let starts = bench.orders("a").starts();
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(bench.orders("a").starts(), starts, "no restart after the end");
    assert_eq!(bench.orders("c").starts(), 0);
}

/// Real time and real threads: a thread that blocks can be left behind, but not killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_child_that_blocks_its_thread_is_left_behind_and_told() {
    let bench = Bench::default();
    let spec = bench
        .supervisor("site")
        .child(bench.probe("a"))
        .child(bench.probe("b").shutdown(Shutdown::Deadline(millis(50))));
    let site = start(&spec).await;
    let release = bench.block("b").await;
    let before = Instant::now();
    let report = site.shutdown(10 * SECOND).await;
    assert!(before.elapsed() < 5 * SECOND);
    assert_eq!(report.killed, [KilledChild { path: "site/b".into(), abandoned: true }]);
    assert_eq!(bench.orders("a").alive(), 0, "those before it were still stopped");
    drop(release);
}

#[tokio::test]
async fn a_thousand_children_start_and_stop() {
    let bench = Bench::default();
    let ids: Vec<String> = (0..1000).map(|number| format!("child-{number:03}")).collect();
    let spec = ids.iter().fold(bench.supervisor("site"), |spec, id| spec.child(bench.probe(id)));
    let before = std::time::Instant::now();
    let site = start(&spec).await;
    let started: Vec<String> = ids.iter().map(|id| format!("+{id}")).collect();
    assert_eq!(bench.diary.text(), started.join(" "));
    assert_eq!(site.tree().children.len(), 1000);
    bench.diary.clear();
    let report = site.shutdown(MINUTE).await;
    assert!(report.is_clean(), "{report:?}");
    let stopped: Vec<String> = ids.iter().rev().map(|id| format!("-{id}")).collect();
    assert_eq!(bench.diary.text(), stopped.join(" "));
    assert!(before.elapsed() < MINUTE, "took {:?}", before.elapsed());
}

#[tokio::test]
async fn a_thousand_children_added_and_removed_side_by_side() {
    let bench = Bench::default();
    let site = start(&bench.supervisor("site").start_concurrently()).await;
    let ids: Vec<String> = (0..1000).map(|number| format!("child-{number:03}")).collect();
    for id in &ids {
        site.add(bench.probe(id)).unwrap();
    }
    let running = || site.tree().children.iter().filter(|child| child.state == NodeState::Running).count();
    until("all run", MINUTE, || running() == 1000).await;
    let removals: Vec<_> = ids.iter().map(|id| site.remove(id)).collect();
    for removal in removals {
        removal.await.unwrap();
    }
    assert!(site.tree().children.is_empty());
    assert!(ids.iter().all(|id| bench.orders(id).alive() == 0 && bench.orders(id).starts() == 1));
}
