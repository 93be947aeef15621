//! A rule's inboxes and its board; all of them outlive a restart of the actor.

use std::{sync::Arc, time::Duration};

use parapet_config::{Rule, streams};
use parapet_contracts::{
    DetectionEvent, Happening, StreamId, Timestamp,
    ports::rule::{Outcome, RuleProgram, RuleState, RuleStats},
};
use parapet_rule_sql::{SqlError, plan::Plan};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{CAPACITY, OTHERS_CAPACITY, compile, memory::Memory};
use crate::{
    handoff::{Handoff, Overflow},
    observation::Observation,
};

/// Commands that wait at most; beyond it they are refused.
const COMMANDS: usize = 64;

/// What somebody tells a rule to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Somebody has taken notice of an alert: it is told again no more.
    Acknowledge {
        /// The alert.
        alert: Uuid,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Silences have changed.
    LookAtSilences,
}

/// See the module.
pub struct RuleFeed {
    rule: Arc<Rule>,
    plan: Arc<Plan>,
    /// Whether frames concern it.
    watches: bool,
    pub(super) frames: Handoff<Observation>,
    pub(super) others: Handoff<Happening>,
    pub(super) commands: Handoff<Command>,
    pub(super) arrived: Notify,
    pub(super) memory: Mutex<Memory>,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    stats: RuleStats,
    state: RuleState,
    last_alert: Option<Timestamp>,
    last_error: Option<String>,
    evaluation: Duration,
    judged: u64,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleStatus {
    /// What it has counted since it began.
    #[serde(flatten)]
    pub stats: RuleStats,
    /// What it holds now.
    pub state: RuleState,
    /// What did not fit into its inboxes.
    pub dropped: u64,
    /// Mean time to judge an event, in microseconds.
    pub evaluation_us: f64,
    /// When it last fired, by event time.
    pub last_alert: Option<Timestamp>,
    /// The last row or window that it could not judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl RuleFeed {
    /// Empty inboxes for this rule.
    ///
    /// # Errors
    /// When its statement can't be planned, which that of a checked rule can.
    pub fn new(rule: Arc<Rule>) -> Result<Arc<Self>, SqlError> {
        let plan = compile(&rule)?.plan;
        let frames = [streams::DETECTIONS, streams::FRAMES, streams::TRACKS, streams::UPDATES];
        let watches = frames.iter().any(|stream| plan.source(stream).is_some());
        Ok(Arc::new(Self {
            rule,
            plan,
            watches,
            frames: Handoff::new(CAPACITY, Overflow::DropOldest),
            others: Handoff::new(OTHERS_CAPACITY, Overflow::DropOldest),
            commands: Handoff::new(COMMANDS, Overflow::DropNewest),
            arrived: Notify::new(),
            memory: Mutex::default(),
            board: Mutex::default(),
        }))
    }

    /// Things that are no frames, and wait.
    #[cfg(test)]
    pub(crate) fn waiting_others(&self) -> usize {
        self.others.len()
    }

    /// The rule.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// Its plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether it watches any camera.
    pub fn watches(&self) -> bool {
        self.rule.enabled && self.watches
    }

    /// True when this event concerns the rule.
    pub fn wants(&self, event: &DetectionEvent) -> bool {
        let by = event.update.as_ref().map(|update| &update.by);
        self.watches()
            && (event.update.is_none() || self.plan.source(streams::UPDATES).is_some())
            && self.rule.cameras.contains(&event.camera)
            && self.rule.model.as_ref().is_none_or(|model| *model == event.model || Some(model) == by)
    }

    /// Hands an observation over; never waits.
    pub fn put(&self, observation: Observation) {
        let dropped = self.frames.put(observation).is_some();
        self.woken(dropped);
    }

    /// Hands over what is no frame, when the rule reads it; never waits.
    pub fn tell(&self, happening: &Happening) {
        let reads = |stream: &str| self.plan.source(stream).is_some();
        let wanted = self.rule.enabled
            && match happening {
                Happening::Seen(_) => false,
                Happening::Status(_) => reads(streams::STATUS),
                Happening::Alert(alert) => self.rule.reads.alerts_of.contains(&alert.rule),
                Happening::AlertUpdate(update) => self.rule.reads.alerts_of.contains(&update.rule),
                Happening::Row(row) => self.rule.reads.streams.iter().any(|stream| stream.id == row.stream),
            };
        if wanted {
            let dropped = self.others.put(happening.clone()).is_some();
            self.woken(dropped);
        }
    }

    /// Whether it is at work and reads this stream.
    pub fn reads_stream(&self, stream: &StreamId) -> bool {
        self.rule.enabled && self.rule.reads.streams.iter().any(|read| read.id == *stream)
    }

    /// How much more that is no frame fits in.
    pub fn room(&self) -> usize {
        OTHERS_CAPACITY.saturating_sub(self.others.len())
    }

    /// Tells the rule to do something. False: too much waits already.
    pub fn command(&self, command: Command) -> bool {
        let taken = self.commands.put(command).is_none();
        self.arrived.notify_one();
        taken
    }

    fn woken(&self, dropped: bool) {
        if dropped {
            let rule = self.rule.id.to_string();
            metrics::counter!("parapet_rule_dropped_total", "rule" => rule, "reason" => "queue_full").increment(1);
        }
        self.arrived.notify_one();
    }

    /// A snapshot.
    pub fn status(&self) -> RuleStatus {
        let board = self.board.lock();
        RuleStatus {
            stats: board.stats,
            state: board.state.clone(),
            dropped: self.frames.dropped() + self.others.dropped(),
            evaluation_us: board.evaluation.as_secs_f64() * 1e6 / board.judged.max(1) as f64,
            last_alert: board.last_alert,
            last_error: board.last_error.clone(),
        }
    }

    /// A program begins, perhaps where another has stopped.
    pub(super) fn begins(&self, program: &dyn RuleProgram) {
        self.board.lock().stats = program.stats();
    }

    /// Notes what a program has done.
    pub(super) fn note(&self, program: &dyn RuleProgram, took: Duration, outcomes: &[Outcome]) {
        let mut board = self.board.lock();
        let stats = program.stats();
        let errors = stats.errors.saturating_sub(board.stats.errors);
        self.count(board.stats, stats);
        board.judged += stats.events.saturating_sub(board.stats.events);
        board.stats = stats;
        board.state = program.state();
        board.evaluation += took;
        if let Some(draft) = outcomes.iter().filter_map(Outcome::fired).next_back() {
            board.last_alert = Some(draft.ts);
        }
        if errors > 0 {
            board.last_error = program.last_error();
        }
    }

    /// A restarted program may count anew; the metrics go on.
    fn count(&self, before: RuleStats, now: RuleStats) {
        let series = |name: &'static str, before: u64, now: u64| {
            if now > before {
                metrics::counter!(name, "rule" => self.rule.id.to_string()).increment(now - before);
            }
        };
        series("parapet_rule_events_total", before.events, now.events);
        series("parapet_rule_matched_total", before.matched, now.matched);
        series("parapet_rule_held_back_total", before.held_back, now.held_back);
        series("parapet_rule_silenced_total", before.silenced, now.silenced);
        series("parapet_rule_resolved_total", before.resolved, now.resolved);
        series("parapet_rule_late_total", before.late, now.late);
        series("parapet_rule_errors_total", before.errors, now.errors);
    }
}
