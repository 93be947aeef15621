//! Sliding windows: one for each row that triggers, reaching back from it and, with a delay, forward.
//!
//! In event time a window waits for the watermark to reach its trigger: rows of the same time belong to it in whatever
//! order they came.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Complete, Verdict, WindowRange};
use crate::expr::Row;

/// A window that reaches back from each row that triggers.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    length: i64,
    delay: i64,
    event_time: bool,
    /// The times of rows whose windows wait for the delay to pass, oldest first.
    pub(super) waiting: VecDeque<i64>,
    pub(super) rows: VecDeque<Arc<Row>>,
}

impl SlidingWindow {
    pub(super) fn new(length: i64, delay: i64, event_time: bool) -> Self {
        Self { length, delay, event_time, waiting: VecDeque::new(), rows: VecDeque::new() }
    }

    pub(super) fn row(&mut self, row: Arc<Row>, verdict: &Verdict) -> Vec<Complete> {
        if !verdict.enters {
            return Vec::new();
        }
        let ts = row.ts;
        self.rows.push_back(row);
        let mut complete = Vec::new();
        if verdict.triggers {
            if self.delay > 0 || self.event_time {
                self.waiting.push_back(ts);
            } else {
                complete.push(self.window(ts));
            }
        }
        self.forget(ts);
        complete
    }

    pub(super) fn next_time(&self) -> Option<i64> {
        self.waiting.front().map(|ts| ts.saturating_add(self.delay))
    }

    pub(super) fn advance(&mut self, time: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        while let Some(trigger) = self.waiting.front().copied().filter(|ts| ts.saturating_add(self.delay) <= time) {
            self.waiting.pop_front();
            complete.push(self.window(trigger));
        }
        complete
    }

    /// Without a delay the trigger itself belongs to the window; with one, the end is open.
    fn window(&self, trigger: i64) -> Complete {
        let (start, end) = (trigger - self.length, trigger + self.delay);
        let inside = |ts: i64| ts >= start && (ts < end || (self.delay == 0 && ts == end));
        let rows = self.rows.iter().filter(|r| inside(r.ts)).cloned().collect();
        Complete { rows, folded: None, range: WindowRange { start, end, trigger: end } }
    }

    /// Forgets rows that no window to come can hold.
    fn forget(&mut self, now: i64) {
        let oldest = self.waiting.front().copied().unwrap_or(now).min(now);
        let keep_from = oldest.saturating_sub(self.length);
        while self.rows.front().is_some_and(|row| row.ts < keep_from) {
            self.rows.pop_front();
        }
    }
}
