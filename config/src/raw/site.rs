//! `site.yaml`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, Id, Level, PathText, RawBus, RawHomeAssistant, RawPeriod, RawRemote, RawSecrets, Text, Zone};
use crate::units::{Size, Span};

/// The site as a whole: who it is, where it keeps things, where it listens. A change of it takes effect at the next start.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSite {
    /// Who the site is.
    #[schemars(required)]
    pub site: Option<Identity>,
    /// The time zone that schedules of rules are in.
    #[serde(default = "utc")]
    pub time_zone: Zone,
    /// Folders below which files and device nodes may be camera sources. Add `/dev` for USB cameras.
    #[serde(default = "media")]
    pub media: Vec<PathText>,
    /// The database: events, alerts, error journal, what waits to be uploaded.
    #[serde(default)]
    pub store: RawStore,
    /// The pictures and clips that belong to alerts.
    #[serde(default)]
    pub evidence: RawEvidence,
    /// What cameras record (`record` in their files).
    #[serde(default)]
    pub recordings: RawRecordings,
    /// The MQTT bus: a broker inside the process, or one elsewhere.
    #[serde(default)]
    pub bus: RawBus,
    /// The HTTP server: health, metrics, API.
    #[serde(default)]
    pub http: RawHttp,
    /// Lets Home Assistant find the site by itself. Nothing is told when absent.
    pub home_assistant: Option<RawHomeAssistant>,
    /// Remote control over MQTT.
    #[serde(default)]
    pub remote: RawRemote,
    /// Where `${…}` takes values from. A change takes effect at once.
    #[serde(default)]
    pub secrets: RawSecrets,
    /// Logs and traces.
    #[serde(default)]
    pub telemetry: RawTelemetry,
    /// The shared library of ONNX Runtime, when it is not where it is looked for (`ORT_DYLIB_PATH`, then the system's library folders).
    pub onnxruntime: Option<PathText>,
    /// When no rule raises an alert, in the site's time zone: weekly maintenance. A change takes effect at once.
    #[serde(default)]
    pub maintenance: Vec<RawPeriod>,
    /// Times by name, for `during('night')` in statements: times of the day, days of the week, days of the year, in the site's time
    /// zone, such as `22:00-06:00` or `mon-fri 08:00-18:00, sat 09:00-13:00`. A change takes effect at once.
    #[serde(default)]
    pub schedules: BTreeMap<String, Text>,
    /// How long an orderly stop may take in all.
    #[serde(default = "shutdown")]
    #[schemars(extend("x-min" = "100ms", "x-max" = "10m"))]
    pub shutdown: Span,
}

/// Who the site is.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// The site's id: part of every topic and event.
    #[schemars(extend("examples" = ["harbour-north"]))]
    #[schemars(required)]
    pub id: Option<Id>,
    /// What people call the site; the id when absent.
    pub name: Option<Text>,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawStore {
    /// Its folder.
    pub path: PathText,
    /// What is kept for how long.
    pub retention: RawRetention,
    /// Copies of it that can be gone back to.
    pub backups: RawBackups,
}

/// Copies of the database, made while it is in use (`parapet store backup`). Each costs what is new since the one before.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBackups {
    /// Their folder; better on another disk.
    pub path: PathText,
    /// How many are kept; the oldest go.
    #[schemars(range(min = 1, max = 1000))]
    pub keep: u16,
    /// How often one is made. When somebody asks for it only, when absent.
    #[schemars(extend("x-min" = "1m", "x-max" = "366d"))]
    pub every: Option<Span>,
}

/// What is kept for how long.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRetention {
    /// Detection events, by age.
    #[schemars(extend("x-min" = "1s"))]
    pub events: Span,
    /// Detection events, by size: the oldest go first.
    #[schemars(extend("x-min" = "1MiB"))]
    pub events_size: Size,
    /// Alerts, by age.
    #[schemars(extend("x-min" = "1s"))]
    pub alerts: Span,
    /// Error records, by age since they were last seen.
    #[schemars(extend("x-min" = "1s"))]
    pub errors: Span,
    /// Error records, by number: those that were seen longest ago go first.
    #[schemars(range(min = 1))]
    pub errors_most: u64,
}

