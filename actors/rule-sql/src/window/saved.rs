//! What a checkpoint keeps of windows and watermarks: what has happened, not what the statement says.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::Open;
use super::{FoldState, Watermarks, Window};
use crate::expr::Row;

type Rows = VecDeque<Arc<Row>>;

/// The state of a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SavedWindow {
    Fixed { next: Option<i64>, rows: Rows },
    Sliding { waiting: VecDeque<i64>, rows: Rows },
    Session { tick: i64, deadline: Option<i64>, start: Option<i64>, rows: Rows },
    Count { since: usize, rows: Rows },
    State { open: Vec<(String, i64, Vec<Arc<Row>>)> },
    Folded(FoldState),
}

impl SavedWindow {
    /// The rows that are held.
    pub fn rows_mut(&mut self) -> Box<dyn Iterator<Item = &mut Arc<Row>> + '_> {
        match self {
            Self::Fixed { rows, .. }
            | Self::Sliding { rows, .. }
            | Self::Session { rows, .. }
            | Self::Count { rows, .. } => Box::new(rows.iter_mut()),
            Self::Folded(state) => Box::new(state.rows_mut()),
            Self::State { open } => Box::new(open.iter_mut().flat_map(|(_, _, rows)| rows.iter_mut())),
        }
    }

    /// Whether all times lie within `limit` milliseconds of 1970.
    pub fn within(&self, limit: i64) -> bool {
        let inside = |t: &i64| (-limit..=limit).contains(t);
        match self {
            Self::Fixed { next, .. } => next.iter().all(inside),
            Self::Sliding { waiting, .. } => waiting.iter().all(inside),
            Self::Session { tick, deadline, start, .. } => {
                [Some(*tick), *deadline, *start].iter().flatten().all(inside)
            }
            Self::Count { .. } => true,
            Self::Folded(state) => state.times().all(|t| inside(&t)),
            Self::State { open } => open.iter().all(|(_, start, _)| inside(start)),
        }
    }
}

impl Window {
    /// The state.
    pub fn save(&self) -> SavedWindow {
        match self {
            Self::Fixed(w) => SavedWindow::Fixed { next: w.next, rows: w.rows.clone() },
            Self::Sliding(w) => SavedWindow::Sliding { waiting: w.waiting.clone(), rows: w.rows.clone() },
            Self::Session(w) => {
                SavedWindow::Session { tick: w.tick, deadline: w.deadline, start: w.start, rows: w.rows.clone() }
            }
            Self::Count(w) => SavedWindow::Count { since: w.since, rows: w.rows.clone() },
            Self::Folded(w) => SavedWindow::Folded(w.state.clone()),
            Self::State(w) => {
                let open = w.open.iter().map(|(key, open)| (key.clone(), open.start, open.rows.clone())).collect();
                SavedWindow::State { open }
            }
        }
    }

    /// Takes up a state. `false`: it is that of another kind of window.
    #[must_use]
    pub fn restore(&mut self, saved: SavedWindow) -> bool {
        match (self, saved) {
            (Self::Fixed(w), SavedWindow::Fixed { next, rows }) => (w.next, w.rows) = (next, rows),
            (Self::Sliding(w), SavedWindow::Sliding { waiting, rows }) => (w.waiting, w.rows) = (waiting, rows),
            (Self::Session(w), SavedWindow::Session { tick, deadline, start, rows }) => {
                (w.tick, w.deadline, w.start, w.rows) = (tick, deadline, start, rows);
            }
            (Self::Count(w), SavedWindow::Count { since, rows }) => (w.since, w.rows) = (since, rows),
            (Self::State(w), SavedWindow::State { open }) => {
                w.set(open.into_iter().map(|(key, start, rows)| (key, Open { start, rows })).collect());
            }
            (Self::Folded(w), SavedWindow::Folded(state)) => return w.restore(state),
            _ => return false,
        }
        true
    }
}

/// The state of the watermarks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedWatermarks {
    pub(super) seen: Vec<(i64, i64)>,
    /// The rows that wait.
    pub held: Rows,
    pub(super) current: i64,
    pub(super) late: u64,
}

impl SavedWatermarks {
    /// Whether all times lie within `limit` milliseconds of 1970.
    pub fn within(&self, limit: i64) -> bool {
        let inside = |t: i64| (-limit..=limit).contains(&t);
        inside(self.current) && self.seen.iter().all(|(ts, at)| inside(*ts) && inside(*at))
    }
}

impl Watermarks {
    /// The state.
    pub fn save(&self) -> SavedWatermarks {
        SavedWatermarks { seen: self.seen.clone(), held: self.held.clone(), current: self.current, late: self.late }
    }

    /// Takes up a state. `false`: it is that of another number of streams.
    #[must_use]
    pub fn restore(&mut self, saved: SavedWatermarks) -> bool {
        if saved.seen.len() != self.seen.len() {
            return false;
        }
        (self.seen, self.held, self.current, self.late) = (saved.seen, saved.held, saved.current, saved.late);
        true
    }
}
