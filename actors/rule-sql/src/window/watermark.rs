//! Event time: rows are held until no earlier one is expected, and let go in the order of their times.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::expr::Row;

/// What a row or the passing of time has let go.
#[derive(Debug, Clone)]
pub enum Released {
    /// A row, in the order of times.
    Row(Arc<Row>),
    /// No row with an earlier time will follow.
    Watermark(i64),
}

/// The watermark: the least of the greatest times seen of each source, less the tolerance for late rows.
#[derive(Debug, Clone)]
pub struct Watermarks {
    tolerance: i64,
    /// The greatest time of each source, and when (by the clock) it last brought a row.
    pub(super) seen: Vec<(i64, i64)>,
    idle_timeout: Option<i64>,
    pub(super) held: VecDeque<Arc<Row>>,
    pub(super) current: i64,
    /// Rows that came too late.
    pub late: u64,
}

impl Watermarks {
    /// For so many sources. A source that brings nothing for `idle_timeout` milliseconds no longer holds the others up.
    pub fn new(sources: usize, tolerance: i64, idle_timeout: Option<i64>, now: i64) -> Self {
        Self {
            tolerance,
            // Before its first row a source has seen just the tolerance: the watermark stands at 0.
            seen: vec![(tolerance, now); sources],
            idle_timeout,
            held: VecDeque::new(),
            current: 0,
            late: 0,
        }
    }

    /// The watermark.
    pub fn current(&self) -> i64 {
        self.current
    }

    /// How many rows are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// The rows that are held.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.held.iter()
    }

    /// Whether no row is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Forgets the oldest rows that wait until `limit` are left, and returns how many went.
    pub fn bound(&mut self, limit: usize) -> usize {
        let over = self.held.len().saturating_sub(limit);
        self.held.drain(..over).count()
    }

    /// A row of source number `source` has come at `now`.
    pub fn row(&mut self, source: usize, row: Arc<Row>, now: i64) -> Vec<Released> {
        if let Some(seen) = self.seen.get_mut(source) {
            *seen = (seen.0.max(row.ts), now);
        }
        if row.ts < self.current {
            self.late += 1;
            return Vec::new();
        }
        let place = self.held.partition_point(|held| held.ts <= row.ts);
        self.held.insert(place, row);
        self.release(now)
    }

    /// When the next source becomes idle unless it brings something.
    pub fn next_idle(&self, now: i64) -> Option<i64> {
        let timeout = self.idle_timeout?;
        self.seen.iter().map(|(_, last)| last.saturating_add(timeout)).filter(|idle| *idle > now).min()
    }

    /// Time has passed: sources may have become idle.
    pub fn advance(&mut self, now: i64) -> Vec<Released> {
        if self.idle_timeout.is_none() { Vec::new() } else { self.release(now) }
    }

    fn release(&mut self, now: i64) -> Vec<Released> {
        let active = |last: i64| self.idle_timeout.is_none_or(|timeout| now - last < timeout);
        let least = self.seen.iter().filter(|(_, last)| active(*last)).map(|(ts, _)| *ts).min();
        // When all are idle, the last row stays the measure.
        let Some(least) = least.or_else(|| self.seen.iter().map(|(ts, _)| *ts).max()) else { return Vec::new() };
        let watermark = least - self.tolerance;
        let mut released = Vec::new();
        if watermark <= self.current {
            return released;
        }
        while let Some(row) = self.held.pop_front_if(|row| row.ts <= watermark) {
            released.push(Released::Row(row));
        }
        self.current = watermark;
        released.push(Released::Watermark(watermark));
        released
    }
}
