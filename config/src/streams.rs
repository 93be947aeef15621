//! The streams and tables that a rule's SQL can read.
//!
//! Every site has `detections` (a row for each object of each frame), `frames` (a row for each frame, also when nothing was
//! seen), `tracks` (a row for each track that is new, goes on or ends in a frame), `updates` (a row for each thing that a following
//! model says of an object), `status` (a row when a camera, a model or the site fares otherwise than before) and `alerts` (a row for each
//! alert of another rule, and for what becomes of it). Their columns are those of `docs/events.md` and `docs/rules.md`; whoever
//! feeds an engine fills exactly them. Besides there are the streams and tables that a site declares.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::{StreamId, TableId};
use parapet_rule_sql::{
    Catalog, Relation,
    catalog::{Column, Type},
    schedule::Schedule,
};

use crate::{
    checked::{Lane, Stream, Table},
    columns::ColumnDef,
};

/// One row for each object of each frame.
pub const DETECTIONS: &str = "detections";
/// One row for each frame that a model looked at.
pub const FRAMES: &str = "frames";
/// One row for each change of a track: it is new, it was seen again, it ended.
pub const TRACKS: &str = "tracks";
/// One row when a camera, a model or the site fares otherwise than before.
pub const STATUS: &str = "status";
/// One row for each alert of another rule, and for what becomes of it.
pub const ALERTS: &str = "alerts";
/// One row for each thing that a model says that follows another one.
pub const UPDATES: &str = "updates";
/// One row for each failure that the journal notes for the first time: for the conditions of uploaders alone.
pub const JOURNAL: &str = "journal";
/// The streams that every site has.
pub const OWN: [&str; 6] = [DETECTIONS, FRAMES, TRACKS, UPDATES, STATUS, ALERTS];
/// What the name of a stream has behind it as the table of the latest message of each key.
pub const LATEST: &str = "_latest";

/// Adds what a site declares.
pub fn declare(
    catalog: &mut Catalog,
    streams: &BTreeMap<StreamId, Arc<Stream>>,
    tables: &BTreeMap<TableId, Arc<Table>>,
) {
    for declared in streams.values() {
        let columns: Vec<Column> = declared.columns.iter().map(ColumnDef::sql).collect();
        if declared.key.is_some() {
            let name = format!("{}{LATEST}", declared.id);
            catalog.add(relation(&name, true, columns.clone()));
        }
        catalog.add(relation(declared.id.as_str(), false, columns));
    }
    for table in tables.values() {
        catalog.add(relation(table.id.as_str(), true, table.columns.iter().map(ColumnDef::sql).collect()));
    }
}

/// Adds a site's schedules; those that can't be read were told.
pub fn schedule(catalog: &mut Catalog, schedules: &BTreeMap<String, String>) {
    for (name, text) in schedules {
        if let Ok(schedule) = Schedule::parse(text) {
            catalog.add_schedule(name, schedule);
        }
    }
}

fn relation(name: &str, table: bool, columns: Vec<Column>) -> Relation {
    Relation { name: Arc::from(name), table, columns, options: BTreeMap::new() }
}

/// The streams that every site has, with their columns.
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
            ("answered_by", Type::String),
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
    let thing = Type::Struct(columns(vec![
        ("label", Type::String),
        ("class", Type::Bigint),
        ("score", Type::Float),
        ("box", float()),
        ("zones", text()),
    ]));
    frames.extend([("objects", Type::Bigint), ("things", Type::Array(Box::new(thing)))]);
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
    let status = vec![
        ("site", Type::String),
        ("camera", Type::String),
        ("model", Type::String),
        ("ts", Type::Datetime),
        ("health", Type::String),
        ("before", Type::String),
        ("reason", Type::String),
        ("picture", Type::String),
    ];
    let alerts = vec![
        ("site", Type::String),
        ("id", Type::String),
        ("rule", Type::String),
        ("camera", Type::String),
        ("state", Type::String),
        ("severity", Type::String),
        ("title", Type::String),
        ("message", Type::String),
        ("key", Type::String),
        ("ts", Type::Datetime),
        ("since", Type::Datetime),
        ("objects", Type::Bigint),
    ];
    let mut catalog = Catalog::new();
    catalog.add(stream(DETECTIONS, detections));
    catalog.add(stream(FRAMES, frames));
    catalog.add(stream(TRACKS, tracks));
    catalog.add(stream(UPDATES, updates));
    catalog.add(stream(STATUS, status));
    catalog.add(stream(ALERTS, alerts));
    catalog
}

/// The stream whose columns the conditions of an uploader see, and what it is declared in.
pub fn uploads(lane: Lane) -> (&'static str, Catalog) {
    let mut catalog = catalog();
    let journal = vec![("actor", Type::String), ("kind", Type::String), ("text", Type::String), ("ts", Type::Datetime)];
    catalog.add(stream(JOURNAL, journal));
    let name = match lane {
        Lane::Alerts | Lane::Evidence => ALERTS,
        Lane::Events => DETECTIONS,
        Lane::Journal => JOURNAL,
    };
    (name, catalog)
}

/// A struct whose fields have the names of models.
fn anything() -> Type {
    Type::Struct(Vec::new())
}

fn stream(name: &str, fields: Vec<(&str, Type)>) -> Relation {
    relation(name, false, columns(fields))
}

fn columns(fields: Vec<(&str, Type)>) -> Vec<Column> {
    fields.into_iter().map(|(name, ty)| Column { name: Arc::from(name), ty, default: None }).collect()
}
