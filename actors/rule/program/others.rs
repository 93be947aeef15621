//! From what no camera sees to the rows of its streams.

use std::{collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;
use parapet_config::{Stream, columns::ColumnKind, streams};
use parapet_contracts::{Alert, AlertUpdate, StreamEvent, Timestamp, status::StatusEvent};
use parapet_rule_sql::value::{Instant, Object, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Keys of a stream that are remembered at most; beyond it the one that is silent for longest goes.
const MOST_KEYS: usize = 4_096;

/// A row of a stream that no camera feeds.
pub(crate) struct OtherRow {
    pub(super) stream: Arc<str>,
    pub(crate) data: Arc<Object>,
    pub(super) meta: Option<Arc<Object>>,
}

fn text(value: &impl ToString) -> Value {
    Value::str(value.to_string())
}

fn or_null<T: ToString>(value: Option<&T>) -> Value {
    value.map_or(Value::Null, text)
}

fn time(ts: Timestamp, zone: &TimeZone) -> Value {
    Value::Time(Instant::from_millis(ts.as_millisecond(), zone.clone()))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Arc<Object> {
    Arc::new(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect())
}

/// The row of a status; `before` is how it was.
pub(super) fn status(event: &StatusEvent, before: Option<&str>, zone: &TimeZone) -> OtherRow {
    let data = object([
        ("site", text(&event.site)),
        ("camera", or_null(event.camera.as_ref())),
        ("model", or_null(event.model.as_ref())),
        ("ts", time(event.ts, zone)),
        ("health", Value::str(event.health.as_str())),
        ("before", before.map_or(Value::Null, Value::str)),
        ("reason", or_null(event.reason.as_ref())),
        ("picture", event.picture.map_or(Value::Null, |fault| Value::str(fault.as_str()))),
    ]);
    OtherRow { stream: streams::STATUS.into(), data, meta: None }
}

/// The row of an alert.
pub(crate) fn alert(alert: &Alert, zone: &TimeZone) -> OtherRow {
    let data = object([
        ("site", text(&alert.site)),
        ("id", text(&alert.id)),
        ("rule", text(&alert.rule)),
        ("camera", or_null(alert.camera.as_ref())),
        ("state", Value::str("raised")),
        ("severity", text(&alert.severity)),
        ("title", or_null(alert.title.as_ref())),
        ("message", Value::str(&alert.message)),
        ("key", or_null(alert.key.as_ref())),
        ("ts", time(alert.ts, zone)),
        ("since", time(alert.since, zone)),
        ("objects", Value::Int(i64::try_from(alert.objects.len()).unwrap_or(i64::MAX))),
    ]);
    OtherRow { stream: streams::ALERTS.into(), data, meta: None }
}

/// The row of what became of an alert.
pub(crate) fn alert_update(update: &AlertUpdate, zone: &TimeZone) -> OtherRow {
    let data = object([
        ("site", text(&update.site)),
        ("id", text(&update.alert)),
        ("rule", text(&update.rule)),
        ("camera", or_null(update.camera.as_ref())),
        ("state", Value::str(update.change.as_str())),
        ("severity", text(&update.severity)),
        ("message", or_null(update.note.as_ref())),
        ("ts", time(update.ts, zone)),
    ]);
    OtherRow { stream: streams::ALERTS.into(), data, meta: None }
}

/// The row of a message of a declared stream.
pub(in crate::rule) fn row(event: &StreamEvent, stream: &Stream, zone: &TimeZone) -> OtherRow {
    let meta = event.topic.as_ref().map(|topic| object([("topic", Value::str(topic))]));
    OtherRow { stream: stream.id.as_str().into(), data: Arc::new(columns(event, stream, zone)), meta }
}

fn columns(event: &StreamEvent, stream: &Stream, zone: &TimeZone) -> Object {
    let fields = stream.columns.iter().filter_map(|column| {
        let json = event.data.get(&column.name)?;
        let instant = |json: &Json| match json.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
            Some(ts) => time(ts, zone),
            None => Value::Null,
        };
        let value = match (column.kind, json) {
            (ColumnKind::Time, Json::Array(items)) => Value::array(items.iter().map(instant).collect()),
            (ColumnKind::Time, json) => instant(json),
            (ColumnKind::Number, Json::Number(number)) => Value::Float(number.as_f64().unwrap_or_default()),
            (_, json) => Value::from_json(json),
        };
        Some((Arc::from(column.name.as_str()), value))
    });
    fields.collect()
}

/// The row of a table.
pub(super) fn table_row(object: &serde_json::Map<String, Json>, times: &[&str], zone: &TimeZone) -> Arc<Object> {
    let value = |name: &str, json: &Json| match json.as_str().filter(|_| times.contains(&name)) {
        Some(text) => text.parse::<Timestamp>().map_or(Value::Null, |ts| time(ts, zone)),
        None => Value::from_json(json),
    };
    Arc::new(object.iter().map(|(name, json)| (Arc::from(name.as_str()), value(name, json))).collect())
}

/// The last message of each key of the streams whose latest messages are read as tables.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Latest {
    by_stream: BTreeMap<String, BTreeMap<String, (Timestamp, Arc<Object>)>>,
    forgotten: u64,
}

impl Latest {
    /// Takes a message in; the rows of its table afterwards.
    pub(super) fn take(&mut self, event: &StreamEvent, stream: &Stream, zone: &TimeZone) -> Vec<Arc<Object>> {
        let key = subject(event, stream);
        let rows = self.by_stream.entry(stream.id.to_string()).or_default();
        if rows.get(&key).is_none_or(|(ts, _)| *ts <= event.ts) {
            rows.insert(key, (event.ts, Arc::new(columns(event, stream, zone))));
        }
        if rows.len() > MOST_KEYS {
            let oldest = rows.iter().min_by_key(|(_, (ts, _))| *ts).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| rows.remove(&oldest));
            self.forgotten += 1;
        }
        rows.values().map(|(_, row)| Arc::clone(row)).collect()
    }

    /// The rows of a stream's table.
    pub(super) fn rows(&self, stream: &str) -> Vec<Arc<Object>> {
        self.by_stream.get(stream).into_iter().flat_map(|rows| rows.values()).map(|(_, row)| Arc::clone(row)).collect()
    }

    /// Keys that were forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// What a message is about: the value of the stream's key, or the stream itself.
pub(super) fn subject(event: &StreamEvent, stream: &Stream) -> String {
    let key = stream.key.as_ref().and_then(|key| event.data.get(key));
    match key {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => stream.id.to_string(),
    }
}
