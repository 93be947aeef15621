//! Escalation from supervisor to supervisor, up to the end of the tree.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, Do, MINUTE, OnStart, OnStop, SECOND, node, start, until, until_state};
use parapet_supervision::{
    Backoff, Budget, ChildSpec, Ended, FailureKind, NodeState, Shutdown, StartError, Strategy, SupervisorSpec,
    WhenSpent,
};

fn strict(spec: ChildSpec, max_restarts: u32) -> ChildSpec {
    spec.budget(Budget { max_restarts, within: MINUTE }).when_spent(WhenSpent::Escalate)
}

#[tokio::test(start_paused = true)]
async fn the_root_stops_its_children_in_reverse_and_fails() {
    let bench = Bench::default();
    let spec =
        bench.supervisor("site").child(strict(bench.probe("store"), 1)).child(bench.probe("b")).child(bench.probe("c"));
    let site = start(&spec).await;
    bench.diary.clear();
    bench.tell("store", Do::Panic("disk"));
    until("the store is back", SECOND, || bench.orders("store").starts() == 2).await;
    bench.slot("store").ready(SECOND).await.unwrap();
    bench.tell("store", Do::Panic("disk again"));
    assert_eq!(site.ended().await, Ended::Failed("gave up on site/store: disk again".into()));
    assert_eq!(bench.diary.text(), "-store +store -store -c -b");
    let kinds = bench.recorder.kinds("site/store");
    assert_eq!(kinds, [FailureKind::Panic, FailureKind::Panic, FailureKind::BudgetSpent]);
    assert_eq!(site.tree().state, NodeState::Failed);
    assert!(site.tree().children.iter().all(|child| child.state == NodeState::Stopped));
    assert!(bench.slot("b").cast(Do::Hang).is_err());
}

