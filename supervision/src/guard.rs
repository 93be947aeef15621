//! A wrapper around every supervised actor: it tells panics from errors, beats the handlers' heartbeat, and tells when the
//! actor and its state have been dropped, which ractor does only after it has told of the end.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::fault::{Fault, Panicked};
use crate::start::{Alive, Incarnation};

/// Runs a future to its end or to its panic.
pub(crate) async fn catch<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(Panicked(panic_text(panic)))),
    })
    .await
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => {
            panic.downcast::<&str>().map_or_else(|_| "a panic without text".to_owned(), |text| (*text).to_owned())
        }
    }
}

/// The wrapper. It has the messages and the arguments of the actor inside.
pub(crate) struct Guarded<A> {
    pub inner: A,
    pub incarnation: Arc<Incarnation>,
    /// Dropped after `inner`.
    pub alive: Alive,
}

/// The state of the actor inside, dropped before `_alive` is.
pub(crate) struct Held<S> {
    inner: Option<S>,
    _alive: Alive,
}

impl<S> Held<S> {
    fn get(&mut self) -> Result<&mut S, ActorProcessingErr> {
        self.inner.as_mut().ok_or_else(|| "a message after the end".into())
    }
}

/// While it lives, a handler is at work.
struct Working<'a>(&'a Incarnation);

impl<'a> Working<'a> {
    fn new(incarnation: &'a Incarnation) -> Self {
        incarnation.handlers.beat();
        Self(incarnation)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.handlers.idle();
    }
}

impl<A> Guarded<A> {
    async fn run<T>(&self, work: impl Future<Output = Result<T, ActorProcessingErr>>) -> Result<T, ActorProcessingErr> {
        let result = {
            let _working = Working::new(&self.incarnation);
            catch(work).await.unwrap_or_else(|panic| Err(Box::new(panic)))
        };
        if let Err(error) = &result {
            self.incarnation.note_fault(Fault::of_actor(error));
        }
        result
    }
}

impl<A: Actor> Actor for Guarded<A> {
    type Msg = A::Msg;
    type State = Held<A::State>;
    type Arguments = A::Arguments;

    async fn pre_start(&self, myself: ActorRef<A::Msg>, args: A::Arguments) -> Result<Self::State, ActorProcessingErr> {
        let state = self.run(async { self.inner.pre_start(myself, args).await }).await?;
        Ok(Held { inner: Some(state), _alive: self.alive.clone() })
    }

    async fn post_start(&self, myself: ActorRef<A::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        self.run(async { self.inner.post_start(myself, state.get()?).await }).await
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        let result = self.run(async { self.inner.post_stop(myself, state.get()?).await }).await;
        // Here, and not when the supervisor has read of the end.
        state.inner = None;
        result
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        self.run(async { self.inner.handle(myself, message, state.get()?).await }).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        self.run(async { self.inner.handle_supervisor_evt(myself, event, state.get()?).await }).await
    }
}
