//! Windows that fold each row into the results of its groups as it comes, and keep no others than each group's first.
//!
//! Which rows belong together is the same as for the windows that keep them ([`super::fixed`], [`super::session`],
//! [`super::count`]). A row waits only until it is known where it belongs: in event time until the watermark comes, and in
//! a session at its greatest length until the next row shows whether it is cut there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Complete, MAX_STEPS, WindowRange, aligned_end};
use crate::ast::Unit;
use crate::expr::Row;
use crate::functions::Fold;
use crate::plan::{Folding, PlanWindowKind};
use crate::value::{Value, Zone};

/// What a window is told of a row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Entry {
    /// What the conditions say.
    pub place: Place,
    /// The group.
    pub key: String,
    /// The argument of each aggregate, or why there is none.
    pub arguments: Vec<Result<Value, String>>,
}

/// Where a row goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// WHERE does not hold.
    #[default]
    Nowhere,
    /// Into its group.
    Group,
    /// WHERE failed.
    WhereFailed(String),
    /// A key of GROUP BY failed.
    KeyFailed(String),
}

/// The rows of one window, folded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Folded {
    /// How many rows the window held.
    pub rows: u64,
    /// The groups, in the order of their first rows.
    pub groups: Vec<FoldedGroup>,
    #[serde(skip)]
    by_key: HashMap<Arc<str>, usize>,
    /// The first failure of WHERE, and of GROUP BY: each fails the window as a whole.
    pub failed: (Option<String>, Option<String>),
    /// The time of the first row.
    begun: Option<i64>,
}

/// One group of a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FoldedGroup {
    key: Arc<str>,
    /// Its first row.
    pub first: Arc<Row>,
    /// Its aggregates.
    pub folds: Vec<Fold>,
}

/// The state of a folded window.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FoldState {
    /// The next end; of a session, the next end at its greatest length.
    next: Option<i64>,
    deadline: Option<i64>,
    start: Option<i64>,
    /// A session in event time: the times of its first and its last row.
    first: Option<i64>,
    previous: Option<i64>,
    /// The windows that rows have come for, the next first.
    open: VecDeque<Folded>,
    /// Rows that nobody has looked at yet.
    ahead: VecDeque<(Arc<Row>, Entry)>,
    /// Rows at the end of a session at its greatest length: they may belong to the next.
    undecided: VecDeque<(Arc<Row>, Entry)>,
}

#[derive(Debug, Clone)]
enum Shape {
    Fixed { length: i64, interval: i64 },
    Session { length: i64, timeout: i64 },
    Count { length: u64 },
}

/// A window that folds its rows.
#[derive(Debug, Clone)]
pub struct FoldedWindow {
    shape: Shape,
    natural: (Unit, i64),
    zone: Zone,
    event_time: bool,
    folding: Arc<Folding>,
    /// How many groups a window may have; rows of others are refused.
    max_groups: usize,
    refused: u64,
    pub(super) skipped: u64,
    pub(super) state: FoldState,
}

impl Folded {
    fn add(&mut self, row: &Arc<Row>, entry: &Entry, folding: &Folding, max_groups: usize) -> bool {
        self.rows += 1;
        self.begun.get_or_insert(row.ts);
        match &entry.place {
            Place::Nowhere => {}
            Place::WhereFailed(e) => drop(self.failed.0.get_or_insert_with(|| e.clone())),
            Place::KeyFailed(e) => drop(self.failed.1.get_or_insert_with(|| e.clone())),
            Place::Group => return self.fold(row, entry, folding, max_groups),
        }
        true
    }

