//! From an event to the rows of the streams of [`parapet_config::streams`].

use std::sync::Arc;

use jiff::tz::TimeZone;
use parapet_contracts::{DetectionEvent, Object as Seen, Timestamp, Track};
use parapet_rule_sql::value::{Instant, Object, Value};

/// The row of `frames`.
pub(super) fn frame(event: &DetectionEvent, zone: &TimeZone) -> Object {
    let mut row = common(event, zone);
    row.set("objects", int(event.objects.len() as u64));
    row
}

/// The row of `detections` of one object.
pub(super) fn detection(common: &Object, object: &Seen, zone: &TimeZone) -> Arc<Object> {
    let mut row = common.clone();
    row.set("label", Value::str(&object.label));
    row.set("class", Value::Int(i64::from(object.class)));
    row.set("score", float(object.score));
    let edges: [f32; 4] = object.bbox.into();
    row.set("box", Value::array(edges.into_iter().map(float).collect()));
    if let Some(track) = &object.track {
        row.set("track", Value::object(tracked(track, zone)));
    }
    Arc::new(row)
}

/// The columns that both streams have.
pub(super) fn common(event: &DetectionEvent, zone: &TimeZone) -> Object {
    [
        ("site", Value::str(event.site.as_str())),
        ("camera", Value::str(event.camera.as_str())),
        ("model", Value::str(event.model.as_str())),
        ("frame", int(event.frame)),
        ("ts", time(event.ts, zone)),
        ("width", Value::Int(i64::from(event.width))),
        ("height", Value::Int(i64::from(event.height))),
    ]
    .into_iter()
    .map(|(name, value)| (Arc::from(name), value))
    .collect()
}

/// All that the event says of the track, under the names that `docs/events.md` gives; times as times.
fn tracked(track: &Track, zone: &TimeZone) -> Object {
    let json = serde_json::to_value(track).unwrap_or_default();
    let mut out = Object::from_json(&json);
    out.set("since", time(track.since, zone));
    out
}

fn time(ts: Timestamp, zone: &TimeZone) -> Value {
    Value::Time(Instant::from_millis(ts.as_millisecond(), zone.clone()))
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The shortest decimal that names the number, as in JSON: 0.9 and not 0.8999999761581421.
fn float(number: f32) -> Value {
    Value::Float(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
}
