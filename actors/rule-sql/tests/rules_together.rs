//! Rules that run together put out what each would put out alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions, RuleSet, parse_statement};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("detections"));
    catalog.add(Relation::schemaless("doors"));
    match parse_statement("CREATE STREAM timed () WITH (DATASOURCE=\"timed\", TIMESTAMP=\"ts\")").unwrap() {
        Statement::Create(relation) => catalog.add(relation),
        other => panic!("{other:?}"),
    }
    catalog
}

const RULES: [(&str, bool); 22] = [
    ("SELECT * FROM detections WHERE label = 'person'", false),
    ("SELECT n FROM detections WHERE label = 'person' AND n > 3", false),
    ("SELECT n FROM detections WHERE label = 'car' AND camera = 2 AND n / 0 > 1", false),
    ("SELECT n, last_hit_count() AS hits FROM detections WHERE camera = 1", false),
    ("SELECT n FROM detections WHERE n > 3 AND label = 'person'", false),
    ("SELECT n FROM detections WHERE label = 'person' OR camera = 1", false),
    ("SELECT lag(n) AS before FROM detections WHERE label = 'person'", false),
    ("SELECT label AS camera FROM detections WHERE camera = 'person'", false),
    ("SELECT count(*) AS n FROM detections WHERE label = 'person' GROUP BY tumblingwindow(ss, 2)", false),
    ("SELECT collect(n) AS n FROM doors GROUP BY sessionwindow(ss, 5, 1)", false),
    ("SELECT d.n FROM detections AS d WHERE d.label = 'dog'", false),
    (
        "SELECT detections.n FROM detections INNER JOIN doors ON detections.camera = doors.camera \
      GROUP BY tumblingwindow(ss, 2)",
        false,
    ),
    ("SELECT collect(n) AS n FROM timed GROUP BY tumblingwindow(ss, 1)", true),
    ("SELECT n FROM timed WHERE label = 'person'", true),
    ("SELECT n FROM detections WHERE label = 'person' FOR 1s RESOLVE AFTER 1s", false),
    ("SELECT n FROM detections WHERE label = 'person' AND n > 2 FOR 500ms ALLOWING GAPS OF 1s PER camera", false),
    ("SELECT n FROM detections WHERE label = 'person' FOR 1s PER camera RESOLVE WHEN label = 'dog'", false),
    ("SELECT n FROM detections WHERE label = 'person' THEN label = 'car' WITHIN 2s PER camera", false),
    ("SELECT n FROM detections WHERE label = 'person' THEN NOT label = 'dog' WITHIN 1s", false),
    ("SELECT n FROM detections WHERE label IN ('car', 'dog') THEN n / (n - 7) > 0 THEN camera = 1 WITHIN 5s", false),
    ("SELECT n FROM detections WHERE label = 'person' ABSENT 2s PER camera", false),
    (
        "SELECT camera, count(*) AS n FROM detections WHERE label = 'person' \
      GROUP BY camera, tumblingwindow(ss, 1) HAVING count(*) > 1 FOR 1s PER camera",
        false,
    ),
];

/// Conditions of which filters are put together: most can be looked up, some cannot, some fail on some values.
const CONDITIONS: [&str; 24] = [
    "label = 'person'",
    "'car' = label",
    "label != 'dog'",
    "label IN ('person', 'car')",
    "label IN ('dog', 'dog')",
    "label LIKE 'p%'",
    "label NOT LIKE '%a%'",
    "label > 'd'",
    "label BETWEEN 'a' AND 'd'",
    "camera = 1",
    "camera = 1.0",
    "camera IN (1, 2.0)",
    "camera = true",
    "n > 10",
    "20 >= n",
    "n > 9223372036854775806",
    "n BETWEEN 5 AND 30",
    "n NOT BETWEEN 5 AND 30",
    "n * 2 < 40",
    "n % 2 = 0",
    "n / 0 > 1",
    "NOT label = 'dog'",
    "ts < 20000",
    "missing = 1",
];

