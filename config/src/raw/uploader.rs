//! `uploaders/*.yaml`.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{RawSink, Text, yes};
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
    /// Only what fits this condition, in the language of WHERE: one for all that it sends, or one for each kind. It sees the columns of
    /// the streams `alerts` (of alerts and evidence) and `detections` (an event goes when one of its objects fits), and of the journal `actor`, `kind`, `text` and `ts`.
    #[schemars(extend("examples" = ["severity = 'critical'"]))]
    pub filter: Option<RawFilter>,
    /// Where a new uploader begins. One that is purged is new again.
    #[serde(default)]
    pub from: RawStart,
    /// How each event is written.
    #[serde(default)]
    pub format: RawFormat,
    /// How many events go at once.
    #[serde(default)]
    pub batch: RawBatch,
    /// At most so many bytes a second, so that a thin link is left to others. As many as go when absent.
    #[schemars(extend("examples" = ["250kB"], "x-min" = "1kB"))]
    pub rate_limit: Option<Size>,
    /// What goes first when several kinds wait, as after an outage. Kinds that are not named come last.
    #[serde(default = "priority")]
    pub priority: Vec<RawLane>,
    /// What has waited for longer is not sent any more; it is counted as expired. For ever when absent.
    #[schemars(extend("x-min" = "1s"))]
    pub time_to_live: Option<Span>,
    /// How many events are kept that the receiver will never take, for `parapet uploader dead`. Beyond it the oldest go, and are counted.
    #[serde(default = "keep_dead")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub keep_dead: u32,
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
    /// Alerts, and what becomes of them.
    Alerts,
    /// Detection events.
    Events,
    /// Failures that the error journal notes for the first time.
    Journal,
    /// That there is a file of evidence; to object storage the file itself.
    Evidence,
    /// Alerts of rules that name this uploader in their `actions`, and what becomes of them.
    Named,
}

/// A kind of what an uploader sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawLane {
    /// Alerts, and what becomes of them.
    Alerts,
    /// Detection events.
    Events,
    /// The error journal.
    Journal,
    /// Evidence.
    Evidence,
}

/// One condition for all, or one for each kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawFilter {
    /// For all that it sends.
    All(Text),
    /// For each kind.
    Each(RawFilters),
}

/// A condition for each kind; those that are absent let everything through.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawFilters {
    /// For alerts.
    pub alerts: Option<Text>,
    /// For detection events.
    pub events: Option<Text>,
    /// For the error journal.
    pub journal: Option<Text>,
    /// For evidence.
    pub evidence: Option<Text>,
}

impl JsonSchema for RawFilter {
    fn schema_name() -> Cow<'static, str> {
        "Filter".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        let each = generator.subschema_for::<RawFilters>();
        json_schema!({ "anyOf": [text, each] })
    }
}

/// Where a new uploader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawStart {
    /// With what comes from then on.
    #[default]
    Now,
    /// With what the store still has. Alerts that rules name the uploader for are not known afterwards.
    Beginning,
}

/// How each event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawFormat {
    /// As a CloudEvent in JSON: what, when and whence around the data.
    #[default]
    Cloudevents,
    /// The data alone, in JSON, for receivers that know nothing of CloudEvents.
    Data,
    /// The messages of Microsoft's MEC application solution accelerator, on its topics `newDetection` and `newAlert`. For a `mqtt` sink alone.
    Accelerator,
}

/// How many events go at once.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBatch {
    /// At most so many.
    #[schemars(range(min = 1, max = 5_000))]
    pub events: u32,
    /// How long the first one may wait for others to come along. Nothing waits when absent.
    #[schemars(extend("x-max" = "10m"))]
    pub linger: Span,
}

impl Default for RawBatch {
    fn default() -> Self {
        Self { events: 64, linger: Span(Duration::ZERO) }
    }
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

fn priority() -> Vec<RawLane> {
    vec![RawLane::Alerts, RawLane::Events, RawLane::Evidence, RawLane::Journal]
}

fn keep_dead() -> u32 {
    10_000
}
