//! Count windows: the last so many rows, after every so many rows.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Complete, WindowRange};
use crate::expr::Row;

/// The last rows.
#[derive(Debug, Clone)]
pub struct CountWindow {
    length: usize,
    interval: usize,
    pub(super) since: usize,
    pub(super) rows: VecDeque<Arc<Row>>,
}

impl CountWindow {
    /// A window of `length` rows, complete after every `interval` rows.
    pub fn new(length: usize, interval: usize) -> Self {
        Self { length: length.max(1), interval: interval.max(1), since: 0, rows: VecDeque::new() }
    }

    /// A row has come.
    pub fn row(&mut self, row: Arc<Row>) -> Option<Complete> {
        let ts = row.ts;
        self.rows.push_back(row);
        if self.rows.len() > self.length {
            self.rows.pop_front();
        }
        self.since += 1;
        if self.since < self.interval {
            return None;
        }
        self.since = 0;
        if self.rows.len() < self.length {
            return None;
        }
        let start = self.rows.front().map_or(ts, |first| first.ts);
        let rows = self.rows.iter().cloned().collect();
        Some(Complete { rows, folded: None, range: WindowRange { start, end: ts, trigger: ts } })
    }
}
