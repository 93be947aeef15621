//! Rule actors: one for each file in `rules/`. Evaluation is pure and behind a port; the actor feeds it and carries what it says.

mod classic;
mod frames;
mod horizon;
mod schedule;
mod sql;

use std::{sync::Arc, time::Duration};

use parapet_config::{Rule, RuleBody};
use parapet_contracts::{
    AlertDraft, Clock, DetectionEvent,
    ports::rule::{RuleProgram, RuleStats},
};
use parapet_supervision::Heartbeat;
use parking_lot::Mutex;
use serde::Serialize;

pub use classic::{CLOCK_WAS_SET, ClassicRule, SHORTEST_GAP};
pub use sql::{CLOCK_JUMPED, LATE_IN_A_ROW, LATENESS, SqlRule};

use self::{frames::RecentFrames, horizon::Horizon};
use crate::{
    handoff::{Handoff, Overflow},
    observation::{Observation, Steps},
    store::{AlertDesk, AlertRequest},
    worker::{LoopResult, Stop},
};

/// Observations that wait for a rule at most; the oldest goes first. Each may hold a decoder's buffer.
pub const CAPACITY: usize = 16;
/// How often a rule in SQL is told the time while no events come.
const TICK: Duration = Duration::from_millis(250);
/// Frames of each camera that a rule in SQL keeps, as its windows fire later than their frames came: more than come in the
/// time that events wait for others.
const FRAMES_KEPT: usize = 8;

/// A rule's inbox and its board; both outlive a restart of the actor.
pub struct RuleFeed {
    rule: Arc<Rule>,
    hears_updates: bool,
    hears_statuses: bool,
    inbox: Handoff<Observation>,
    board: Mutex<RuleBoard>,
}

#[derive(Default)]
struct RuleBoard {
    stats: RuleStats,
    last_alert: Option<parapet_contracts::Timestamp>,
    last_error: Option<String>,
    evaluation: Duration,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleStatus {
    /// What it has counted since its actor started.
    #[serde(flatten)]
    pub stats: RuleStats,
    /// Events that did not fit into its inbox.
    pub dropped: u64,
    /// Mean time to judge an event, in microseconds.
    pub evaluation_us: f64,
    /// When it last fired, by event time.
    pub last_alert: Option<parapet_contracts::Timestamp>,
    /// The last row or window that it could not judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl RuleFeed {
    /// An empty inbox for this rule.
    pub fn new(rule: Arc<Rule>) -> Arc<Self> {
        let (hears_updates, hears_statuses) =
            program_for(&rule).map_or((false, false), |program| (program.hears_updates(), program.hears_statuses()));
        Arc::new(Self {
            rule,
            hears_updates,
            hears_statuses,
            inbox: Handoff::new(CAPACITY, Overflow::DropOldest),
            board: Mutex::default(),
        })
    }

    /// The rule.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// True when an event concerns the rule.
    pub fn wants(&self, event: &DetectionEvent) -> bool {
        self.rule.enabled && self.rule.cameras.contains(&event.camera) && (event.update.is_none() || self.hears_updates)
    }

    /// True when the status of this camera concerns the rule.
    pub fn hears_status_of(&self, camera: &parapet_contracts::CameraId) -> bool {
        self.rule.enabled && self.hears_statuses && self.rule.cameras.contains(camera)
    }

    /// Hands an observation over; never waits.
    pub fn put(&self, observation: Observation) {
        if self.inbox.put(observation).is_some() {
            let rule = self.rule.id.to_string();
            metrics::counter!("parapet_rule_dropped_total", "rule" => rule, "reason" => "queue_full").increment(1);
        }
    }

    /// A snapshot.
    pub fn status(&self) -> RuleStatus {
        let board = self.board.lock();
        RuleStatus {
            stats: board.stats,
            dropped: self.inbox.dropped(),
            evaluation_us: board.evaluation.as_secs_f64() * 1e6 / board.stats.events.max(1) as f64,
            last_alert: board.last_alert,
            last_error: board.last_error.clone(),
        }
    }

    fn note(&self, program: &dyn RuleProgram, took: Duration, drafts: &[AlertDraft]) {
        let mut board = self.board.lock();
        let errors = program.stats().errors.saturating_sub(board.stats.errors);
        self.count(board.stats, program.stats());
        board.stats = program.stats();
        board.evaluation += took;
        if let Some(draft) = drafts.last() {
            board.last_alert = Some(draft.event.ts);
        }
        if errors > 0 {
            board.last_error = program.last_error();
        }
    }

    /// A restarted program counts from zero; the metrics go on.
    fn count(&self, before: RuleStats, now: RuleStats) {
        let series = |name: &'static str, before: u64, now: u64| {
            metrics::counter!(name, "rule" => self.rule.id.to_string()).increment(now.saturating_sub(before));
        };
        series("parapet_rule_events_total", before.events, now.events);
        series("parapet_rule_matched_total", before.matched, now.matched);
        series("parapet_rule_held_back_total", before.held_back, now.held_back);
        series("parapet_rule_late_total", before.late, now.late);
        series("parapet_rule_errors_total", before.errors, now.errors);
    }
}

