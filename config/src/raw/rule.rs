//! `rules/*.yaml`.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Corner, OneOrMany, Text, TimeOfDay, yes};
use crate::units::Span;

/// A rule: when it holds, there is an alert. The file's name is its id.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    /// What people call it; the file's name when absent.
    pub name: Option<Text>,
    /// The cameras that it watches, by the names of their files, or `all`. Must be given with `when`; with `sql`, all when absent.
    #[schemars(extend("examples" = [["gate-north"]]))]
    pub cameras: Option<RawCameras>,
    /// What must be seen in one frame: all of these at once. A rule has either `when` or `sql`.
    #[schemars(length(min = 1, max = 100))]
    pub when: Option<Vec<RawCondition>>,
    /// A statement over the streams `detections` (a row for each object of each frame), `frames` (a row for each frame), `tracks`,
    /// `status`, `alerts`, and those of `streams/` and `tables/`; each row that it puts out is an alert. See `docs/rules.md`.
    #[schemars(extend("examples" = ["SELECT camera, count(*) AS seen FROM detections GROUP BY tumblingwindow(ss, 10), camera"]))]
    pub sql: Option<Text>,
    /// Where the bottom centre of a box must lie: the name of a zone of the cameras, or the corners of a polygon as fractions
    /// of the picture. Everywhere when absent. Not with `sql`.
    pub zone: Option<RawZone>,
    /// The condition must hold on every frame that is looked at for this long; with `sql`, rows with the same `key` must keep coming.
    #[serde(default = "at_once")]
    pub held_for: Span,
    /// After an alert, no other with the same `key` for this long.
    #[serde(default = "cooldown")]
    pub cooldown: Span,
    /// How bad it is.
    #[serde(default)]
    pub severity: RawSeverity,
    /// A few words that name the alert, filled in as `message` is.
    pub title: Option<Text>,
    /// The alert's text. Filled in are `{camera}` (its id), `{label}` (what was seen, with how many of each: `2 person, 1 car`), `{count}` (how
    /// many in all), `{score}` (the best one's), `{zone}` and `{rule}` (its name). With `sql` the fields of the row that was put out
    /// are filled in, too, and win; there is no `{zone}` of its own.
    pub message: Option<Text>,
    /// When the rule is awake, in the site's time zone. Always when absent.
    #[serde(default)]
    pub schedule: Vec<RawPeriod>,
    /// What alerts are kept apart by, filled in as `message` is: of two with the same key, the second waits for the end of the first
    /// and its cooldown. The camera when absent.
    #[schemars(extend("examples" = ["{camera} {id}"]))]
    pub key: Option<Text>,
    /// The alert goes on until the condition has not held for this long; then it is resolved, and a record says so. Without it an
    /// alert has no length.
    pub resolve_after: Option<Span>,
    /// An alert that goes on is told again so often, until somebody acknowledges it. Needs `resolve_after`.
    #[schemars(extend("x-min" = "1s"))]
    pub remind_every: Option<Span>,
    /// An alert that goes on, and that nobody acknowledges, gets worse. Needs `resolve_after`.
    #[serde(default)]
    pub escalate: Vec<RawEscalation>,
    /// When it raises no alert, in the site's time zone: besides those of `site.yaml`.
    #[serde(default)]
    pub maintenance: Vec<RawPeriod>,
    /// What is kept to show it.
    #[serde(default)]
    pub evidence: RawWanted,
    /// How long the clip of `evidence: clip` is.
    pub clip: Option<RawClip>,
    /// Where its alerts go, besides the site's topic and the uploaders that send all alerts.
    #[serde(default)]
    pub actions: Vec<RawAction>,
    /// The rules whose alerts it hears, when it reads the stream `alerts`. When absent: all that do not read that stream themselves.
    #[schemars(extend("examples" = [["intruder"]]))]
    pub alerts_of: Option<Vec<Text>>,
    /// Only what this model sees. Any model of the camera when absent.
    pub model: Option<Text>,
    /// `false` keeps the file and judges nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// How an alert gets worse.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEscalation {
    /// So long after it was raised.
    #[schemars(extend("x-min" = "1s", "examples" = ["10m"]))]
    #[schemars(required)]
    pub after: Option<Span>,
    /// How bad it is then.
    #[serde(default = "critical")]
    pub severity: RawSeverity,
}

