//! A handle to an actor that stays good while the actor behind it is restarted.
//!
//! The promise: whoever asks gets an answer or an error within the time limit. A call that waits for a child which dies, or
//! is given up as stuck, fails at that moment with [`SlotError::Down`]; nothing waits for a mailbox that nobody reads.
//! A `cast` is accepted or refused; one that was accepted just before the child died is lost with its mailbox, so what must
//! not be lost is sent with `call`, or through a bounded hand-off that accounts for it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ractor::{ActorRef, ActorStatus, Message, RpcReplyPort};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// Why an actor could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// Not running, or ended before it answered.
    #[error("{id} is not running")]
    Down {
        /// The slot's id.
        id: Arc<str>,
    },
    /// Running, but no answer came in time.
    #[error("{id} did not answer within {limit:?}")]
    Timeout {
        /// The slot's id.
        id: Arc<str>,
        /// How long was waited.
        limit: Duration,
    },
}

struct Live<M: Message> {
    actor: ActorRef<M>,
    generation: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    generation: u64,
    up: bool,
}

struct Inner<M: Message> {
    id: Arc<str>,
    live: ArcSwapOption<Live<M>>,
    state: watch::Sender<State>,
}

/// A stable handle to an actor that takes messages of type `M`. Cloning is cheap; all clones are the same slot.
pub struct Slot<M: Message> {
    inner: Arc<Inner<M>>,
}

impl<M: Message> Clone for Slot<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M: Message> std::fmt::Debug for Slot<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("id", &self.inner.id).field("up", &self.is_up()).finish()
    }
}

impl<M: Message> Slot<M> {
    /// An empty slot; `id` names it in errors.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let (state, _) = watch::channel(State::default());
        Self { inner: Arc::new(Inner { id: id.into(), live: ArcSwapOption::empty(), state }) }
    }

    /// The id given to [`Slot::new`].
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Whether an actor is behind the slot now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.live().is_some()
    }

    /// Sends a message without waiting for an answer.
    ///
    /// # Errors
    /// [`SlotError::Down`] when no actor is running.
    pub fn cast(&self, message: M) -> Result<(), SlotError> {
        let live = self.live().ok_or_else(|| self.down())?;
        live.actor.cast(message).map_err(|_| self.down())
    }

    /// Sends a message that carries a reply port, and waits for the answer for at most `limit`.
    ///
    /// # Errors
    /// [`SlotError::Down`] when no actor is running, or when it ended, was given up as stuck, or dropped the request before
    /// it answered; [`SlotError::Timeout`] when it is running and no answer came within `limit`.
    pub async fn call<R: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<R>) -> M,
        limit: Duration,
    ) -> Result<R, SlotError> {
        let mut state = self.inner.state.subscribe();
        let live = self.live().ok_or_else(|| self.down())?;
        let (port, reply) = oneshot::channel();
        live.actor.cast(message((port, limit).into())).map_err(|_| self.down())?;
        let gone = async { state.wait_for(|now| now.generation != live.generation || !now.up).await.is_ok() };
        let answer = async {
            tokio::select! {
                biased;
                answer = reply => answer.map_err(|_| self.down()),
                _ = gone => Err(self.down()),
            }
        };
        timeout(limit, answer).await.unwrap_or_else(|_| Err(self.late(limit)))
    }

    /// Waits until an actor is running, for at most `limit`.
    ///
    /// # Errors
    /// [`SlotError::Down`] when none is by then.
    pub async fn ready(&self, limit: Duration) -> Result<(), SlotError> {
        let mut state = self.inner.state.subscribe();
        let up = async {
            while !self.is_up() {
                if state.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(limit, up).await.map_err(|_| self.down())
    }

    /// Puts an actor into the slot. Supervised actors are put there by [`crate::StartContext::spawn_into`]; this is for an
    /// actor that somebody else supervises, and for tests.
    pub fn fill(&self, actor: ActorRef<M>) {
        drop(self.occupy(actor));
    }

    /// Fills the slot and returns what empties it again, unless a newer actor has moved in.
    pub(crate) fn occupy(&self, actor: ActorRef<M>) -> impl FnOnce() + Send + 'static {
        let mut mine = 0;
        self.inner.state.send_modify(|state| {
            state.generation += 1;
            state.up = true;
            mine = state.generation;
            self.inner.live.store(Some(Arc::new(Live { actor, generation: mine })));
        });
        let inner = Arc::clone(&self.inner);
        move || {
            inner.state.send_if_modified(|state| {
                let current = state.generation == mine && state.up;
                if current {
                    state.up = false;
                    inner.live.store(None);
                }
                current
            });
        }
    }

    fn live(&self) -> Option<Arc<Live<M>>> {
        self.inner.live.load_full().filter(|live| live.actor.get_status() < ActorStatus::Draining)
    }

    fn down(&self) -> SlotError {
        SlotError::Down { id: Arc::clone(&self.inner.id) }
    }

    fn late(&self, limit: Duration) -> SlotError {
        SlotError::Timeout { id: Arc::clone(&self.inner.id), limit }
    }
}
