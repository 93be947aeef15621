//! Windows: which rows belong together, and when they are complete.
//!
//! A window is told of rows and of the time that has come, and answers with the windows that are complete. In
//! processing time, the time is the engine's clock; in event time, it is the watermark, and rows come in the order of
//! their times. Intervals include their beginning and exclude their end; a sliding window without delay includes the
//! row that triggered it.

mod align;
mod count;
mod dedup;
mod fixed;
mod saved;
mod session;
mod sliding;
mod state;
mod watermark;

use std::collections::VecDeque;
use std::sync::Arc;

pub use align::aligned_end;
pub use count::CountWindow;
pub use dedup::TakenSpans;
pub use saved::{SavedWatermarks, SavedWindow};
pub use state::StateWindow;
pub use watermark::{Released, Watermarks};

use crate::expr::Row;
pub use crate::expr::WindowRange;
use crate::plan::PlanWindowKind;
use crate::value::Zone;
use fixed::FixedWindow;
use session::SessionWindow;
use sliding::SlidingWindow;

/// A complete window.
#[derive(Debug, Clone)]
pub struct Complete {
    /// Its rows, in the order of their times.
    pub rows: Vec<Arc<Row>>,
    /// The time it covers.
    pub range: WindowRange,
}

/// What the conditions of a window say about a row.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Whether FILTER lets it in.
    pub enters: bool,
    /// Sliding: whether it triggers. State: whether it begins a window.
    pub triggers: bool,
    /// State: whether it ends one.
    pub ends: bool,
    /// State: what it is kept apart by.
    pub partition: String,
}

/// A window of any kind.
#[derive(Debug, Clone)]
pub enum Window {
    /// Tumbling or hopping.
    Fixed(FixedWindow),
    /// Sliding.
    Sliding(SlidingWindow),
    /// Session.
    Session(SessionWindow),
    /// Count.
    Count(CountWindow),
    /// State.
    State(StateWindow),
}

impl Window {
    /// A window without rows. `start` is the engine's time; windows end at natural times of `zone`.
    pub fn new(kind: &PlanWindowKind, event_time: bool, start: i64, zone: &Zone) -> Self {
        match kind {
            PlanWindowKind::Tumbling { unit, raw, length } => {
                Self::Fixed(FixedWindow::new(*length, *length, (*unit, *raw), event_time, start, zone))
            }
            PlanWindowKind::Hopping { unit, raw, length, interval } => {
                Self::Fixed(FixedWindow::new(*length, *interval, (*unit, *raw), event_time, start, zone))
            }
            PlanWindowKind::Sliding { length, delay } => Self::Sliding(SlidingWindow::new(*length, *delay, event_time)),
            PlanWindowKind::Session { unit, raw, length, timeout } => {
                Self::Session(SessionWindow::new(*length, *timeout, (*unit, *raw), event_time, start, zone))
            }
            PlanWindowKind::Count { length, interval } => Self::Count(CountWindow::new(*length, *interval)),
            PlanWindowKind::State { .. } => Self::State(StateWindow::default()),
        }
    }

    /// A row has come. In processing time the clock has been advanced to its time before.
    pub fn row(&mut self, row: Arc<Row>, verdict: &Verdict) -> Vec<Complete> {
        match self {
            Self::Fixed(window) => {
                if verdict.enters {
                    window.row(row);
                }
                Vec::new()
            }
            Self::Sliding(window) => window.row(row, verdict),
            Self::Session(window) => {
                if verdict.enters {
                    window.row(row);
                }
                Vec::new()
            }
            Self::Count(window) => if verdict.enters { window.row(row) } else { None }.into_iter().collect(),
            Self::State(window) => window.row(row, verdict).into_iter().collect(),
        }
    }

    /// The time has come this far: the clock, or the watermark.
    pub fn advance(&mut self, time: i64) -> Vec<Complete> {
        match self {
            Self::Fixed(window) => window.advance(time),
            Self::Sliding(window) => window.advance(time),
            Self::Session(window) => window.advance(time),
            Self::Count(_) | Self::State(_) => Vec::new(),
        }
    }

    /// The next time at which something may be complete, if any is known.
    pub fn next_time(&self) -> Option<i64> {
        match self {
            Self::Fixed(window) => window.next_time(),
            Self::Sliding(window) => window.next_time(),
            Self::Session(window) => window.next_time(),
            Self::Count(_) | Self::State(_) => None,
        }
    }

    /// How many windows were passed over since this was last asked, because the time jumped too far.
    pub fn take_skipped(&mut self) -> u64 {
        if let Self::Fixed(window) = self { std::mem::take(&mut window.skipped) } else { 0 }
    }

    /// How many rows are held.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(window) => window.rows.len(),
            Self::Sliding(window) => window.rows.len(),
            Self::Session(window) => window.rows.len(),
            Self::Count(window) => window.rows.len(),
            Self::State(window) => window.len(),
        }
    }

    /// Whether no row is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives up the partitions that are open for longest until `limit` are left, and returns how many went.
    pub fn bound_partitions(&mut self, limit: usize) -> usize {
        if let Self::State(window) = self { window.bound_partitions(limit) } else { 0 }
    }

    /// Forgets the oldest rows until `limit` are left, and returns how many went.
    pub fn bound(&mut self, limit: usize) -> usize {
        let over = self.len().saturating_sub(limit);
        let rows: &mut VecDeque<Arc<Row>> = match self {
            Self::Fixed(window) => &mut window.rows,
            Self::Sliding(window) => {
                let waiting = window.waiting.len().saturating_sub(limit);
                window.waiting.drain(..waiting);
                &mut window.rows
            }
            Self::Session(window) => &mut window.rows,
            Self::Count(window) => &mut window.rows,
            Self::State(window) => return window.bound(over),
        };
        rows.drain(..over.min(rows.len())).count()
    }
}

/// How many windows one step of time may complete: a jump of the clock over years does not hold the engine up.
const MAX_STEPS: usize = 10_000;
