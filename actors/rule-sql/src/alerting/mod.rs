//! What makes alerts of conditions: how long they hold, and what becomes of an alert that was raised.
//!
//! Everything here is kept apart by a [`Key`], as `PER camera, track->id` gives it, is told the time and never asks for
//! it, and is bounded: what does not fit is forgotten, oldest first, and counted.

mod absence;
mod holding;
mod lifecycle;
mod sequence;
mod timers;

use std::sync::Arc;

pub use absence::{Absence, SavedAbsence};
pub use holding::{Hold, Holding, Over, SHORTEST_SILENCE, SavedHolding};
pub use lifecycle::{
    Acknowledgement, Escalation, Lifecycle, LifecycleCounters, LifecycleSettings, Notice, Phase, SavedLifecycle,
    Silence, Standing, Told,
};

pub use sequence::{MAX_PARTIALS, Match, Matcher, SavedMatcher, Stage};

/// What alerts are kept apart by.
pub type Key = Arc<str>;
