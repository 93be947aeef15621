//! `cameras/*.yaml`.

use std::collections::BTreeSet;

use parapet_contracts::{
    CameraId, ModelId,
    camera::{Credentials, Link, Location, Place, SourceSpec, Transport},
    status::PictureFault,
};

use super::{
    CameraFacts, Context,
    areas::{Ruler, areas, lines, zones},
    dangling, no_twins, quoted,
    site::both,
    source,
};
use crate::{
    checked::{Camera, MotionConfig, Priority, RecordConfig, RecordMode, Sensitivity},
    document::{Document, place},
    raw::{
        RawCamera, RawIdle, RawLink, RawPictureFault, RawPriority, RawRecord, RawRecordMode, RawSensitivity,
        RawTransport,
    },
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
            Some((_, facts)) if facts.is_shadow => {
                let (at, name) = (document.at(place!["models", index]), quoted(document, place!["models", index]));
                let help = "take it out of the list: it looks wherever the model looks that it is a shadow of";
                document.error(at, format!("{name} is a shadow: it is compared, and not used"), help);
            }
            Some((_, facts)) if facts.is_canary => {
                let (at, name) = (document.at(place!["models", index]), quoted(document, place!["models", index]));
                let help = "name the model instead that it is a canary of: the site chooses the canary's cameras";
                document.error(at, format!("{name} is a canary: it looks in the place of another model"), help);
            }
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
    let ruler = Ruler::of(&raw);
    let (zones, lines) = (zones(document, &raw, ruler), lines(document, &raw, ruler));
    let regions = areas(document, place!["regions"], &raw.regions, ruler);
    let motion = motion(document, &raw, ruler);
    if raw.idle == Some(RawIdle::Keyframes) && motion.is_none() {
        let at = document.at_key(place!["idle"]);
        document.error(
            at,
            "`idle: keyframes` needs `motion`",
            "add `motion: {}`, which notices that a camera is not idle any more",
        );
    }
    let record = raw.record.as_ref().map(record);
    if record.is_some_and(|record| record.mode == RecordMode::Motion) && motion.is_none() {
        let at = document.at(place!["record", "mode"]);
        document.error(at, "`mode: motion` needs `motion`", "add `motion: {}`, which notices that something moves");
    }
    let facts = CameraFacts {
        models: models.clone(),
        zones: zones.clone(),
        zone_names: raw.zones.keys().cloned().collect(),
        enabled: raw.enabled,
        line_names: raw.lines.keys().cloned().collect(),
    };
    // A broken list of zones or models must not make rules look wrong.
    let whole = |key: &str, empty: bool| !(empty && document.has(place![key]) && !document.problems.is_empty());
    let known = whole("zones", raw.zones.is_empty()) && whole("models", models.is_empty());
    context.cameras.insert(id.clone(), known.then_some(facts));

    both(document, ("username", "password"), &[]);
    both(document, ("latitude", "longitude"), &["place"]);
    let text = raw.source.as_ref()?.0.clone();
    let location = source::location(document, "source", &text, &raw, context)?;
    let picture_faults = picture_faults(&raw, &location);
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
    let substream = substream(document, &raw, &source, context);
    Some(Camera {
        id: id.clone(),
        name: raw.name.map_or_else(|| id.to_string(), |name| name.0),
        enabled: raw.enabled,
        source,
        substream,
        motion,
        idle_keyframes: raw.idle == Some(RawIdle::Keyframes),
        record,
        picture_faults,
        regions,
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

fn record(raw: &RawRecord) -> RecordConfig {
    RecordConfig {
        mode: match raw.mode {
            RawRecordMode::Off => RecordMode::Off,
            RawRecordMode::Motion => RecordMode::Motion,
            RawRecordMode::Continuous => RecordMode::Continuous,
        },
        keep_for: raw.keep_for.0,
        most: raw.size.map(|size| size.0),
        segment: raw.segment.0,
        before: raw.before.0,
        after: raw.after.0,
    }
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

/// What the models look at when the camera has a second stream: its address, with all that holds for both.
fn substream(
    document: &mut Document<RawCamera>,
    raw: &RawCamera,
    main: &SourceSpec,
    context: &mut Context<'_>,
) -> Option<SourceSpec> {
    let text = raw.substream.as_ref()?.0.clone();
    let location = source::location(document, "substream", &text, raw, context)?;
    if location == main.location {
        let at = document.at(place!["substream"]);
        document.error(
            at,
            "`substream` and `source` are the same",
            "give the address of the smaller stream, or remove `substream`",
        );
    }
    if location.is_live() != main.location.is_live() {
        let at = document.at(place!["substream"]);
        document.error(
            at,
            "`substream` and `source` are of different kinds, so that their frames have nothing to do with each other",
            "both must be streams of the same camera",
        );
    }
    Some(SourceSpec { location, ..main.clone() })
}

/// What only a file can say of its motion.
fn motion(document: &mut Document<RawCamera>, raw: &RawCamera, ruler: Ruler) -> Option<MotionConfig> {
    let motion = raw.motion.as_ref()?;
    Some(MotionConfig {
        every: motion.every.0,
        hold: motion.hold.0,
        sensitivity: match motion.sensitivity {
            Some(RawSensitivity::Low) => Sensitivity::Low,
            Some(RawSensitivity::Medium) | None => Sensitivity::Medium,
            Some(RawSensitivity::High) => Sensitivity::High,
        },
        masks: areas(document, place!["motion", "masks"], &motion.masks, ruler),
    })
}

fn picture_faults(raw: &RawCamera, location: &Location) -> BTreeSet<PictureFault> {
    let of = |fault: &RawPictureFault| match fault {
        RawPictureFault::Covered => PictureFault::Covered,
        RawPictureFault::Moved => PictureFault::Moved,
        RawPictureFault::Frozen => PictureFault::Frozen,
        RawPictureFault::Dark => PictureFault::Dark,
        RawPictureFault::Defocused => PictureFault::Defocused,
    };
    match &raw.picture_faults {
        Some(faults) => faults.iter().map(of).collect(),
        // What a machine draws is as it should be, and pictures of a folder have nothing to do with each other.
        None if matches!(location, Location::Test { .. } | Location::Images { .. }) => BTreeSet::new(),
        None => PictureFault::ALL.into(),
    }
}
