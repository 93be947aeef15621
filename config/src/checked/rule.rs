//! Rules, and what they read besides cameras.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use parapet_contracts::{CameraId, ModelId, Polygon, RuleId, Severity, StreamId, TableId, UploaderId};
use parapet_rule_sql::Relation;
use serde_json::{Map, Value};

use crate::columns::ColumnDef;

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What people call it.
    pub name: String,
    /// A rule that is not enabled has an actor that judges nothing.
    pub enabled: bool,
    /// The cameras that it watches, all by name.
    pub cameras: Vec<CameraId>,
    /// When it holds.
    pub body: RuleBody,
    /// Where, by the bottom centre of the box; `None` is everywhere.
    pub zone: Option<RuleZone>,
    /// The condition must hold on every inferred frame for this long.
    pub held_for: Duration,
    /// After an alert of a camera, this long none of that camera.
    pub cooldown: Duration,
    /// How bad it is.
    pub severity: Severity,
    /// The message; `{camera}`, `{label}`, `{count}`, `{score}`, `{zone}` and `{rule}` are filled in.
    pub message: Option<String>,
    /// When the rule is awake; empty means always.
    pub schedule: Vec<Period>,
    /// Only events of this model; `None`: of any.
    pub model: Option<ModelId>,
    /// The time zone of the schedule (the site's).
    pub time_zone: jiff::tz::TimeZone,
    /// What becomes of it when it holds.
    pub alerting: Alerting,
    /// What else than cameras its statement reads.
    pub reads: Reads,
}

/// What becomes of a rule that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerting {
    /// A few words for people, with fields filled in as in the message.
    pub title: Option<String>,
    /// What alerts are kept apart by, with fields filled in as in the message; by camera when absent.
    pub key: Option<String>,
    /// An alert goes on until the condition has not held for so long, and is resolved then. `None`: it has no length.
    pub resolve_after: Option<Duration>,
    /// An alert that goes on and that nobody has acknowledged is told again so often.
    pub remind_every: Option<Duration>,
    /// An alert that goes on and that nobody has acknowledged gets worse.
    pub escalate: Vec<Escalate>,
    /// When the rule raises no alert, in the site's time zone: the site's maintenance windows and its own.
    pub maintenance: Vec<Period>,
    /// Whether the picture is kept as evidence.
    pub picture: bool,
    /// The clip that is kept as well.
    pub clip: Option<ClipSpan>,
    /// Where alerts go besides.
    pub actions: Vec<Action>,
}

impl Default for Alerting {
    fn default() -> Self {
        Self {
            title: None,
            key: None,
            resolve_after: None,
            remind_every: None,
            escalate: Vec::new(),
            maintenance: Vec::new(),
            picture: true,
            clip: None,
            actions: Vec::new(),
        }
    }
}

/// How much of a camera's stream is kept around what an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipSpan {
    /// Before it.
    pub before: Duration,
    /// After it.
    pub after: Duration,
}

/// How an alert gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalate {
    /// So long after it was raised.
    pub after: Duration,
    /// How bad it is then.
    pub severity: Severity,
}

/// Where alerts of a rule go, besides the site's topic and the uploaders that send all alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To this topic of the bus, with QoS 1.
    Mqtt {
        /// The topic.
        topic: String,
    },
    /// To this uploader, whatever it sends otherwise.
    Uploader(UploaderId),
}

/// What a statement reads besides the streams that every site has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reads {
    /// Declared streams, and declared tables without their rows: of two that are equal, neither needs a restart.
    pub relations: Vec<Relation>,
    /// The streams among them, and those whose latest messages are read as tables.
    pub streams: Vec<Arc<Stream>>,
    /// The tables among them.
    pub tables: Vec<TableId>,
    /// The site's schedules, for `during`.
    pub schedules: BTreeMap<String, String>,
    /// Whose alerts it hears, when it reads the stream `alerts`.
    pub alerts_of: Vec<RuleId>,
    /// Whether the statement itself says how long what it finds goes on.
    pub lasts: bool,
    /// The cameras that are expected to be heard, of a statement that waits for silence: those of the rule that are enabled.
    pub expects: Vec<CameraId>,
}

/// A stream of other things than cameras.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// What people call it.
    pub name: String,
    /// A stream that is not enabled has an actor that takes nothing.
    pub enabled: bool,
    /// Where its messages come from.
    pub source: StreamSource,
    /// Its columns, by name.
    pub columns: Vec<ColumnDef>,
    /// The column that says when it happened; when it came in, otherwise.
    pub timestamp: Option<String>,
    /// The column by which things are told apart.
    pub key: Option<String>,
}

/// Where the messages of a stream come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSource {
    /// From the bus.
    Mqtt {
        /// The topic filter.
        topic: String,
    },
    /// Pushed by others over HTTP.
    Http,
    /// From a file that grows.
    File {
        /// The file.
        path: PathBuf,
        /// Whether what is in it at the first start is read, too.
        from_beginning: bool,
    },
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its id.
    pub id: TableId,
    /// Its columns, by name.
    pub columns: Vec<ColumnDef>,
    /// Its rows.
    pub rows: Vec<Map<String, Value>>,
}

/// When a rule holds.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleBody {
    /// The classic form, `when`: what must be seen in one frame, ALL of them at once.
    Classic(Vec<Condition>),
    /// `sql`: a statement over [`crate::streams::catalog`], which was planned without an error.
    Sql(String),
}

/// So many things of one of these classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Any of these labels.
    pub labels: Vec<String>,
    /// Lowest score, 0 to 1.
    pub min_score: f32,
    /// At least this many.
    pub min_count: usize,
}

/// Where a rule looks.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleZone {
    /// The name of the cameras' zone, or `None` for a polygon written into the rule.
    pub name: Option<String>,
    /// The polygon for each camera.
    pub polygons: BTreeMap<CameraId, Polygon>,
}

/// A time of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// On these days; a period past midnight belongs to the day on which it begins.
    pub days: Vec<jiff::civil::Weekday>,
    /// From this time of day, inclusive.
    pub from: jiff::civil::Time,
    /// To this time of day, exclusive; not after `from` means on the next day.
    pub to: jiff::civil::Time,
}
