//! `A THEN B WITHIN 30s`, and what must not come.

use parapet_rule_sql::{Engine, Event, RuleOptions, value::Object};
use serde_json::json;

use crate::site::{Rule, catalog, expect, told};

/// Pushes single letters as `demo` rows of a key: `"a@0 b@5"`, seconds after the `@`, the key after a `/`.
fn play(sql: &str, script: &str, until: f64) -> Vec<(i64, &'static str, String)> {
    let mut rule = Rule::new(sql);
    for word in script.split_whitespace() {
        let (what, at) = word.split_once('@').unwrap();
        let (what, key) = what.split_once('/').unwrap_or((what, "k"));
        rule.push("demo", at.parse().unwrap(), &json!({ "is": what, "key": key }));
    }
    rule.until(until);
    rule.told()
}

const THEN: &str = "SELECT key FROM demo WHERE is = 'a' THEN is = 'b' WITHIN 30s PER key";

#[test]
fn one_thing_follows_another_in_time() {
    assert_eq!(play(THEN, "a@0 b@29.999", 100.0), expect(&[(29.999, "happened", "k")]));
    assert_eq!(play(THEN, "a@0 b@30", 100.0), [], "the end is no longer within");
    assert_eq!(play(THEN, "b@0 a@1", 100.0), [], "the other way round");
    assert_eq!(play(THEN, "a/x@0 b/y@1 b/x@2", 100.0), expect(&[(2.0, "happened", "x")]), "each key for itself");
}

#[test]
fn of_several_beginnings_the_last_counts_and_no_event_is_used_twice() {
    assert_eq!(play(THEN, "a@0 a@25 b@40", 100.0), expect(&[(40.0, "happened", "k")]));
    assert_eq!(play(THEN, "a@0 a@1 b@2 b@3", 100.0), expect(&[(2.0, "happened", "k")]));
    let same = "SELECT key FROM demo WHERE is = 'a' THEN is = 'a' THEN is = 'a' WITHIN 1m PER key";
    assert_eq!(
        play(same, "a@0 a@10 a@20 a@30 a@40 a@50", 100.0),
        expect(&[(20.0, "happened", "k"), (50.0, "happened", "k")])
    );
    assert_eq!(play(same, "a@0 a@50 a@70 a@80", 100.0), expect(&[(80.0, "happened", "k")]), "from 50 on it fits");
}

#[test]
fn each_step_can_have_a_time_of_its_own() {
    let sql = "SELECT key FROM demo WHERE is = 'a' THEN is = 'b' WITHIN 10s THEN is = 'c' WITHIN 20s PER key";
    assert_eq!(play(sql, "a@0 b@9 c@28", 100.0), expect(&[(28.0, "happened", "k")]));
    assert_eq!(play(sql, "a@0 b@11 c@12", 100.0), []);
    let whole = "SELECT key FROM demo WHERE is = 'a' THEN is = 'b' THEN is = 'c' WITHIN 20s PER key";
    assert_eq!(play(whole, "a@0 b@15 c@19", 100.0), expect(&[(19.0, "happened", "k")]));
    assert_eq!(play(whole, "a@0 b@15 c@21", 100.0), [], "within 20 s of the first");
}

#[test]
fn what_does_not_come_fires_when_its_time_has_passed_and_no_event_is_needed() {
    let sql = "SELECT key FROM demo WHERE is = 'a' THEN NOT is = 'b' WITHIN 30s PER key";
    assert_eq!(play(sql, "a@0", 29.9), []);
    assert_eq!(play(sql, "a@0", 30.0), expect(&[(30.0, "happened", "k")]));
    assert_eq!(play(sql, "a@0 b@29", 100.0), []);
    assert_eq!(play(sql, "a@0 b@31", 100.0), expect(&[(30.0, "happened", "k")]));
    // What goes on beginning does not put it off.
    assert_eq!(play(sql, "a@0 a@10 a@20 a@29", 40.0), expect(&[(30.0, "happened", "k")]));
    assert_eq!(play(sql, "a/x@0 a/y@1 b/x@2", 100.0), expect(&[(31.0, "happened", "y")]));
}

#[test]
fn what_must_not_come_in_between() {
    let sql = "SELECT key FROM demo WHERE is = 'a' THEN NOT is = 'x' THEN is = 'b' WITHIN 30s PER key";
    assert_eq!(play(sql, "a@0 b@5", 100.0), expect(&[(5.0, "happened", "k")]));
    assert_eq!(play(sql, "a@0 x@1 b@5", 100.0), []);
    assert_eq!(play(sql, "a@0 x@1 a@2 b@5", 100.0), expect(&[(5.0, "happened", "k")]));
    let quiet = "SELECT key FROM demo WHERE is = 'a' THEN NOT is = 'x' WITHIN 10s THEN is = 'b' WITHIN 20s PER key";
    assert_eq!(play(quiet, "a@0 b@29", 100.0), expect(&[(29.0, "happened", "k")]));
    assert_eq!(play(quiet, "a@0 x@9 b@15", 100.0), []);
    assert_eq!(play(quiet, "a@0 b@31", 100.0), [], "20 s after the quiet ten");
}

