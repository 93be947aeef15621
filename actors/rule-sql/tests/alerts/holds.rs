//! `FOR 10s`: pending, firing, over.

use serde_json::json;

use crate::site::{Rule, expect};

const LOITERING: &str = "SELECT camera, track->id AS id FROM detections \
                         WHERE label = 'person' AND in_zone(track, 'dock') \
                         FOR 10s PER camera, track->id RESOLVE AFTER 4s";

#[test]
fn it_fires_once_when_it_has_held_and_is_over_after_the_delay() {
    let mut rule = Rule::new(LOITERING);
    for second in 0..20 {
        rule.see(f64::from(second), "gate", "person", 7, &["dock"]);
        // Another one passes through.
        rule.see(f64::from(second), "gate", "person", 8, if second < 5 { &["dock"] } else { &["road"] });
    }
    assert_eq!(rule.told(), expect(&[(10.0, "fired", "gate/7")]));
    rule.see(20.0, "gate", "person", 7, &["road"]);
    rule.see(22.0, "gate", "person", 7, &["dock"]);
    rule.see(23.0, "gate", "person", 7, &["road"]);
    rule.until(26.9);
    assert_eq!(rule.told(), [], "it came back in time, and left again at 23");
    rule.until(40.0);
    assert_eq!(rule.told(), expect(&[(27.0, "resolved", "gate/7")]));
}

#[test]
fn the_row_that_made_it_fire_comes_again_when_it_is_over() {
    let mut rule = Rule::new(LOITERING);
    (0..=10).for_each(|second| rule.see(f64::from(second), "gate", "person", 7, &["dock"]));
    assert_eq!(rule.rows(), [json!({ "camera": "gate", "id": 7 })]);
    rule.until(60.0);
    assert_eq!(rule.rows(), [json!({ "camera": "gate", "id": 7 })]);
}

#[test]
fn rows_of_one_moment_are_judged_together() {
    // Each frame brings a car, which says no for the camera, and then a person, who says yes.
    let mut rule = Rule::new("SELECT camera FROM detections WHERE label = 'person' FOR 3s PER camera");
    for second in 0..6 {
        rule.see(f64::from(second), "gate", "car", 1, &[]);
        rule.see(f64::from(second), "gate", "person", 2, &[]);
        rule.see(f64::from(second), "gate", "car", 3, &[]);
    }
    assert_eq!(rule.told(), expect(&[(3.0, "fired", "gate")]));
    rule.see(6.0, "gate", "car", 1, &[]);
    rule.see(7.0, "gate", "car", 1, &[]);
    assert_eq!(rule.told(), expect(&[(6.001, "resolved", "gate")]));
}

#[test]
fn gaps_that_are_allowed_do_not_break_it_off() {
    let strict = "SELECT camera FROM detections WHERE label = 'person' FOR 3s PER camera";
    let lenient = "SELECT camera FROM detections WHERE label = 'person' FOR 3s ALLOWING GAPS OF 1s PER camera";
    let mut seen = Vec::new();
    for sql in [strict, lenient] {
        let mut rule = Rule::new(sql);
        for tenth in 0..40 {
            let label = if tenth % 8 < 3 { "car" } else { "person" };
            rule.see(f64::from(tenth) / 10.0, "gate", label, 1, &[]);
        }
        seen.push(rule.told());
    }
    assert_eq!(seen, [expect(&[]), expect(&[(3.5, "fired", "gate")])], "the first yes 3 s after 0.3");
}

#[test]
fn a_threshold_with_hysteresis() {
    let sql = "SELECT sensor, value FROM demo WHERE value > 80 FOR 10s PER sensor \
               RESOLVE AFTER 5s WHEN value < 70";
    let mut rule = Rule::new(sql);
    let values = [85, 90, 85, 75, 75, 75, 69, 69, 75, 85];
    for (i, value) in values.into_iter().enumerate() {
        rule.push("demo", 5.0 * i as f64, &json!({ "sensor": "boiler", "value": value }));
    }
    // 75 ends nothing; 69 at 30 does, five seconds later.
    assert_eq!(rule.told(), expect(&[(10.0, "fired", "boiler"), (35.0, "resolved", "boiler")]));
}

