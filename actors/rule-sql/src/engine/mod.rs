//! A running rule: events in, emissions out.
//!
//! The engine has no clock. Whoever runs it brings events and says how late it is ([`Engine::advance`]); timers fire
//! then, in the order of their times. The same calls give the same emissions, always. All state is bounded; what does
//! not fit is dropped and counted.

mod alert;
mod checkpoint;
mod counts;
mod expected;
mod folding;
mod ingest;
mod options;
mod size;
mod stages;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use checkpoint::{Checkpoint, RestoreError};
pub use counts::Counted;
pub use options::{Counters, RuleOptions};
pub(crate) use size::{heap, sampled};

use self::alert::Alerting;
use crate::alerting::Key;
use crate::catalog::Catalog;
use crate::error::SqlError;
use crate::expr::{Places, Row, Shared, WindowRange};
use crate::functions::Env;
use crate::functions::analytic::{Hits, Memory};
use crate::parser::parse_select;
use crate::plan::{Mode, Plan, PlanWindowKind};
use crate::value::Object;
use crate::window::{Entry, FoldedWindow, Watermarks, Window};

/// An event of a stream, or a new row of a table.
#[derive(Debug, Clone)]
pub struct Event {
    /// The stream's name.
    pub stream: Arc<str>,
    /// When it arrived, in milliseconds. Never before the engine's time: an earlier one counts as now.
    pub at: i64,
    /// Its fields.
    pub data: Arc<Object>,
    /// What came with it, e.g. the topic.
    pub meta: Option<Arc<Object>>,
}

/// What a rule puts out at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emission {
    /// The engine's time.
    pub at: i64,
    /// The time of the window, when it comes from one.
    pub range: Option<WindowRange>,
    /// The rows, or why there are none. Rows are absent when a window was complete without any.
    pub result: Result<Vec<Object>, String>,
    /// What has begun or is over, where the statement says what makes an alert of it (`FOR`, `PER`, `RESOLVE`, `ABSENT`,
    /// `THEN`); without such clauses each row stands for itself.
    #[serde(default)]
    pub change: Option<Change>,
    /// The rows that have made it begin, where they are few: that which fired, or those of the steps of a sequence.
    #[serde(default)]
    pub origins: Vec<Arc<Object>>,
}

/// Something has begun, or is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it is kept apart by, as `PER` says: `gate/7`. Empty without `PER`.
    pub key: Key,
    /// What has happened.
    pub kind: ChangeKind,
    /// Since when it has held, been silent, or been on its way, in milliseconds.
    pub since: i64,
    /// When it fired or was over, by the time of the rows.
    pub at: i64,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// A moment, which is over at once: a sequence without `RESOLVE`.
    Happened,
    /// It fires, and lasts until it is resolved. The rows are those that made it fire.
    Fired,
    /// It is over. The rows are those that had made it fire; after a silence, the one that ended it.
    Resolved,
}

/// The latest time that the engine knows, in milliseconds: the year 2262, as for values of type `datetime`.
const MAX_TIME: i64 = 9_200_000_000_000;

/// How many timers may fire in one step of time.
const MAX_TIMERS: usize = 10_000;

/// A rule at work.
#[derive(Debug, Clone)]
pub struct Engine {
    plan: Arc<Plan>,
    options: RuleOptions,
    env: Env,
    memories: Vec<Memory>,
    window: Option<Window>,
    watermarks: Option<Watermarks>,
    alerting: Option<Alerting>,
    /// The rows of each table, by the number of its source.
    tables: Vec<VecDeque<Arc<Row>>>,
    hits: Hits,
    agg_hits: Hits,
    counters: Counters,
    emitted: VecDeque<Emission>,
    /// Where the last event of each source had the columns: the next one's are probably there as well.
    places: Vec<Places>,
    /// Space for what a folded window is told of a row.
    entry: Entry,
}

