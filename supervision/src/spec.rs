//! What a supervisor is told about its children, and about itself.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell};

use crate::backoff::Backoff;
use crate::fault::GaveUp;
use crate::handle::SupervisorHandle;
use crate::observer::Observer;
use crate::policy::{Budget, Restart, RestartRule, Strategy, WhenSpent};
use crate::shared::{Env, Life, Shared};
use crate::slot::Slot;
use crate::start::StartContext;
use crate::supervisor::{Arguments, Supervisor};

/// Any error of a factory.
pub type BoxError = Box<dyn Error + Send + Sync>;

type Started = Pin<Box<dyn Future<Output = Result<ActorCell, BoxError>> + Send>>;
pub(crate) type Factory = Arc<dyn Fn(StartContext) -> Started + Send + Sync>;

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Killed at once.
    BrutalKill,
    /// Asked to stop, and killed when it has not stopped by then.
    Deadline(Duration),
    /// Asked to stop, and waited for as long as it takes. For supervisors, whose children have deadlines of their own.
    Infinity,
}

/// How a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// It was not running.
    NotRunning,
    /// It stopped by itself.
    Stopped,
    /// It had to be killed.
    Killed,
    /// Even the kill had no effect, since a thread of it blocks. It was left behind; nobody reaches it any more.
    Abandoned,
}

/// One child: how it is started, when it is restarted, how it is stopped.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) id: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) factory: Factory,
    pub(crate) restart: Restart,
    pub(crate) rule: RestartRule,
    pub(crate) shutdown: Shutdown,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) stuck_after: Option<Duration>,
    pub(crate) supervisor: Option<Arc<Shared>>,
}

impl std::fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl ChildSpec {
    /// A child whose factory spawns one actor with [`StartContext::spawn`] or [`StartContext::spawn_into`] and returns its
    /// cell. The factory is called for every start; an error, a panic, or no end within the start timeout is a failure of
    /// the child like any other.
    ///
    /// Unless told otherwise: permanent, 5 restarts in 60 s and then escalation, backoff from 100 ms to 30 s, 5 s to stop,
    /// 30 s to start, no watch for being stuck.
    pub fn new<F, R>(id: &str, factory: F) -> Self
    where
        F: Fn(StartContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<ActorCell, BoxError>> + Send + 'static,
    {
        Self {
            id: id.into(),
            kind: "worker".into(),
            factory: Arc::new(move |context| Box::pin(factory(context))),
            restart: Restart::Permanent,
            rule: RestartRule::default(),
            shutdown: Shutdown::Deadline(Duration::from_secs(5)),
            start_timeout: Some(Duration::from_secs(30)),
            stuck_after: None,
            supervisor: None,
        }
    }

    /// A child that is one actor behind a slot: `make` is called for every start.
    pub fn actor<A, F>(id: &str, slot: &Slot<A::Msg>, make: F) -> Self
    where
        A: Actor,
        F: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let slot = slot.clone();
        Self::new(id, move |context| {
            let slot = slot.clone();
            let (actor, args) = make(&context);
            async move { Ok(context.spawn_into(&slot, actor, args).await?.get_cell()) }
        })
    }

    /// A supervisor as a child. It counts as started when each of its children has been tried once. It is waited for as
    /// long as its children's deadlines take.
    #[must_use]
    pub fn supervisor(spec: SupervisorSpec) -> Self {
        let shared = Arc::clone(&spec.shared);
        let id = Arc::clone(&shared.id);
        let factory = move |context: StartContext| {
            let spec = spec.clone();
            async move {
                let args = spec.arguments(Arc::clone(&context.env), Arc::clone(&context.path))?;
                let actor = context.spawn(Supervisor, args).await?;
                let mut life = spec.shared.life.subscribe();
                let settled = life.wait_for(|life| !matches!(life, Life::NotStarted | Life::Starting)).await?.clone();
                match settled {
                    Life::Failed(text) => Err(GaveUp(text).into()),
                    _ => Ok(actor.get_cell()),
                }
            }
        };
        Self {
            shutdown: Shutdown::Infinity,
            start_timeout: None,
            supervisor: Some(shared),
            ..Self::new(&id, factory).kind("supervisor")
        }
    }

