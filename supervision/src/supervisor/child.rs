//! A supervisor's record of one child.

use std::sync::Arc;

use ractor::ActorCell;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use crate::heartbeat::Watch;
use crate::observer::unix_millis;
use crate::policy::History;
use crate::spec::{ChildSpec, StopOutcome};
use crate::start::{Gone, Incarnation};
use crate::supervisor::order::{Posture, Stance};
use crate::tree::{Entry, LastError, NodeState};

/// A message to come; dropped when it is no longer wanted.
pub(crate) struct Timer(pub AbortHandle);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What follows a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterStop {
    /// Started again when its turn comes: a sibling failed.
    Recycle,
    /// Started again after a wait: it was stuck.
    Retry { after: std::time::Duration, slow: bool },
    /// Started again from the spec that is wanted now.
    Replace,
    /// Forgotten.
    Forget,
}

impl AfterStop {
    /// Of two wishes for one child, the stronger one.
    pub(crate) fn or(self, other: Self) -> Self {
        let rank = |after| match after {
            Self::Recycle => 0,
            Self::Retry { .. } => 1,
            Self::Replace => 2,
            Self::Forget => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// A stop under way. The actors are no longer linked to the supervisor: see [`super::stopping`].
pub(crate) struct Stop {
    pub task: JoinHandle<StopOutcome>,
    pub cells: Vec<ActorCell>,
    pub incarnation: Arc<Incarnation>,
}

/// Where a child stands, and what belongs to that.
pub(crate) enum Phase {
    /// To be started when its turn comes.
    Waiting,
    Starting {
        incarnation: Arc<Incarnation>,
        task: JoinHandle<()>,
        _limit: Option<Timer>,
    },
    Running {
        cell: ActorCell,
        incarnation: Arc<Incarnation>,
        since: Instant,
        watches: Vec<Watch>,
    },
    /// Failed, and started again at `until`.
    Backoff {
        until: Instant,
        slow: bool,
        _timer: Timer,
    },
    Stopping {
        stop: Stop,
        after: AfterStop,
        stuck: bool,
    },
    /// Ended normally, and stays so.
    Ended,
}

pub(crate) struct Child {
    pub spec: Arc<ChildSpec>,
    pub generation: u64,
    pub phase: Phase,
    /// The state that was told last.
    pub shown: NodeState,
    /// Counts changes of phase, so that stale messages are known.
    pub epoch: u64,
    /// Its first start is over, well or not.
    pub tried: bool,
    /// Its next start is a restart.
    pub restarting: bool,
    /// A sibling's failure wants it stopped.
    pub group_stop: Option<AfterStop>,
    pub history: History,
    pub restarts: u64,
    pub last_error: Option<LastError>,
    pub since: u64,
    pub abandoned: u32,
    /// The end of the last incarnation: the next one waits for it, unless it was left behind.
    pub last: Option<Gone>,
    /// Who waits for this incarnation's end.
    pub waiters: Vec<oneshot::Sender<StopOutcome>>,
}

impl Child {
    pub(crate) fn new(spec: Arc<ChildSpec>, generation: u64) -> Self {
        Self {
            spec,
            generation,
            phase: Phase::Waiting,
            shown: NodeState::Starting,
            epoch: 0,
            tried: false,
            restarting: false,
            group_stop: None,
            history: History::default(),
            restarts: 0,
            last_error: None,
            since: unix_millis(),
            abandoned: 0,
            last: None,
            waiters: Vec::new(),
        }
    }

    pub(crate) fn state(&self) -> NodeState {
        match &self.phase {
            Phase::Waiting | Phase::Starting { .. } => NodeState::Starting,
            Phase::Running { .. } => NodeState::Running,
            Phase::Backoff { slow: true, .. } => NodeState::Failed,
            Phase::Backoff { slow: false, .. } => NodeState::Backoff,
            Phase::Stopping { stuck: true, .. } => NodeState::Stuck,
            Phase::Stopping { stuck: false, .. } => NodeState::Stopping,
            Phase::Ended => NodeState::Stopped,
        }
    }

    pub(crate) fn stance(&self) -> Stance {
        let posture = match &self.phase {
            Phase::Waiting => Posture::Waiting,
            Phase::Starting { .. } => Posture::Starting,
            Phase::Running { .. } => Posture::Running,
            Phase::Backoff { .. } => Posture::Backoff,
            Phase::Stopping { .. } => Posture::Stopping,
            Phase::Ended => Posture::Ended,
        };
        Stance { posture, tried: self.tried, to_stop: self.group_stop.is_some(), held: false }
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry {
            id: Arc::clone(&self.spec.id),
            kind: Arc::clone(&self.spec.kind),
            state: self.state(),
            restarts: self.restarts,
            history: self.history.clone(),
            within: self.spec.rule.budget.within,
            last_error: self.last_error.clone(),
            since: self.since,
            next_try: if let Phase::Backoff { until, .. } = &self.phase { Some(*until) } else { None },
            abandoned: self.abandoned,
            supervisor: self.spec.supervisor.clone(),
        }
    }

    /// Tells those who wait for its end.
    pub(crate) fn answer(&mut self, outcome: StopOutcome) {
        for waiter in self.waiters.drain(..) {
            // Whoever waited may have gone; the child has ended all the same.
            waiter.send(outcome).ok();
        }
    }
}
