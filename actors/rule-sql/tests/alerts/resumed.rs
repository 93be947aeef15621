//! Written down and taken up again at any moment, however often time is told, a rule tells the same.

use std::sync::Arc;

use parapet_rule_sql::plan::{Mode, Plan};
use parapet_rule_sql::value::Object;
use parapet_rule_sql::{Checkpoint, Emission, Engine, Event, RuleOptions, parse_select};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::json;

use crate::site::catalog;

const STATEMENTS: [&str; 11] = [
    "SELECT key, n FROM demo WHERE n > 3 PER key",
    "SELECT key, n FROM demo WHERE n > 3 FOR 2s PER key RESOLVE AFTER 1s",
    "SELECT key, n FROM demo WHERE n > 3 FOR 2s ALLOWING GAPS OF 1s PER key RESOLVE AFTER 3s WHEN n < 2",
    "SELECT key, count(*) AS n FROM demo GROUP BY tumblingwindow(ss, 2), key HAVING count(*) > 1 FOR 2s RESOLVE AFTER 2s",
    "SELECT key, n FROM demo WHERE n = 1 THEN n = 2 WITHIN 3s PER key",
    "SELECT a.n AS x, b.n AS y FROM demo WHERE n < 3 AS a THEN n > a.n AS b WITHIN 3s THEN n > b.n WITHIN 2s PER key",
    "SELECT key, n FROM demo WHERE n > 2 THEN NOT n = 0 WITHIN 2s PER key",
    "SELECT key, n FROM demo WHERE n > 2 THEN NOT n = 0 THEN n = 1 WITHIN 4s PER key RESOLVE AFTER 3s",
    "SELECT key, n FROM demo WHERE n > 1 THEN NOT n = 0 WITHIN 1s THEN n = 4 WITHIN 3s KEEP EACH",
    "SELECT key FROM demo WHERE n > 0 ABSENT 2s PER key",
    "SELECT n, lag(n) OVER (PARTITION BY key) AS before FROM demo WHERE lag(n) < n FOR 1s PER key",
];

fn event(at: i64, key: &str, n: i64) -> Event {
    let data = Arc::new(Object::from_json(&json!({ "key": key, "n": n })));
    Event { stream: "demo".into(), at, data, meta: None }
}

fn plan(sql: &str) -> Arc<Plan> {
    Arc::new(Plan::new(&parse_select(sql).unwrap(), &catalog(), Mode::Rule).unwrap_or_else(|e| panic!("{sql}: {e}")))
}

fn events() -> impl Strategy<Value = Vec<(i64, usize, i64)>> {
    prop::collection::vec((0_i64..1_500, 0_usize..3, 0_i64..6), 1..40)
}

const KEYS: [&str; 3] = ["a", "b", "c"];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/regressions/alerts.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_checkpoint_at_any_cut_changes_nothing(
        sql in prop::sample::select(STATEMENTS.to_vec()),
        events in events(),
        cut in 0_usize..40,
    ) {
        let plan = plan(sql);
        let make = || Engine::from_plan(Arc::clone(&plan), RuleOptions::default(), 0);
        let (mut whole, mut cut_up) = (make(), make());
        let mut at = 0;
        for (number, (pause, key, n)) in events.iter().enumerate() {
            at += pause;
            let event = event(at, KEYS[*key], *n);
            whole.push(&event);
            cut_up.push(&event);
            if number == cut {
                let text = serde_json::to_string(&cut_up.checkpoint()).unwrap();
                let saved: Checkpoint = serde_json::from_str(&text).unwrap();
                cut_up = Engine::restore(Arc::clone(&plan), RuleOptions::default(), saved).unwrap();
            }
        }
        whole.advance(at + 20_000);
        cut_up.advance(at + 20_000);
        prop_assert_eq!(whole.drain().collect::<Vec<_>>(), cut_up.drain().collect::<Vec<_>>());
        prop_assert_eq!(whole.counters(), cut_up.counters());
    }

    #[test]
    fn it_does_not_matter_how_often_time_is_told(
        sql in prop::sample::select(STATEMENTS.to_vec()),
        events in events(),
        step in 1_i64..700,
    ) {
        let plan = plan(sql);
        let make = || Engine::from_plan(Arc::clone(&plan), RuleOptions::default(), 0);
        let (mut rarely, mut often) = (make(), make());
        let mut at = 0;
        for (pause, key, n) in &events {
            let next = at + pause;
            (at..=next).step_by(usize::try_from(step).unwrap()).for_each(|time| often.advance(time));
            at = next;
            let event = event(at, KEYS[*key], *n);
            rarely.push(&event);
            often.push(&event);
        }
        (at..at + 20_000).step_by(usize::try_from(step).unwrap()).for_each(|time| often.advance(time));
        rarely.advance(at + 20_000);
        often.advance(at + 20_000);
        let told = |engine: &mut Engine| engine.drain().map(|e: Emission| (e.change, e.result)).collect::<Vec<_>>();
        prop_assert_eq!(told(&mut rarely), told(&mut often));
    }
}