/// What is kept to show an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawWanted {
    /// The picture in which it was seen.
    #[default]
    Picture,
    /// The picture, and a clip of the seconds before and after it (`clip`).
    Clip,
    /// Nothing.
    None,
}

/// How long a clip is. It is cut from the camera's stream as it came, so it begins with the last keyframe before.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawClip {
    /// Before what the alert is about.
    #[schemars(extend("x-max" = "1m"))]
    pub before: Span,
    /// After it.
    #[schemars(extend("x-max" = "1m"))]
    pub after: Span,
}

impl Default for RawClip {
    fn default() -> Self {
        let seconds = || Span(Duration::from_secs(5));
        Self { before: seconds(), after: seconds() }
    }
}

/// Where alerts go: one of these.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAction {
    /// To this topic of the bus, with QoS 1, besides the site's own.
    #[schemars(extend("examples" = ["site/horn/alarm"]))]
    pub mqtt: Option<Text>,
    /// To this uploader, by the name of its file: also when it does not send all alerts (`what: [named]`). A webhook is an uploader
    /// with `sink: {http: …}`.
    #[schemars(extend("examples" = ["pager"]))]
    pub uploader: Option<Text>,
}

/// The cameras of a rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawCameras {
    /// `all`.
    All(AllWord),
    /// These.
    These(Vec<Text>),
}

/// The word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AllWord {
    /// Every camera.
    All,
}

impl JsonSchema for RawCameras {
    fn schema_name() -> Cow<'static, str> {
        "Cameras".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        json_schema!({ "anyOf": [{ "enum": ["all"] }, { "type": "array", "items": text, "minItems": 1 }] })
    }
}

/// So many things of one of these classes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCondition {
    /// The label of a thing, or a list of labels of which any will do.
    #[schemars(extend("examples" = ["person", ["car", "truck"]]))]
    #[schemars(required)]
    pub label: Option<OneOrMany>,
    /// The lowest score.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub min_score: f32,
    /// At least this many of them.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub min_count: u32,
}

/// Where a rule looks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawZone {
    /// A zone of the cameras.
    Name(Text),
    /// A polygon.
    Polygon(Vec<Corner>),
}

impl JsonSchema for RawZone {
    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (text, polygon) = (generator.subschema_for::<Text>(), generator.subschema_for::<super::RawPolygon>());
        json_schema!({ "anyOf": [text, polygon] })
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawSeverity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    #[default]
    Warning,
    /// Somebody must act.
    Critical,
}

/// A time of the week.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPeriod {
    /// On these days. A period past midnight belongs to the day on which it begins. Every day when absent.
    #[serde(default = "every_day")]
    #[schemars(length(min = 1))]
    pub days: Vec<RawDay>,
    /// From this time of day.
    #[serde(default = "midnight")]
    pub from: TimeOfDay,
    /// Up to this time of day; not after `from` means on the next day.
    #[serde(default = "day_end")]
    pub to: TimeOfDay,
}

/// A day, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub(crate) enum RawDay {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Weekdays,
    Weekend,
    Daily,
}

fn at_once() -> Span {
    Span(Duration::ZERO)
}

fn cooldown() -> Span {
    Span(Duration::from_secs(60))
}

fn critical() -> RawSeverity {
    RawSeverity::Critical
}

fn half() -> f32 {
    0.5
}

fn one() -> u32 {
    1
}

fn every_day() -> Vec<RawDay> {
    vec![RawDay::Daily]
}

fn midnight() -> TimeOfDay {
    "00:00".into()
}

fn day_end() -> TimeOfDay {
    "24:00".into()
}
