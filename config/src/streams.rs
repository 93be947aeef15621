//! The streams that a rule's SQL can read.
//!
//! `detections` has one row for each object of each frame, `frames` one for each frame, also when nothing was seen, `tracks`
//! one for each track that is new, goes on or ends in a frame, `updates` one for each thing that a following model says of an
//! object, and `status` one for each change of a camera's status. The columns are those of `docs/events.md`; whoever feeds an engine fills exactly them.

use std::{collections::BTreeMap, sync::Arc};

use parapet_rule_sql::{
    Catalog, Relation,
    catalog::{Column, Type},
};

/// One row for each object of each frame.
pub const DETECTIONS: &str = "detections";
/// One row for each frame that a model looked at.
pub const FRAMES: &str = "frames";
/// One row for each change of a track: it is new, it was seen again, it ended.
pub const TRACKS: &str = "tracks";
/// One row for each thing that a model says that follows another one.
pub const UPDATES: &str = "updates";
/// One row for each change of a camera's status.
pub const STATUS: &str = "status";

/// The streams with their columns.
pub fn catalog() -> Catalog {
    let float = || Type::Array(Box::new(Type::Float));
    let text = || Type::Array(Box::new(Type::String));
    let track = Type::Struct(columns(vec![
        ("id", Type::Bigint),
        ("zones", text()),
        ("crossed", text()),
        ("since", Type::Datetime),
        ("entered", text()),
        ("left", text()),
        ("stationary", Type::Boolean),
        ("new", Type::Boolean),
        ("speed", Type::Float),
        ("direction", Type::Float),
    ]));
    let frame = || {
        vec![
            ("site", Type::String),
            ("camera", Type::String),
            ("model", Type::String),
            ("frame", Type::Bigint),
            ("ts", Type::Datetime),
            ("width", Type::Bigint),
            ("height", Type::Bigint),
        ]
    };
    let mut detections = frame();
    detections.extend([
        ("label", Type::String),
        ("class", Type::Bigint),
        ("score", Type::Float),
        ("box", float()),
        ("track", track.clone()),
        ("attributes", anything()),
    ]);
    let mut updates = frame();
    updates.extend([
        ("label", Type::String),
        ("class", Type::Bigint),
        ("score", Type::Float),
        ("box", float()),
        ("track", track),
        ("attributes", anything()),
        ("parent", anything()),
        ("event", Type::String),
    ]);
    let mut frames = frame();
    frames.push(("objects", Type::Bigint));
    let mut tracks = frame();
    tracks.extend([
        ("change", Type::String),
        ("id", Type::Bigint),
        ("label", Type::String),
        ("class", Type::Bigint),
        ("score", Type::Float),
        ("box", float()),
        ("since", Type::Datetime),
        ("last_seen", Type::Datetime),
        ("age", Type::Float),
        ("zones", text()),
        ("entered", text()),
        ("left", text()),
        ("crossed", text()),
        ("stationary", Type::Boolean),
        ("speed", Type::Float),
        ("direction", Type::Float),
    ]);
    let mut catalog = Catalog::new();
    catalog.add(stream(DETECTIONS, detections));
    catalog.add(stream(FRAMES, frames));
    catalog.add(stream(TRACKS, tracks));
    catalog.add(stream(
        STATUS,
        vec![
            ("site", Type::String),
            ("camera", Type::String),
            ("ts", Type::Datetime),
            ("health", Type::String),
            ("picture", Type::String),
            ("reason", Type::String),
        ],
    ));
    catalog.add(stream(UPDATES, updates));
    catalog
}

/// A struct whose fields have the names of models.
fn anything() -> Type {
    Type::Struct(Vec::new())
}

fn stream(name: &str, fields: Vec<(&str, Type)>) -> Relation {
    Relation { name: Arc::from(name), table: false, columns: columns(fields), options: BTreeMap::new() }
}

fn columns(fields: Vec<(&str, Type)>) -> Vec<Column> {
    fields.into_iter().map(|(name, ty)| Column { name: Arc::from(name), ty, default: None }).collect()
}
