//! What a supervision tree tells the outside: every failure, and every change of state.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::tree::NodeState;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The actor panicked.
    Panic,
    /// The actor returned an error.
    Error,
    /// Somebody other than the supervisor killed it.
    Killed,
    /// A permanent child ended by itself, without an error.
    Ended,
    /// It was silent for longer than it may be, and was replaced.
    Stuck,
    /// Its start failed.
    StartFailed,
    /// Its start took too long, and was given up.
    StartTimeout,
    /// It did not stop within its deadline, and was killed.
    StopTimeout,
    /// It was to be restarted more often than its budget allows.
    BudgetSpent,
    /// A supervisor gave up on a child, stopped the others, and failed itself.
    Escalated,
}

impl FailureKind {
    /// The kind as a metric label: `panic`, `start_failed`, …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Error => "error",
            Self::Killed => "killed",
            Self::Ended => "ended",
            Self::Stuck => "stuck",
            Self::StartFailed => "start_failed",
            Self::StartTimeout => "start_timeout",
            Self::StopTimeout => "stop_timeout",
            Self::BudgetSpent => "budget_spent",
            Self::Escalated => "escalated",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failure of one child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// Where: ids from the root, joined with `/`, such as `site/cameras/gate-north`.
    pub path: String,
    /// The child's kind, as its spec names it.
    pub child_kind: String,
    /// What happened.
    pub kind: FailureKind,
    /// The panic's or the error's text with its causes.
    pub text: String,
    /// Restarts of this child so far, since it was added.
    pub restarts: u64,
    /// Time until the next start, when there will be one.
    pub next_try: Option<Duration>,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
}

/// A child, or a supervisor, went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateChange {
    /// Where: ids from the root, joined with `/`.
    pub path: String,
    /// The child's kind, as its spec names it.
    pub child_kind: String,
    /// The state before; `None` for a child that is new.
    pub from: Option<NodeState>,
    /// The state now; `None` for a child that was removed.
    pub to: Option<NodeState>,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
}

/// Hears of every failure and every change of state in a tree, in the order in which they happen to a child.
///
/// It is called on the supervisor's own task: hand the report on and return at once. A panic in it is logged and goes no further.
pub trait Observer: Send + Sync + 'static {
    /// A child failed.
    fn failure(&self, report: &FailureReport);

    /// A child's state changed.
    fn state_change(&self, change: &StateChange) {
        let _ = change;
    }
}

/// The observer of a tree that was given none: failures go to the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogObserver;

impl Observer for LogObserver {
    fn failure(&self, report: &FailureReport) {
        tracing::warn!(
            actor = %report.path, kind = %report.kind, restarts = report.restarts, next_try = ?report.next_try,
            "{}", report.text
        );
    }
}

/// The wall clock, in milliseconds since the Unix epoch; 0 for a clock that is set before it.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
