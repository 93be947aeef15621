//! `ABSENT 30s PER camera`: who has gone silent.

use std::sync::Arc;

use parapet_rule_sql::value::Object;
use serde_json::json;

use crate::site::{Rule, expect};

const SILENT: &str = "SELECT camera FROM frames ABSENT 30s PER camera";

#[test]
fn a_camera_that_falls_silent_is_told_once_and_when_it_speaks_again() {
    let mut rule = Rule::new(SILENT);
    let frame = |rule: &mut Rule, at, camera| rule.push("frames", at, &json!({ "camera": camera }));
    for second in 0..60 {
        frame(&mut rule, f64::from(second), "gate");
        if second < 10 {
            frame(&mut rule, f64::from(second), "yard");
        }
    }
    assert_eq!(rule.told(), expect(&[(39.0, "fired", "yard")]));
    frame(&mut rule, 70.0, "yard");
    assert_eq!(rule.told(), expect(&[(70.0, "resolved", "yard")]));
    // With nobody there at all, time alone tells.
    rule.until(500.0);
    assert_eq!(rule.told(), expect(&[(89.0, "fired", "gate"), (100.0, "fired", "yard")]));
}

#[test]
fn who_is_expected_need_never_have_been_heard() {
    let mut rule = Rule::new(SILENT);
    let row = Arc::new(Object::from_json(&json!({ "camera": "gate" })));
    rule.engine.expect("frames", Arc::clone(&row), 0);
    rule.engine.expect("frames", row, 10_000);
    rule.until(29.9);
    assert_eq!(rule.told(), []);
    rule.until(31.0);
    assert_eq!(rule.told(), expect(&[(30.0, "fired", "gate")]));
    assert_eq!(rule.engine.counters().matched, 0, "nothing came");
}

#[test]
fn who_cannot_be_meant_or_is_not_named_whole_is_not_expected() {
    let told = |sql: &str| {
        let mut rule = Rule::new(sql);
        for camera in ["gate", "yard"] {
            rule.engine.expect("frames", Arc::new(Object::from_json(&json!({ "camera": camera }))), 0);
        }
        rule.until(100.0);
        rule.told()
    };
    // What is asked of columns that nobody knows yet may hold.
    let one = told("SELECT camera FROM frames WHERE camera = 'gate' AND objects > 0 ABSENT 30s PER camera");
    assert_eq!(one, expect(&[(30.0, "fired", "gate")]));
    assert_eq!(told("SELECT camera FROM frames WHERE camera NOT IN ('gate', 'yard') ABSENT 30s PER camera"), []);
    assert_eq!(told("SELECT camera FROM frames ABSENT 30s PER camera, model"), []);
}

#[test]
fn without_a_key_the_stream_itself_is_expected_from_the_beginning() {
    let mut rule = Rule::new("SELECT 'nothing' AS said FROM doors WHERE state = 'closed' ABSENT 10m");
    rule.push("doors", 300.0, &json!({ "state": "open" }));
    rule.until(600.0);
    assert_eq!(rule.rows(), [json!({ "said": "nothing" })], "that it opened is not what is waited for");
}

#[test]
fn keys_are_bounded() {
    let options = parapet_rule_sql::RuleOptions { max_partitions: 8, ..Default::default() };
    let mut engine = parapet_rule_sql::Engine::new(SILENT, &crate::site::catalog(), options, 0).unwrap();
    for n in 0..20 {
        let data = Arc::new(Object::from_json(&json!({ "camera": n })));
        engine.push(&parapet_rule_sql::Event { stream: "frames".into(), at: n, data, meta: None });
    }
    assert!(engine.counters().partitions_held <= 8, "{:?}", engine.counters());
}
