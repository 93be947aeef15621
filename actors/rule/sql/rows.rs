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

/// The rows of `tracks` of a frame, each with the index of its object; a track that ended has none.
pub(super) fn tracks(event: &DetectionEvent, zone: &TimeZone) -> Vec<(Option<usize>, Arc<Object>)> {
    let common = common(event, zone);
    let seen = event.objects.iter().enumerate().filter_map(|(index, object)| {
        let track = object.track.as_ref()?;
        let mut row = common.clone();
        let change = if track.new { "new" } else { "update" };
        describe(&mut row, change, track.id, (&object.label, object.class, object.bbox.into()));
        lifetime(&mut row, (track.since, event.ts), zone);
        row.set("score", float(object.score));
        let lists =
            [("zones", &track.zones), ("entered", &track.entered), ("left", &track.left), ("crossed", &track.crossed)];
        lists.into_iter().for_each(|(name, texts)| row.set(name, list(texts)));
        row.set("stationary", Value::Bool(track.stationary));
        row.set("speed", float(track.speed));
        if let Some(direction) = track.direction {
            row.set("direction", float(direction));
        }
        Some((Some(index), Arc::new(row)))
    });
    let ended = event.ended.iter().map(|track| {
        let mut row = common.clone();
        describe(&mut row, "end", track.id, (&track.label, track.class, track.bbox.into()));
        lifetime(&mut row, (track.since, track.last_seen), zone);
        row.set("zones", list(&track.zones));
        // Whoever is gone has left where he was.
        row.set("left", list(&track.zones));
        (None, Arc::new(row))
    });
    seen.chain(ended).collect()
}

fn describe(row: &mut Object, change: &str, id: u64, (label, class, edges): (&str, u32, [f32; 4])) {
    row.set("change", Value::str(change));
    row.set("id", int(id));
    row.set("label", Value::str(label));
    row.set("class", Value::Int(i64::from(class)));
    row.set("box", Value::array(edges.into_iter().map(float).collect()));
}

fn lifetime(row: &mut Object, (since, last_seen): (Timestamp, Timestamp), zone: &TimeZone) {
    row.set("since", time(since, zone));
    row.set("last_seen", time(last_seen, zone));
    row.set("age", Value::Float(last_seen.duration_since(since).as_secs_f64()));
}

fn list(texts: &[String]) -> Value {
    Value::array(texts.iter().map(Value::str).collect())
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
