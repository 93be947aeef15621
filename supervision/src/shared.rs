//! What outlives a supervisor's restarts: which children are wanted, what is published of them, and the way to reach it.
//!
//! Children that were added to a running supervisor belong here, not to the process: a supervisor that is itself restarted
//! starts all that is wanted then. So nobody has to add them again.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use ractor::ActorCell;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::observer::{FailureReport, LogObserver, Observer, StateChange, unix_millis};
use crate::slot::Slot;
use crate::spec::{ChildSpec, StopOutcome};
use crate::supervisor::Msg;
use crate::tree::{Board, NodeState, NodeStatus};

/// Where a supervisor's current incarnation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    NotStarted,
    Starting,
    /// Every child that can be started has been tried.
    Settled,
    Stopping,
    Stopped,
    Failed(Arc<str>),
}

impl Life {
    pub(crate) fn ended(&self) -> bool {
        matches!(self, Self::Stopped | Self::Failed(_))
    }

    fn state(&self) -> NodeState {
        match self {
            Self::NotStarted | Self::Stopped => NodeState::Stopped,
            Self::Starting => NodeState::Starting,
            Self::Settled => NodeState::Running,
            Self::Stopping => NodeState::Stopping,
            Self::Failed(_) => NodeState::Failed,
        }
    }
}

/// A child that is wanted.
pub(crate) struct Wanted {
    pub spec: Arc<ChildSpec>,
    pub generation: u64,
}

/// A change that the supervisor has not taken in yet, and who waits for it.
pub(crate) struct Change {
    pub key: u64,
    pub waiter: Option<oneshot::Sender<StopOutcome>>,
}

#[derive(Default)]
pub(crate) struct Desired {
    next_key: u64,
    pub children: BTreeMap<u64, Wanted>,
    by_id: HashMap<Arc<str>, u64>,
    changes: Vec<Change>,
}

impl Desired {
    /// The key of the child with this id.
    pub(crate) fn key(&self, id: &str) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// Adds a child at the end; `false` when its id is taken.
    pub(crate) fn add(&mut self, spec: ChildSpec) -> bool {
        if self.by_id.contains_key(&spec.id) {
            return false;
        }
        let key = self.next_key;
        self.next_key += 1;
        self.by_id.insert(Arc::clone(&spec.id), key);
        self.children.insert(key, Wanted { spec: Arc::new(spec), generation: 0 });
        self.changes.push(Change { key, waiter: None });
        true
    }

    /// Replaces the spec of the child with the same id; `false` when there is none.
    pub(crate) fn replace(&mut self, spec: ChildSpec, waiter: oneshot::Sender<StopOutcome>) -> bool {
        let Some(key) = self.key(&spec.id) else { return false };
        let Some(wanted) = self.children.get_mut(&key) else { return false };
        wanted.spec = Arc::new(spec);
        wanted.generation += 1;
        self.changes.push(Change { key, waiter: Some(waiter) });
        true
    }

    /// Wants a child no longer; `false` when there is none.
    pub(crate) fn remove(&mut self, id: &str, waiter: oneshot::Sender<StopOutcome>) -> bool {
        let Some(key) = self.by_id.remove(id) else { return false };
        self.children.remove(&key);
        self.changes.push(Change { key, waiter: Some(waiter) });
        true
    }

    /// The child at this position has ended for good.
    pub(crate) fn forget(&mut self, key: u64) {
        if let Some(wanted) = self.children.remove(&key) {
            self.by_id.remove(&wanted.spec.id);
        }
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        mem::take(&mut self.changes)
    }
}

/// The root of a tree that was started.
#[derive(Clone)]
pub(crate) struct Root {
    pub cell: ActorCell,
    pub env: Arc<Env>,
}

/// One supervisor, over all its incarnations.
pub(crate) struct Shared {
    pub id: Arc<str>,
    pub slot: Slot<Msg>,
    pub desired: Mutex<Desired>,
    pub board: RwLock<Board>,
    pub life: watch::Sender<Life>,
    /// Set when this supervisor was started as a root.
    pub root: Mutex<Option<Root>>,
    since: Mutex<u64>,
}

impl Shared {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            slot: Slot::new(id),
            desired: Mutex::default(),
            board: RwLock::default(),
            life: watch::Sender::new(Life::NotStarted),
            root: Mutex::default(),
            since: Mutex::new(unix_millis()),
        }
    }

    pub(crate) fn set_life(&self, life: Life) {
        *self.since.lock() = unix_millis();
        self.life.send_replace(life);
    }

    pub(crate) fn children(&self, now: Instant) -> Vec<NodeStatus> {
        self.board.read().statuses(now)
    }

    /// This supervisor as the root of a tree.
    pub(crate) fn status(&self) -> NodeStatus {
        let life = self.life.borrow().clone();
        NodeStatus {
            id: self.id.to_string(),
            kind: "supervisor".to_owned(),
            state: life.state(),
            restarts: 0,
            restarts_in_window: 0,
            last_error: None,
            since: *self.since.lock(),
            next_try: None,
            abandoned: 0,
            children: self.children(Instant::now()),
        }
    }
}

/// A child that did not stop in time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KilledChild {
    /// Ids from the root, joined with `/`.
    pub path: String,
    /// Even the kill had no effect: its thread blocks, and was left behind.
    pub abandoned: bool,
}

/// What all supervisors of a tree share.
pub(crate) struct Env {
    observer: Arc<dyn Observer>,
    /// Feeds the jitter.
    pub seed: u64,
    /// Children killed while the tree shuts down; `None` at all other times.
    pub kills: Mutex<Option<Vec<KilledChild>>>,
}

impl Env {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>, seed: u64) -> Self {
        Self { observer: observer.unwrap_or_else(|| Arc::new(LogObserver)), seed, kills: Mutex::default() }
    }

    pub(crate) fn failure(&self, report: &FailureReport) {
        self.guarded(|observer| observer.failure(report));
    }

    pub(crate) fn state_change(&self, change: &StateChange) {
        self.guarded(|observer| observer.state_change(change));
    }

    /// An observer that panics must not take the supervisor along.
    fn guarded(&self, tell: impl FnOnce(&dyn Observer)) {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tell(&*self.observer)));
        if told.is_err() {
            tracing::error!("the observer of the supervision tree panicked; its report is lost");
        }
    }
}
