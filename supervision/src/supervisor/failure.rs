//! What follows when a child ends, does not start, or is stuck.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorId;
use tokio::time::Instant;

use crate::fault::{Escalation, Exit, Fault};
use crate::heartbeat::Watch;
use crate::observer::FailureKind;
use crate::policy::{Restart, Verdict, WhenSpent};
use crate::spec::{Shutdown, StopOutcome};
use crate::supervisor::child::{AfterStop, Phase};
use crate::supervisor::{Msg, State};

/// The heartbeats are looked at four times within the shortest `stuck_after`, within these bounds.
const CHECK_EVERY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

impl State {
    /// An actor that is linked to this supervisor has ended.
    pub(super) fn exited(&mut self, cell: ActorId, exit: Exit) -> Result<(), Escalation> {
        let Some(key) = self.by_cell.get(&cell).copied() else {
            if self.children.values().any(|child| matches!(child.phase, Phase::Starting { .. })) {
                self.early.insert(cell, exit);
            }
            return Ok(());
        };
        let Some(child) = self.children.get_mut(&key) else { return Ok(()) };
        let Phase::Running { incarnation, since, .. } = &child.phase else { return Ok(()) };
        incarnation.release();
        // It has come by the usual way.
        drop(incarnation.take_fault());
        let ran = since.elapsed();
        self.by_cell.remove(&cell);
        self.ended(key, exit, ran)
    }

    /// A running child has ended.
    fn ended(&mut self, key: u64, exit: Exit, ran: Duration) -> Result<(), Escalation> {
        let Some(child) = self.children.get_mut(&key) else { return Ok(()) };
        let reason = match exit {
            Exit::Fault(fault) => return self.failed_after(key, fault, ran),
            Exit::Normal(reason) => reason,
        };
        if let Some(after) = child.group_stop.take() {
            self.finish(key, after, StopOutcome::Stopped);
            return Ok(());
        }
        match child.spec.restart {
            Restart::Permanent => {
                let text =
                    reason.map_or_else(|| "ended by itself".to_owned(), |reason| format!("ended by itself: {reason}"));
                self.failed_after(key, Fault::new(FailureKind::Ended, text), ran)
            }
            Restart::Transient => {
                self.set_phase(key, Phase::Ended);
                Ok(())
            }
            Restart::Temporary => {
                self.forget(key, StopOutcome::Stopped);
                Ok(())
            }
        }
    }

    /// A child did not start.
    pub(super) fn failed(&mut self, key: u64, fault: Fault) -> Result<(), Escalation> {
        self.failed_after(key, fault, Duration::ZERO)
    }

    fn failed_after(&mut self, key: u64, fault: Fault, ran: Duration) -> Result<(), Escalation> {
        match self.decide(key, fault, ran, false)? {
            None => self.forget(key, StopOutcome::Stopped),
            Some((after, slow)) => self.back_off(key, after, slow),
        }
        Ok(())
    }

    /// Reports a failure and applies the child's rule: `None` for a child that is not restarted, else the wait.
    fn decide(
        &mut self,
        key: u64,
        fault: Fault,
        ran: Duration,
        stuck: bool,
    ) -> Result<Option<(Duration, bool)>, Escalation> {
        let unit = self.random();
        let Some(child) = self.children.get_mut(&key) else { return Ok(None) };
        child.group_stop = None;
        if child.spec.restart == Restart::Temporary {
            self.report(key, fault, None);
            return Ok(None);
        }
        let spec = Arc::clone(&child.spec);
        let verdict = child.history.on_failure(&spec.rule, Instant::now(), ran, unit);
        let text = fault.text.clone();
        let budget = spec.rule.budget;
        match verdict {
            Verdict::Retry { after, slow, just_spent } => {
                child.restarting = true;
                self.report(key, fault, Some(after));
                if just_spent && let WhenSpent::RetrySlowly { every } = spec.rule.when_spent {
                    let spent = format!(
                        "{} restarts within {:?} spent; from now on every {every:?}: {text}",
                        budget.max_restarts, budget.within
                    );
                    self.report(key, Fault::new(FailureKind::BudgetSpent, spent), Some(after));
                }
                self.recycle_group(key);
                Ok(Some((after, slow)))
            }
            Verdict::Escalate => {
                self.report(key, fault, None);
                let spent =
                    format!("{} restarts within {:?} spent; escalating: {text}", budget.max_restarts, budget.within);
                self.report(key, Fault::new(FailureKind::BudgetSpent, spent), None);
                if !stuck {
                    self.set_phase(key, Phase::Ended);
                }
                Err(Escalation { key, path: self.child_path(&spec.id), text, stuck })
            }
        }
    }

