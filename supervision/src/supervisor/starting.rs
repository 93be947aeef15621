//! Starting children: whose turn it is, and what comes of it.

use std::sync::Arc;

use ractor::{ActorCell, ActorStatus};
use tokio::time::{Instant, timeout};

use crate::fault::{Escalation, Exit, Fault};
use crate::guard::catch;
use crate::observer::FailureKind;
use crate::shared::Life;
use crate::shutdown::KILL_GRACE;
use crate::start::{Incarnation, StartContext};
use crate::supervisor::child::Phase;
use crate::supervisor::order::{self, Posture, Stance};
use crate::supervisor::{Msg, State};

impl State {
    /// Does all that has become due.
    pub(super) fn advance(&mut self) {
        while let Some(key) = self.due_stop() {
            self.group_stop(key);
        }
        let (keys, stances) = self.stances();
        for index in order::to_start(self.strategy, self.concurrent, &stances) {
            if let Some(key) = keys.get(index) {
                self.begin_start(*key);
            }
        }
        if self.is_starting() && self.has_settled() {
            self.set_life(Life::Settled);
        }
    }

    fn due_stop(&self) -> Option<u64> {
        if self.children.values().all(|child| child.group_stop.is_none()) {
            return None;
        }
        let (keys, stances) = self.stances();
        order::next_to_stop(&stances).and_then(|index| keys.get(index).copied())
    }

    fn stances(&self) -> (Vec<u64>, Vec<Stance>) {
        let mut stances: Vec<Stance> = self.children.values().map(super::child::Child::stance).collect();
        if stances.iter().any(|stance| stance.posture == Posture::Stopping) {
            self.hold_successors(&mut stances);
        }
        (self.children.keys().copied().collect(), stances)
    }

    /// A child that was removed and added again waits until its predecessor has ended.
    fn hold_successors(&self, stances: &mut [Stance]) {
        let ids: Vec<&str> = self.children.values().map(|child| child.spec.id.as_ref()).collect();
        let stopping: std::collections::HashSet<&str> = ids
            .iter()
            .zip(&*stances)
            .filter(|(_, stance)| stance.posture == Posture::Stopping)
            .map(|(id, _)| *id)
            .collect();
        for (id, stance) in ids.iter().zip(stances) {
            stance.held = stance.posture == Posture::Waiting && stopping.contains(id);
        }
    }

    fn has_settled(&self) -> bool {
        let (_, stances) = self.stances();
        let busy = |stance: &Stance| matches!(stance.posture, Posture::Starting | Posture::Stopping) || stance.to_stop;
        !stances.iter().any(busy) && order::to_start(self.strategy, self.concurrent, &stances).is_empty()
    }

    fn begin_start(&mut self, key: u64) {
        let Some(child) = self.children.get_mut(&key) else { return };
        if std::mem::take(&mut child.restarting) {
            child.restarts += 1;
        }
        let epoch = child.epoch + 1;
        let spec = Arc::clone(&child.spec);
        let incarnation = Arc::new(Incarnation::new());
        let last = child.last.replace(incarnation.gone());
        let context = StartContext {
            supervisor: self.myself.get_cell(),
            path: self.child_path(&spec.id).into(),
            env: Arc::clone(&self.env),
            incarnation: Arc::clone(&incarnation),
        };
        let limit = spec.start_timeout.map(|limit| self.after(limit, Msg::StartLate { key, epoch }));
        let myself = self.myself.clone();
        let kept = Arc::clone(&incarnation);
        let task = tokio::spawn(async move {
            // An actor that failed is dropped after it was told of: what it held has to be free for its successor.
            if let Some(last) = last {
                timeout(KILL_GRACE, last.wait()).await.ok();
            }
            let result = match catch(async { (spec.factory)(context).await }).await {
                Ok(result) => result.map_err(|error| Fault::of_start(error.as_ref())),
                Err(panic) => Err(Fault::of_start(&panic)),
            };
            if let Ok(cell) = &result
                && !kept.keep(cell)
                && !kept.knows(cell)
            {
                cell.kill(); // Whoever cancelled the start could not know of it.
            }
            kept.started();
            // When the supervisor has ended, there is nobody left to tell; ractor has killed what is linked to it.
            drop(myself.cast(Msg::StartDone { key, epoch, result }));
        });
        self.set_phase(key, Phase::Starting { incarnation, task, _limit: limit });
    }

    pub(super) fn start_done(
        &mut self,
        key: u64,
        epoch: u64,
        result: Result<ActorCell, Fault>,
    ) -> Result<(), Escalation> {
        let current = self.current(key, epoch).map(|child| {
            child.tried = true;
            (
                Arc::clone(&child.spec),
                if let Phase::Starting { incarnation, .. } = &child.phase {
                    Some(Arc::clone(incarnation))
                } else {
                    None
                },
            )
        });
        // A start that was cancelled has been cleaned up already.
        let Some((spec, Some(incarnation))) = current else { return Ok(()) };
        match result {
            Ok(cell) => {
                let id = cell.get_id();
                if cell.try_get_supervisor().is_none() && cell.get_status() < ActorStatus::Draining {
                    cell.link(self.myself.get_cell());
                }
                self.by_cell.insert(id, key);
                let ended = cell.get_status() == ActorStatus::Stopped;
                self.set_phase(key, Phase::Running { cell, incarnation, since: Instant::now(), watches: Vec::new() });
                if spec.stuck_after.is_some() {
                    self.arm_heartbeat_check();
                }
                let early = self.early.remove(&id);
                self.forget_early();
                match early {
                    Some(exit) => self.exited(id, exit),
                    None if ended => {
                        // Its end is in the queue of supervision events, which comes before this message.
                        let exit = Exit::Fault(Fault::new(FailureKind::Ended, "ended during its start"));
                        drop(self.myself.cast(Msg::Ended { cell: id, exit }));
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            Err(fault) => {
                let left = incarnation.cancel();
                self.discard(&left);
                self.forget_early();
                self.failed(key, fault)
            }
        }
    }

    /// A start that takes too long is given up. The factory is dropped at its next await; what it spawns later is killed.
    pub(super) fn start_late(&mut self, key: u64, epoch: u64) -> Result<(), Escalation> {
        let Some(child) = self.current(key, epoch) else { return Ok(()) };
        child.tried = true;
        let limit = child.spec.start_timeout.unwrap_or_default();
        let Phase::Starting { incarnation, task, .. } = &child.phase else { return Ok(()) };
        task.abort();
        let left = incarnation.cancel();
        self.discard(&left);
        self.failed(key, Fault::new(FailureKind::StartTimeout, format!("did not start within {limit:?}")))
    }

    /// Kills what a start that failed has left behind.
    fn discard(&self, left: &[ActorCell]) {
        for cell in left {
            cell.unlink(self.myself.get_cell());
            cell.kill();
        }
    }

    pub(super) fn retry_due(&mut self, key: u64, epoch: u64) {
        if self.current(key, epoch).is_some() {
            self.set_phase(key, Phase::Waiting);
        }
    }

    /// Without a start under way, an end that is not known belongs to nobody.
    fn forget_early(&mut self) {
        if !self.children.values().any(|child| matches!(child.phase, Phase::Starting { .. })) {
            self.early.clear();
        }
    }
}