    /// The child's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is, for the tree and the reports: `camera`, `slot`, …
    #[must_use]
    pub fn kind(mut self, kind: &str) -> Self {
        self.kind = kind.into();
        self
    }

    /// Which ends lead to a restart.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How often it may be restarted.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.rule.budget = budget;
        self
    }

    /// How soon it is restarted.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.rule.backoff = backoff;
        self
    }

    /// What follows when the budget is spent.
    #[must_use]
    pub fn when_spent(mut self, when_spent: WhenSpent) -> Self {
        self.rule.when_spent = when_spent;
        self
    }

    /// How it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// How long a start may take; `None` for as long as it likes.
    #[must_use]
    pub fn start_timeout(mut self, limit: Option<Duration>) -> Self {
        self.start_timeout = limit;
        self
    }

    /// Replaces the child when a message handler runs, or a heartbeat of it is silent, for longer than this without having
    /// declared so. It is noticed within a quarter of this time, at most a second, after it is due.
    #[must_use]
    pub fn stuck_after(mut self, limit: Duration) -> Self {
        self.stuck_after = Some(limit);
        self
    }
}

/// A supervisor: its strategy and its children.
#[derive(Clone)]
pub struct SupervisorSpec {
    shared: Arc<Shared>,
    strategy: Strategy,
    concurrent: bool,
    observer: Option<Arc<dyn Observer>>,
    seed: Option<u64>,
    duplicate: Option<Arc<str>>,
}

/// Why a supervisor could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Two children have the same id.
    #[error("supervisor {supervisor} has two children called {child}")]
    DuplicateChild {
        /// The supervisor's id.
        supervisor: Arc<str>,
        /// The id that is used twice.
        child: Arc<str>,
    },
    /// The actor did not start.
    #[error("supervisor {0} did not start")]
    Spawn(Arc<str>, #[source] ractor::SpawnErr),
}

impl SupervisorSpec {
    /// A supervisor without children, one for one.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            shared: Arc::new(Shared::new(id)),
            strategy: Strategy::OneForOne,
            concurrent: false,
            observer: None,
            seed: None,
            duplicate: None,
        }
    }

    /// Who else is restarted when a child fails.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Starts children side by side instead of one after the other, so that one that hangs holds up nobody.
    /// For children that do not need each other; it has no effect unless the strategy is one for one.
    #[must_use]
    pub fn start_concurrently(mut self) -> Self {
        self.concurrent = true;
        self
    }

    /// Adds a child after those that are there.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec) -> Self {
        let id = Arc::clone(&spec.id);
        if !self.shared.desired.lock().add(spec) {
            self.duplicate = Some(id);
        }
        self
    }

    /// Who hears of failures, in the whole tree. Taken from the root's spec alone.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Makes the jitter of the whole tree repeatable. Taken from the root's spec alone.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The handle to this supervisor. It is good before the start, and over restarts.
    #[must_use]
    pub fn handle(&self) -> SupervisorHandle {
        SupervisorHandle::new(Arc::clone(&self.shared))
    }

    /// Starts the supervisor as the root of a tree. Returns as soon as it runs; its children are being started then, see
    /// [`SupervisorHandle::settled`].
    ///
    /// # Errors
    /// When two children have the same id.
    pub async fn start(&self) -> Result<SupervisorHandle, StartError> {
        let seed = self.seed.unwrap_or_else(rand::random);
        let env = Arc::new(Env::new(self.observer.clone(), seed));
        let args = self.arguments(Arc::clone(&env), Arc::clone(&self.shared.id))?;
        let handle = self.handle();
        handle.start_root(args, env).await.map_err(|error| StartError::Spawn(Arc::clone(&self.shared.id), error))?;
        Ok(handle)
    }

    fn arguments(&self, env: Arc<Env>, path: Arc<str>) -> Result<Arguments, StartError> {
        if let Some(child) = self.duplicate.clone() {
            return Err(StartError::DuplicateChild { supervisor: Arc::clone(&self.shared.id), child });
        }
        Ok(Arguments {
            shared: Arc::clone(&self.shared),
            strategy: self.strategy,
            concurrent: self.concurrent,
            env,
            path,
        })
    }
}