fn rule() -> impl Strategy<Value = (String, bool)> {
    let fixed = prop::sample::select(RULES.to_vec()).prop_map(|(sql, event_time)| (sql.to_owned(), event_time));
    let condition = prop::sample::select(CONDITIONS.to_vec());
    let link = prop::sample::select(vec!["AND", "AND", "AND", "OR"]);
    let made = prop::collection::vec((link, condition), 1..5).prop_map(|parts| {
        let mut filter = String::new();
        for (place, (link, condition)) in parts.iter().enumerate() {
            match (place, *link) {
                (0, _) => filter.push_str(condition),
                (1, _) => filter = format!("{filter} {link} {condition}"),
                (_, link) => filter = format!("({filter}) {link} {condition}"),
            }
        }
        (format!("SELECT n, label FROM detections WHERE {filter}"), false)
    });
    prop_oneof![1 => fixed, 1 => made]
}

fn engine((sql, event_time): &(String, bool), start: i64) -> Engine {
    let options = RuleOptions { event_time: *event_time, idle_timeout: Some(3_000), ..RuleOptions::default() };
    Engine::new(sql, &catalog(), options, start).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

#[derive(Debug, Clone)]
struct Step {
    stream: &'static str,
    gap: i64,
    label: Value,
    camera: Value,
}

fn step() -> impl Strategy<Value = Step> {
    let label = prop::sample::select(vec![
        Value::str("person"),
        Value::str("car"),
        Value::str("dog"),
        Value::Null,
        Value::Int(1),
    ]);
    let camera = prop::sample::select(vec![
        Value::Int(1),
        Value::Int(2),
        Value::Float(1.0),
        Value::str("person"),
        Value::Null,
        Value::Bool(true),
    ]);
    let stream = prop::sample::select(vec!["detections", "doors", "timed", "d", "unread"]);
    (stream, -200_i64..1_500, label, camera).prop_map(|(stream, gap, label, camera)| Step {
        stream,
        gap,
        label,
        camera,
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(256),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/regressions/rules_together.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_rule_puts_out_what_it_would_alone(
        rules in prop::collection::vec(rule(), 1..16),
        steps in prop::collection::vec(step(), 1..60),
        added_at in 0_usize..30,
    ) {
        let mut set = RuleSet::new();
        let mut alone: Vec<_> = rules.iter().map(|r| (engine(r, 0), Vec::new())).collect();
        let ids: Vec<_> = rules.iter().map(|r| set.add(engine(r, 0))).collect();
        let mut together = vec![Vec::new(); rules.len()];
        let (mut now, mut late) = (0, None);
        for (i, step) in steps.iter().enumerate() {
            let at = now + step.gap;
            now = now.max(at);
            if i == added_at {
                late = Some(set.add(engine(&rules[0], now)));
            }
            if i == added_at + 10 {
                prop_assert!(late.and_then(|id| set.remove(id)).is_some());
            }
            let fields = [("label", &step.label), ("camera", &step.camera), ("n", &Value::Int(i as i64)), ("ts", &Value::Int(at))];
            let data: Object = fields.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (Arc::from(k), v.clone())).collect();
            let event = Event { stream: step.stream.into(), at, data: Arc::new(data), meta: None };
            let read = |e: &Engine| e.plan().source(step.stream).is_some();
            for (engine, out) in &mut alone {
                engine.advance(now);
                if read(engine) {
                    engine.push(&event);
                }
                out.extend(engine.drain());
            }
            set.push(&event);
            for (id, emission) in set.drain() {
                if let Some(place) = ids.iter().position(|other| *other == id) {
                    together[place].push(emission);
                }
            }
        }
        for (place, (engine, out)) in alone.iter().enumerate() {
            let sql = &rules[place].0;
            prop_assert_eq!(&together[place], out, "{}", sql);
            prop_assert_eq!(set.counters(ids[place]).unwrap(), engine.counters(), "{}", sql);
        }
    }
}
