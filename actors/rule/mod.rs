//! Rule actors: one for each file in `rules/`. Evaluation is pure ([`Program`]); the actor ([`Judge`]) feeds it, carries what it
//! says, and writes it down.
//!
//! What a restart keeps: the program is written down with each alert, in the same batch, and about once a second while it
//! changes. An actor that fails goes on from what was written down last and hears again what came since, which its feed
//! remembers; a site that is killed hears it again from the event log. So neither loses a window or fires twice: an alert that is
//! judged again has the same id, and is not raised again.
//!
//! What may be lost: frames without objects are not in the event log (but for the first after others), nor are statuses and alerts of
//! other rules, nor what did not fit into the log; a site that is killed does not hear those of its last second again. Events that
//! the log drops are counted (`parapet_events_dropped_total{edge="store"}`). When a rule's file changes, its state begins anew.

mod boards;
mod classic;
mod feed;
mod frames;
mod horizon;
mod judge;
mod memory;
mod program;
mod schedule;
mod selection;

pub use boards::{SilenceBoard, TableBoard};
pub use feed::{Command, RuleFeed, RuleStatus};
pub use judge::Judge;
pub use program::{
    CLOCK_JUMPED, CLOCK_WAS_SET, Compiled, LATE_IN_A_ROW, LATENESS, Program, Tables, compile, conditions,
};

pub(crate) use program::{others, rows};
pub(crate) use selection::Selection;

/// Observations that wait for a rule at most; the oldest goes first. Each may hold a decoder's buffer.
pub const CAPACITY: usize = 16;
/// What waits for a rule besides frames at most; the oldest goes first.
pub const OTHERS_CAPACITY: usize = 1_024;

#[cfg(test)]
mod classic_tests;
#[cfg(test)]
pub(crate) mod samples;
