//! The way to a running supervisor, for everybody but its parent.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, SpawnErr};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::guard::Guarded;
use crate::shared::{Env, Life, Root, Shared};
use crate::shutdown::{self, ShutdownReport};
use crate::spec::{ChildSpec, StopOutcome};
use crate::start::Incarnation;
use crate::supervisor::{Arguments, Msg, Supervisor};
use crate::tree::{NodeState, NodeStatus};

/// Why a change of a supervisor's children was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChildError {
    /// The id is taken.
    #[error("{supervisor} already has a child called {child}")]
    Duplicate {
        /// The supervisor's id.
        supervisor: String,
        /// The child's id.
        child: String,
    },
    /// There is no such child.
    #[error("{supervisor} has no child called {child}")]
    Unknown {
        /// The supervisor's id.
        supervisor: String,
        /// The child's id.
        child: String,
    },
}

/// Children that had not been started once by the time that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not started within {limit:?}: {}", waiting.join(", "))]
pub struct NotSettled {
    /// How long was waited.
    pub limit: Duration,
    /// Paths of the children that are still starting.
    pub waiting: Vec<String>,
}

/// How a supervisor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped.
    Stopped,
    /// It gave up on a child, or was killed; the text says which.
    Failed(String),
}

/// A handle to a supervisor: stable over its restarts, and cheap to clone.
#[derive(Clone)]
pub struct SupervisorHandle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupervisorHandle").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

impl SupervisorHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) async fn start_root(&self, args: Arguments, env: Arc<Env>) -> Result<(), SpawnErr> {
        let incarnation = Arc::new(Incarnation::new());
        let alive = incarnation.alive().ok_or(SpawnErr::ActorAlreadyStarted)?;
        let guarded = Guarded { inner: Supervisor, incarnation, alive };
        let (actor, _) = Guarded::spawn(None, guarded, args).await?;
        *self.shared.root.lock() = Some(Root { cell: actor.get_cell(), env });
        Ok(())
    }

    /// The supervisor's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Adds a child after those that are there, and starts it. It returns at once; [`tree`](Self::tree) and the child's
    /// slot tell what came of the start. If the supervisor is down just now, the child starts when the supervisor does.
    ///
    /// # Errors
    /// When a child has this id already.
    pub fn add(&self, spec: ChildSpec) -> Result<(), ChildError> {
        let child = spec.id().to_owned();
        if !self.shared.desired.lock().add(spec) {
            return Err(ChildError::Duplicate { supervisor: self.id().to_owned(), child });
        }
        self.poke();
        Ok(())
    }

    /// Stops a child and forgets it, whatever it is doing: a child that waits for its restart, or hangs in its start, stays
    /// dead. Returns when it has ended. The wish is noted before the first await, so dropping the future does not undo it.
    ///
    /// # Errors
    /// When there is no such child.
    pub fn remove(&self, id: &str) -> impl Future<Output = Result<StopOutcome, ChildError>> + Send + use<> {
        let (waiter, gone) = oneshot::channel();
        let found = self.shared.desired.lock().remove(id, waiter);
        self.finished(found, id, gone)
    }

    /// Stops the child with this spec's id and starts it from the new spec, in the same place. This is deliberate: it is
    /// not counted against the budget, restarts no sibling, and the new child begins with a full budget. Returns when the
    /// old one has ended.
    ///
    /// # Errors
    /// When there is no such child.
    pub fn restart(&self, spec: ChildSpec) -> impl Future<Output = Result<StopOutcome, ChildError>> + Send + use<> {
        let (waiter, gone) = oneshot::channel();
        let id = Arc::clone(&spec.id);
        let found = self.shared.desired.lock().replace(spec, waiter);
        self.finished(found, &id, gone)
    }

    /// Whether a child with this id is wanted.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.shared.desired.lock().key(id).is_some()
    }

    /// This supervisor and all below it, as it is now.
    #[must_use]
    pub fn tree(&self) -> NodeStatus {
        self.shared.status()
    }

    /// Waits until each child has been tried once, for at most `limit`. A child that failed, and waits for its next try,
    /// has been tried.
    ///
    /// # Errors
    /// When that takes longer, or the supervisor ended.
    pub async fn settled(&self, limit: Duration) -> Result<(), NotSettled> {
        let mut life = self.shared.life.subscribe();
        let settled = life.wait_for(|life| !matches!(life, Life::NotStarted | Life::Starting));
        let up = timeout(limit, settled).await.is_ok_and(|life| life.is_ok_and(|life| *life == Life::Settled));
        if up {
            return Ok(());
        }
        let tree = self.tree();
        let starting = tree.walk().into_iter().filter(|(_, node)| node.state == NodeState::Starting);
        Err(NotSettled { limit, waiting: starting.map(|(path, _)| path).collect() })
    }

    /// Waits for the end of the supervisor's current incarnation. For the root: the end of the tree.
    pub async fn ended(&self) -> Ended {
        let mut life = self.shared.life.subscribe();
        match life.wait_for(Life::ended).await.as_deref() {
            Ok(Life::Failed(text)) => Ended::Failed(text.to_string()),
            _ => Ended::Stopped,
        }
    }

    /// Stops the tree that this supervisor is the root of: see [`shutdown()`](crate::shutdown()).
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        shutdown::shutdown(self, limit).await
    }

    pub(crate) fn root(&self) -> Option<Root> {
        self.shared.root.lock().clone()
    }

    /// Asks the supervisor to take in what has changed; `false` when it is down, and nothing of it runs.
    fn poke(&self) -> bool {
        self.shared.slot.cast(Msg::Reconcile).is_ok()
    }

    fn finished(
        &self,
        found: bool,
        id: &str,
        gone: oneshot::Receiver<StopOutcome>,
    ) -> impl Future<Output = Result<StopOutcome, ChildError>> + Send + use<> {
        let up = found && self.poke();
        let unknown = (!found).then(|| ChildError::Unknown { supervisor: self.id().to_owned(), child: id.to_owned() });
        async move {
            match unknown {
                Some(error) => Err(error),
                None if up => Ok(gone.await.unwrap_or(StopOutcome::NotRunning)),
                None => Ok(StopOutcome::NotRunning),
            }
        }
    }
}
