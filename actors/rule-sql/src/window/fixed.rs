//! Tumbling and hopping windows.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Complete, MAX_STEPS, WindowRange, aligned_end};
use crate::ast::Unit;
use crate::expr::Row;
use crate::value::Zone;

/// A window of a fixed length that begins anew after a fixed interval.
#[derive(Debug, Clone)]
pub struct FixedWindow {
    length: i64,
    interval: i64,
    natural: (Unit, i64),
    zone: Zone,
    /// The end of the next window; in event time it is known only when a row has come.
    pub(super) next: Option<i64>,
    /// Windows that were passed over since somebody asked.
    pub(super) skipped: u64,
    pub(super) rows: VecDeque<Arc<Row>>,
}

impl FixedWindow {
    pub(super) fn new(
        length: i64,
        interval: i64,
        natural: (Unit, i64),
        event_time: bool,
        start: i64,
        zone: &Zone,
    ) -> Self {
        let next = (!event_time).then(|| aligned_end(start, natural.1, natural.0, zone));
        Self { length, interval, natural, zone: zone.clone(), next, skipped: 0, rows: VecDeque::new() }
    }

    pub(super) fn row(&mut self, row: Arc<Row>) {
        self.rows.push_back(row);
    }

    pub(super) fn next_time(&self) -> Option<i64> {
        self.next
    }

    pub(super) fn advance(&mut self, time: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        if self.next.is_none() {
            let earliest = self.rows.iter().map(|row| row.ts).min().filter(|ts| *ts <= time);
            self.next = earliest.map(|ts| aligned_end(ts, self.natural.1, self.natural.0, &self.zone));
        }
        for _ in 0..MAX_STEPS {
            let Some(end) = self.next.filter(|end| *end <= time) else { return complete };
            complete.push(self.window(end));
            self.next = Some(end.saturating_add(self.interval));
        }
        // What lies so far back that nobody waits for it: go on from the natural end that follows.
        let passed = self.next.filter(|next| *next <= time).map(|next| (time - next) / self.interval.max(1) + 1);
        self.skipped += passed.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        self.next = Some(aligned_end(time, self.natural.1, self.natural.0, &self.zone));
        complete
    }

    fn window(&mut self, end: i64) -> Complete {
        let start = end - self.length;
        while self.rows.front().is_some_and(|row| row.ts < start) {
            self.rows.pop_front();
        }
        let rows = self.rows.iter().filter(|row| row.ts >= start && row.ts < end).cloned().collect();
        // Rows before the beginning of the next window are needed no more.
        let keep_from = start.saturating_add(self.interval);
        self.rows.retain(|row| row.ts >= keep_from);
        Complete { rows, folded: None, range: WindowRange { start, end, trigger: end } }
    }
}
