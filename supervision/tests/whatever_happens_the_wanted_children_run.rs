//! A model test: any sequence of failures, wishes and hanging starts or stops, under any strategy. When it is over, exactly
//! the wanted children run, once each; at no moment did two incarnations of a child live side by side; and all stop in order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use common::{Bench, Do, MINUTE, OnStart, OnStop, SECOND, millis};
use parapet_supervision::{Backoff, Budget, ChildSpec, NodeState, Shutdown, Strategy, SupervisorHandle, WhenSpent};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Strategy as _;

#[derive(Debug, Clone, Copy)]
enum Step {
    Add(usize),
    Remove(usize),
    Restart(usize),
    Panic(usize),
    Fail(usize),
    Hang(usize),
    StartLike(usize, OnStart),
    StopLike(usize, OnStop),
    Wait(u64),
}

const IDS: [&str; 4] = ["a", "b", "c", "d"];

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    let id = 0..IDS.len();
    let starts = select(vec![OnStart::Succeed, OnStart::Fail, OnStart::Panic, OnStart::Hang, OnStart::FailSoon]);
    let stops = select(vec![OnStop::Obey, OnStop::Ignore, OnStop::Fail]);
    prop_oneof![
        id.clone().prop_map(Step::Add),
        id.clone().prop_map(Step::Remove),
        id.clone().prop_map(Step::Restart),
        id.clone().prop_map(Step::Panic),
        id.clone().prop_map(Step::Fail),
        id.clone().prop_map(Step::Hang),
        (id.clone(), starts).prop_map(|(id, how)| Step::StartLike(id, how)),
        (id, stops).prop_map(|(id, how)| Step::StopLike(id, how)),
        (0u64..3000).prop_map(Step::Wait),
    ]
}

fn child(bench: &Bench, id: &str) -> ChildSpec {
    bench
        .probe(id)
        .backoff(Backoff { initial: millis(50), max: SECOND, factor: 2.0, jitter: 0.5 })
        .budget(Budget { max_restarts: 3, within: 10 * SECOND })
        .when_spent(WhenSpent::RetrySlowly { every: 10 * SECOND })
        .shutdown(Shutdown::Deadline(SECOND))
        .start_timeout(Some(SECOND))
        .stuck_after(2 * SECOND)
}

async fn take(bench: &Bench, site: &SupervisorHandle, wanted: &mut BTreeSet<&'static str>, step: Step) {
    match step {
        Step::Add(id) => assert_eq!(site.add(child(bench, IDS[id])).is_ok(), wanted.insert(IDS[id])),
        // Not awaited: more wishes may follow while it is under way.
        Step::Remove(id) => {
            drop(site.remove(IDS[id]));
            wanted.remove(IDS[id]);
        }
        Step::Restart(id) => drop(site.restart(child(bench, IDS[id]))),
        Step::Panic(id) => drop(bench.slot(IDS[id]).cast(Do::Panic("boom"))),
        Step::Fail(id) => drop(bench.slot(IDS[id]).cast(Do::Fail("out of luck"))),
        Step::Hang(id) => drop(bench.slot(IDS[id]).cast(Do::Hang)),
        Step::StartLike(id, how) => bench.orders(IDS[id]).start_like(how),
        Step::StopLike(id, how) => bench.orders(IDS[id]).stop_like(how),
        Step::Wait(span) => tokio::time::sleep(millis(span)).await,
    }
}

async fn play(strategy: Strategy, concurrent: bool, steps: Vec<Step>) {
    let bench = Bench::default();
    let mut spec = bench.supervisor("site").strategy(strategy).child(child(&bench, "a")).child(child(&bench, "b"));
    if concurrent {
        spec = spec.start_concurrently();
    }
    let site = spec.start().await.unwrap();
    let mut wanted = BTreeSet::from(["a", "b"]);
    for step in steps {
        take(&bench, &site, &mut wanted, step).await;
    }
    for id in IDS {
        bench.orders(id).start_like(OnStart::Succeed);
        bench.orders(id).stop_like(OnStop::Obey);
    }
    tokio::time::sleep(10 * MINUTE).await;

    let tree = site.tree();
    let running: BTreeSet<&str> = tree.children.iter().map(|child| child.id.as_str()).collect();
    assert_eq!(running, wanted, "{tree:#?}");
    for id in IDS {
        assert_eq!(bench.orders(id).alive(), u32::from(wanted.contains(id)), "{id} alive, {tree:#?}");
        assert!(bench.orders(id).most() <= 1, "{id}: {} alive at once", bench.orders(id).most());
    }
    for id in &wanted {
        assert_eq!(tree.find(id).unwrap().state, NodeState::Running, "{tree:#?}");
        assert!(bench.ping(id).await.is_ok());
    }
    let order: Vec<String> = tree.children.iter().rev().map(|child| format!("-{}", child.id)).collect();
    bench.diary.clear();
    let report = site.shutdown(10 * SECOND).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(bench.diary.text(), order.join(" "));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn the_tree_follows_what_is_wanted(
        strategy in select(vec![Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        concurrent in any::<bool>(),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(strategy, concurrent, steps));
    }
}
