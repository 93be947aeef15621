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
mod folded;
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
pub use folded::{Entry, FoldState, Folded, FoldedGroup, FoldedWindow, Place};
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
    /// What its rows were folded into, when they were not kept.
    pub folded: Option<Folded>,
    /// The time it covers.
    pub range: WindowRange,
}

impl Complete {
    fn folded(folded: Folded, range: WindowRange) -> Self {
        Self { rows: Vec::new(), folded: Some(folded), range }
    }
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
    /// Of any kind that need not keep its rows.
    Folded(Box<FoldedWindow>),
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
            // Its rows come with what they are folded with.
            Self::Folded(_) => Vec::new(),
        }
    }

    /// As [`Window::row`], for a window that folds its rows.
    pub fn entry(&mut self, row: &Arc<Row>, entry: &Entry) -> Vec<Complete> {
        if let Self::Folded(window) = self { window.row(row, entry).into_iter().collect() } else { Vec::new() }
    }

    /// The time has come this far: the clock, or the watermark.
    pub fn advance(&mut self, time: i64) -> Vec<Complete> {
        match self {
            Self::Fixed(window) => window.advance(time),
            Self::Sliding(window) => window.advance(time),
            Self::Session(window) => window.advance(time),
            Self::Folded(window) => window.advance(time),
            Self::Count(_) | Self::State(_) => Vec::new(),
        }
    }

    /// The next time at which something may be complete, if any is known.
    pub fn next_time(&self) -> Option<i64> {
        match self {
            Self::Fixed(window) => window.next_time(),
            Self::Sliding(window) => window.next_time(),
            Self::Session(window) => window.next_time(),
            Self::Folded(window) => window.next_time(),
            Self::Count(_) | Self::State(_) => None,
        }
    }

    /// How many windows were passed over since this was last asked, because the time jumped too far.
    pub fn take_skipped(&mut self) -> u64 {
        match self {
            Self::Fixed(window) => std::mem::take(&mut window.skipped),
            Self::Folded(window) => std::mem::take(&mut window.skipped),
            _ => 0,
        }
    }

    /// How many rows were refused since this was last asked, because their window had too many groups.
    pub fn take_refused(&mut self) -> u64 {
        if let Self::Folded(window) = self { window.take_refused() } else { 0 }
    }

    /// The rows that are held.
    pub fn rows(&self) -> Box<dyn Iterator<Item = &Arc<Row>> + '_> {
        match self {
            Self::Fixed(window) => Box::new(window.rows.iter()),
            Self::Sliding(window) => Box::new(window.rows.iter()),
            Self::Session(window) => Box::new(window.rows.iter()),
            Self::Count(window) => Box::new(window.rows.iter()),
            Self::State(window) => Box::new(window.open.values().flat_map(|open| &open.rows)),
            Self::Folded(window) => Box::new(window.state.rows()),
        }
    }

    /// How many rows are held.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(window) => window.rows.len(),
            Self::Sliding(window) => window.rows.len(),
            Self::Session(window) => window.rows.len(),
            Self::Count(window) => window.rows.len(),
            Self::State(window) => window.len(),
            Self::Folded(window) => window.state.rows().count(),
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
        if matches!(self, Self::Folded(_)) {
            // It keeps a row a group, and has a bound of its own for groups.
            return 0;
        }
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
            Self::Folded(_) => return 0,
        };
        rows.drain(..over.min(rows.len())).count()
    }
}

/// How many windows one step of time may complete: a jump of the clock over years does not hold the engine up.
const MAX_STEPS: usize = 10_000;
