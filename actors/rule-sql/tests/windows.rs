//! Windows against a naive reference: every window by its definition, over all rows at once.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Checkpoint, Emission, Engine, Event, Relation, RuleOptions, parse_statement};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    let timed = "CREATE STREAM timed () WITH (DATASOURCE=\"timed\", TIMESTAMP=\"ts\")";
    match parse_statement(timed).unwrap() {
        Statement::Create(relation) => catalog.add(relation),
        other => panic!("{other:?}"),
    }
    catalog
}

fn event(stream: &str, at: i64, ts: i64, n: i64) -> Event {
    let data: Object = [(Arc::from("ts"), Value::Int(ts)), (Arc::from("n"), Value::Int(n))].into_iter().collect();
    Event { stream: stream.into(), at, data: Arc::new(data), meta: None }
}

/// The `n` of the rows of each emission that has rows.
fn numbers(emissions: impl Iterator<Item = Emission>) -> Vec<Vec<i64>> {
    let n = |row: &Object| match row.get("n") {
        Some(Value::Int(n)) => *n,
        other => panic!("{other:?}"),
    };
    emissions.map(|e| e.result.unwrap().iter().map(n).collect()).filter(|rows: &Vec<i64>| !rows.is_empty()).collect()
}

/// Times in order, with gaps of up to 3 s.
fn times() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0_i64..3_000, 1..40).prop_map(|gaps| {
        let mut now = 1_000_000;
        gaps.into_iter()
            .map(|gap| {
                now += gap;
                now
            })
            .collect()
    })
}

/// What a window from `start` to `end` holds.
fn within(times: &[i64], start: i64, end: i64) -> Vec<i64> {
    times.iter().zip(0..).filter(|(t, _)| **t >= start && **t < end).map(|(_, n)| n).collect()
}

fn by_clock(sql: &str, times: &[i64], until: i64) -> Vec<Vec<i64>> {
    let mut engine = Engine::new(sql, &catalog(), RuleOptions::default(), 1_000_000).unwrap();
    for (t, n) in times.iter().zip(0..) {
        engine.push(&event("demo", *t, *t, n));
    }
    engine.advance(until);
    numbers(engine.drain())
}

