//! State windows: from a row at which a condition holds to the next one, or to one at which another holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Complete, Verdict, WindowRange};
use crate::expr::Row;

#[derive(Debug, Clone, Default)]
struct Open {
    start: i64,
    rows: Vec<Arc<Row>>,
}

/// Rows between conditions, kept apart by partition.
#[derive(Debug, Clone, Default)]
pub struct StateWindow {
    open: BTreeMap<String, Open>,
    /// Whether the end has a condition of its own.
    pub(crate) has_end: bool,
}

impl StateWindow {
    pub(super) fn row(&mut self, row: Arc<Row>, verdict: &Verdict) -> Option<Complete> {
        let ts = row.ts;
        let Some(open) = self.open.get_mut(&verdict.partition) else {
            if verdict.triggers {
                let rows = if verdict.enters { vec![row] } else { Vec::new() };
                self.open.insert(verdict.partition.clone(), Open { start: ts, rows });
            }
            return None;
        };
        let range = WindowRange { start: open.start, end: ts, trigger: ts };
        if self.has_end {
            if verdict.enters {
                open.rows.push(row);
            }
            if !verdict.ends {
                return None;
            }
            let rows = self.open.remove(&verdict.partition).map(|open| open.rows).unwrap_or_default();
            return Some(Complete { rows, range });
        }
        let complete = verdict.triggers.then(|| {
            open.start = ts;
            Complete { rows: std::mem::take(&mut open.rows), range }
        });
        if verdict.enters {
            open.rows.push(row);
        }
        complete
    }

    pub(super) fn len(&self) -> usize {
        self.open.values().map(|open| open.rows.len()).sum()
    }

    /// Forgets the oldest rows of the fullest partition, and returns how many went.
    pub(super) fn bound(&mut self, over: usize) -> usize {
        let Some(fullest) = self.open.values_mut().max_by_key(|open| open.rows.len()) else { return 0 };
        let count = over.min(fullest.rows.len());
        fullest.rows.drain(..count).count()
    }
}
