//! A supervisor's state, and how it is kept in step with what is wanted and what is published.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorCell, ActorId, ActorRef};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;

use crate::fault::{Exit, Fault};
use crate::observer::{FailureKind, FailureReport, StateChange, unix_millis};
use crate::policy::Strategy;
use crate::shared::{Env, Life, Shared};
use crate::spec::{ChildSpec, StopOutcome};
use crate::supervisor::child::{AfterStop, Child, Phase, Timer};
use crate::supervisor::{Arguments, Msg};
use crate::tree::{LastError, NodeState};

pub(crate) struct State {
    pub(super) myself: ActorRef<Msg>,
    pub(super) shared: Arc<Shared>,
    pub(super) env: Arc<Env>,
    pub(super) path: Arc<str>,
    pub(super) strategy: Strategy,
    pub(super) concurrent: bool,
    pub(super) children: BTreeMap<u64, Child>,
    /// Whose cell it is, of all children that run or are being stopped.
    pub(super) by_cell: HashMap<ActorId, u64>,
    /// Ends of actors that are not known yet: a child may die before its factory returns.
    pub(super) early: HashMap<ActorId, Exit>,
    pub(super) heartbeat_timer: Option<Timer>,
    rng: StdRng,
    lease: Option<Box<dyn FnOnce() + Send>>,
    life: Life,
}

impl State {
    pub(super) fn new(myself: ActorRef<Msg>, args: Arguments) -> Self {
        let mut hasher = DefaultHasher::new();
        args.path.hash(&mut hasher);
        let rng = StdRng::seed_from_u64(args.env.seed ^ hasher.finish());
        let lease = args.shared.slot.occupy(myself.clone());
        args.shared.set_life(Life::Starting);
        Self {
            myself,
            shared: args.shared,
            env: args.env,
            path: args.path,
            strategy: args.strategy,
            concurrent: args.concurrent,
            children: BTreeMap::new(),
            by_cell: HashMap::new(),
            early: HashMap::new(),
            heartbeat_timer: None,
            rng,
            lease: Some(Box::new(lease)),
            life: Life::Starting,
        }
    }

    pub(super) fn random(&mut self) -> f64 {
        self.rng.random()
    }

    pub(super) fn child_path(&self, id: &str) -> String {
        format!("{}/{id}", self.path)
    }

