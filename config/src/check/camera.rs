//! `cameras/*.yaml`.

use std::collections::BTreeMap;

use parapet_contracts::{
    CameraId, ModelId, Segment,
    camera::{Credentials, Link, Place, SourceSpec, Transport},
    ids::is_valid_id,
};

use super::{CameraFacts, Context, dangling, no_twins, polygon::polygon, quoted, site::both, source};
use crate::{
    checked::{Camera, Priority},
    document::{Document, place},
    raw::{RawCamera, RawLink, RawPriority, RawTransport},
};

/// Checks a camera's file, and notes what others may refer to.
pub(crate) fn camera(document: &mut Document<RawCamera>, id: &CameraId, context: &mut Context<'_>) -> Option<Camera> {
    let raw = document.raw.take()?;
    let names: Vec<String> = raw.models.iter().map(|name| name.0.clone()).collect();
    no_twins(document, place!["models"], &names);
    let mut models = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match context.models.get_key_value(name.as_str()) {
            Some((_, facts)) if !facts.after.is_empty() => follower(document, index, &names, context),
            Some((model, _)) => models.push(model.clone()),
            None => dangling(
                document,
                place!["models", index],
                "model",
                "models",
                context.models.keys().map(ModelId::as_str),
            ),
        }
    }
    let zones = zones(document, &raw);
    let lines = lines(document, &raw);
    let facts =
        CameraFacts { models: models.clone(), zones: zones.clone(), zone_names: raw.zones.keys().cloned().collect() };
    // A broken list of zones or models must not make rules look wrong.
    let whole = |key: &str, empty: bool| !(empty && document.has(place![key]) && !document.problems.is_empty());
    let known = whole("zones", raw.zones.is_empty()) && whole("models", models.is_empty());
    context.cameras.insert(id.clone(), known.then_some(facts));

    both(document, ("username", "password"), &[]);
    both(document, ("latitude", "longitude"), &["place"]);
    let location = source::location(document, &raw, context)?;
    let mut source = SourceSpec::new(location);
    source.credentials =
        raw.username.clone().zip(raw.password.clone()).map(|(u, p)| Credentials { username: u.0, password: p.0 });
    source.max_fps = raw.fps.map(|fps| fps.0);
    source.transport = match raw.transport {
        Some(RawTransport::Udp) => Transport::Udp,
        Some(RawTransport::Tcp) | None => Transport::Tcp,
    };
    if let Some(latency) = raw.latency {
        source.latency = latency.0;
    }
    Some(Camera {
        id: id.clone(),
        name: raw.name.map_or_else(|| id.to_string(), |name| name.0),
        enabled: raw.enabled,
        source,
        stall_after: raw.stall_after.0,
        priority: match raw.priority {
            RawPriority::Low => Priority::Low,
            RawPriority::Normal => Priority::Normal,
            RawPriority::High => Priority::High,
        },
        seen_within: raw.seen_within.map(|span| span.0),
        models,
        zones,
        lines,
        place: raw.place.map(|place| Place {
            latitude: place.latitude,
            longitude: place.longitude,
            floor: place.floor.map(|f| f.0),
        }),
        link: raw.link.map(|link| match link {
            RawLink::FiveG => Link::FiveG,
            RawLink::FourG => Link::FourG,
            RawLink::Lte => Link::Lte,
            RawLink::WiFi => Link::WiFi,
            RawLink::Wired => Link::Wired,
        }),
        sim: raw.sim.map(|sim| sim.0),
        tags: raw.tags.into_iter().map(|tag| tag.0).collect(),
    })
}

/// A model that follows others needs not be listed; it looks nowhere when none of them is.
fn follower(document: &mut Document<RawCamera>, index: usize, names: &[String], context: &Context<'_>) {
    let others: Vec<ModelId> =
        names.iter().enumerate().filter(|(i, _)| *i != index).filter_map(|(_, name)| ModelId::new(name).ok()).collect();
    let Some(facts) = context.models.get(names[index].as_str()) else { return };
    if !facts.after.iter().any(|before| context.looks(before, &others)) {
        let place = place!["models", index];
        let (name, before) = (quoted(document, place), &facts.after_shown);
        let message = format!("{name} follows {before}, and looks at no frame by itself");
        document.error(document.at(place), message, format!("list {before}: what follows it comes with it"));
    }
}

/// Tells when a zone or a line has a name that fits into no topic and no metric.
fn named(document: &mut Document<RawCamera>, key: &str, kind: &str, name: &str) {
    if is_valid_id(name) {
        return;
    }
    let at = document.at_key(place![key, name]);
    let slug = crate::formats::slug(name);
    let example = if is_valid_id(&slug) { format!(", for example `{slug}`") } else { String::new() };
    let message = format!("`{}` is no name for a {kind}", crate::words::shown(name));
    document.error(
        at,
        message,
        format!("use 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit{example}"),
    );
}

fn lines(document: &mut Document<RawCamera>, raw: &RawCamera) -> BTreeMap<String, Segment> {
    let mut lines = BTreeMap::new();
    for (name, points) in &raw.lines {
        named(document, "lines", "line", name);
        let points = points.map(|point| point.map(|part| part.0));
        if points[0] == points[1] {
            let at = document.at(place!["lines", name]);
            document.error(at, "this line has no length", "its two points must differ");
        }
        lines.insert(name.clone(), Segment(points));
    }
    lines
}

fn zones(document: &mut Document<RawCamera>, raw: &RawCamera) -> BTreeMap<String, parapet_contracts::Polygon> {
    let mut zones = BTreeMap::new();
    for (name, corners) in &raw.zones {
        named(document, "zones", "zone", name);
        if let Some(polygon) = polygon(document, place!["zones", name], &corners.0) {
            zones.insert(name.clone(), polygon);
        }
    }
    zones
}