    /// `false`: there are too many groups for another.
    fn fold(&mut self, row: &Arc<Row>, entry: &Entry, folding: &Folding, max_groups: usize) -> bool {
        let number = match self.by_key.get(entry.key.as_str()) {
            Some(number) => *number,
            None if self.groups.len() >= max_groups => return false,
            None => {
                let key: Arc<str> = Arc::from(entry.key.as_str());
                let folds = folding.calls.iter().map(|call| call.fold.clone()).collect();
                self.groups.push(FoldedGroup { key: Arc::clone(&key), first: Arc::clone(row), folds });
                self.by_key.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        if let Some(group) = self.groups.get_mut(number) {
            for (fold, argument) in group.folds.iter_mut().zip(&entry.arguments) {
                fold.add(argument);
            }
        }
        true
    }
}

impl FoldState {
    /// The rows that are held.
    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = &mut Arc<Row>> {
        let firsts = self.open.iter_mut().flat_map(|folded| folded.groups.iter_mut().map(|group| &mut group.first));
        firsts.chain(self.ahead.iter_mut().chain(&mut self.undecided).map(|(row, _)| row))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        let firsts = self.open.iter().flat_map(|folded| folded.groups.iter().map(|group| &group.first));
        firsts.chain(self.ahead.iter().chain(&self.undecided).map(|(row, _)| row))
    }

    pub(super) fn times(&self) -> impl Iterator<Item = i64> + '_ {
        let own = [self.next, self.deadline, self.start, self.first, self.previous];
        own.into_iter().flatten().chain(self.open.iter().filter_map(|folded| folded.begun))
    }
}

impl FoldedWindow {
    /// `None`: windows of this kind keep their rows.
    pub fn new(
        kind: &PlanWindowKind,
        folding: &Arc<Folding>,
        event_time: bool,
        start: i64,
        zone: &Zone,
        max_groups: usize,
    ) -> Option<Self> {
        let (shape, natural) = match kind {
            PlanWindowKind::Tumbling { unit, raw, length } => {
                (Shape::Fixed { length: *length, interval: *length }, (*unit, *raw))
            }
            PlanWindowKind::Hopping { unit, raw, length, interval } => {
                (Shape::Fixed { length: *length, interval: *interval }, (*unit, *raw))
            }
            PlanWindowKind::Session { unit, raw, length, timeout } => {
                (Shape::Session { length: *length, timeout: *timeout }, (*unit, *raw))
            }
            PlanWindowKind::Count { length, .. } => {
                (Shape::Count { length: (*length).max(1) as u64 }, (Unit::Milli, 1))
            }
            PlanWindowKind::Sliding { .. } | PlanWindowKind::State { .. } => return None,
        };
        // In event time, the first row tells where windows end.
        let by_clock = !event_time && !matches!(shape, Shape::Count { .. });
        let next = by_clock.then(|| aligned_end(start, natural.1, natural.0, zone));
        Some(Self {
            shape,
            natural,
            zone: zone.clone(),
            event_time,
            folding: Arc::clone(folding),
            max_groups,
            refused: 0,
            skipped: 0,
            state: FoldState { next, ..FoldState::default() },
        })
    }

    /// How many rows were refused since this was last asked, because their window had too many groups.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn aligned(&self, time: i64) -> i64 {
        aligned_end(time, self.natural.1, self.natural.0, &self.zone)
    }

    pub(super) fn row(&mut self, row: &Arc<Row>, entry: &Entry) -> Option<Complete> {
        match self.shape {
            Shape::Fixed { length, interval } => match self.state.next {
                Some(next) if row.ts < next => self.fold_fixed(row, entry, next, length, interval),
                _ => self.state.ahead.push_back((Arc::clone(row), entry.clone())),
            },
            Shape::Session { .. } if self.event_time => self.state.ahead.push_back((Arc::clone(row), entry.clone())),
            Shape::Session { timeout, .. } => {
                self.state.start.get_or_insert(row.ts);
                self.state.deadline = Some(row.ts.saturating_add(timeout));
                self.add(0, row, entry);
            }
            Shape::Count { length } => {
                self.add(0, row, entry);
                if self.state.open.front().is_some_and(|folded| folded.rows >= length) {
                    let folded = self.state.open.pop_front().unwrap_or_default();
                    let start = folded.begun.unwrap_or(row.ts);
                    return Some(Complete::folded(folded, WindowRange { start, end: row.ts, trigger: row.ts }));
                }
            }
        }
        None
    }

    /// Folds a row into the open window of this number.
    fn add(&mut self, number: usize, row: &Arc<Row>, entry: &Entry) {
        while self.state.open.len() <= number {
            self.state.open.push_back(Folded::default());
        }
        if let Some(folded) = self.state.open.get_mut(number)
            && !folded.add(row, entry, &self.folding, self.max_groups)
        {
            self.refused += 1;
        }
    }

    pub(super) fn next_time(&self) -> Option<i64> {
        match self.shape {
            Shape::Fixed { .. } => self.state.next,
            Shape::Session { .. } if !self.event_time && !self.state.open.is_empty() => {
                [self.state.deadline, self.state.next].into_iter().flatten().min()
            }
            Shape::Session { .. } | Shape::Count { .. } => None,
        }
    }

    pub(super) fn advance(&mut self, time: i64) -> Vec<Complete> {
        match self.shape {
            Shape::Fixed { length, interval } => self.advance_fixed(time, length, interval),
            Shape::Session { length, timeout } if self.event_time => self.session_by_watermark(time, length, timeout),
            Shape::Session { length, .. } => self.session_by_clock(time, length),
            Shape::Count { .. } => Vec::new(),
        }
    }

    /// A row goes into each window that it lies in; it lies before the end of the next one.
    fn fold_fixed(&mut self, row: &Arc<Row>, entry: &Entry, next: i64, length: i64, interval: i64) {
        let (mut end, mut number) = (next, 0);
        while end.saturating_sub(length) <= row.ts {
            self.add(number, row, entry);
            (end, number) = (end.saturating_add(interval.max(1)), number + 1);
        }
    }

    fn catch_up(&mut self, length: i64, interval: i64) {
        let Some(next) = self.state.next else { return };
        while let Some((row, entry)) = self.state.ahead.pop_front_if(|(row, _)| row.ts < next) {
            self.fold_fixed(&row, &entry, next, length, interval);
        }
    }

