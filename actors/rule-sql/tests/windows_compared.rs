//! Analytic functions over aggregates compare a window with the ones before it; `changed_cols` compares what is put out with
//! what was put out before.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::value::Object;
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions};
use serde_json::{Value as Json, json};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    catalog
}

fn engine(sql: &str) -> Engine {
    Engine::new(sql, &catalog(), RuleOptions::default(), 0).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn refused(sql: &str) -> String {
    Engine::new(sql, &catalog(), RuleOptions::default(), 0).err().unwrap_or_else(|| panic!("{sql}")).to_string()
}

fn push(engine: &mut Engine, at: i64, data: &Json) {
    engine.push(&Event { stream: "demo".into(), at, data: Arc::new(Object::from_json(data)), meta: None });
}

fn taken(engine: &mut Engine) -> Vec<Json> {
    let rows = engine.drain().flat_map(|emission| emission.result.expect("no error"));
    rows.map(|row| row.to_json()).collect()
}

/// What a statement puts out: events come four seconds apart, `(camera, t)`.
fn rows(sql: &str, events: &[(&str, i64)]) -> Vec<Json> {
    let mut engine = engine(sql);
    for (at, (camera, t)) in (0_i64..).zip(events) {
        push(&mut engine, at * 4_000, &json!({ "camera": camera, "t": t }));
    }
    engine.advance(60_000);
    taken(&mut engine)
}

/// Windows of ten seconds: 20, 30, 40; then 50, 60; then nothing more.
const RISING: [(&str, i64); 5] = [("gate", 20), ("gate", 30), ("gate", 40), ("gate", 50), ("gate", 60)];

#[test]
fn a_windows_average_is_compared_with_that_of_the_window_before() {
    let sql =
        "SELECT avg(t) AS mean, lag(avg(t), 1, 0) AS before FROM demo WHERE t > 0 GROUP BY tumblingwindow(ss, 10)";
    let expected = [json!({ "mean": 30, "before": 0 }), json!({ "mean": 55, "before": 30 })];
    assert_eq!(rows(sql, &RISING), expected);
}

#[test]
fn each_group_is_compared_with_itself_unless_the_call_says_what_it_is_kept_apart_by() {
    let events = [("gate", 1), ("yard", 10), ("gate", 3), ("yard", 12), ("gate", 7)];
    let all = |over: &str| {
        let sql = format!(
            "SELECT camera, max(t) AS most, lag(max(t)) {over} AS before FROM demo \
             GROUP BY tumblingwindow(ss, 10), camera ORDER BY camera"
        );
        rows(&sql, &events)
    };
    let own = [
        json!({ "camera": "gate", "most": 3 }),
        json!({ "camera": "yard", "most": 10 }),
        json!({ "camera": "gate", "most": 7, "before": 3 }),
        json!({ "camera": "yard", "most": 12, "before": 10 }),
    ];
    assert_eq!(all(""), own);
    assert_eq!(all("OVER (PARTITION BY camera)"), own);
    // Of all groups together, in the order in which they come: gate, yard, yard, gate.
    let together: Vec<Json> = all("OVER (PARTITION BY 1)").iter().map(|row| row["before"].clone()).collect();
    assert_eq!(together, [json!(null), json!(3), json!(12), json!(10)]);
}

#[test]
fn having_decides_by_what_changed_and_what_it_leaves_out_is_remembered() {
    let sql = "SELECT avg(t) AS mean FROM demo GROUP BY countwindow(1) HAVING avg(t) > lag(avg(t), 1, 0) + 5";
    let events = [("gate", 20), ("gate", 22), ("gate", 40), ("gate", 44), ("gate", 50)];
    assert_eq!(rows(sql, &events), [json!({ "mean": 20 }), json!({ "mean": 40 }), json!({ "mean": 50 })]);
    let rows_of_the_window = "SELECT t FROM demo GROUP BY countwindow(2) HAVING sum(t) > lag(sum(t), 1, 0)";
    assert_eq!(
        rows(rows_of_the_window, &[("a", 1), ("a", 2), ("a", 1), ("a", 1)]),
        [json!({ "t": 1 }), json!({ "t": 2 })]
    );
}

#[test]
fn other_analytic_functions_run_over_windows_as_well() {
    let v = |expression: &str| -> Vec<Json> {
        let sql = format!("SELECT {expression} AS v, count(*) AS n FROM demo GROUP BY countwindow(1)");
        let events = [("gate", 1), ("gate", 1), ("gate", 4), ("gate", 2)];
        rows(&sql, &events).iter().map(|row| row.get("v").cloned().unwrap_or(Json::Null)).collect()
    };
    assert_eq!(v("had_changed(true, max(t))"), [true, false, true, true]);
    assert_eq!(v("changed_col(true, max(t))"), [json!(1), json!(null), json!(4), json!(2)]);
    assert_eq!(v("acc_sum(max(t))"), [1.0, 2.0, 6.0, 8.0]);
    assert_eq!(v("consecutive_count(max(t) < 3)"), [1, 2, 0, 1]);
    assert_eq!(v("latest(max(t)) OVER (WHEN max(t) > 1)"), [json!(null), json!(null), json!(4), json!(2)]);
    // A call within a call sees what the inner one says.
    assert_eq!(v("lag(lag(max(t)))"), [json!(null), json!(null), json!(1), json!(1)]);
}

#[test]
fn a_silent_window_counts_for_the_next() {
    let sql = "SELECT count(*) AS n, lag(count(*), 1, 0) AS before FROM demo GROUP BY tumblingwindow(ss, 10)";
    let mut engine = engine(sql);
    push(&mut engine, 1_000, &json!({ "t": 1 }));
    push(&mut engine, 25_000, &json!({ "t": 1 }));
    engine.advance(30_000);
    let expected = [json!({ "n": 1, "before": 0 }), json!({ "n": 0, "before": 1 }), json!({ "n": 1, "before": 0 })];
    assert_eq!(taken(&mut engine), expected);
}

#[test]
fn changed_columns_are_those_that_differ_from_what_was_put_out_before() {
    let sql = "SELECT changed_cols(\"t\", true, avg(t)) FROM demo GROUP BY countwindow(2)";
    let events = [23, 23, 23, 25, 25, 25, 25, 25].map(|t| ("gate", t));
    let changed: Vec<Json> = rows(sql, &events).into_iter().filter(|row| *row != json!({})).collect();
    assert_eq!(changed, [json!({ "tavg": 23 }), json!({ "tavg": 24 }), json!({ "tavg": 25 })]);
    // A row that WHERE leaves out was never put out: the change that it brought is told with the next one.
    let sql = "SELECT changed_cols(\"\", true, t) FROM demo WHERE camera = \"gate\"";
    let changed = rows(sql, &[("gate", 1), ("yard", 2), ("gate", 2), ("yard", 1), ("gate", 2)]);
    assert_eq!(changed, [json!({ "t": 1 }), json!({ "t": 2 }), json!({})]);
}

#[test]
fn a_restart_between_two_windows_changes_nothing() {
    let sql = "SELECT camera, sum(t) AS total, lag(sum(t)) AS before FROM demo GROUP BY tumblingwindow(ss, 10), camera";
    let mut running = engine(sql);
    push(&mut running, 1_000, &json!({ "camera": "gate", "t": 3 }));
    push(&mut running, 12_000, &json!({ "camera": "gate", "t": 5 }));
    let written = serde_json::to_string(&running.checkpoint()).unwrap();
    let plan = Arc::new(running.plan().clone());
    let options = RuleOptions::default();
    let mut resumed = Engine::restore(plan, options, serde_json::from_str(&written).unwrap()).unwrap();
    let (mut all, mut expected) = (Vec::new(), Vec::new());
    for (engine, out) in [(&mut running, &mut expected), (&mut resumed, &mut all)] {
        engine.advance(20_000);
        out.extend(taken(engine));
    }
    assert_eq!(all, expected);
    assert_eq!(expected.last(), Some(&json!({ "camera": "gate", "total": 5, "before": 3 })));
}

#[test]
fn where_there_are_no_groups_yet_it_is_refused_with_the_place() {
    let window = "GROUP BY tumblingwindow(ss, 10)";
    let filter = refused(&format!("SELECT avg(t) AS m FROM demo WHERE lag(avg(t)) > 3 {window}"));
    assert!(filter.contains("not in WHERE"), "{filter}");
    let key = refused(&format!("SELECT avg(t) AS m FROM demo {window}, lag(avg(t))"));
    assert!(key.contains("not allowed in GROUP BY"), "{key}");
    let nested = refused(&format!("SELECT sum(lag(avg(t))) AS m FROM demo {window}"));
    assert!(nested.contains("aggregate argument is not allowed"), "{nested}");
    let alias = refused(&format!("SELECT changed_cols(\"\", true, t) AS c FROM demo {window} ORDER BY c"));
    assert!(alias.contains("SELECT alone"), "{alias}");
    let held = refused("SELECT changed_cols(\"\", true, t) FROM demo WHERE t > 1 FOR 3s");
    assert!(held.contains("changed_cols cannot be used like this"), "{held}");
}