#[test]
fn silence_is_a_no_and_how_long_it_may_be_can_be_said() {
    let by_itself = "SELECT sensor FROM demo WHERE value > 80 FOR 1m PER sensor";
    let patient = "SELECT sensor FROM demo WHERE value > 80 FOR 1m ALLOWING GAPS OF 10m PER sensor";
    let mut seen = Vec::new();
    for sql in [by_itself, patient] {
        let mut rule = Rule::new(sql);
        for minute in [0, 5, 10] {
            rule.push("demo", 60.0 * f64::from(minute), &json!({ "sensor": "boiler", "value": 90 }));
        }
        rule.until(3_600.0);
        seen.push(rule.told());
    }
    let expected = expect(&[(300.0, "fired", "boiler"), (1_200.001, "resolved", "boiler")]);
    assert_eq!(seen, [expect(&[]), expected]);
}

#[test]
fn a_window_can_hold_as_well() {
    let sql = "SELECT camera, count(*) AS n FROM detections WHERE label = 'person' \
               GROUP BY tumblingwindow(ss, 10), camera HAVING count(*) >= 3 FOR 20s RESOLVE AFTER 10s";
    let mut rule = Rule::new(sql);
    let crowd = |rule: &mut Rule, window: i32, people: i64| {
        (0..people).for_each(|n| rule.see(f64::from(window * 10) + 1.0 + n as f64, "gate", "person", n, &[]));
        rule.see(f64::from(window * 10) + 2.0, "yard", "person", 99, &[]);
    };
    for (window, people) in [(0, 4), (1, 3), (2, 5), (3, 4), (4, 1), (5, 3), (6, 1), (7, 0)] {
        crowd(&mut rule, window, people);
    }
    rule.until(200.0);
    assert_eq!(rule.told(), expect(&[(30.0, "fired", "gate"), (80.0, "resolved", "gate")]));
    let mut rule = Rule::new(sql);
    (0..3).for_each(|window| crowd(&mut rule, window, 4));
    rule.until(40.0);
    assert_eq!(rule.rows(), [json!({ "camera": "gate", "n": 4 })]);
}

#[test]
fn a_row_that_is_joined_with_a_table_can_hold() {
    let mut catalog = crate::site::catalog();
    let mut table = parapet_rule_sql::Relation::schemaless("limits");
    table.table = true;
    catalog.add(table);
    let sql = "SELECT demo.sensor, value FROM demo INNER JOIN limits ON demo.sensor = limits.sensor \
               WHERE value > most FOR 2s PER demo.sensor";
    let mut engine = parapet_rule_sql::Engine::new(sql, &catalog, Default::default(), 0).unwrap();
    let object = |json: &serde_json::Value| std::sync::Arc::new(parapet_rule_sql::value::Object::from_json(json));
    engine.load_table("limits", [object(&json!({ "sensor": "boiler", "most": 80 }))]);
    for (second, sensor, value) in [
        (0, "boiler", 85),
        (1, "boiler", 90),
        (1, "other", 999),
        (2, "boiler", 85),
        (3, "boiler", 70),
        (4, "boiler", 90),
    ] {
        let data = object(&json!({ "sensor": sensor, "value": value }));
        engine.push(&parapet_rule_sql::Event { stream: "demo".into(), at: second * 1_000, data, meta: None });
    }
    let told: Vec<_> = engine.drain().map(|emission| crate::site::told(&emission)).collect();
    assert_eq!(told, expect(&[(2.0, "fired", "boiler"), (3.001, "resolved", "boiler")]));
}

#[test]
fn keys_are_bounded_and_counted() {
    let options = parapet_rule_sql::RuleOptions { max_partitions: 8, ..Default::default() };
    let mut engine =
        parapet_rule_sql::Engine::new("SELECT n FROM demo PER n", &crate::site::catalog(), options, 0).unwrap();
    for n in 0..20 {
        let data = std::sync::Arc::new(parapet_rule_sql::value::Object::from_json(&json!({ "n": n })));
        engine.push(&parapet_rule_sql::Event { stream: "demo".into(), at: n, data, meta: None });
    }
    let counters = engine.counters();
    assert!(counters.partitions_held <= 8 && counters.evicted_partitions >= 12, "{counters:?}");
    assert!(engine.holding().all(|(_, firing)| firing));
}

#[test]
fn who_comes_between_what_is_held_and_the_filter_alone_says_no() {
    let mut rule = Rule::new("SELECT sensor FROM demo WHERE value > 80 FOR 2s PER sensor");
    for (second, value) in [(0, 90), (1, 10), (2, 90), (3, 90), (4, 90)] {
        rule.push("demo", f64::from(second), &json!({ "sensor": "a", "value": value }));
    }
    assert_eq!(rule.told(), expect(&[(4.0, "fired", "a")]));
}
