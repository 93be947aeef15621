//! Rules end to end, under each of their options.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{codec, failed, text};
use crate::catalog::{Catalog, Statement};
use crate::engine::{Engine, Event, RuleOptions};
use crate::parser::parse_statement;
use crate::value::{Object, Value};

pub(super) fn run(case: &Json) -> Vec<Json> {
    let none = vec![json!({})];
    let options = case.get("options").and_then(Json::as_array).filter(|o| !o.is_empty()).unwrap_or(&none);
    options.iter().map(|option| under(case, option).unwrap_or_else(|e| failed(&e))).collect()
}

fn catalog(input: &Json) -> Result<Catalog, String> {
    let mut catalog = Catalog::new();
    for stream in input.get("streams").and_then(Json::as_array).into_iter().flatten() {
        match parse_statement(text(stream, "ddl")).map_err(|e| e.to_string())? {
            Statement::Create(relation) => catalog.add(relation),
            _ => return Err("a stream must be declared with CREATE".into()),
        }
    }
    Ok(catalog)
}

fn rule_options(option: &Json) -> RuleOptions {
    let flag = |key: &str| option.get(key).and_then(Json::as_bool).unwrap_or(false);
    RuleOptions {
        rule_id: "rule".into(),
        event_time: flag("isEventTime"),
        late_tolerance: option.get("lateTolerance_ms").and_then(Json::as_i64).unwrap_or(0),
        idle_timeout: None,
        send_error: flag("sendError"),
        send_null: flag("sendNilField"),
        emit_empty: true,
        ..RuleOptions::default()
    }
}

fn under(case: &Json, option: &Json) -> Result<Json, String> {
    let input = case.get("input").ok_or("there is no input")?;
    let catalog = catalog(input)?;
    let start = codec::millis(input.get("clock_start")).unwrap_or(0);
    let mut engine =
        Engine::new(text(case, "sql"), &catalog, rule_options(option), start).map_err(|e| e.to_string())?;
    if let Some(Json::Object(tables)) = input.get("tables") {
        for (name, rows) in tables {
            let rows = rows.as_array().into_iter().flatten().map(|row| codec::object(Some(row)));
            engine.load_table(name, rows);
        }
    }
    // What the simulated source adds to each event.
    let meta: Object = [(Arc::from("topic"), Value::str("mock"))].into_iter().collect();
    let meta = Arc::new(meta);
    for event in input.get("events").and_then(Json::as_array).into_iter().flatten() {
        let meta = event.get("meta").map_or_else(|| Arc::clone(&meta), |m| codec::object(Some(m)));
        engine.push(&Event {
            stream: Arc::from(text(event, "stream")),
            at: codec::millis(event.get("at")).unwrap_or(start),
            data: codec::object(event.get("data")),
            meta: Some(meta),
        });
    }
    let emissions: Vec<Json> = engine
        .drain()
        .map(|emission| match emission.result {
            Ok(rows) => Json::Array(rows.iter().map(codec::encode_object).collect()),
            Err(error) => json!([{ "error": error }]),
        })
        .collect();
    Ok(json!({ "emissions": emissions }))
}