fn by_event_time(sql: &str, events: &[(i64, i64)], tolerance: i64) -> (Vec<Vec<i64>>, u64) {
    let options =
        RuleOptions { event_time: true, late_tolerance: tolerance, idle_timeout: None, ..RuleOptions::default() };
    let mut engine = Engine::new(sql, &catalog(), options, 0).unwrap();
    for (ts, n) in events {
        engine.push(&event("timed", 0, *ts, *n));
    }
    let late = engine.counters().late;
    (numbers(engine.drain()), late)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/regressions/windows.txt"
        )))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn tumbling_and_hopping_windows_hold_what_their_definition_says(times in times(), length in 1_i64..5, hop in 1_i64..5) {
        let until = times.last().unwrap() + 20_000;
        let tumbling = by_clock(&format!("SELECT n FROM demo GROUP BY tumblingwindow(ss, {length})"), &times, until);
        // The first window ends at a natural time of the minute, the others follow at their length.
        let first = |step: i64| (0..60).find(|s| s % step == 0 && *s > 40).map_or(60, |s| s) * 1_000 + 960_000;
        let mut expected = Vec::new();
        let mut end = first(length);
        while end <= until {
            expected.push(within(&times, end - length * 1_000, end));
            end += length * 1_000;
        }
        expected.retain(|w| !w.is_empty());
        prop_assert_eq!(tumbling, expected);

        let hopping = by_clock(&format!("SELECT n FROM demo GROUP BY hoppingwindow(ss, {length}, {hop})"), &times, until);
        let mut expected = Vec::new();
        let mut end = first(hop);
        while end <= until {
            expected.push(within(&times, end - length * 1_000, end));
            end += hop * 1_000;
        }
        expected.retain(|w| !w.is_empty());
        prop_assert_eq!(hopping, expected);
    }

    #[test]
    fn sliding_windows_reach_back_from_every_row(times in times(), length in 1_i64..5) {
        let sql = format!("SELECT n FROM demo GROUP BY slidingwindow(ss, {length})");
        let expected: Vec<Vec<i64>> = times
            .iter()
            .enumerate()
            .map(|(i, t)| within(times.get(..=i).unwrap(), t - length * 1_000, t + 1))
            .collect();
        prop_assert_eq!(by_clock(&sql, &times, times.last().unwrap() + 1), expected);
    }

    #[test]
    fn delayed_sliding_windows_reach_forward_as_well(times in times(), length in 1_i64..4, delay in 1_i64..4) {
        let sql = format!("SELECT n FROM demo GROUP BY slidingwindow(ss, {length}, {delay})");
        let expected: Vec<Vec<i64>> =
            times.iter().map(|t| within(&times, t - length * 1_000, t + delay * 1_000)).collect();
        prop_assert_eq!(by_clock(&sql, &times, times.last().unwrap() + delay * 1_000), expected);
    }

    #[test]
    fn count_windows_hold_the_last_rows(times in times(), length in 1_usize..6, interval in 1_usize..6) {
        prop_assume!(interval <= length);
        let sql = format!("SELECT n FROM demo GROUP BY countwindow({length}, {interval})");
        let all: Vec<i64> = (0..times.len() as i64).collect();
        let expected: Vec<Vec<i64>> = (1..=all.len())
            .filter(|seen| seen % interval == 0 && *seen >= length)
            .map(|seen| all.get(seen - length..seen).unwrap().to_vec())
            .collect();
        prop_assert_eq!(by_clock(&sql, &times, times.last().unwrap() + 1), expected);
    }

    #[test]
    fn no_row_is_in_two_sessions_and_silence_ends_one(times in times()) {
        // Longer than the rows last, so that silence alone ends a session.
        let windows = by_clock("SELECT n FROM demo GROUP BY sessionwindow(hh, 5, 1)", &times, times.last().unwrap() + 7_200_000);
        let seen: Vec<i64> = windows.iter().flatten().copied().collect();
        prop_assert_eq!(seen, (0..times.len() as i64).collect::<Vec<_>>());
    }

    #[test]
    fn rows_out_of_order_within_the_tolerance_change_nothing(times in times(), shuffle in prop::collection::vec(0_i64..900, 40)) {
        // Each event is delayed by less than the tolerance; the last one makes every window before it complete.
        let mut arrivals: Vec<(i64, (i64, i64))> =
            times.iter().zip(0..).zip(&shuffle).map(|((t, n), d)| (t + d, (*t, n))).collect();
        arrivals.sort_by_key(|(at, _)| *at);
        let end = (times.last().unwrap() + 100_000, 1_000);
        let mut shuffled: Vec<(i64, i64)> = arrivals.into_iter().map(|(_, e)| e).collect();
        shuffled.push(end);
        let mut ordered: Vec<(i64, i64)> = times.iter().copied().zip(0..).collect();
        ordered.push(end);
        for window in ["tumblingwindow(ss, 2)", "hoppingwindow(ss, 3, 1)", "slidingwindow(ss, 2)", "sessionwindow(ss, 4, 1)"] {
            let sql = format!("SELECT n FROM timed GROUP BY {window} ORDER BY n");
            let (a, late) = by_event_time(&sql, &shuffled, 1_000);
            prop_assert_eq!(late, 0);
            prop_assert_eq!(a, by_event_time(&sql, &ordered, 1_000).0, "{}", window);
        }
    }

    #[test]
    fn a_rule_taken_up_from_a_checkpoint_goes_on_as_if_nothing_had_been(times in times(), kind in 0_usize..SAVED.len()) {
        let (sql, event_time) = SAVED[kind];
        let plan = Engine::new(sql, &catalog(), RuleOptions::default(), 0).map(|e| Arc::new(e.plan().clone())).unwrap();
        let options = || RuleOptions { event_time, late_tolerance: 500, ..RuleOptions::default() };
        let run = |cut: usize| {
            let mut engine = Engine::from_plan(Arc::clone(&plan), options(), 1_000_000);
            let mut out = Vec::new();
            for (i, t) in times.iter().enumerate() {
                if i == cut {
                    let text = serde_json::to_string(&engine.checkpoint()).unwrap();
                    let read: Checkpoint = serde_json::from_str(&text).unwrap();
                    engine = Engine::restore(Arc::clone(&plan), options(), read).unwrap();
                    assert_eq!(serde_json::to_string(&engine.checkpoint()).unwrap(), text);
                }
                engine.push(&event(if event_time { "timed" } else { "demo" }, *t, *t, i as i64));
                out.extend(engine.drain());
            }
            engine.advance(times.last().unwrap() + 10_000);
            out.extend(engine.drain());
            (out, engine.counters())
        };
        let whole = run(usize::MAX);
        for cut in 0..times.len() {
            prop_assert_eq!(&run(cut), &whole, "{} cut at {}", sql, cut);
        }
    }
}

/// Statements with every kind of state, and whether they go by event time.
const SAVED: [(&str, bool); 8] = [
    ("SELECT n, lag(n) AS before, acc_sum(n) AS total, rand() AS r FROM demo GROUP BY hoppingwindow(ss, 3, 1)", false),
    ("SELECT n, last_hit_count() AS hits FROM demo WHERE n % 3 = 0", false),
    ("SELECT collect(n) AS ns, window_end() AS e FROM timed GROUP BY slidingwindow(ss, 2, 1)", true),
    ("SELECT collect(n) AS ns FROM demo GROUP BY sessionwindow(ss, 4, 1)", false),
    ("SELECT collect(n) AS ns FROM timed GROUP BY sessionwindow(ss, 4, 1)", true),
    ("SELECT collect(n) AS ns FROM demo GROUP BY countwindow(4, 3)", false),
    ("SELECT collect(n) AS ns FROM demo GROUP BY statewindow(n % 5 = 1, n % 5 = 3)", false),
    ("SELECT n FROM timed WHERE had_changed(true, n % 4) OVER (PARTITION BY n % 2)", true),
];
