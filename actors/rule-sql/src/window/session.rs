//! Session windows: rows that follow each other without a gap longer than the timeout, cut at natural ends when they
//! last longer than the length.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Complete, MAX_STEPS, WindowRange, aligned_end};
use crate::ast::Unit;
use crate::expr::Row;
use crate::value::Zone;

/// Rows without a long gap.
#[derive(Debug, Clone)]
pub struct SessionWindow {
    length: i64,
    timeout: i64,
    natural: (Unit, i64),
    zone: Zone,
    event_time: bool,
    /// Processing time: the next natural end.
    pub(super) tick: i64,
    /// Processing time: when the silence has lasted for the timeout.
    pub(super) deadline: Option<i64>,
    /// Where the window began; after a cut, where the one before ended.
    pub(super) start: Option<i64>,
    pub(super) rows: VecDeque<Arc<Row>>,
}

impl SessionWindow {
    pub(super) fn new(
        length: i64,
        timeout: i64,
        natural: (Unit, i64),
        event_time: bool,
        start: i64,
        zone: &Zone,
    ) -> Self {
        let tick = aligned_end(start, natural.1, natural.0, zone);
        Self {
            length,
            timeout,
            natural,
            zone: zone.clone(),
            event_time,
            tick,
            deadline: None,
            start: None,
            rows: VecDeque::new(),
        }
    }

    pub(super) fn row(&mut self, row: Arc<Row>) {
        if self.start.is_none() {
            // Rows may be left that came before it, when the session before has ended.
            self.start = Some(self.rows.front().map_or(row.ts, |first| first.ts));
        }
        self.deadline = Some(row.ts.saturating_add(self.timeout));
        self.rows.push_back(row);
    }

    pub(super) fn next_time(&self) -> Option<i64> {
        if self.event_time || self.rows.is_empty() {
            return None;
        }
        Some(self.deadline.map_or(self.tick, |d| d.min(self.tick)))
    }

    pub(super) fn advance(&mut self, time: i64) -> Vec<Complete> {
        if self.event_time { self.by_watermark(time) } else { self.by_clock(time) }
    }

    fn by_clock(&mut self, now: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        for _ in 0..MAX_STEPS {
            let timed_out = self.deadline.filter(|d| *d <= now && *d <= self.tick);
            if let Some(deadline) = timed_out {
                self.deadline = None;
                if !self.rows.is_empty() {
                    complete.push(self.cut(deadline, true));
                }
                self.start = None;
                continue;
            }
            if self.tick > now {
                return complete;
            }
            let tick = self.tick;
            self.tick += self.length;
            if self.rows.front().is_some_and(|first| tick - first.ts >= self.length) {
                complete.push(self.cut(tick, false));
                self.start = Some(tick);
            }
        }
        self.tick = aligned_end(now, self.natural.1, self.natural.0, &self.zone);
        complete
    }

    fn by_watermark(&mut self, watermark: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        while let Some((end, cut)) = self.next_end(watermark).filter(|(end, _)| *end <= watermark) {
            let before = self.rows.len();
            if self.start.is_none() {
                self.start = self.rows.front().map(|row| row.ts);
            }
            complete.push(self.cut(end, false));
            self.start = cut.then_some(end);
            if self.rows.len() == before {
                break;
            }
        }
        complete
    }

    /// Where the first session among the rows ends, and whether that is a cut at its greatest length.
    fn next_end(&self, watermark: i64) -> Option<(i64, bool)> {
        let first = self.rows.front()?.ts;
        let mut tick = aligned_end(first, self.natural.1, self.natural.0, &self.zone);
        let mut previous: Option<i64> = None;
        for row in &self.rows {
            let silence = previous.filter(|p| row.ts - p > self.timeout).map(|p| p + self.timeout);
            let mut cut = None;
            if row.ts > tick {
                if tick - self.length > first {
                    cut = Some(tick);
                }
                tick += self.length;
            }
            match (silence, cut) {
                (Some(silence), Some(cut)) if cut < silence => return Some((cut, true)),
                (Some(silence), _) => return Some((silence, false)),
                (None, Some(cut)) => return Some((cut, true)),
                (None, None) => {}
            }
            previous = Some(row.ts);
        }
        previous.filter(|p| watermark - p > self.timeout).map(|p| (p + self.timeout, false))
    }

    fn cut(&mut self, end: i64, all: bool) -> Complete {
        let start = self.start.unwrap_or(end - self.length);
        let count = if all { self.rows.len() } else { self.rows.iter().take_while(|row| row.ts < end).count() };
        let rows = self.rows.drain(..count).collect();
        Complete { rows, folded: None, range: WindowRange { start, end, trigger: end } }
    }
}
