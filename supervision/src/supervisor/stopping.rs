//! Stopping children: one that is not wanted, a group whose sibling failed, or all.
//!
//! An actor that is being stopped is unlinked first. Otherwise ractor would send its last state to the supervisor, and what
//! that holds (a device, a database) would stay open until the supervisor came to read it; unlinked, the state is dropped
//! before the actor counts as stopped. In return, [`State::end`] kills what is still being stopped when the supervisor dies:
//! ractor would spare it, since it kills no actor that is in its `post_stop`.

use std::mem;
use std::sync::Arc;

use ractor::{ActorCell, ActorStatus};
use tokio::time::timeout;

use crate::fault::{Escalation, Fault};
use crate::observer::FailureKind;
use crate::shared::{KilledChild, Life};
use crate::shutdown::KILL_GRACE;
use crate::spec::{Shutdown, StopOutcome};
use crate::start::Gone;
use crate::supervisor::child::{AfterStop, Phase, Stop};
use crate::supervisor::{Msg, State};

/// Stops an actor: asks, waits, kills, and waits for the kill to have its effect. It has ended when what it held is free.
async fn stop_cell(cell: &ActorCell, gone: &Gone, how: Shutdown) -> StopOutcome {
    if cell.get_status() == ActorStatus::Stopped {
        return StopOutcome::Stopped;
    }
    let ended = async {
        // Without a limit, there is no timeout that could be an error.
        cell.wait(None).await.ok();
        gone.clone().wait().await;
    };
    tokio::pin!(ended);
    match how {
        Shutdown::BrutalKill => {}
        Shutdown::Infinity => {
            cell.stop(Some("shutdown".to_owned()));
            ended.await;
            return StopOutcome::Stopped;
        }
        Shutdown::Deadline(limit) => {
            cell.stop(Some("shutdown".to_owned()));
            if timeout(limit, &mut ended).await.is_ok() {
                return StopOutcome::Stopped;
            }
        }
    }
    cell.kill();
    timeout(KILL_GRACE, ended).await.map_or(StopOutcome::Abandoned, |()| StopOutcome::Killed)
}