#[tokio::test(start_paused = true)]
async fn the_parent_of_a_supervisor_that_fails_decides() {
    let bench = Bench::default();
    let models = SupervisorSpec::new("models").child(strict(bench.probe("a"), 0)).child(bench.probe("b"));
    let spec = bench
        .supervisor("site")
        .child(ChildSpec::supervisor(models).backoff(Backoff::fixed(SECOND)))
        .child(bench.probe("c"));
    let site = start(&spec).await;
    bench.tell("a", Do::Panic("boom"));
    until_state(&site, "models", NodeState::Backoff, SECOND).await;
    assert_eq!(node(&site, "models/b").state, NodeState::Stopped);
    until_state(&site, "models", NodeState::Running, 2 * SECOND).await;
    assert_eq!(bench.ping("a").await, Ok(2));
    assert_eq!(bench.ping("b").await, Ok(2));
    assert_eq!(bench.ping("c").await, Ok(1), "nothing beyond the supervisor was touched");
    assert_eq!(bench.recorder.kinds("site/models"), [FailureKind::Escalated]);
    assert_eq!(bench.recorder.texts("site/models"), ["gave up on site/models/a: boom"]);
    assert_eq!(bench.recorder.kinds("site/models/a"), [FailureKind::Panic, FailureKind::BudgetSpent]);
    assert_eq!(node(&site, "models").restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_escalation_goes_up_until_somebody_can_handle_it() {
    let bench = Bench::default();
    let inner = SupervisorSpec::new("inner").child(strict(bench.probe("a"), 0));
    let outer = SupervisorSpec::new("outer").child(strict(ChildSpec::supervisor(inner), 0));
    let spec = bench.supervisor("site").child(ChildSpec::supervisor(outer).backoff(Backoff::fixed(SECOND)));
    let site = start(&spec).await;
    bench.tell("a", Do::Panic("boom"));
    until_state(&site, "outer", NodeState::Backoff, SECOND).await;
    until_state(&site, "outer", NodeState::Running, 2 * SECOND).await;
    assert_eq!(bench.ping("a").await, Ok(2));
    assert_eq!(
        bench.recorder.texts("site/outer"),
        ["gave up on site/outer/inner: gave up on site/outer/inner/a: boom"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_gives_up_in_its_start_has_failed_to_start() {
    let bench = Bench::default();
    bench.orders("a").start_like(OnStart::Fail);
    let inner = SupervisorSpec::new("inner").child(strict(bench.probe("a"), 0));
    let spec = bench
        .supervisor("site")
        .child(ChildSpec::supervisor(inner).when_spent(WhenSpent::RetrySlowly { every: MINUTE }));
    let site = start(&spec).await;
    until_state(&site, "inner", NodeState::Failed, 30 * SECOND).await;
    assert_eq!(bench.orders("a").starts(), 6);
    assert_eq!(bench.recorder.kinds("site/inner")[0], FailureKind::Escalated);
    bench.orders("a").start_like(OnStart::Succeed);
    until_state(&site, "inner/a", NodeState::Running, MINUTE + SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn escalating_kills_a_child_that_ignores_its_stop() {
    let bench = Bench::default();
    let spec = bench
        .supervisor("site")
        .child(bench.probe("deaf").shutdown(Shutdown::Deadline(3 * SECOND)))
        .child(strict(bench.probe("a"), 0));
    let site = start(&spec).await;
    bench.orders("deaf").stop_like(OnStop::Ignore);
    bench.tell("a", Do::Panic("boom"));
    let before = tokio::time::Instant::now();
    site.ended().await;
    assert!(before.elapsed() >= 3 * SECOND && before.elapsed() < 4 * SECOND);
    assert_eq!(bench.recorder.kinds("site/deaf"), [FailureKind::StopTimeout]);
    until("deaf is dead", SECOND, || bench.orders("deaf").alive() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn children_added_while_it_ran_come_back_with_their_supervisor() {
    let bench = Bench::default();
    let cameras = SupervisorSpec::new("cameras").child(bench.probe("first"));
    let handle = cameras.handle();
    let spec = bench
        .supervisor("site")
        .strategy(Strategy::RestForOne)
        .child(bench.probe("store"))
        .child(ChildSpec::supervisor(cameras));
    let site = start(&spec).await;
    handle.add(bench.probe("added")).unwrap();
    bench.slot("added").ready(SECOND).await.unwrap();
    handle.remove("first").await.unwrap();

    bench.tell("store", Do::Panic("boom"));
    until("the supervisor was stopped", SECOND, || bench.orders("added").alive() == 0).await;
    handle.add(bench.probe("meanwhile")).unwrap();
    until_state(&site, "cameras", NodeState::Running, SECOND).await;
    bench.slot("meanwhile").ready(SECOND).await.unwrap();
    assert_eq!(bench.ping("added").await, Ok(2));
    assert!(site.tree().find("cameras/first").is_none(), "what was removed stays removed");
    handle.remove("added").await.unwrap();
    assert_eq!(bench.orders("added").alive(), 0, "the handle is good over the restart");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_was_killed_comes_back_with_its_children() {
    let bench = Bench::default();
    let inner = SupervisorSpec::new("inner").child(bench.probe("a")).child(bench.probe("b"));
    // A supervisor that is stuck is killed by its parent like any other child.
    let spec = bench.supervisor("site").child(ChildSpec::supervisor(inner).shutdown(Shutdown::BrutalKill));
    let handle = start(&spec).await;
    let again = handle.tree();
    assert_eq!(again.find("inner/a").unwrap().state, NodeState::Running);
    let spec_again = SupervisorSpec::new("inner").child(bench.probe("a")).child(bench.probe("b"));
    handle.restart(ChildSpec::supervisor(spec_again)).await.unwrap();
    until("the new children run", SECOND, || bench.orders("a").starts() == 2 && bench.orders("b").starts() == 2).await;
    until("the old ones are gone", SECOND, || bench.orders("a").alive() == 1 && bench.orders("b").alive() == 1).await;
}

#[tokio::test]
async fn two_children_with_one_id_are_refused_at_the_start() {
    let bench = Bench::default();
    let spec = bench.supervisor("site").child(bench.probe("a")).child(bench.probe("a"));
    let error = spec.start().await.unwrap_err();
    assert!(matches!(error, StartError::DuplicateChild { .. }));
    assert_eq!(error.to_string(), "supervisor site has two children called a");
}
