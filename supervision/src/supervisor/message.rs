//! What a supervisor tells itself. Each message about a child carries the child's epoch: when the child has moved on
//! meanwhile, the message is stale, and is dropped.

use ractor::ActorCell;
use ractor::ActorId;

use crate::fault::{Exit, Fault};
use crate::spec::StopOutcome;

/// A supervisor's messages.
pub(crate) enum Msg {
    /// What is wanted has changed.
    Reconcile,
    /// A child's factory returned.
    StartDone { key: u64, epoch: u64, result: Result<ActorCell, Fault> },
    /// A child's factory should have returned by now.
    StartLate { key: u64, epoch: u64 },
    /// A child that was asked to stop, or killed, has ended, or never will.
    StopDone { key: u64, epoch: u64, outcome: StopOutcome },
    /// The time of a child's next start has come.
    RetryDue { key: u64, epoch: u64 },
    /// A child had ended before it was known: take its end in, unless it came by the usual way.
    Ended { cell: ActorId, exit: Exit },
    /// Time to look at the heartbeats.
    CheckHeartbeats,
}
