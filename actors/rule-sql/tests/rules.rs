//! What a rule's author can rely on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::Object;
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions, parse_select, parse_statement};
use serde_json::{Value as Json, json};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    for name in ["detections", "doors"] {
        catalog.add(Relation::schemaless(name));
    }
    for ddl in [
        "CREATE STREAM typed (camera STRING, score FLOAT, ts BIGINT) WITH (DATASOURCE=\"typed\", TIMESTAMP=\"ts\")",
        "CREATE TABLE zones (camera STRING, zone STRING) WITH (DATASOURCE=\"zones\")",
    ] {
        match parse_statement(ddl).unwrap() {
            Statement::Create(relation) => catalog.add(relation),
            other => panic!("{other:?}"),
        }
    }
    catalog
}

fn engine(sql: &str, options: RuleOptions) -> Engine {
    Engine::new(sql, &catalog(), options, 0).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn push(engine: &mut Engine, stream: &str, at: i64, data: &Json) {
    let data = Arc::new(Object::from_json(data));
    engine.push(&Event { stream: stream.into(), at, data, meta: None });
}

fn rows(engine: &mut Engine) -> Vec<Json> {
    engine
        .drain()
        .map(|e| match e.result {
            Ok(rows) => Json::Array(rows.iter().map(Object::to_json).collect()),
            Err(error) => json!({ "error": error }),
        })
        .collect()
}

fn refused(sql: &str) -> String {
    match Engine::new(sql, &catalog(), RuleOptions::default(), 0) {
        Ok(_) => panic!("{sql} was accepted"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn errors_say_where_and_what_was_meant() {
    assert_eq!(refused("SELECT cont(*)\nFROM detections"), "1:8: function cont not found (did you mean \"count\"?)");
    assert_eq!(refused("SELECT a\n  FORM detections"), "2:3: found \"FORM\", expected FROM (did you mean \"FROM\"?)");
    assert!(refused("SELECT a FROM detektions").contains("did you mean \"detections\"?"));
    assert!(refused("SELECT cammera FROM typed").contains("1:8: unknown field cammera (did you mean \"camera\"?)"));
    assert!(refused("SELECT a FROM detections GROUP BY tumblingwindw(ss, 10)").contains("\"tumblingwindow\""));
    assert!(refused("SELECT a FROM detections GROUP BY a").contains("GROUP BY needs a window"));
    assert!(refused("SELECT a FROM detections INNER JOIN doors ON detections.a = doors.a").contains("needs a window"));
    assert!(refused("SELECT camera FROM zones").contains("cannot read a table alone"));
}

#[test]
fn parsed_statements_keep_the_places_of_expressions() {
    let select = parse_select("SELECT a,\n       b + 1 AS c FROM detections").unwrap();
    let pos = select.items.get(1).unwrap().expr.pos;
    assert_eq!((pos.line, pos.column), (2, 8));
}

#[test]
fn a_silent_window_can_be_asked_for() {
    let sql = "SELECT count(*) AS seen FROM detections GROUP BY tumblingwindow(ss, 10) HAVING count(*) = 0";
    let mut engine = engine(sql, RuleOptions::default());
    push(&mut engine, "detections", 1_000, &json!({ "camera": "gate" }));
    engine.advance(20_000);
    assert_eq!(rows(&mut engine), [json!([{ "seen": 0 }])]);
}

#[test]
fn a_silent_stream_stops_holding_the_watermark_up_after_its_timeout() {
    let sql = "SELECT typed.camera FROM typed INNER JOIN detections ON typed.camera = detections.camera \
               GROUP BY tumblingwindow(ss, 1)";
    let options = RuleOptions {
        event_time: true,
        late_tolerance: 0,
        idle_timeout: Some(5_000),
        emit_empty: true,
        ..RuleOptions::default()
    };
    let mut engine = engine(sql, options);
    push(&mut engine, "typed", 100, &json!({ "camera": "gate", "score": 0.5, "ts": 1_500 }));
    push(&mut engine, "typed", 200, &json!({ "camera": "gate", "score": 0.5, "ts": 9_000 }));
    assert_eq!(engine.counters().watermark_lag, Some(200), "the silent stream holds the watermark at its beginning");
    engine.advance(5_100);
    assert_eq!(engine.counters().watermark_lag, Some(5_100 - 9_000));
}

#[test]
fn a_full_window_drops_the_oldest_rows_and_counts_them() {
    let options = RuleOptions { max_rows: 3, ..RuleOptions::default() };
    let mut engine = engine("SELECT collect(n) AS n FROM detections GROUP BY tumblingwindow(ss, 10)", options);
    for n in 0..5 {
        push(&mut engine, "detections", n * 100, &json!({ "n": n }));
    }
    engine.advance(10_000);
    assert_eq!(rows(&mut engine), [json!([{ "n": [2, 3, 4] }])]);
    assert_eq!(engine.counters().dropped_rows, 2);
}

#[test]
fn analytic_calls_forget_the_partitions_unused_for_longest() {
    let options = RuleOptions { max_partitions: 16, ..RuleOptions::default() };
    let mut engine = engine("SELECT lag(n) OVER (PARTITION BY track) AS before, n FROM detections", options);
    for track in 0..40 {
        push(&mut engine, "detections", track, &json!({ "track": track, "n": track }));
    }
    assert!(engine.counters().partitions_held <= 16);
    assert!(engine.counters().evicted_partitions >= 24);
    let _ = rows(&mut engine);
    push(&mut engine, "detections", 50, &json!({ "track": 39, "n": 1 }));
    assert_eq!(rows(&mut engine), [json!([{ "before": 39, "n": 1 }])], "a recent partition is remembered");
}

#[test]
fn a_row_that_fails_is_told_and_the_rule_goes_on() {
    let mut engine = engine("SELECT n + 1 AS m FROM detections", RuleOptions::default());
    push(&mut engine, "detections", 1, &json!({ "n": "x" }));
    push(&mut engine, "detections", 2, &json!({ "n": 1 }));
    push(&mut engine, "elsewhere", 3, &json!({ "n": 1 }));
    let out = rows(&mut engine);
    assert!(out.first().unwrap().get("error").is_some());
    assert_eq!(out.get(1), Some(&json!([{ "m": 2 }])));
    let counters = engine.counters();
    assert_eq!((counters.errors, counters.dropped_unknown, counters.rows_out), (1, 1, 1));
    assert!(counters.last_error.unwrap().contains("invalid operation"));
}

#[test]
fn late_events_are_dropped_and_counted() {
    let options = RuleOptions { event_time: true, late_tolerance: 1_000, ..RuleOptions::default() };
    let mut engine = engine("SELECT ts FROM typed", options);
    for ts in [10_000, 20_000, 18_000, 19_500, 30_000] {
        push(&mut engine, "typed", 1, &json!({ "camera": "gate", "score": 1.0, "ts": ts }));
    }
    assert_eq!(rows(&mut engine), [10_000, 19_500, 20_000].map(|ts| json!([{ "ts": ts }])));
    assert_eq!(engine.counters().late, 1);
}

#[test]
fn a_stream_looks_a_table_up_and_the_table_can_be_loaded_anew() {
    let sql = "SELECT detections.camera, zone FROM detections LEFT JOIN zones ON detections.camera = zones.camera";
    let mut engine = engine(sql, RuleOptions::default());
    let zone = |zone: &str| Arc::new(Object::from_json(&json!({ "camera": "gate", "zone": zone })));
    push(&mut engine, "detections", 1, &json!({ "camera": "gate" }));
    engine.load_table("zones", [zone("dock")]);
    push(&mut engine, "detections", 2, &json!({ "camera": "gate" }));
    engine.load_table("zones", [zone("yard")]);
    push(&mut engine, "detections", 3, &json!({ "camera": "gate" }));
    let expected = [
        json!([{ "camera": "gate" }]),
        json!([{ "camera": "gate", "zone": "dock" }]),
        json!([{ "camera": "gate", "zone": "yard" }]),
    ];
    assert_eq!(rows(&mut engine), expected);
}

#[test]
fn a_statement_without_timers_asks_for_none_and_one_with_tells_the_next() {
    let plain = engine("SELECT a FROM detections", RuleOptions::default());
    assert_eq!(plain.next_timer(), None);
    let tumbling = engine("SELECT a FROM detections GROUP BY tumblingwindow(ss, 10)", RuleOptions::default());
    assert_eq!(tumbling.next_timer(), Some(10_000));
    let mut delayed = engine("SELECT a FROM detections GROUP BY slidingwindow(ss, 10, 2)", RuleOptions::default());
    push(&mut delayed, "detections", 500, &json!({ "a": 1 }));
    assert_eq!(delayed.next_timer(), Some(2_500));
}

#[test]
fn a_clock_that_is_set_does_not_hold_the_rule_up() {
    let mut engine = engine(
        "SELECT count(*) AS n FROM detections GROUP BY tumblingwindow(ms, 10) HAVING n > 0",
        RuleOptions::default(),
    );
    push(&mut engine, "detections", 5, &json!({}));
    let today = 1_790_000_000_123;
    engine.advance(today);
    assert_eq!(rows(&mut engine), [json!([{ "n": 1 }])], "what came before the jump is told");
    assert!(engine.counters().skipped_windows > 170_000_000_000, "{:?}", engine.counters());
    push(&mut engine, "detections", today + 1, &json!({}));
    assert_eq!(engine.next_timer(), Some(1_790_000_000_130));
    engine.advance(today + 10);
    assert_eq!(rows(&mut engine), [json!([{ "n": 1 }])], "and the rule goes on at the natural ends");
}

#[test]
fn long_arrays_take_no_time_that_grows_with_their_square() {
    let sql = "SELECT cardinality(array_distinct(array_concat(sequence(1, 50000), sequence(1, 50000)))) AS d, \
               cardinality(array_except(sequence(1, 50000), sequence(3, 50000))) AS e, \
               cardinality(array_intersect(sequence(1, 50000), sequence(40001, 90000))) AS i FROM detections";
    let mut engine = engine(sql, RuleOptions::default());
    push(&mut engine, "detections", 0, &json!({}));
    assert_eq!(rows(&mut engine), [json!([{ "d": 50_000, "e": 2, "i": 10_000 }])]);
}
