//! `uploaders/*.yaml`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PathText, yes};
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
}

/// Where an uploader sends to: one kind of sink.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSink {
    /// JSON Lines in a file.
    #[schemars(required)]
    pub file: Option<RawFileSink>,
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

fn rotate() -> Size {
    Size(100 << 20)
}

fn keep() -> u32 {
    10
}