    fn advance_fixed(&mut self, time: i64, length: i64, interval: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        if self.state.next.is_none() {
            let earliest = self.state.ahead.iter().map(|(row, _)| row.ts).min().filter(|ts| *ts <= time);
            self.state.next = earliest.map(|ts| self.aligned(ts));
        }
        self.catch_up(length, interval);
        for _ in 0..MAX_STEPS {
            let Some(end) = self.state.next.filter(|end| *end <= time) else { return complete };
            let folded = self.state.open.pop_front().unwrap_or_default();
            complete.push(Complete::folded(folded, WindowRange { start: end - length, end, trigger: end }));
            self.state.next = Some(end.saturating_add(interval));
            self.catch_up(length, interval);
        }
        // What lies so far back that nobody waits for it: go on from the natural end that follows.
        let passed = self.state.next.filter(|next| *next <= time).map(|next| (time - next) / interval.max(1) + 1);
        self.skipped += passed.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        if passed.is_some() {
            self.state.open.clear();
        }
        self.state.next = Some(self.aligned(time));
        self.catch_up(length, interval);
        complete
    }

    fn session_by_clock(&mut self, now: i64, length: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        for _ in 0..MAX_STEPS {
            let Some(tick) = self.state.next else { return complete };
            let timed_out = self.state.deadline.filter(|d| *d <= now && *d <= tick);
            if let Some(deadline) = timed_out {
                self.state.deadline = None;
                complete.extend(self.cut(deadline, length));
                self.state.start = None;
                continue;
            }
            if tick > now {
                return complete;
            }
            self.state.next = Some(tick.saturating_add(length));
            if self.state.open.front().and_then(|folded| folded.begun).is_some_and(|first| tick - first >= length) {
                complete.extend(self.cut(tick, length));
                self.state.start = Some(tick);
            }
        }
        self.state.next = Some(self.aligned(now));
        complete
    }

    fn cut(&mut self, end: i64, length: i64) -> Option<Complete> {
        let start = self.state.start.unwrap_or(end - length);
        let folded = self.state.open.pop_front()?;
        Some(Complete::folded(folded, WindowRange { start, end, trigger: end }))
    }

    /// Rows are taken in the order of their times. Those before the next end at the greatest length are folded; those
    /// at it wait, since it may be their session that is cut there.
    fn session_by_watermark(&mut self, watermark: i64, length: i64, timeout: i64) -> Vec<Complete> {
        let mut complete = Vec::new();
        let mut coming = std::mem::take(&mut self.state.ahead);
        while let Some((row, entry)) = coming.pop_front() {
            let first = *self.state.first.get_or_insert(row.ts);
            let mut tick = self.state.next.unwrap_or_else(|| self.aligned(first));
            let silence = self.state.previous.filter(|p| row.ts - p > timeout).map(|p| p.saturating_add(timeout));
            let mut cut = None;
            if row.ts > tick {
                cut = (tick - length > first).then_some(tick);
                tick = tick.saturating_add(length);
            }
            let end = match (silence, cut) {
                (Some(silence), Some(cut)) => Some((silence.min(cut), cut < silence)),
                (Some(silence), None) => Some((silence, false)),
                (None, Some(cut)) => Some((cut, true)),
                (None, None) => None,
            };
            if let Some((end, cut)) = end {
                // The rows after the end begin the next session.
                coming.push_front((row, entry));
                complete.extend(self.close(end, cut, length, &mut coming));
                continue;
            }
            (self.state.next, self.state.previous) = (Some(tick), Some(row.ts));
            self.state.start.get_or_insert(first);
            while let Some((row, entry)) = self.state.undecided.pop_front_if(|(row, _)| row.ts < tick) {
                self.add(0, &row, &entry);
            }
            if row.ts < tick { self.add(0, &row, &entry) } else { self.state.undecided.push_back((row, entry)) }
        }
        if let Some(previous) = self.state.previous.filter(|p| watermark - p > timeout) {
            let end = previous.saturating_add(timeout);
            complete.extend(self.close(end, false, length, &mut coming));
        }
        complete
    }

    /// A session has ended. What was undecided and lies behind its end comes again.
    fn close(
        &mut self,
        end: i64,
        cut: bool,
        length: i64,
        coming: &mut VecDeque<(Arc<Row>, Entry)>,
    ) -> Option<Complete> {
        while let Some((row, entry)) = self.state.undecided.pop_front_if(|(row, _)| row.ts < end) {
            self.add(0, &row, &entry);
        }
        while let Some(later) = self.state.undecided.pop_back() {
            coming.push_front(later);
        }
        let complete = self.cut(end, length);
        (self.state.first, self.state.previous, self.state.next) = (None, None, None);
        self.state.start = cut.then_some(end);
        complete
    }

    /// Takes up a state. `false`: it does not fit.
    #[must_use]
    pub(super) fn restore(&mut self, mut state: FoldState) -> bool {
        let calls = self.folding.calls.len();
        for folded in &mut state.open {
            let by_key = folded.groups.iter().enumerate().map(|(number, group)| (Arc::clone(&group.key), number));
            folded.by_key = by_key.collect();
            if folded.groups.iter().any(|group| group.folds.len() != calls) {
                return false;
            }
        }
        self.state = state;
        true
    }
}
