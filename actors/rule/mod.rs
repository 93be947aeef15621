//! Rule actors: one for each file in `rules/`. Evaluation is pure and behind a port; the actor feeds it and carries what it says.

mod classic;

use std::sync::Arc;

use parapet_config::Rule;
use parapet_contracts::{
    CameraId, Clock,
    ports::rule::{RuleProgram, RuleStats},
};
use parapet_supervision::Heartbeat;
use parking_lot::Mutex;
use serde::Serialize;

pub use classic::{CLOCK_WAS_SET, ClassicRule, SHORTEST_GAP};

use crate::{
    handoff::{Handoff, Overflow},
    observation::Observation,
    store::{AlertDesk, AlertRequest},
    worker::{LoopResult, Stop},
};

/// Observations that wait for a rule at most; the oldest goes first. Each may hold a decoder's buffer.
pub const CAPACITY: usize = 16;

/// A rule's inbox and its board; both outlive a restart of the actor.
pub struct RuleFeed {
    rule: Arc<Rule>,
    inbox: Handoff<Observation>,
    board: Mutex<RuleBoard>,
}

#[derive(Default)]
struct RuleBoard {
    stats: RuleStats,
    last_alert: Option<parapet_contracts::Timestamp>,
    evaluation: std::time::Duration,
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
}

impl RuleFeed {
    /// An empty inbox for this rule.
    pub fn new(rule: Arc<Rule>) -> Arc<Self> {
        Arc::new(Self { rule, inbox: Handoff::new(CAPACITY, Overflow::DropOldest), board: Mutex::default() })
    }

    /// The rule.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// True when events of this camera concern the rule.
    pub fn wants(&self, camera: &CameraId) -> bool {
        self.rule.enabled && self.rule.cameras.contains(camera)
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
        }
    }
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
    let mut program: Box<dyn RuleProgram> = Box::new(ClassicRule::new(Arc::clone(&feed.rule)));
    let id = feed.rule.id.to_string();
    loop {
        heartbeat.idle();
        let observations = tokio::select! {
            () = stop.wait() => return Ok(()),
            observations = feed.inbox.take_all() => observations,
        };
        heartbeat.beat();
        for observation in observations {
            fail::fail_point!("rule::judge", |text| Err(text.unwrap_or_default()));
            let started = clock.monotonic();
            let drafts = program.on_event(&observation.event);
            let took = clock.monotonic().saturating_sub(started);
            metrics::histogram!("parapet_rule_evaluation_seconds", "rule" => id.clone()).record(took);
            {
                let mut board = feed.board.lock();
                board.stats = program.stats();
                board.evaluation += took;
                if let Some(draft) = drafts.last() {
                    board.last_alert = Some(draft.event.ts);
                }
            }
            for draft in drafts {
                let rule = Arc::clone(&feed.rule);
                let request = AlertRequest { draft, rule, frame: observation.frame.clone(), steps: observation.steps };
                // Waits when the store is behind: the inbox fills, and says what it drops.
                let _busy = heartbeat.busy(std::time::Duration::from_secs(3600));
                desk.submit(request).await.map_err(|error| error.to_string())?;
            }
        }
    }
}

#[cfg(test)]
mod tests;