/// The pictures and clips that belong to alerts.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawEvidence {
    /// Their folder; a volume that others can mount.
    pub path: PathText,
    /// JPEG quality.
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// How long pictures are kept, and clips where `clips` does not say otherwise. Days go as a whole. Nothing goes that is
    /// held (`parapet evidence hold`).
    #[schemars(extend("x-min" = "1s"))]
    pub keep_for: Span,
    /// Pictures, by size: the oldest go first. No limit when absent.
    #[schemars(extend("x-min" = "1MiB"))]
    pub size: Option<Size>,
    /// Clips, where they are kept otherwise than pictures.
    pub clips: RawClips,
    /// What stays free on the folder's disk, or a tenth of the disk, whichever is less. When less is free, the oldest evidence goes before its
    /// time: clips first, then pictures.
    pub min_free: Size,
}

/// Clips, where they are kept otherwise than pictures.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawClips {
    /// How long clips are kept; as pictures when absent.
    #[schemars(extend("x-min" = "1s"))]
    pub keep_for: Option<Span>,
    /// Clips, by size: the oldest go first. No limit when absent.
    #[schemars(extend("x-min" = "1MiB"))]
    pub size: Option<Size>,
}

/// What cameras record.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRecordings {
    /// Their folder: `CAMERA/DATE/TIME-MILLISECONDS.mp4`. It is made when a camera records.
    pub path: PathText,
    /// What stays free on the folder's disk, or a fifth of the disk, whichever is less. When less is free, the oldest recordings go before their
    /// time, whichever camera they are of; when that is not enough, nothing is recorded until there is room again. On the disk of the evidence
    /// it should be more than `evidence.min_free`, so that recordings go first.
    pub min_free: Size,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawHttp {
    /// Where it listens.
    pub listen: Address,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawTelemetry {
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by part: `info,parapet=debug`.
    pub level: Level,
    /// How log lines look.
    pub format: LogFormat,
    /// Where traces go: the base address of an OTLP collector over HTTP.
    #[schemars(extend("examples" = ["http://127.0.0.1:4318"]))]
    pub otlp: Option<Text>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn days(days: u64) -> Span {
    Span(Duration::from_secs(days * 86_400))
}

fn utc() -> Zone {
    "UTC".into()
}

fn media() -> Vec<PathText> {
    vec!["media".into()]
}

fn shutdown() -> Span {
    Span(Duration::from_secs(10))
}

impl Default for RawStore {
    fn default() -> Self {
        Self { path: "data/store".into(), retention: RawRetention::default(), backups: RawBackups::default() }
    }
}

impl Default for RawBackups {
    fn default() -> Self {
        Self { path: "data/backups".into(), keep: 7, every: None }
    }
}

impl Default for RawRetention {
    fn default() -> Self {
        Self { events: days(7), events_size: Size(2 << 30), alerts: days(365), errors: days(90), errors_most: 100_000 }
    }
}

impl Default for RawEvidence {
    fn default() -> Self {
        Self {
            path: "data/evidence".into(),
            quality: 85,
            keep_for: days(90),
            size: None,
            clips: RawClips::default(),
            min_free: Size(1 << 30),
        }
    }
}

impl Default for RawRecordings {
    fn default() -> Self {
        Self { path: "data/recordings".into(), min_free: Size(2 << 30) }
    }
}

impl Default for RawHttp {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".into() }
    }
}

impl Default for RawTelemetry {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text, otlp: None }
    }
}

impl From<&PathText> for PathBuf {
    fn from(path: &PathText) -> Self {
        Self::from(&path.0)
    }
}