#[test]
fn steps_can_be_named_and_look_back() {
    let sql = "SELECT first.n AS one, second.n AS two, n FROM demo \
               WHERE n > 0 AS first THEN n > first.n + 5 AS second WITHIN 30s";
    let mut rule = Rule::new(sql);
    for (second, n) in [(0, 1), (1, 5), (2, 6), (3, 11)] {
        rule.push("demo", f64::from(second), &json!({ "n": n }));
    }
    // 6 is not more than 1 + 5; 11 is more than 5 + 5: each beginning is kept, as the steps look back.
    assert_eq!(rule.rows(), [json!({ "one": 5, "two": 11, "n": 11 })]);
    assert_eq!(rule.engine.counters().partitions_held, 0, "the match took the others with it");
}

#[test]
fn several_streams_one_after_another() {
    let sql = "SELECT door.id AS door, camera, label FROM doors, detections \
               WHERE doors.state = 'open' AS door THEN label = 'person' AND in_zone(track, 'hall') WITHIN 5s";
    let mut rule = Rule::new(sql);
    rule.see(0.0, "hall", "person", 1, &["hall"]);
    rule.push("doors", 1.0, &json!({ "id": "north", "state": "open" }));
    rule.see(3.0, "hall", "person", 2, &["hall"]);
    assert_eq!(rule.rows(), [json!({ "door": "north", "camera": "hall", "label": "person" })]);
}

#[test]
fn a_sequence_can_last() {
    let sql = "SELECT key FROM demo WHERE is = 'a' THEN is = 'b' WITHIN 30s PER key RESOLVE AFTER 1m";
    let expected = expect(&[(1.0, "fired", "k"), (71.0, "resolved", "k"), (201.0, "fired", "k")]);
    assert_eq!(play(sql, "a@0 b@1 a@10 b@11 a@200 b@201", 210.0), expected);
}

#[test]
fn partial_matches_are_bounded_and_counted() {
    let sql = "SELECT n FROM demo WHERE n > 0 THEN n < 0 WITHIN 1h KEEP EACH";
    let mut rule = Rule::new(sql);
    (1..=150).for_each(|n| rule.push("demo", f64::from(n), &json!({ "n": n })));
    let counters = rule.engine.counters();
    assert_eq!((counters.partitions_held, counters.dropped_matches), (100, 50));
    let options = RuleOptions { max_partitions: 8, ..RuleOptions::default() };
    let sql = "SELECT n FROM demo WHERE n > 0 THEN n < 0 WITHIN 1h PER n";
    let mut engine = Engine::new(sql, &catalog(), options, 0).unwrap();
    for n in 1..=20 {
        let data = std::sync::Arc::new(Object::from_json(&json!({ "n": n })));
        engine.push(&Event { stream: "demo".into(), at: n, data, meta: None });
    }
    let counters = engine.counters();
    assert!(counters.partitions_held <= 8 && counters.dropped_matches >= 12, "{counters:?}");
}

#[test]
fn in_event_time_it_is_the_watermark_that_passes() {
    let mut catalog = catalog();
    let ddl = "CREATE STREAM timed () WITH (DATASOURCE=\"timed\", TIMESTAMP=\"t\")";
    if let parapet_rule_sql::catalog::Statement::Create(relation) = parapet_rule_sql::parse_statement(ddl).unwrap() {
        catalog.add(relation);
    }
    let sql = "SELECT is FROM timed WHERE is = 'a' THEN NOT is = 'b' WITHIN 10s";
    let options = RuleOptions { event_time: true, late_tolerance: 5_000, ..RuleOptions::default() };
    let run = |events: &[(i64, &str)]| {
        let mut engine = Engine::new(sql, &catalog, options.clone(), 0).unwrap();
        for (t, is) in events {
            let data = std::sync::Arc::new(Object::from_json(&json!({ "t": t * 1_000, "is": is })));
            engine.push(&Event { stream: "timed".into(), at: 0, data, meta: None });
        }
        engine.drain().map(|emission| told(&emission)).collect::<Vec<_>>()
    };
    // The b that comes late, but not too late, counts at its own time.
    assert_eq!(run(&[(1, "a"), (12, "c"), (9, "b"), (30, "c")]), []);
    assert_eq!(run(&[(1, "a"), (12, "c"), (30, "c")]), expect(&[(11.0, "happened", "")]));
}
