//! State is bounded and counted, and survives being written down.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::Object;
use parapet_rule_sql::{
    Catalog, Checkpoint, Engine, Event, Relation, RestoreError, RuleOptions, parse_select, parse_statement,
    plan::{Mode, Plan},
};
use serde_json::{Value as Json, json};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    for ddl in [
        "CREATE STREAM timed () WITH (DATASOURCE=\"timed\", TIMESTAMP=\"ts\")",
        "CREATE STREAM other () WITH (DATASOURCE=\"other\", TIMESTAMP=\"ts\")",
    ] {
        match parse_statement(ddl).unwrap() {
            Statement::Create(relation) => catalog.add(relation),
            other => panic!("{other:?}"),
        }
    }
    catalog
}

fn plan(sql: &str) -> Arc<Plan> {
    Arc::new(Plan::new(&parse_select(sql).unwrap(), &catalog(), Mode::Rule).unwrap_or_else(|e| panic!("{sql}: {e}")))
}

fn engine(sql: &str, options: RuleOptions) -> Engine {
    Engine::from_plan(plan(sql), options, 0)
}

fn push(engine: &mut Engine, stream: &str, at: i64, data: &Json) {
    engine.push(&Event { stream: stream.into(), at, data: Arc::new(Object::from_json(data)), meta: None });
}

fn rows(engine: &mut Engine) -> Vec<Json> {
    engine.drain().map(|e| Json::Array(e.result.unwrap().iter().map(Object::to_json).collect())).collect()
}

#[test]
fn rows_that_wait_for_a_stream_that_stands_still_are_bounded() {
    let options =
        RuleOptions { event_time: true, idle_timeout: None, late_tolerance: 0, max_rows: 4, ..RuleOptions::default() };
    let sql = "SELECT timed.n FROM timed INNER JOIN other ON timed.n = other.n GROUP BY tumblingwindow(ss, 1)";
    let mut engine = engine(sql, options);
    for n in 0..10 {
        push(&mut engine, "timed", n, &json!({ "ts": 1_000 + n, "n": n }));
    }
    assert_eq!(engine.counters().rows_held, 4);
    assert_eq!(engine.counters().dropped_rows, 6);
    push(&mut engine, "other", 20, &json!({ "ts": 1_500, "n": 9 }));
    push(&mut engine, "timed", 21, &json!({ "ts": 3_000, "n": 0 }));
    push(&mut engine, "other", 22, &json!({ "ts": 3_000, "n": 0 }));
    assert_eq!(rows(&mut engine), [json!([{ "n": 9 }])], "the latest were kept");
}

#[test]
fn state_windows_give_up_the_partitions_open_for_longest() {
    let options = RuleOptions { max_partitions: 8, ..RuleOptions::default() };
    let sql = "SELECT count(*) AS n FROM demo GROUP BY statewindow(a = 1, a = 2) OVER (PARTITION BY track)";
    let mut engine = engine(sql, options);
    for track in 0..20 {
        push(&mut engine, "demo", track, &json!({ "a": 1, "track": track }));
    }
    assert!(engine.counters().rows_held <= 8, "{:?}", engine.counters());
    assert!(engine.counters().evicted_partitions >= 12);
    push(&mut engine, "demo", 30, &json!({ "a": 2, "track": 19 }));
    assert_eq!(rows(&mut engine), [json!([{ "n": 2 }])], "a recent one is still open");
    push(&mut engine, "demo", 31, &json!({ "a": 2, "track": 0 }));
    assert_eq!(rows(&mut engine), Vec::<Json>::new());
}

#[test]
fn a_collection_that_grows_for_ever_forgets_its_oldest_values() {
    let sql = "SELECT cardinality(acc_collect(n)) AS held FROM demo";
    let mut engine = engine(sql, RuleOptions { max_emissions: 1, ..RuleOptions::default() });
    for n in 0..10_050 {
        push(&mut engine, "demo", n, &json!({ "n": n }));
    }
    assert_eq!(rows(&mut engine), [json!([{ "held": 10_000 }])]);
    assert_eq!(engine.counters().dropped_values, 50);
}