    /// Sends a message to this supervisor after a wait.
    pub(super) fn after(&self, wait: Duration, message: Msg) -> Timer {
        let myself = self.myself.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // When the supervisor has ended, there is nobody left to tell.
            drop(myself.cast(message));
        });
        Timer(task.abort_handle())
    }

    /// Takes in all that is wanted, at the start.
    pub(super) fn take_all(&mut self) {
        self.shared.board.write().clear();
        let shared = Arc::clone(&self.shared);
        let mut desired = shared.desired.lock();
        for change in desired.take_changes() {
            answer(change.waiter, StopOutcome::NotRunning);
        }
        let wanted: Vec<_> =
            desired.children.iter().map(|(key, child)| (*key, Arc::clone(&child.spec), child.generation)).collect();
        drop(desired);
        for (key, spec, generation) in wanted {
            self.insert(key, spec, generation);
        }
    }

    /// Takes in what has changed.
    pub(super) fn reconcile(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut desired = shared.desired.lock();
        let changes = desired.take_changes();
        let wanted: Vec<_> = changes
            .into_iter()
            .map(|change| {
                let spec =
                    desired.children.get(&change.key).map(|wanted| (Arc::clone(&wanted.spec), wanted.generation));
                (change.key, spec, change.waiter)
            })
            .collect();
        drop(desired);
        for (key, spec, waiter) in wanted {
            match (spec, self.children.get_mut(&key)) {
                (Some((spec, generation)), None) => {
                    self.insert(key, spec, generation);
                    answer(waiter, StopOutcome::NotRunning);
                }
                (Some((_, generation)), Some(child)) if generation != child.generation => {
                    child.waiters.extend(waiter);
                    self.request_stop(key, AfterStop::Replace);
                }
                (Some(_), Some(_)) | (None, None) => answer(waiter, StopOutcome::NotRunning),
                (None, Some(child)) => {
                    child.waiters.extend(waiter);
                    self.request_stop(key, AfterStop::Forget);
                }
            }
        }
    }

    fn insert(&mut self, key: u64, spec: Arc<ChildSpec>, generation: u64) {
        let child = Child::new(spec, generation);
        self.tell_change(&child.spec, None, Some(child.state()));
        self.shared.board.write().publish(key, child.entry());
        self.children.insert(key, child);
    }

    /// Moves a child on.
    pub(super) fn set_phase(&mut self, key: u64, phase: Phase) {
        let Some(child) = self.children.get_mut(&key) else { return };
        child.phase = phase;
        child.epoch += 1;
        let now = child.state();
        let before = mem::replace(&mut child.shown, now);
        let spec = Arc::clone(&child.spec);
        if now != before {
            child.since = unix_millis();
        }
        let entry = child.entry();
        self.shared.board.write().publish(key, entry);
        if now != before {
            self.tell_change(&spec, Some(before), Some(now));
        }
    }

    /// Forgets a child that has ended.
    pub(super) fn forget(&mut self, key: u64, outcome: StopOutcome) {
        self.shared.desired.lock().forget(key);
        self.shared.board.write().forget(key);
        if let Some(mut child) = self.children.remove(&key) {
            child.answer(outcome);
            self.tell_change(&child.spec, Some(child.shown), None);
        }
    }

    /// The child, if the message about it is not stale.
    pub(super) fn current(&mut self, key: u64, epoch: u64) -> Option<&mut Child> {
        self.children.get_mut(&key).filter(|child| child.epoch == epoch)
    }

    /// Records and reports a failure.
    pub(super) fn report(&mut self, key: u64, fault: Fault, next_try: Option<Duration>) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let at = unix_millis();
        if fault.kind != FailureKind::BudgetSpent {
            child.last_error = Some(LastError { kind: fault.kind, text: fault.text.clone(), at });
        }
        let entry = child.entry();
        let report = FailureReport {
            path: format!("{}/{}", self.path, child.spec.id),
            child_kind: child.spec.kind.to_string(),
            kind: fault.kind,
            text: fault.text,
            restarts: child.restarts,
            next_try,
            at,
        };
        self.shared.board.write().publish(key, entry);
        self.env.failure(&report);
    }

    fn tell_change(&self, spec: &ChildSpec, from: Option<NodeState>, to: Option<NodeState>) {
        let path = self.child_path(&spec.id);
        self.env.state_change(&StateChange { path, child_kind: spec.kind.to_string(), from, to, at: unix_millis() });
    }

    /// Publishes that this supervisor stops.
    pub(super) fn set_life(&mut self, life: Life) {
        self.life = life.clone();
        self.shared.set_life(life);
    }

    pub(super) fn is_starting(&self) -> bool {
        self.life == Life::Starting
    }

    /// The last word of this incarnation.
    pub(super) fn end(&mut self, life: Life) {
        if self.life.ended() {
            return;
        }
        if let Some(lease) = self.lease.take() {
            lease();
        }
        for child in self.children.values_mut() {
            match &child.phase {
                Phase::Running { incarnation, cell, .. } => {
                    incarnation.release();
                    cell.kill();
                }
                Phase::Starting { incarnation, task, .. } => {
                    task.abort();
                    incarnation.cancel().iter().for_each(ActorCell::kill);
                }
                Phase::Stopping { stop, .. } => stop.cells.iter().for_each(ActorCell::kill),
                Phase::Waiting | Phase::Backoff { .. } | Phase::Ended => {}
            }
            child.answer(StopOutcome::Stopped);
        }
        self.shared.board.write().all_stopped();
        for change in self.shared.desired.lock().take_changes() {
            answer(change.waiter, StopOutcome::NotRunning);
        }
        self.set_life(life);
    }
}

impl Drop for State {
    /// A supervisor that is killed has no other chance to say so, and to take its children along.
    fn drop(&mut self) {
        self.end(Life::Failed("killed".into()));
    }
}

fn answer(waiter: Option<oneshot::Sender<StopOutcome>>, outcome: StopOutcome) {
    if let Some(waiter) = waiter {
        // Whoever waited may have gone.
        waiter.send(outcome).ok();
    }
}
