//! The file of a rule's tests: `rules/<rule>.test.yaml`.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use parapet_config::{LoadedRule, columns, read_yaml, units::parse_duration};
use parapet_contracts::{Happening, SiteId, StreamEvent, Timestamp};
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

/// An event in short: what a camera saw, or with `stream` a message, with `health` a status, with `alert` an alert of another rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sighting {
    at: String,
    #[serde(default)]
    camera: Option<String>,
    #[serde(default = "model")]
    model: String,
    #[serde(default)]
    objects: Vec<Thing>,
    /// Tracks that ended with this frame.
    #[serde(default)]
    ended: Vec<serde_json::Map<String, Value>>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    data: serde_json::Map<String, Value>,
    #[serde(default)]
    health: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    alert: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    severity: Option<String>,
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
    /// Its title.
    pub title: Option<String>,
    /// What it is about.
    pub key: Option<String>,
    /// How bad it is when it is raised.
    pub severity: Option<String>,
    /// When it is resolved; `[]` says that it is not.
    pub resolved: Option<Times>,
    /// When it gets worse.
    pub escalated: Option<Times>,
    /// When it is told again.
    pub reminded: Option<Times>,
}

/// A time, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Times {
    /// One.
    One(String),
    /// Several, or none.
    Many(Vec<String>),
}

impl Times {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), [].as_slice()),
            Self::Many(many) => (None, many.as_slice()),
        };
        one.into_iter().chain(many).map(String::as_str)
    }
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
    /// The events, in their order. What a message holds is what its stream declares.
    pub(super) fn events(&self, folder: &Path, declared: &LoadedRule) -> anyhow::Result<Vec<Happening>> {
        match &self.events {
            Events::File(name) => play::events(&folder.join(name)),
            Events::These(list) => {
                list.iter().enumerate().map(|(number, sighting)| self.event(number, sighting, declared)).collect()
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

    fn event(&self, number: usize, sighting: &Sighting, declared: &LoadedRule) -> anyhow::Result<Happening> {
        let wrong = |what: String| anyhow!("test `{}`, event {}: {what}", self.name, number + 1);
        let ts = self.time(&sighting.at)?;
        let id = Uuid::from_u128(number as u128);
        let unreadable = |error: serde_json::Error| wrong(error.to_string());
        if let Some(stream) = &sighting.stream {
            let known = declared.streams.get(stream.as_str());
            let known = known.ok_or_else(|| wrong(format!("the stream `{stream}` is not declared")))?;
            let data = columns::fit(&known.columns, &sighting.data).map_err(|misfit| wrong(misfit.text))?;
            let own = known.timestamp.as_ref().and_then(|name| data.get(name)).and_then(Value::as_str);
            let ts = own.and_then(|text| text.parse().ok()).unwrap_or(ts);
            let (site, topic) = (SiteId::new("test")?, sighting.topic.clone());
            return Ok(Happening::Row(Arc::new(StreamEvent { id, site, stream: known.id.clone(), ts, topic, data })));
        }
        if let Some(health) = &sighting.health {
            let status = json!({
                "id": id, "site": "test", "camera": sighting.camera, "ts": ts, "health": health, "reason": sighting.reason,
            });
            return serde_json::from_value(status)
                .map(|status| Happening::Status(Arc::new(status)))
                .map_err(unreadable);
        }
        if let Some(rule) = &sighting.alert {
            let alert = json!({
                "id": id, "site": "test", "camera": sighting.camera, "rule": rule,
                "severity": sighting.severity.as_deref().unwrap_or("warning"),
                "message": sighting.message.as_deref().unwrap_or("an alert"), "key": sighting.camera, "ts": ts,
                "ts_source": "pts", "since": ts, "raised_at": ts, "event": id, "objects": [],
            });
            return serde_json::from_value(alert).map(|alert| Happening::Alert(Arc::new(alert))).map_err(unreadable);
        }
        let camera = sighting.camera.as_ref();
        let camera =
            camera.ok_or_else(|| wrong("one of `camera`, `stream`, `health` and `alert` is missing".to_owned()))?;
        let objects: Vec<Value> = sighting.objects.iter().map(|thing| object(thing, ts)).collect();
        let ended: Vec<Value> = sighting.ended.iter().map(|track| gone(track, ts)).collect();
        let event = json!({
            "id": id,
            "site": "test",
            "camera": camera,
            "model": sighting.model,
            "frame": number,
            "ts": ts,
            "ts_source": "pts",
            "width": 1000,
            "height": 1000,
            "objects": objects,
            "ended": ended,
        });
        serde_json::from_value(event).map(|event| Happening::Seen(Arc::new(event))).map_err(unreadable)
    }
}

/// A track that has ended, with what a test does not say of it.
fn gone(track: &serde_json::Map<String, Value>, ts: Timestamp) -> Value {
    let mut gone = json!({ "class": 0, "since": ts, "last_seen": ts, "box": [450, 400, 550, 600] });
    for (name, value) in track {
        gone[name.as_str()] = value.clone();
    }
    gone
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
