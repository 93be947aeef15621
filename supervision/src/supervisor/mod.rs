//! The supervisor actor.
//!
//! It promises: a child that fails is restarted by its rule, and by nothing else; children start in order and stop in
//! reverse order; a child that is not wanted any more stays dead; and no child, however it hangs, keeps the supervisor from
//! looking after the others: starts, stops and waits run on tasks of their own and come back as messages.
//!
//! Each turn takes one message in, and then does all that has become due ([`State::advance`]). There is no list of steps to
//! go through, which a second failure could throw off: what is due follows from where each child stands, in [`order`].

mod child;
mod failure;
mod message;
mod order;
mod starting;
mod state;
mod stopping;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::fault::{Escalation, Exit, Fault};
use crate::policy::Strategy;
use crate::shared::{Env, Life, Shared};

pub(crate) use message::Msg;
pub(crate) use state::State;

/// The actor.
pub(crate) struct Supervisor;

/// What one incarnation of a supervisor is started with.
pub(crate) struct Arguments {
    pub shared: Arc<Shared>,
    pub strategy: Strategy,
    pub concurrent: bool,
    pub env: Arc<Env>,
    pub path: Arc<str>,
}

impl Actor for Supervisor {
    type Msg = Msg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(&self, myself: ActorRef<Msg>, args: Arguments) -> Result<State, ActorProcessingErr> {
        Ok(State::new(myself, args))
    }

    async fn post_start(&self, _: ActorRef<Msg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.take_all();
        state.advance();
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        let result = match message {
            Msg::Reconcile => {
                state.reconcile();
                Ok(())
            }
            Msg::StartDone { key, epoch, result } => state.start_done(key, epoch, result),
            Msg::StartLate { key, epoch } => state.start_late(key, epoch),
            Msg::StopDone { key, epoch, outcome } => {
                state.stop_done(key, epoch, outcome);
                Ok(())
            }
            Msg::RetryDue { key, epoch } => {
                state.retry_due(key, epoch);
                Ok(())
            }
            Msg::Ended { cell, exit } => state.exited(cell, exit),
            Msg::CheckHeartbeats => state.check_heartbeats(),
        };
        self.go_on(state, result).await
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Msg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let result = match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                state.exited(cell.get_id(), Exit::Fault(Fault::of_actor(&error)))
            }
            SupervisionEvent::ActorTerminated(cell, last, reason) => {
                // A supervisor that was killed has its last word here, before its successor has its first.
                drop(last);
                state.exited(cell.get_id(), Exit::of_termination(reason))
            }
            _ => return Ok(()),
        };
        self.go_on(state, result).await
    }

    async fn post_stop(&self, _: ActorRef<Msg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.stop_all(None).await;
        state.end(Life::Stopped);
        Ok(())
    }
}

impl Supervisor {
    async fn go_on(&self, state: &mut State, result: Result<(), Escalation>) -> Result<(), ActorProcessingErr> {
        match result {
            Ok(()) => {
                state.advance();
                Ok(())
            }
            Err(escalation) => {
                state.stop_all(Some(&escalation)).await;
                state.end(Life::Failed(escalation.to_string().into()));
                Err(Box::new(escalation))
            }
        }
    }
}