impl Engine {
    /// Compiles a rule. It begins at `start` (milliseconds since 1970).
    pub fn new(sql: &str, catalog: &Catalog, options: RuleOptions, start: i64) -> Result<Self, SqlError> {
        let select = parse_select(sql)?;
        Ok(Self::from_plan(Arc::new(Plan::new(&select, catalog, Mode::Rule)?), options, start))
    }

    /// A rule from a plan; many engines can share one.
    pub fn from_plan(plan: Arc<Plan>, options: RuleOptions, start: i64) -> Self {
        // Beyond these bounds a time or a length cannot be told from any other.
        let start = start.clamp(-MAX_TIME, MAX_TIME);
        let tolerance = options.late_tolerance.clamp(0, MAX_TIME);
        let idle_timeout = options.idle_timeout.map(|timeout| timeout.clamp(1, MAX_TIME));
        let env = Env::new(&options.rule_id, start, options.zone.clone());
        let window = plan.window.as_ref().map(|w| {
            let folded = plan.folding.as_ref().and_then(|folding| {
                FoldedWindow::new(&w.kind, folding, options.event_time, start, &options.zone, options.max_groups)
            });
            if let Some(window) = folded {
                return Window::Folded(Box::new(window));
            }
            let mut window = Window::new(&w.kind, options.event_time, start, &options.zone);
            if let (Window::State(state), PlanWindowKind::State { emit: Some(_), .. }) = (&mut window, &w.kind) {
                state.has_end = true;
            }
            window
        });
        let streams = plan.sources.iter().filter(|s| !s.relation.table).count();
        let watermarks = options.event_time.then(|| Watermarks::new(streams, tolerance, idle_timeout, start));
        Self {
            memories: vec![Memory::default(); plan.analytics.len()],
            tables: vec![VecDeque::new(); plan.sources.len()],
            places: vec![Places::default(); plan.sources.len()],
            entry: Entry::default(),
            alerting: plan.alert.as_ref().map(|alert| Alerting::new(alert, start)),
            plan,
            options,
            env,
            window,
            watermarks,
            hits: Hits::default(),
            agg_hits: Hits::default(),
            counters: Counters::default(),
            emitted: VecDeque::new(),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How the rule runs.
    pub fn options(&self) -> &RuleOptions {
        &self.options
    }

    /// Counts events that were not brought because they could not concern the rule.
    pub(crate) fn passed(&mut self, events: u64) {
        self.counters.events_in += events;
    }

    /// Whether, as things stand, rows count for which the condition does not hold that the rule begins with.
    pub(crate) fn minds_all(&self) -> bool {
        self.plan.window.is_none() && self.alerting.as_ref().is_some_and(Alerting::minds_all)
    }

    /// Whether emissions wait to be taken.
    pub fn has_emissions(&self) -> bool {
        !self.emitted.is_empty()
    }

    /// The engine's time in milliseconds.
    pub fn now(&self) -> i64 {
        self.env.now
    }

    /// Sets what `get_keyed_state` reads.
    pub fn set_keyed_state(&mut self, key: &str, value: crate::value::Value) {
        self.env.keyed.insert(key.to_owned(), value);
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        counters.late = self.watermarks.as_ref().map_or(0, |w| w.late);
        counters.evicted_partitions += self.memories.iter().map(|m| m.evicted).sum::<u64>();
        counters.dropped_values = self.memories.iter().map(|m| m.dropped).sum();
        counters.rows_held = self.window.as_ref().map_or(0, Window::len)
            + self.watermarks.as_ref().map_or(0, Watermarks::len)
            + self.tables.iter().map(VecDeque::len).sum::<usize>();
        counters.partitions_held = self.memories.iter().map(Memory::len).sum();
        counters.state_bytes = self.state_bytes();
        if let Some(alerting) = &self.alerting {
            let (keys, matches) = alerting.forgotten();
            counters.partitions_held += alerting.held();
            counters.evicted_partitions += keys;
            counters.dropped_matches = matches;
        }
        counters.watermark_lag = self.watermarks.as_ref().map(|w| self.env.now.saturating_sub(w.current()));
        counters
    }

    /// When something will happen by itself, if anything will: a window ends, or a stream becomes idle.
    pub fn next_timer(&self) -> Option<i64> {
        match &self.watermarks {
            Some(watermarks) => watermarks.next_idle(self.env.now),
            None => {
                let window = self.window.as_ref().and_then(Window::next_time);
                window.into_iter().chain(self.alerting.as_ref().and_then(Alerting::next_timer)).min()
            }
        }
    }

    /// The time has come this far. Timers up to and including it fire.
    pub fn advance(&mut self, now: i64) {
        let now = now.clamp(-MAX_TIME, MAX_TIME);
        if self.options.event_time {
            // Each stream becomes idle at its own time, so that it does not matter how often the time is told.
            while let Some(idle) = self.next_timer().filter(|idle| *idle <= now) {
                self.env.now = self.env.now.max(idle);
                let released = self.watermarks.as_mut().map(|w| w.advance(idle)).unwrap_or_default();
                self.released(released);
            }
            self.env.now = self.env.now.max(now);
            return;
        }
        // One timer after the other, so that each sees the engine at its own time. When a clock is set, years may pass
        // at once: after so many timers the window goes on where the time is.
        for _ in 0..MAX_TIMERS {
            let Some(timer) = self.next_timer().filter(|t| *t <= now) else { break };
            self.env.now = self.env.now.max(timer);
            let complete = self.window.as_mut().map(|w| w.advance(timer)).unwrap_or_default();
            self.complete(complete);
            self.alert_until(timer);
        }
        self.env.now = self.env.now.max(now);
        if let Some(window) = &mut self.window {
            let complete = window.advance(now);
            self.counters.skipped_windows += window.take_skipped();
            self.complete(complete);
        }
        self.alert_until(now);
    }

    /// Takes what was put out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Emission> + '_ {
        self.emitted.drain(..)
    }

    fn shared<'a>(&'a self, env: &'a Env) -> Shared<'a> {
        Shared { env, aliases: &self.plan.aliases, hits: self.hits, agg_hits: self.agg_hits }
    }

    fn emit_error(&mut self, error: &str) {
        self.counters.errors += 1;
        self.counters.last_error = Some(error.to_owned());
        if self.options.send_error {
            self.put(Emission { result: Err(error.to_owned()), ..self.emission(Vec::new(), None) });
        }
    }

    fn emit(&mut self, rows: Vec<Object>, range: Option<WindowRange>) {
        if rows.is_empty() && !self.options.emit_empty {
            return;
        }
        self.counters.rows_out += rows.len() as u64;
        self.counters.emissions += u64::from(!rows.is_empty());
        self.put(self.emission(rows, range));
    }

    /// Puts out that something has begun or is over.
    fn change(&mut self, rows: Vec<Object>, range: Option<WindowRange>, change: Change, origins: Vec<Arc<Object>>) {
        self.counters.rows_out += rows.len() as u64;
        self.counters.emissions += 1;
        self.put(Emission { change: Some(change), origins, ..self.emission(rows, range) });
    }

    fn emission(&self, rows: Vec<Object>, range: Option<WindowRange>) -> Emission {
        Emission { at: self.env.now, range, result: Ok(rows), change: None, origins: Vec::new() }
    }

    /// Emissions that nobody takes are bounded like everything else: the oldest go.
    fn put(&mut self, emission: Emission) {
        if self.emitted.len() >= self.options.max_emissions {
            self.emitted.pop_front();
            self.counters.dropped_emissions += 1;
        }
        self.emitted.push_back(emission);
    }
}

/// Steps of a window on its own, without sources and watermarks of the engine's making.
impl Engine {
    /// A row that has already been put in its turn.
    pub(crate) fn trace_row(&mut self, data: Arc<Object>, at: i64) {
        if !self.options.event_time {
            self.advance(at);
        }
        let row = Row::new(0, at, data, None, &self.plan.columns);
        self.row(Arc::new(row), false);
    }

    /// The watermark has come this far.
    pub(crate) fn trace_watermark(&mut self, time: i64) {
        self.released(vec![crate::window::Released::Watermark(time)]);
    }
}
