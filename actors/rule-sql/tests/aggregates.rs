//! Aggregates that are folded row by row put out what those over kept rows do, to the word of an error.
//!
//! The reference keeps its rows because it also collects them, where nobody sees it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Checkpoint, Emission, Engine, Event, Relation, RuleOptions, RuleSet, parse_statement};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    match parse_statement("CREATE STREAM timed () WITH (DATASOURCE=\"timed\", TIMESTAMP=\"ts\")").unwrap() {
        Statement::Create(relation) => catalog.add(relation),
        other => panic!("{other:?}"),
    }
    catalog
}

const ITEMS: [&str; 14] = [
    "count(*) AS c",
    "count(v) AS cv",
    "sum(v) AS s",
    "avg(v) AS a",
    "min(v) AS lo",
    "max(v) AS hi",
    "sum(n * 2) + count(*) AS t",
    "first_value(v, true) AS fv",
    "last_value(v, false) AS lv",
    "CASE WHEN count(*) > 3 THEN max(n) ELSE min(v) END AS m",
    "camera",
    "n",
    "window_start() AS ws",
    "window_end() AS we",
];

const WINDOWS: [&str; 9] = [
    "tumblingwindow(ss, 2)",
    "tumblingwindow(ss, 7)",
    "hoppingwindow(ss, 3, 1)",
    "hoppingwindow(ss, 5, 2)",
    "hoppingwindow(ss, 1, 3)",
    "sessionwindow(ss, 4, 1)",
    "sessionwindow(ss, 10, 2)",
    "sessionwindow(ss, 1, 2)",
    "countwindow(3)",
];

const FILTERS: [&str; 5] =
    ["", "WHERE n % 3 != 1", "WHERE v > 1", "WHERE camera = 'a' AND n > 2", "WHERE 10 / (n - 5) < 9"];
const INSIDE: [&str; 3] = ["", " FILTER (WHERE n % 4 != 2)", " FILTER (WHERE v > 0)"];
const KEYS: [&str; 4] = ["", "camera, ", "camera, n % 2, ", "v + 1, "];
const AFTER: [&str; 5] = [
    "",
    "HAVING count(*) > 1",
    "HAVING sum(v) > 3 OR max(n) = 7",
    "HAVING count(*) > 1 ORDER BY max(n) DESC",
    "ORDER BY count(*), camera LIMIT 2",
];

#[derive(Debug, Clone)]
struct Statements {
    folded: String,
    kept: String,
    event_time: bool,
    /// Whether the order of rows decides which is the first.
    ordered: bool,
}

fn statements() -> impl Strategy<Value = Statements> {
    let pick = |from: &'static [&'static str]| prop::sample::select(from.to_vec());
    let items = prop::sample::subsequence(ITEMS.to_vec(), 1..5);
    (items, any::<bool>(), pick(&WINDOWS), pick(&FILTERS), pick(&INSIDE), pick(&KEYS), pick(&AFTER)).prop_map(
        |(items, event_time, window, filter, inside, keys, after)| {
            let stream = if event_time { "timed" } else { "demo" };
            let rest = format!("FROM {stream} {filter} GROUP BY {keys}{window}{inside} {after}");
            // Without an aggregate, a window without keys gives all its rows: those are kept in any case.
            let items = format!("count(*) AS always, {}", items.join(", "));
            Statements {
                folded: format!("SELECT {items} {rest}"),
                kept: format!("SELECT {items}, collect(n) AS kept INVISIBLE {rest}"),
                event_time,
                ordered: keys.is_empty() && after.contains("ORDER BY"),
            }
        },
    )
}

