//! The notation of cases: plain JSON, with objects such as `{"$time_ms": n}` for what JSON lacks.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value as Json, json};

use crate::expr::{Row, Tuple, WindowRange};
use crate::plan::Plan;
use crate::value::{Instant, Object, Value, Zone};

/// The only key of an object and what it holds, if the key is this one.
pub(super) fn only<'a>(json: &'a Json, key: &str) -> Option<&'a Json> {
    json.as_object().filter(|map| map.len() == 1).and_then(|map| map.get(key))
}

/// Reads a value.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Object(map) => {
            for key in ["$time_ms", "$rel_ms"] {
                if let Some(ms) = only(json, key).and_then(Json::as_i64) {
                    return Value::Time(Instant::from_millis(ms, Zone::UTC));
                }
            }
            if let Some(ns) = only(json, "$dur_ns").and_then(Json::as_i64) {
                return Value::Duration(ns);
            }
            if let Some(text) = only(json, "$bytes_b64").and_then(Json::as_str) {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
                return Value::Bytes(Arc::from(bytes));
            }
            if let Some(name) = only(json, "$float").and_then(Json::as_str) {
                return Value::Float(match name {
                    "NaN" => f64::NAN,
                    "-Inf" => f64::NEG_INFINITY,
                    _ => f64::INFINITY,
                });
            }
            Value::object(map.iter().map(|(k, v)| (Arc::from(k.as_str()), value(v))).collect())
        }
        Json::Array(items) => Value::array(items.iter().map(value).collect()),
        other => Value::from_json(other),
    }
}

/// Reads an object.
pub(super) fn object(json: Option<&Json>) -> Arc<Object> {
    match json.map(value) {
        Some(Value::Object(object)) => object,
        _ => Arc::default(),
    }
}

/// Writes a value.
pub(super) fn encode(value: &Value) -> Json {
    match value {
        Value::Time(t) => json!({ "$time_ms": t.millis() }),
        Value::Duration(ns) => json!({ "$dur_ns": ns }),
        Value::Bytes(_) => json!({ "$bytes_b64": value.to_json() }),
        Value::Float(f) if f.is_nan() => json!({ "$float": "NaN" }),
        Value::Float(f) if f.is_infinite() => json!({ "$float": if *f > 0.0 { "+Inf" } else { "-Inf" } }),
        Value::Array(items) => Json::Array(items.iter().map(encode).collect()),
        Value::Object(object) => encode_object(object),
        other => other.to_json(),
    }
}

/// Writes an object.
pub(super) fn encode_object(object: &Object) -> Json {
    Json::Object(object.iter().map(|(k, v)| (k.to_string(), encode(v))).collect())
}

/// Milliseconds of `{"$time_ms": n}` or of a plain number.
pub(super) fn millis(json: Option<&Json>) -> Option<i64> {
    let json = json?;
    json.as_i64().or_else(|| only(json, "$time_ms").or_else(|| only(json, "$rel_ms")).and_then(Json::as_i64))
}

/// Reads rows, and remembers how each was written.
pub(super) struct Rows<'p> {
    plan: &'p Plan,
    written: BTreeMap<usize, Json>,
    unknown: Vec<String>,
}

impl<'p> Rows<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self { plan, written: BTreeMap::new(), unknown: Vec::new() }
    }

    /// The number of a stream; those that the statement does not name get numbers of their own.
    fn source(&mut self, name: &str) -> usize {
        if let Some(known) = self.plan.source(name) {
            return known;
        }
        let place = self.unknown.iter().position(|n| n == name).unwrap_or_else(|| {
            self.unknown.push(name.to_owned());
            self.unknown.len() - 1
        });
        self.plan.sources.len() + place
    }

    /// Reads `{stream, data, meta?, ts?}`.
    pub(super) fn row(&mut self, json: &Json) -> Row {
        let source = self.source(json.get("stream").and_then(Json::as_str).unwrap_or(""));
        let ts = millis(json.get("ts")).unwrap_or(0);
        let meta = json.get("meta").map(|meta| object(Some(meta)));
        Row::new(source, ts, object(json.get("data")), meta, &self.plan.columns)
    }

    pub(super) fn remember(&mut self, row: &Arc<Row>, json: &Json) {
        self.written.insert(Arc::as_ptr(row) as usize, json.clone());
    }

    /// Reads `{"$row": …}` or `{"$joined": […]}`.
    pub(super) fn tuple(&mut self, json: &Json) -> Tuple {
        if let Some(parts) = json.get("$joined").and_then(Json::as_array) {
            let rows = parts.iter().map(|part| {
                let row = Arc::new(self.row(part));
                self.remember(&row, part);
                row
            });
            return Tuple::Joined(rows.collect());
        }
        let inner = json.get("$row").unwrap_or(json);
        let row = Arc::new(self.row(inner));
        self.remember(&row, inner);
        Tuple::One(row)
    }

    /// Writes a row as it was read.
    pub(super) fn written(&self, row: &Arc<Row>) -> Json {
        self.written
            .get(&(Arc::as_ptr(row) as usize))
            .cloned()
            .unwrap_or_else(|| json!({ "data": encode_object(&row.data) }))
    }

    /// Writes a tuple as it was read.
    pub(super) fn encode(&self, tuple: &Tuple) -> Json {
        match tuple {
            Tuple::One(row) => json!({ "$row": self.written(row) }),
            Tuple::Joined(rows) => {
                json!({ "$joined": rows.iter().map(|row| self.written(row)).collect::<Vec<_>>() })
            }
        }
    }
}

/// Reads `{start, end, trigger}`.
pub(super) fn range(json: Option<&Json>) -> Option<WindowRange> {
    let json = json?;
    let end = millis(json.get("end"))?;
    Some(WindowRange { start: millis(json.get("start"))?, end, trigger: millis(json.get("trigger")).unwrap_or(end) })
}
