//! What a child's factory is given, and what is kept of one incarnation of a child.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use tokio::sync::watch;

use crate::fault::Fault;
use crate::guard::Guarded;
use crate::heartbeat::Heartbeat;
use crate::shared::Env;
use crate::slot::Slot;

/// Held by an actor and by its state; when the last one has been dropped, all that they held is free.
pub(crate) type Alive = Arc<watch::Sender<()>>;

/// Waits until an incarnation's actor and state have been dropped.
#[derive(Clone)]
pub(crate) struct Gone(watch::Receiver<()>);

impl Gone {
    pub(crate) async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// One life of a child, from the call of its factory to its end.
pub(crate) struct Incarnation {
    gone: watch::Receiver<()>,
    /// Of the message handlers; idle between messages.
    pub handlers: Heartbeat,
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    cancelled: bool,
    cells: Vec<ActorCell>,
    leases: Vec<Box<dyn FnOnce() + Send>>,
    heartbeats: Vec<Heartbeat>,
    fault: Option<Fault>,
    /// For the actors to come; `None` once the start is over.
    alive: Option<Alive>,
}

impl Incarnation {
    pub(crate) fn new() -> Self {
        let handlers = Heartbeat::new("message handler");
        handlers.idle();
        let (alive, gone) = watch::channel(());
        let parts = Parts { alive: Some(Arc::new(alive)), ..Parts::default() };
        Self { handlers, gone, parts: Mutex::new(parts) }
    }

    /// What an actor holds as long as it lives; `None` when the start is over.
    pub(crate) fn alive(&self) -> Option<Alive> {
        self.parts.lock().alive.clone()
    }

    /// The start is over: no actor of this incarnation is to come.
    pub(crate) fn started(&self) {
        self.parts.lock().alive = None;
    }

    pub(crate) fn gone(&self) -> Gone {
        Gone(self.gone.clone())
    }

    /// Keeps a cell, so that it can be stopped even when the factory never returns; `false` when the start was cancelled.
    pub(crate) fn keep(&self, cell: &ActorCell) -> bool {
        let mut parts = self.parts.lock();
        if !parts.cancelled && !parts.cells.contains(cell) {
            parts.cells.push(cell.clone());
        }
        !parts.cancelled
    }

    /// Whether the cell was kept.
    pub(crate) fn knows(&self, cell: &ActorCell) -> bool {
        self.parts.lock().cells.contains(cell)
    }

    /// The start is over, whatever the factory still does. Returns what it had spawned, for the caller to stop.
    pub(crate) fn cancel(&self) -> Vec<ActorCell> {
        self.release();
        let mut parts = self.parts.lock();
        parts.cancelled = true;
        parts.alive = None;
        parts.cells.clone()
    }

    /// Empties the slots: from here on nobody reaches this incarnation, and who waits for it hears so.
    pub(crate) fn release(&self) {
        let leases = mem::take(&mut self.parts.lock().leases);
        for lease in leases {
            lease();
        }
    }

    /// Heartbeats of the child's own threads, from number `known` on.
    pub(crate) fn heartbeats_from(&self, known: usize) -> Vec<Heartbeat> {
        self.parts.lock().heartbeats.get(known..).unwrap_or_default().to_vec()
    }

    pub(crate) fn note_fault(&self, fault: Fault) {
        self.parts.lock().fault = Some(fault);
    }

    pub(crate) fn take_fault(&self) -> Option<Fault> {
        self.parts.lock().fault.take()
    }
}

/// What a factory needs to start one incarnation of a child.
#[derive(Clone)]
pub struct StartContext {
    pub(crate) supervisor: ActorCell,
    pub(crate) path: Arc<str>,
    pub(crate) env: Arc<Env>,
    pub(crate) incarnation: Arc<Incarnation>,
}

impl StartContext {
    /// The child's path: ids from the root, joined with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The supervisor, for an actor that is not spawned with [`spawn`](Self::spawn).
    #[must_use]
    pub fn supervisor(&self) -> ActorCell {
        self.supervisor.clone()
    }

    /// The heartbeat of the message handlers, to declare long work in one of them. It beats by itself.
    #[must_use]
    pub fn handler_heartbeat(&self) -> Heartbeat {
        self.incarnation.handlers.clone()
    }

    /// A heartbeat for a thread of the child's own, which promises to beat, or to say that it is idle or busy.
    /// It counts from the moment when the child has started, and only in a child with
    /// [`stuck_after`](crate::ChildSpec::stuck_after). `name` is told when it falls silent.
    #[must_use]
    pub fn heartbeat(&self, name: &str) -> Heartbeat {
        let heartbeat = Heartbeat::new(name);
        self.incarnation.parts.lock().heartbeats.push(heartbeat.clone());
        heartbeat
    }

    /// Spawns the child's actor under its supervisor. It has no registered name, so that a replacement can start while a
    /// blocked predecessor is still around.
    ///
    /// # Errors
    /// When the actor's `pre_start` fails or panics, or when the start has been cancelled meanwhile.
    pub async fn spawn<A: Actor>(&self, actor: A, args: A::Arguments) -> Result<ActorRef<A::Msg>, SpawnErr> {
        let cancelled = || SpawnErr::StartupFailed("the start was cancelled".into());
        let alive = self.incarnation.alive().ok_or_else(cancelled)?;
        let guarded = Guarded { inner: actor, incarnation: Arc::clone(&self.incarnation), alive };
        let (actor, _) = self.supervisor.spawn_linked(None, guarded, args).await?;
        if self.incarnation.keep(&actor.get_cell()) {
            return Ok(actor);
        }
        actor.kill();
        Err(cancelled())
    }

    /// [`spawn`](Self::spawn), and the slot leads to the actor until it ends.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub async fn spawn_into<A: Actor>(
        &self,
        slot: &Slot<A::Msg>,
        actor: A,
        args: A::Arguments,
    ) -> Result<ActorRef<A::Msg>, SpawnErr> {
        let actor = self.spawn(actor, args).await?;
        let lease = slot.occupy(actor.clone());
        let mut parts = self.incarnation.parts.lock();
        if parts.cancelled {
            drop(parts);
            lease();
            return Err(SpawnErr::StartupFailed("the start was cancelled".into()));
        }
        parts.leases.push(Box::new(lease));
        Ok(actor)
    }
}