#[test]
fn a_checkpoint_fits_its_own_statement_alone() {
    let sql = "SELECT count(*) AS n FROM demo GROUP BY countwindow(3)";
    let mut engine = engine(sql, RuleOptions::default());
    push(&mut engine, "demo", 1, &json!({ "n": 1 }));
    let saved = engine.checkpoint();
    let other = plan("SELECT count(*) AS n FROM demo GROUP BY countwindow(4)");
    let refused = |plan: Arc<Plan>, options, saved| Engine::restore(plan, options, saved).unwrap_err();
    assert_eq!(refused(other, RuleOptions::default(), saved.clone()), RestoreError::Statement);
    let by_event = RuleOptions { event_time: true, ..RuleOptions::default() };
    assert_eq!(refused(plan(sql), by_event, saved.clone()), RestoreError::Statement);
    assert!(Engine::restore(plan(sql), RuleOptions::default(), saved).is_ok());
}

#[test]
fn a_damaged_checkpoint_is_refused_and_never_panics() {
    let sql = "SELECT lag(n) AS before FROM demo GROUP BY tumblingwindow(ss, 10)";
    let mut engine = engine(sql, RuleOptions::default());
    push(&mut engine, "demo", 1, &json!({ "n": 1 }));
    let sound = serde_json::to_value(engine.checkpoint()).unwrap();
    let restored = |path: &str, value: Json| {
        let mut damaged = sound.clone();
        *damaged.pointer_mut(path).unwrap_or_else(|| panic!("{path} in {sound}")) = value;
        serde_json::from_value::<Checkpoint>(damaged)
            .map_err(|e| e.to_string())
            .and_then(|c| Engine::restore(plan(sql), RuleOptions::default(), c).map_err(|e| e.to_string()))
            .map(|mut engine| {
                push(&mut engine, "demo", 2, &json!({ "n": 2 }));
                engine.advance(20_000);
            })
    };
    assert!(restored("/now", json!(1)).is_ok(), "the path is right");
    for (path, value) in [
        ("/form", json!("rule-sql/0")),
        ("/now", json!(i64::MAX)),
        ("/memories", json!([])),
        ("/window", Json::Null),
        ("/window", json!({ "Count": { "since": 0, "rows": [] } })),
        ("/window/Fixed/next", json!(i64::MIN)),
        ("/window/Fixed/rows/0/ts", json!(i64::MAX)),
        ("/window/Fixed/rows/0/source", json!(7)),
        ("/tables", json!([[], []])),
    ] {
        assert!(restored(path, value.clone()).is_err(), "{path} = {value} was taken");
    }
}

#[test]
fn the_longest_windows_survive_being_written_down() {
    let year = 365_i64 * 86_400;
    for window in [
        format!("tumblingwindow(ss, {})", 1000 * year),
        format!("hoppingwindow(ss, {}, {})", 1000 * year, 999 * year),
        format!("sessionwindow(ss, {}, {})", 1000 * year, 1000 * year),
        format!("slidingwindow(ss, {}, {})", 1000 * year, 1000 * year),
    ] {
        for select in ["count(*) AS n", "collect(*) AS all"] {
            let sql = format!("SELECT {select} FROM demo GROUP BY {window}");
            let mut engine = engine(&sql, RuleOptions::default());
            push(&mut engine, "demo", 1_700_000_000_000, &json!({ "a": 1 }));
            let written = serde_json::to_string(&engine.checkpoint()).unwrap();
            let checkpoint: Checkpoint = serde_json::from_str(&written).unwrap();
            if let Err(error) = Engine::restore(plan(&sql), RuleOptions::default(), checkpoint) {
                panic!("{sql}: {error}");
            }
        }
    }
}