    pub(super) fn back_off(&mut self, key: u64, after: Duration, slow: bool) {
        let Some(child) = self.children.get(&key) else { return };
        let epoch = child.epoch + 1;
        let timer = self.after(after, Msg::RetryDue { key, epoch });
        self.set_phase(key, Phase::Backoff { until: Instant::now() + after, slow, _timer: timer });
    }

    /// Marks the siblings that the strategy restarts along with a failed child. A temporary one among them is stopped, and
    /// not started again.
    fn recycle_group(&mut self, failed: u64) {
        let strategy = self.strategy;
        let mut again = Vec::new();
        for (key, child) in self.children.iter_mut().filter(|(key, _)| strategy.affects(failed, **key)) {
            match child.phase {
                Phase::Running { .. } | Phase::Starting { .. } => {
                    let temporary = child.spec.restart == Restart::Temporary;
                    child.group_stop = Some(if temporary { AfterStop::Forget } else { AfterStop::Recycle });
                }
                Phase::Ended => again.push(*key),
                Phase::Waiting | Phase::Backoff { .. } | Phase::Stopping { .. } => {}
            }
        }
        for key in again {
            self.set_phase(key, Phase::Waiting);
        }
    }

    pub(super) fn arm_heartbeat_check(&mut self) {
        if self.heartbeat_timer.is_some() {
            return;
        }
        let shortest = self.children.values().filter_map(|child| child.spec.stuck_after).min();
        if let Some(shortest) = shortest {
            let wait = (shortest / 4).clamp(CHECK_EVERY.0, CHECK_EVERY.1);
            self.heartbeat_timer = Some(self.after(wait, Msg::CheckHeartbeats));
        }
    }

    /// Looks for children that are stuck.
    pub(super) fn check_heartbeats(&mut self) -> Result<(), Escalation> {
        self.heartbeat_timer = None;
        let now = Instant::now();
        let mut stuck = Vec::new();
        for (key, child) in &mut self.children {
            let (Some(limit), Phase::Running { incarnation, watches, since, .. }) =
                (child.spec.stuck_after, &mut child.phase)
            else {
                continue;
            };
            if watches.is_empty() {
                watches.push(Watch::new(incarnation.handlers.clone(), now));
            }
            watches.extend(
                incarnation.heartbeats_from(watches.len() - 1).into_iter().map(|heartbeat| Watch::new(heartbeat, now)),
            );
            let silent =
                watches.iter_mut().find_map(|watch| Some((watch.overdue(now, limit)?, watch.name().to_owned())));
            if let Some((silent, name)) = silent {
                stuck.push((*key, format!("{name} has been silent for {silent:?}"), since.elapsed()));
            }
        }
        self.arm_heartbeat_check();
        for (key, text, ran) in stuck {
            let after = match self.decide(key, Fault::new(FailureKind::Stuck, text), ran, true)? {
                None => AfterStop::Forget,
                Some((after, slow)) => AfterStop::Retry { after, slow },
            };
            self.begin_stop(key, after, Shutdown::BrutalKill, true);
        }
        Ok(())
    }
}
