//! Any text is read or refused, and what can be planned runs on odd events, is written down and taken up again.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Checkpoint, Engine, Event, Relation, RuleOptions, parse_select, parse_statement, plan};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("demo"));
    if let Ok(Statement::Create(relation)) = parse_statement("CREATE STREAM timed () WITH (TIMESTAMP=\"ts\")") {
        catalog.add(relation);
    }
    catalog
}

/// Values of every kind, in the columns that statements name.
fn events() -> Vec<Arc<Object>> {
    let json = [
        r#"{"a":1,"b":2.5,"c":"text","d":true,"ts":1000}"#,
        r#"{"a":"1","b":null,"c":[1,"2",{"a":3}],"d":{"a":{"b":[]}},"ts":1500}"#,
        r#"{"a":-9223372036854775808,"b":1e308,"c":"","d":"2020-02-03 04:05:06","ts":900}"#,
        r#"{"ts":70000}"#,
    ];
    json.iter().filter_map(|text| serde_json::from_str(text).ok()).map(|json| Arc::new(Object::from_json(&json))).collect()
}

fuzz_target!(|text: &str| {
    let _ = parse_statement(text);
    let Ok(select) = parse_select(text) else { return };
    let Ok(plan) = plan::Plan::new(&select, &catalog(), plan::Mode::Rule) else { return };
    let plan = Arc::new(plan);
    for event_time in [false, true] {
        let options = RuleOptions { event_time, max_rows: 8, max_partitions: 4, ..RuleOptions::default() };
        let mut engine = Engine::from_plan(Arc::clone(&plan), options.clone(), 0);
        for (number, data) in events().into_iter().enumerate() {
            let at = number as i64 * 700;
            let stream = if number % 2 == 0 { "demo" } else { "timed" };
            engine.push(&Event { stream: stream.into(), at, data, meta: None });
        }
        let written = serde_json::to_string(&engine.checkpoint()).expect("a state is written down");
        let read: Result<Checkpoint, _> = serde_json::from_str(&written);
        if let Ok(checkpoint) = read {
            let mut again = Engine::restore(Arc::clone(&plan), options, checkpoint).expect("a state is taken up");
            again.advance(20_000);
            engine.advance(20_000);
            let emissions = |engine: &mut Engine| format!("{:?}", engine.drain().collect::<Vec<_>>());
            assert_eq!(emissions(&mut engine), emissions(&mut again), "{text}");
        }
        engine.push(&Event { stream: "demo".into(), at: i64::MAX, data: Arc::new(Object::new()), meta: None });
        let _ = (engine.counters(), Value::Null);
    }
});
