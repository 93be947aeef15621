//! The file of a rule's tests: `rules/<rule>.test.yaml`.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use parapet_config::{read_yaml, units::parse_duration};
use parapet_contracts::{DetectionEvent, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::play;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    /// The tests, in order.
    pub tests: Vec<Case>,
}

/// One test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows.
    pub name: String,
    /// What `at` is counted from.
    #[serde(default = "monday_noon")]
    start: Timestamp,
    /// What is seen, in order: events, or the name of a file of CloudEvents beside the test.
    events: Events,
    /// The time goes on by so much after the last event.
    #[serde(default)]
    then: Option<String>,
    /// The alerts, in order; all of them.
    pub alerts: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Events {
    File(String),
    These(Vec<Sighting>),
}

/// An event in short.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sighting {
    at: String,
    camera: String,
    #[serde(default = "model")]
    model: String,
    #[serde(default)]
    objects: Vec<Thing>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Thing {
    Label(String),
    /// With any of the fields that an object of an event has.
    Object(serde_json::Map<String, Value>),
}

/// An alert that is expected. What is absent is not compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// The time of its frame.
    pub at: Option<String>,
    /// Its camera.
    pub camera: Option<String>,
    /// Its sentence.
    pub message: Option<String>,
    /// The labels of its objects, in order.
    pub objects: Option<Vec<String>>,
}

/// 2026-01-05 12:00 UTC.
fn monday_noon() -> Timestamp {
    Timestamp::constant(1_767_614_400, 0)
}

fn model() -> String {
    "model".to_owned()
}

/// Reads a file of tests.
pub(super) fn read(file: &Path) -> anyhow::Result<TestFile> {
    let shown = file.display().to_string();
    let bytes = fs::read(file).with_context(|| shown.clone())?;
    let value = read_yaml(&shown, &bytes).map_err(|problems| anyhow!("{problems}"))?;
    serde_json::from_value(value).map_err(|error| anyhow!("{shown}: {error}"))
}

impl Case {
    /// The events, in their order.
    pub(super) fn events(&self, folder: &Path) -> anyhow::Result<Vec<Arc<DetectionEvent>>> {
        match &self.events {
            Events::File(name) => Ok(play::events(&folder.join(name))?.0),
            Events::These(list) => {
                list.iter().enumerate().map(|(number, sighting)| self.event(number, sighting)).collect()
            }
        }
    }

    /// How long the time goes on after the last event.
    pub(super) fn then(&self) -> anyhow::Result<std::time::Duration> {
        self.then.as_deref().map_or(Ok(std::time::Duration::ZERO), span)
    }

    /// A time of the test.
    pub(super) fn time(&self, at: &str) -> anyhow::Result<Timestamp> {
        let span = SignedDuration::try_from(span(at)?).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(span).with_context(|| format!("`at: {at}` is too far away"))
    }

    fn event(&self, number: usize, sighting: &Sighting) -> anyhow::Result<Arc<DetectionEvent>> {
        let ts = self.time(&sighting.at)?;
        let objects: Vec<Value> = sighting.objects.iter().map(|thing| object(thing, ts)).collect();
        let event = json!({
            "id": Uuid::from_u128(number as u128),
            "site": "test",
            "camera": sighting.camera,
            "model": sighting.model,
            "frame": number,
            "ts": ts,
            "ts_source": "pts",
            "width": 1000,
            "height": 1000,
            "objects": objects,
        });
        let event = serde_json::from_value(event);
        event.map(Arc::new).map_err(|error| anyhow!("test `{}`, event {}: {error}", self.name, number + 1))
    }
}

/// A picture of 1000 × 1000 pixels, with the object in its middle unless told.
fn object(thing: &Thing, ts: Timestamp) -> Value {
    let mut object = json!({ "class": 0, "score": 0.9, "box": [450, 400, 550, 600] });
    match thing {
        Thing::Label(label) => object["label"] = json!(label),
        Thing::Object(fields) => {
            for (name, value) in fields {
                object[name.as_str()] = value.clone();
            }
            if let Some(track) = object.get_mut("track").and_then(Value::as_object_mut) {
                track.entry("since").or_insert_with(|| json!(ts));
            }
        }
    }
    object
}

fn span(text: &str) -> anyhow::Result<std::time::Duration> {
    parse_duration(text).with_context(|| format!("`{text}` is no duration such as `10s`"))
}