/// The gap before it, how much it is delayed, its camera, and its value.
type Step = (i64, i64, &'static str, Value);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Gaps of nothing and of whole seconds meet the ends of windows.
    let gap = prop_oneof![0_i64..2_500, prop::sample::select(vec![0, 0, 1_000, 2_000])];
    let camera = prop::sample::select(vec!["a", "b", "c"]);
    let value = prop_oneof![
        6 => (-3_i64..5).prop_map(Value::Int),
        4 => (-3.0_f64..5.0).prop_map(Value::Float),
        2 => Just(Value::Null),
        1 => Just(Value::str("text")),
    ];
    // Most streams hold values of one type, or every sum would fail.
    let plain =
        prop::collection::vec((gap.clone(), 0_i64..1_500, camera.clone(), (-3_i64..5).prop_map(Value::Int)), 1..50);
    let mixed = prop::collection::vec((gap, 0_i64..1_500, camera, value), 1..50);
    prop_oneof![2 => plain, 1 => mixed]
}

fn events(steps: &[Step], event_time: bool) -> Vec<Event> {
    let mut ts = 1_000_000;
    let mut made: Vec<(i64, i64, Object)> = Vec::new();
    for (n, (gap, delay, camera, value)) in steps.iter().enumerate() {
        ts += gap;
        let fields =
            [("n", Value::Int(n as i64)), ("ts", Value::Int(ts)), ("camera", Value::str(camera)), ("v", value.clone())];
        let at = if event_time { ts + delay } else { ts };
        made.push((at, ts, fields.into_iter().map(|(k, v)| (Arc::from(k), v)).collect()));
    }
    made.sort_by_key(|(at, ..)| *at);
    let stream: Arc<str> = Arc::from(if event_time { "timed" } else { "demo" });
    made.into_iter()
        .map(|(at, _, data)| Event { stream: Arc::clone(&stream), at, data: Arc::new(data), meta: None })
        .collect()
}

