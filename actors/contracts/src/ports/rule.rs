//! The rule port: pure evaluation, fed by event time.

use std::sync::Arc;

use crate::{AlertDraft, DetectionEvent, Timestamp, status::StatusEvent};

/// A compiled rule. It has no clock and does no I/O: the same events in the same order give the same alerts.
pub trait RuleProgram: Send {
    /// Takes one event. Time only moves forward within a camera; a late event is the program's to refuse and to count.
    fn on_event(&mut self, event: &Arc<DetectionEvent>) -> Vec<AlertDraft>;

    /// Takes a change of a camera's status. `event` has its time and its place, and no objects: alerts refer to it.
    fn on_status(&mut self, status: &StatusEvent, event: &Arc<DetectionEvent>) -> Vec<AlertDraft> {
        let _ = (status, event);
        Vec::new()
    }

    /// Whether changes of a camera's status concern it.
    fn hears_statuses(&self) -> bool {
        false
    }

    /// Tells that no event before `now` will come any more.
    fn advance(&mut self, now: Timestamp) -> Vec<AlertDraft>;

    /// What the rule has counted so far.
    fn stats(&self) -> RuleStats;

    /// Whether events that update earlier ones concern it.
    fn hears_updates(&self) -> bool {
        false
    }

    /// The last row or window that could not be judged, in words.
    fn last_error(&self) -> Option<String> {
        None
    }
}

/// What a rule has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RuleStats {
    /// Events taken.
    pub events: u64,
    /// Events in which the condition held.
    pub matched: u64,
    /// Alerts drafted.
    pub fired: u64,
    /// Times that a cooldown held an alert back.
    pub held_back: u64,
    /// Events that came too late to count.
    pub late: u64,
    /// Rows and windows that could not be judged.
    pub errors: u64,
    /// Times that the rule forgot its windows and began anew, because a camera's clock was set.
    pub restarted: u64,
}
