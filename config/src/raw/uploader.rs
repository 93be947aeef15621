//! `uploaders/*.yaml`.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PathText, SecretText, Text, yes};
use crate::units::{Size, Span};

/// An uploader: it sends what the site has stored, in order, and forgets what the receiver has confirmed. The file's name is its id.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawUploader {
    /// What it sends.
    #[serde(default = "alerts")]
    #[schemars(length(min = 1))]
    pub what: Vec<RawWhat>,
    /// Where to.
    #[schemars(required)]
    pub sink: Option<RawSink>,
    /// How long it waits after a failure.
    #[serde(default)]
    pub backoff: RawBackoff,
    /// `false` keeps the file and the queue, and sends nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// What an uploader sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawWhat {
    /// Alerts.
    Alerts,
    /// Detection events.
    Events,
    /// Alerts of rules that name this uploader in their `actions`, and what becomes of them.
    Named,
}

/// Where an uploader sends to: one kind of sink.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSink {
    /// JSON Lines in a file.
    pub file: Option<RawFileSink>,
    /// A webhook: each event is sent by POST, as a CloudEvent in JSON.
    pub http: Option<RawHttpSink>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHttpSink {
    /// Where to. It holds no user and password: put them into `headers`.
    #[schemars(extend("examples" = ["https://pager.example.org/hooks/parapet"]))]
    #[schemars(required)]
    pub url: Option<Text>,
    /// Header fields that are added, such as `authorization`. Their values are never shown.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretText>,
    /// How long an answer may take. Any 2xx confirms; 408, 429 and 5xx are tried again; every other puts the event to the dead letters.
    #[serde(default = "answer")]
    #[schemars(extend("x-min" = "100ms", "x-max" = "5m"))]
    pub timeout: Span,
}

/// JSON Lines in a file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFileSink {
    /// The file.
    #[schemars(extend("examples" = ["data/alerts.jsonl"]))]
    #[schemars(required)]
    pub path: Option<PathText>,
    /// Begin a new file when it is bigger than this.
    #[serde(default = "rotate")]
    #[schemars(extend("x-min" = "1kB"))]
    pub rotate: Size,
    /// Keep this many of the older files.
    #[serde(default = "keep")]
    #[schemars(range(min = 1, max = 10_000))]
    pub keep: u32,
}

/// How long an uploader waits after a failure: longer each time, with jitter.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBackoff {
    /// After the first failure.
    #[schemars(extend("x-min" = "10ms"))]
    pub first: Span,
    /// At most.
    #[schemars(extend("x-max" = "1d"))]
    pub max: Span,
}

impl Default for RawBackoff {
    fn default() -> Self {
        Self { first: Span(Duration::from_secs(1)), max: Span(Duration::from_secs(300)) }
    }
}

fn alerts() -> Vec<RawWhat> {
    vec![RawWhat::Alerts]
}

fn answer() -> Span {
    Span(Duration::from_secs(10))
}

fn rotate() -> Size {
    Size(100 << 20)
}

fn keep() -> u32 {
    10
}