fn engine(sql: &str, event_time: bool) -> Engine {
    let options = RuleOptions {
        event_time,
        late_tolerance: 1_000,
        idle_timeout: Some(5_000),
        emit_empty: true,
        ..RuleOptions::default()
    };
    Engine::new(sql, &catalog(), options, 1_000_000).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn run(sql: &str, event_time: bool, events: &[Event], cut: Option<usize>) -> (Vec<Emission>, Engine) {
    let mut engine = engine(sql, event_time);
    let mut out = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if Some(place) == cut {
            let text = serde_json::to_string(&engine.checkpoint()).unwrap();
            let read: Checkpoint = serde_json::from_str(&text).unwrap();
            let plan = Arc::new(engine.plan().clone());
            engine = Engine::restore(plan, engine.options().clone(), read).unwrap();
            assert_eq!(serde_json::to_string(&engine.checkpoint()).unwrap(), text);
        }
        engine.push(event);
        out.extend(engine.drain());
    }
    engine.advance(events.last().map_or(0, |e| e.at) + 30_000);
    out.extend(engine.drain());
    (out, engine)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(512),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/regressions/aggregates.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn folded_rows_give_what_kept_rows_give(statements in statements(), steps in steps()) {
        let events = events(&steps, statements.event_time);
        let (folded, folding) = run(&statements.folded, statements.event_time, &events, None);
        let (kept, keeping) = run(&statements.kept, statements.event_time, &events, None);
        prop_assert_eq!(&folded, &kept, "{}", statements.folded);
        prop_assert!(keeping.plan().folding.is_none(), "the reference folds as well");
        prop_assert_eq!(folding.plan().folding.is_some(), !statements.ordered, "{}", statements.folded);
        let (mut a, mut b) = (folding.counters(), keeping.counters());
        (a.rows_held, a.state_bytes) = (0, 0);
        (b.rows_held, b.state_bytes) = (0, 0);
        prop_assert_eq!(a, b);
    }

    #[test]
    fn folded_windows_taken_up_from_a_checkpoint_go_on(statements in statements(), steps in steps()) {
        let events = events(&steps, statements.event_time);
        let (whole, engine) = run(&statements.folded, statements.event_time, &events, None);
        for cut in 0..events.len() {
            let (resumed, again) = run(&statements.folded, statements.event_time, &events, Some(cut));
            prop_assert_eq!(&resumed, &whole, "{} cut at {}", statements.folded, cut);
            prop_assert_eq!(again.counters(), engine.counters());
        }
    }

    #[test]
    fn windows_in_a_set_are_woken_for_what_they_take_alone(made in prop::collection::vec(statements(), 1..6), steps in steps()) {
        let events = events(&steps, false);
        let rules: Vec<&Statements> = made.iter().filter(|s| !s.event_time).collect();
        let mut set = RuleSet::new();
        let ids: Vec<_> = rules.iter().map(|s| set.add(engine(&s.folded, false))).collect();
        let mut together = vec![Vec::new(); rules.len()];
        let mut drain = |set: &mut RuleSet| {
            for (id, emission) in set.drain() {
                let place = ids.iter().position(|other| *other == id).unwrap();
                together[place].push(emission);
            }
        };
        for event in &events {
            set.push(event);
            drain(&mut set);
        }
        set.advance(events.last().map_or(0, |e| e.at) + 30_000);
        drain(&mut set);
        for (place, rule) in rules.iter().enumerate() {
            let (alone, engine) = run(&rule.folded, false, &events, None);
            prop_assert_eq!(&together[place], &alone, "{}", rule.folded);
            prop_assert_eq!(set.counters(ids[place]).unwrap(), engine.counters(), "{}", rule.folded);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(256),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/regressions/aggregates_order.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_order_of_arrival_within_the_tolerance_changes_nothing(
        statements in statements(),
        steps in steps(),
        delays in prop::collection::vec(0_i64..900, 50),
    ) {
        let sql = statements.folded.replace("FROM demo", "FROM timed");
        let run = |delayed: bool| {
            // Events of the same time have no order of their own: each has a time here.
            let mut steps: Vec<Step> = steps.iter().map(|(gap, _, c, v)| (gap + 1, 0, *c, v.clone())).collect();
            for (step, delay) in steps.iter_mut().zip(&delays).filter(|_| delayed) {
                step.1 = *delay;
            }
            steps.push((100_000, 0, "a", Value::Null));
            let options = RuleOptions { event_time: true, late_tolerance: 1_000, idle_timeout: None, ..RuleOptions::default() };
            let mut engine = Engine::new(&sql, &catalog(), options, 1_000_000).unwrap();
            for event in events(&steps, true) {
                engine.push(&event);
            }
            let late = engine.counters().late;
            (late, engine.drain().map(|e| (e.range, e.result)).collect::<Vec<_>>())
        };
        let ordered = run(false);
        prop_assert_eq!(ordered.0, 0);
        prop_assert_eq!(run(true), ordered, "{}", sql);
    }
}

#[test]
fn a_window_of_aggregates_keeps_a_row_a_group_however_many_come() {
    let mut engine =
        engine("SELECT camera, count(*) AS n, avg(v) AS a FROM demo GROUP BY camera, tumblingwindow(hh, 1)", false);
    let steps: Vec<Step> = (0..3_000).map(|i| (1, 0, ["a", "b", "c"][i % 3], Value::Int(i as i64))).collect();
    for event in events(&steps, false) {
        engine.push(&event);
    }
    let counters = engine.counters();
    assert_eq!((counters.rows_held, counters.refused_groups), (3, 0));
    assert!((300..20_000).contains(&counters.state_bytes), "{} bytes", counters.state_bytes);
}

#[test]
fn groups_beyond_the_bound_are_refused_and_counted_and_the_others_stay_exact() {
    let sql = "SELECT n % 10 AS k, count(*) AS c FROM demo GROUP BY n % 10, tumblingwindow(ss, 10)";
    let options = RuleOptions { max_groups: 3, ..RuleOptions::default() };
    let mut engine = Engine::new(sql, &catalog(), options, 1_000_000).unwrap();
    let steps: Vec<Step> = (0..100).map(|_| (1, 0, "a", Value::Null)).collect();
    for event in events(&steps, false) {
        engine.push(&event);
    }
    engine.advance(1_100_000);
    let rows: Vec<_> = engine.drain().flat_map(|e| e.result.unwrap()).collect();
    let counts: Vec<_> = rows.iter().map(|row| row.get("c").cloned()).collect();
    assert_eq!(counts, vec![Some(Value::Int(10)); 3]);
    assert_eq!(engine.counters().refused_groups, 70);
}
