//! The rule port: pure evaluation, fed by event time.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{AlertChange, AlertDraft, Happening, Severity, Timestamp};

/// A compiled rule. It has no clock and does no I/O: the same happenings in the same order give the same outcomes.
pub trait RuleProgram: Send {
    /// Takes one thing that happened. Time only moves forward; what comes late is the program's to refuse and to count.
    fn hear(&mut self, happening: &Happening) -> Vec<Outcome>;
    /// Tells that nothing from before `now` will come any more.
    fn advance(&mut self, now: Timestamp) -> Vec<Outcome>;
    /// What the rule has counted so far.
    fn stats(&self) -> RuleStats;
    /// What it holds now.
    fn state(&self) -> RuleState {
        RuleState::default()
    }
    /// The last row or window that could not be judged, in words.
    fn last_error(&self) -> Option<String> {
        None
    }
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It fires.
    Fired(Box<AlertDraft>),
    /// Something became of an alert that it raised.
    Changed(AlertFollowUp),
}

impl Outcome {
    /// The draft, when it fires.
    pub fn fired(&self) -> Option<&AlertDraft> {
        match self {
            Self::Fired(draft) => Some(draft),
            Self::Changed(_) => None,
        }
    }
}

/// What became of an alert, as its rule says it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertFollowUp {
    /// The id of its record: the same again when the same is judged again.
    pub id: Uuid,
    /// The alert.
    pub alert: Uuid,
    /// What it is about.
    pub key: String,
    /// What happened.
    pub change: AlertChange,
    /// How bad it is from now on.
    pub severity: Severity,
    /// When, by event time.
    pub at: Timestamp,
    /// Its camera.
    pub camera: Option<crate::CameraId>,
}

/// What a rule has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RuleStats {
    /// Events taken.
    pub events: u64,
    /// Events in which the condition held.
    pub matched: u64,
    /// Alerts drafted.
    pub fired: u64,
    /// Alerts that were resolved.
    #[serde(default)]
    pub resolved: u64,
    /// Times that an alert was held back: by a cooldown, or because it goes on.
    pub held_back: u64,
    /// Times that an alert was held back by a maintenance window or a silence.
    #[serde(default)]
    pub silenced: u64,
    /// Events that came too late to count.
    pub late: u64,
    /// Rows and windows that could not be judged.
    pub errors: u64,
    /// Times that the rule forgot its windows and began anew, because a clock was set.
    pub restarted: u64,
}

/// What a rule holds.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct RuleState {
    /// Rows of open windows.
    pub rows: usize,
    /// Bytes that the engine holds, estimated.
    pub bytes: u64,
    /// Partitions that are remembered.
    pub partitions: usize,
    /// Events that wait for earlier ones.
    pub waiting: usize,
    /// What alerts may come of, or are open for.
    pub pending: usize,
    /// Alerts that go on.
    pub firing: usize,
    /// What was dropped to keep the bounds, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// How far judging is behind the newest event, in milliseconds.
    pub watermark_lag_ms: Option<i64>,
}
