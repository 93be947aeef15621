//! From an event to the rows of the streams of [`parapet_config::streams`].

use std::sync::Arc;

use jiff::tz::TimeZone;
use parapet_contracts::{Attributes, DetectionEvent, Object as Seen, Polygon, Timestamp, Track, UpdateOf};
use parapet_rule_sql::value::{Instant, Object, Value};

/// The row of `frames`; `things` lists what was seen. `place` is a zone of the rule's own: its name, and its polygon when the
/// camera has it.
pub(in crate::rule) fn frame(
    event: &DetectionEvent,
    things: bool,
    place: Option<(&str, Option<&Polygon>)>,
    zone: &TimeZone,
) -> Object {
    let mut row = common(event, zone);
    row.set("objects", int(event.objects.len() as u64));
    if things {
        let seen = event.objects.iter().map(|object| Value::object(thing(event, object, place)));
        row.set("things", Value::array(seen.collect()));
    }
    row
}

fn thing(event: &DetectionEvent, seen: &Seen, place: Option<(&str, Option<&Polygon>)>) -> Object {
    let edges: [f32; 4] = seen.bbox.into();
    let zones: Vec<Value> = match place {
        Some((name, polygon)) if stands_in(event, seen, polygon) => vec![Value::str(name)],
        Some(_) => Vec::new(),
        None => seen.track.iter().flat_map(|track| track.zones.iter().map(Value::str)).collect(),
    };
    [
        ("label", Value::str(&seen.label)),
        ("class", Value::Int(i64::from(seen.class))),
        ("score", float(seen.score)),
        ("box", Value::array(edges.into_iter().map(float).collect())),
        ("zones", Value::array(zones)),
    ]
    .into_iter()
    .map(|(name, value)| (Arc::from(name), value))
    .collect()
}

/// Whether the bottom centre of the box lies in a polygon; in none when the camera has none.
pub(in crate::rule) fn stands_in(event: &DetectionEvent, seen: &Seen, polygon: Option<&Polygon>) -> bool {
    let [x, y] = seen.bbox.bottom_centre();
    let place = [x / event.width.max(1) as f32, y / event.height.max(1) as f32];
    polygon.is_some_and(|polygon| polygon.contains(place))
}

/// The row of `detections` of one object.
pub(crate) fn detection(common: &Object, object: &Seen, zone: &TimeZone) -> Arc<Object> {
    let mut row = common.clone();
    seen(&mut row, object);
    if let Some(track) = &object.track {
        row.set("track", Value::object(tracked(track, zone)));
    }
    if !object.attributes.is_empty() {
        row.set("attributes", Value::object(attributes(&object.attributes, zone)));
    }
    Arc::new(row)
}

/// The rows of `updates`: one for what a classifier or an embedding says, one for each object that a detector found in the crop.
pub(super) fn updates(event: &DetectionEvent, update: &UpdateOf, zone: &TimeZone) -> Vec<Arc<Object>> {
    let Some(root) = event.objects.first() else { return Vec::new() };
    let Some((parent, said)) = root.at_path(&update.path).and_then(|p| Some((p, p.attributes.get(&update.by)?))) else {
        return Vec::new();
    };
    let mut common = common(event, zone);
    let mut about = Object::default();
    let follows = update.path.last().map_or(&event.model, |step| &step.model);
    about.set("model", Value::str(follows.as_str()));
    seen(&mut about, parent);
    common.set("parent", Value::object(about));
    common.set("model", Value::str(update.by.as_str()));
    common.set("event", Value::str(update.event.to_string()));
    if let Some(track) = &root.track {
        common.set("track", Value::object(tracked(track, zone)));
    }
    common.set("attributes", Value::object(attributes(&root.attributes, zone)));
    if !said.objects.is_empty() {
        let row = |object| {
            let mut row = common.clone();
            seen(&mut row, object);
            Arc::new(row)
        };
        return said.objects.iter().map(row).collect();
    }
    edges(&mut common, parent);
    if let Some(label) = &said.label {
        common.set("label", Value::str(label));
    }
    if let Some(class) = said.class {
        common.set("class", Value::Int(i64::from(class)));
    }
    if let Some(score) = said.score {
        common.set("score", float(score));
    }
    vec![Arc::new(common)]
}

/// What a model saw of an object.
fn seen(row: &mut Object, object: &Seen) {
    row.set("label", Value::str(&object.label));
    row.set("class", Value::Int(i64::from(object.class)));
    row.set("score", float(object.score));
    edges(row, object);
}

fn edges(row: &mut Object, object: &Seen) {
    row.set("box", edges_of(object));
}

/// The column `box` of an object.
pub(super) fn edges_of(object: &Seen) -> Value {
    let edges: [f32; 4] = object.bbox.into();
    Value::array(edges.into_iter().map(float).collect())
}

/// What following models say, by their names, as `docs/events.md` has it; times as times. Vectors are left out: no rule reads them.
fn attributes(attributes: &Attributes, zone: &TimeZone) -> Object {
    let one = |(model, said): (&parapet_contracts::ModelId, &parapet_contracts::Attribute)| {
        let json = serde_json::to_value(said.without_vectors()).unwrap_or_default();
        let mut out = Object::from_json(&json);
        out.set("at", time(said.at, zone));
        (Arc::from(model.as_str()), Value::object(out))
    };
    attributes.iter().map(one).collect()
}

/// The columns that both streams have.
pub(crate) fn common(event: &DetectionEvent, zone: &TimeZone) -> Object {
    [
        ("site", Value::str(event.site.as_str())),
        ("camera", Value::str(event.camera.as_str())),
        ("model", Value::str(event.model.as_str())),
        ("answered_by", Value::str(event.answered_by.as_ref().unwrap_or(&event.model).as_str())),
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
pub(in crate::rule) fn tracks(event: &DetectionEvent, zone: &TimeZone) -> Vec<(Option<usize>, Arc<Object>)> {
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

pub(super) fn time(ts: Timestamp, zone: &TimeZone) -> Value {
    Value::Time(Instant::from_millis(ts.as_millisecond(), zone.clone()))
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The shortest decimal that names the number, as in JSON: 0.9 and not 0.8999999761581421.
fn float(number: f32) -> Value {
    Value::Float(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
}