impl State {
    /// A child is to be stopped by request: at once, if there is nothing to stop.
    pub(super) fn request_stop(&mut self, key: u64, after: AfterStop) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let how = child.spec.shutdown;
        match &mut child.phase {
            Phase::Stopping { after: planned, .. } => *planned = planned.or(after),
            Phase::Running { .. } | Phase::Starting { .. } => self.begin_stop(key, after, how, false),
            Phase::Waiting | Phase::Backoff { .. } | Phase::Ended => self.finish(key, after, StopOutcome::NotRunning),
        }
    }

    /// It is this child's turn to be stopped along with a sibling that failed.
    pub(super) fn group_stop(&mut self, key: u64) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let how = child.spec.shutdown;
        if let Some(after) = child.group_stop.take() {
            self.begin_stop(key, after, how, false);
        }
    }

    pub(super) fn begin_stop(&mut self, key: u64, after: AfterStop, how: Shutdown, stuck: bool) {
        let Some(child) = self.children.get_mut(&key) else { return };
        child.group_stop = None;
        child.tried = true;
        let epoch = child.epoch + 1;
        let (cells, start, incarnation) = match mem::replace(&mut child.phase, Phase::Waiting) {
            Phase::Running { cell, incarnation, .. } => {
                incarnation.release();
                (vec![cell], None, incarnation)
            }
            Phase::Starting { incarnation, task, .. } => {
                task.abort();
                (incarnation.cancel(), Some(task), incarnation)
            }
            other => {
                child.phase = other;
                return;
            }
        };
        for cell in &cells {
            self.by_cell.remove(&cell.get_id());
            cell.unlink(self.myself.get_cell());
        }
        let work = Work { cells: cells.clone(), gone: incarnation.gone(), start };
        let myself = self.myself.clone();
        let task = tokio::spawn(async move {
            let outcome = work.stop(how).await;
            // When the supervisor has ended meanwhile, it has waited for this task itself.
            drop(myself.cast(Msg::StopDone { key, epoch, outcome }));
            outcome
        });
        self.set_phase(key, Phase::Stopping { stop: Stop { task, cells, incarnation }, after, stuck });
    }

    pub(super) fn stop_done(&mut self, key: u64, epoch: u64, outcome: StopOutcome) {
        let Some(child) = self.current(key, epoch) else { return };
        let Phase::Stopping { after, .. } = &child.phase else { return };
        let after = *after;
        self.note_end(key, outcome);
        self.finish(key, after, outcome);
    }

    /// What a stop was for.
    pub(super) fn finish(&mut self, key: u64, after: AfterStop, outcome: StopOutcome) {
        match after {
            AfterStop::Forget => self.forget(key, outcome),
            AfterStop::Recycle => self.set_phase(key, Phase::Waiting),
            AfterStop::Retry { after, slow } => self.back_off(key, after, slow),
            AfterStop::Replace => self.replace(key, outcome),
        }
    }

    fn replace(&mut self, key: u64, outcome: StopOutcome) {
        let wanted =
            self.shared.desired.lock().children.get(&key).map(|wanted| (Arc::clone(&wanted.spec), wanted.generation));
        let (Some((spec, generation)), Some(child)) = (wanted, self.children.get_mut(&key)) else {
            return self.forget(key, outcome);
        };
        child.spec = spec;
        child.generation = generation;
        child.history.reset();
        child.restarting = false;
        child.group_stop = None;
        child.answer(outcome);
        self.set_phase(key, Phase::Waiting);
    }

    /// Reports what a stop brought to light: a failure on the way out, a deadline that passed, a thread that blocks.
    fn note_end(&mut self, key: u64, outcome: StopOutcome) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let Phase::Stopping { stop, stuck, .. } = &child.phase else { return };
        let stuck = *stuck;
        let fault = stop.incarnation.take_fault();
        if outcome == StopOutcome::Abandoned {
            child.abandoned = child.abandoned.saturating_add(1);
            child.last = None;
        }
        let text = match (outcome, child.spec.shutdown) {
            (StopOutcome::Abandoned, _) => {
                Some("blocks its thread: neither stop nor kill had an effect, it was left behind".to_owned())
            }
            (StopOutcome::Killed, Shutdown::Deadline(limit)) if !stuck => {
                Some(format!("did not stop within {limit:?}, and was killed"))
            }
            _ => None,
        };
        if let Some(fault) = fault {
            self.report(key, fault, None);
        }
        if let Some(text) = text {
            self.report(key, Fault::new(FailureKind::StopTimeout, text), None);
        }
    }

    /// Stops all children in reverse order, and waits for them. Used at the end only: meanwhile no message is taken.
    pub(super) async fn stop_all(&mut self, cause: Option<&Escalation>) {
        self.set_life(Life::Stopping);
        let keys: Vec<u64> = self.children.keys().rev().copied().collect();
        for child in self.children.values() {
            // Whatever ends from now on ends without sending its state to a supervisor that reads no more.
            if let Phase::Running { cell, .. } = &child.phase {
                cell.unlink(self.myself.get_cell());
            }
        }
        for key in keys {
            let Some(child) = self.children.get_mut(&key) else { continue };
            let stuck = cause.is_some_and(|cause| cause.stuck && cause.key == key);
            let how = if stuck { Shutdown::BrutalKill } else { child.spec.shutdown };
            self.begin_stop(key, AfterStop::Recycle, how, stuck);
            let Some(child) = self.children.get_mut(&key) else { continue };
            if let Phase::Stopping { stop, .. } = &mut child.phase {
                let outcome = (&mut stop.task).await.unwrap_or(StopOutcome::Stopped);
                child.answer(outcome);
                self.note_kill(key, outcome);
                self.note_end(key, outcome);
            }
            self.set_phase(key, Phase::Ended);
        }
    }

    /// Remembers, for the report of the shutdown, a child that did not stop by itself.
    fn note_kill(&mut self, key: u64, outcome: StopOutcome) {
        let Some(child) = self.children.get(&key) else { return };
        let by_deadline = outcome == StopOutcome::Killed && child.spec.shutdown != Shutdown::BrutalKill;
        if by_deadline || outcome == StopOutcome::Abandoned {
            let path = self.child_path(&child.spec.id);
            if let Some(kills) = self.env.kills.lock().as_mut() {
                kills.push(KilledChild { path, abandoned: outcome == StopOutcome::Abandoned });
            }
        }
    }
}

/// What there is to stop of a child.
struct Work {
    cells: Vec<ActorCell>,
    gone: Gone,
    /// The factory, if it is still at work.
    start: Option<tokio::task::JoinHandle<()>>,
}

impl Work {
    async fn stop(self, how: Shutdown) -> StopOutcome {
        let mut worst = StopOutcome::Stopped;
        for cell in &self.cells {
            let outcome = stop_cell(cell, &self.gone, how).await;
            if outcome != StopOutcome::Stopped {
                worst = outcome;
            }
        }
        if let Some(start) = self.start
            && timeout(KILL_GRACE, start).await.is_err()
        {
            worst = StopOutcome::Abandoned;
        }
        worst
    }
}
