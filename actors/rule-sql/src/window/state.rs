//! State windows: from a row at which a condition holds to the next one, or to one at which another holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Complete, Verdict, WindowRange};
use crate::expr::Row;

#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    pub(super) start: i64,
    pub(super) rows: Vec<Arc<Row>>,
}

/// Rows between conditions, kept apart by partition.
#[derive(Debug, Clone, Default)]
pub struct StateWindow {
    pub(super) open: BTreeMap<String, Open>,
    /// How many rows all of them hold.
    held: usize,
    /// Whether the end has a condition of its own.
    pub(crate) has_end: bool,
}

impl StateWindow {
    pub(super) fn row(&mut self, row: Arc<Row>, verdict: &Verdict) -> Option<Complete> {
        let ts = row.ts;
        let Some(open) = self.open.get_mut(&verdict.partition) else {
            if verdict.triggers {
                let rows = if verdict.enters { vec![row] } else { Vec::new() };
                self.held += rows.len();
                self.open.insert(verdict.partition.clone(), Open { start: ts, rows });
            }
            return None;
        };
        let range = WindowRange { start: open.start, end: ts, trigger: ts };
        let entered = usize::from(verdict.enters);
        if self.has_end {
            self.held += entered;
            if verdict.enters {
                open.rows.push(row);
            }
            if !verdict.ends {
                return None;
            }
            let rows = self.open.remove(&verdict.partition).map(|open| open.rows).unwrap_or_default();
            self.held -= rows.len().min(self.held);
            return Some(Complete { rows, folded: None, range });
        }
        let complete = verdict.triggers.then(|| {
            open.start = ts;
            self.held -= open.rows.len().min(self.held);
            Complete { rows: std::mem::take(&mut open.rows), folded: None, range }
        });
        self.held += entered;
        if verdict.enters {
            open.rows.push(row);
        }
        complete
    }

    pub(super) fn len(&self) -> usize {
        self.held
    }

    pub(super) fn set(&mut self, open: BTreeMap<String, Open>) {
        self.held = open.values().map(|open| open.rows.len()).sum();
        self.open = open;
    }

    /// Forgets the oldest rows of the fullest partition, and returns how many went.
    pub(super) fn bound(&mut self, over: usize) -> usize {
        if over == 0 {
            return 0;
        }
        let Some(fullest) = self.open.values_mut().max_by_key(|open| open.rows.len()) else { return 0 };
        let count = over.min(fullest.rows.len());
        self.held -= count.min(self.held);
        fullest.rows.drain(..count).count()
    }

    /// Past `limit` partitions, gives up an eighth of them, those open for longest, so that the search for the oldest
    /// is rare. Returns how many went.
    pub(super) fn bound_partitions(&mut self, limit: usize) -> usize {
        let before = self.open.len();
        if before <= limit.max(1) {
            return 0;
        }
        let mut starts: Vec<i64> = self.open.values().map(|open| open.start).collect();
        starts.sort_unstable();
        let mut left = before - limit.max(1) + limit / 8;
        let newest = starts.get(left.saturating_sub(1)).copied().unwrap_or(i64::MAX);
        let held = &mut self.held;
        self.open.retain(|_, open| {
            let goes = left > 0 && open.start <= newest;
            if goes {
                left -= 1;
                *held -= open.rows.len().min(*held);
            }
            !goes
        });
        before - self.open.len()
    }
}
