//! Windows step by step, and the parts they are made of.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{codec, failed, text};
use crate::ast::Unit;
use crate::catalog::Catalog;
use crate::engine::{Engine, RuleOptions};
use crate::expr::{All, Row};
use crate::parser::parse_select;
use crate::plan::{Item, Mode, Output, Plan};
use crate::value::{Object, zone};
use crate::window::{CountWindow, Released, TakenSpans, Watermarks, aligned_end};

pub(super) fn run(case: &Json) -> Json {
    let Some(input) = case.get("input") else { return failed("there is no input") };
    match text(case, "stage") {
        "window_alignment" => alignment(input),
        "watermark" => watermark(input),
        "count_window" => count_window(input),
        "dedup_trigger" => dedup(input),
        _ => window(case, input).unwrap_or_else(|e| failed(&e)),
    }
}

fn int(json: &Json, key: &str) -> i64 {
    codec::millis(json.get(key)).unwrap_or(0)
}

fn alignment(input: &Json) -> Json {
    let unit = match text(input, "unit") {
        "DD" => Unit::Day,
        "HH" => Unit::Hour,
        "MI" => Unit::Minute,
        "SS" => Unit::Second,
        _ => Unit::Milli,
    };
    let Some(zone) = zone(text(input, "timezone")) else { return failed("the zone is not known") };
    json!({ "aligned_end_ms": aligned_end(int(input, "now_ms"), int(input, "interval"), unit, &zone) })
}

fn bare_row(source: usize, ts: i64, json: &Json) -> Arc<Row> {
    Arc::new(Row::new(source, ts, codec::object(json.get("data")), None, &[]))
}

fn watermark(input: &Json) -> Json {
    let streams: Vec<&str> =
        input.get("streams").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let emit = input.get("emit_watermarks").and_then(Json::as_bool).unwrap_or(false);
    let mut watermarks = Watermarks::new(streams.len(), int(input, "lateTolerance_ms"), None, 0);
    let mut written: Vec<(Arc<Row>, Json)> = Vec::new();
    let mut out = Vec::new();
    for json in input.get("rows").and_then(Json::as_array).into_iter().flatten() {
        let inner = json.get("$row").unwrap_or(json);
        let source = streams.iter().position(|s| *s == text(inner, "stream")).unwrap_or(0);
        let row = bare_row(source, int(inner, "ts"), inner);
        written.push((Arc::clone(&row), json.clone()));
        for released in watermarks.row(source, row, 0) {
            match released {
                Released::Row(row) => {
                    out.extend(written.iter().find(|(r, _)| Arc::ptr_eq(r, &row)).map(|(_, json)| json.clone()));
                }
                Released::Watermark(time) if emit => out.push(json!({ "$watermark": { "$time_ms": time } })),
                Released::Watermark(_) => {}
            }
        }
    }
    json!({ "value": out })
}

fn count_window(input: &Json) -> Json {
    let length = usize::try_from(int(input, "count_length")).unwrap_or(1);
    let buffer = input.get("buffer").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut window = CountWindow::new(length, 1);
    let mut complete = None;
    for (ts, json) in (0_i64..).zip(&buffer) {
        complete = window.row(bare_row(0, ts, json.get("$row").unwrap_or(json)));
    }
    let original = |row: &Arc<Row>| usize::try_from(row.ts).ok().and_then(|i| buffer.get(i)).cloned();
    let Some(complete) = complete else {
        return json!({ "windows": [], "rest": buffer, "window_count": 0 });
    };
    let rows: Vec<Json> = complete.rows.iter().filter_map(original).collect();
    let rest: Vec<Json> = complete.rows.iter().skip(1).filter_map(original).collect();
    json!({ "windows": [{ "$window": rows }], "rest": rest, "window_count": 1 })
}

fn dedup(input: &Json) -> Json {
    let mut taken = TakenSpans::default();
    let step = |step: &Json| {
        let free = taken.take(int(step, "start"), int(step, "end"), int(step, "now"), int(step, "expire"));
        let emit: Vec<Json> = free
            .iter()
            .map(|(start, end)| json!({ "start_key": start.to_string(), "end_key": end.to_string() }))
            .collect();
        let histogram: Vec<Json> = taken.spans().iter().map(|(start, end)| json!([start, end])).collect();
        json!({ "emit": emit, "histogram": histogram })
    };
    let steps: Vec<Json> = input.get("steps").and_then(Json::as_array).into_iter().flatten().map(step).collect();
    json!({ "steps": steps })
}

/// The rows of each window as they are read.
fn window(case: &Json, input: &Json) -> Result<Json, String> {
    let select = parse_select(text(case, "sql")).map_err(|e| e.to_string())?;
    let mut plan = Plan::new(&select, &Catalog::new(), Mode::Stage).map_err(|e| e.to_string())?;
    // The window alone: its rows as they are.
    let all = All { source: None, except: Vec::new(), replace: Vec::new() };
    plan.output = Output { items: vec![Item::All(all)], ..Output::default() };
    plan.group_by.clear();
    (plan.filter, plan.having) = (None, None);
    plan.order_by.clear();
    let event_time = input.get("options").and_then(|o| o.get("isEventTime")).and_then(Json::as_bool).unwrap_or(false);
    let options =
        RuleOptions { event_time, idle_timeout: None, emit_empty: true, send_null: true, ..RuleOptions::default() };
    let mut engine = Engine::from_plan(Arc::new(plan), options, 0);
    let mut windows: std::collections::VecDeque<Vec<Object>> = std::collections::VecDeque::new();
    let mut reads = Vec::new();
    let mut channel = String::from("input");
    for step in input.get("steps").and_then(Json::as_array).into_iter().flatten() {
        match text(step, "op") {
            "input" => {
                // Another channel is another instance that takes the state up.
                let next = text(step, "channel");
                if !next.is_empty() && next != channel {
                    channel = next.to_owned();
                    engine = engine.clone();
                }
                engine.trace_row(codec::object(step.get("data")), int(step, "at_ms"));
            }
            "watermark" => engine.trace_watermark(int(step, "at_ms")),
            "advance" => {
                let by = step.get("ms").or_else(|| step.get("by_ms"));
                let to =
                    by.map_or_else(|| int(step, "at_ms"), |by| engine.now() + codec::millis(Some(by)).unwrap_or(0));
                engine.advance(to);
            }
            "read" => {
                windows.extend(engine.drain().filter_map(|e| e.result.ok()));
                reads.push(match windows.pop_front() {
                    Some(rows) => json!({ "rows": rows.iter().map(codec::encode_object).collect::<Vec<_>>() }),
                    None => failed("no window is complete"),
                });
            }
            other => return Err(format!("the step \"{other}\" is not known")),
        }
    }
    Ok(json!({ "reads": reads }))
}