/// The program of a rule, by its form.
///
/// # Errors
/// When a statement can't be planned, which that of a checked rule can.
pub fn program_for(rule: &Arc<Rule>) -> Result<Box<dyn RuleProgram>, String> {
    Ok(match &rule.body {
        RuleBody::Classic(_) => Box::new(ClassicRule::new(Arc::clone(rule))),
        RuleBody::Sql(sql) => Box::new(SqlRule::new(Arc::clone(rule), sql).map_err(|error| error.to_string())?),
    })
}

/// Judges what comes until it is told to stop.
///
/// # Errors
/// When alerts can't be handed on any more. A panic of the program is the actor's failure.
pub async fn judge(
    feed: Arc<RuleFeed>,
    desk: AlertDesk,
    clock: Arc<dyn Clock>,
    heartbeat: Heartbeat,
    stop: Stop,
) -> LoopResult {
    let mut program = program_for(&feed.rule)?;
    let timed = matches!(feed.rule.body, RuleBody::Sql(_));
    let mut frames = RecentFrames::new(if timed { FRAMES_KEPT } else { 0 });
    let mut horizon = Horizon::default();
    let id = feed.rule.id.to_string();
    feed.board.lock().stats = program.stats();
    loop {
        heartbeat.idle();
        let observations = tokio::select! {
            () = stop.wait() => return Ok(()),
            observations = feed.inbox.take_all() => observations,
            () = tokio::time::sleep(TICK), if timed => Vec::new(),
        };
        heartbeat.beat();
        for observation in observations {
            fail::fail_point!("rule::judge", |text| Err(text.unwrap_or_default()));
            let started = clock.monotonic();
            let drafts = match &observation.status {
                Some(status) => program.on_status(status, &observation.event),
                None => program.on_event(&observation.event),
            };
            let took = clock.monotonic().saturating_sub(started);
            metrics::histogram!("parapet_rule_evaluation_seconds", "rule" => id.clone()).record(took);
            feed.note(program.as_ref(), took, &drafts);
            horizon.saw(observation.event.ts, started);
            frames.keep(&observation);
            for draft in drafts {
                let own = (draft.event.id == observation.event.id).then_some(&observation);
                submit(&feed.rule, draft, own, &frames, &desk, &heartbeat, clock.as_ref()).await?;
            }
        }
        let now = clock.monotonic();
        let Some(time) = horizon.at(now).filter(|_| timed) else { continue };
        let drafts = program.advance(time);
        feed.note(program.as_ref(), clock.monotonic().saturating_sub(now), &drafts);
        for draft in drafts {
            submit(&feed.rule, draft, None, &frames, &desk, &heartbeat, clock.as_ref()).await?;
        }
    }
}

/// Hands an alert over with the frame of its event: that of the observation at hand, or one of those kept.
async fn submit(
    rule: &Arc<Rule>,
    draft: AlertDraft,
    own: Option<&Observation>,
    frames: &RecentFrames,
    desk: &AlertDesk,
    heartbeat: &Heartbeat,
    clock: &dyn Clock,
) -> LoopResult {
    let source = own.or_else(|| frames.of(&draft.event));
    if source.is_none() && !draft.event.objects.is_empty() {
        metrics::counter!("parapet_evidence_missing_total", "reason" => "frame_gone").increment(1);
    }
    let now = clock.monotonic();
    let steps = source.map_or(Steps { decoded: now, taken: now, inferred: now }, |source| source.steps);
    let frame = source.and_then(|source| source.frame.clone());
    // Waits when the store is behind: the inbox fills, and says what it drops.
    let _busy = heartbeat.busy(Duration::from_secs(3600));
    desk.submit(AlertRequest { draft, rule: Arc::clone(rule), frame, steps }).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
