//! Supervision trees with the semantics of Erlang/OTP, on [ractor](https://docs.rs/ractor).
//!
//! A [`SupervisorSpec`] names children; each [`ChildSpec`] says how a child is started, when it is restarted, and how it is
//! stopped. Others reach a child through a [`Slot`], which stays good over restarts, and see the tree with
//! [`SupervisorHandle::tree`].
//!
//! ```
//! use std::time::Duration;
//! use parapet_supervision::{Backoff, Budget, ChildSpec, Slot, SupervisorSpec, WhenSpent};
//! use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
//!
//! struct Counter;
//!
//! enum Msg {
//!     Add(u64),
//!     Total(RpcReplyPort<u64>),
//! }
//!
//! impl Actor for Counter {
//!     type Msg = Msg;
//!     type State = u64;
//!     type Arguments = u64;
//!
//!     async fn pre_start(&self, _: ActorRef<Msg>, first: u64) -> Result<u64, ActorProcessingErr> {
//!         Ok(first)
//!     }
//!
//!     async fn handle(&self, _: ActorRef<Msg>, message: Msg, total: &mut u64) -> Result<(), ActorProcessingErr> {
//!         match message {
//!             Msg::Add(13) => panic!("thirteen"),
//!             Msg::Add(more) => *total += more,
//!             Msg::Total(reply) => reply.send(*total)?,
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let counter = Slot::new("counter");
//! let site = SupervisorSpec::new("site")
//!     .child(
//!         ChildSpec::actor("counter", &counter, |_| (Counter, 40))
//!             .kind("counter")
//!             .backoff(Backoff::fixed(Duration::from_millis(10)))
//!             .budget(Budget { max_restarts: 5, within: Duration::from_secs(60) })
//!             .when_spent(WhenSpent::RetrySlowly { every: Duration::from_secs(60) }),
//!     )
//!     .start()
//!     .await?;
//!
//! let second = Duration::from_secs(1);
//! counter.ready(second).await?;
//! counter.cast(Msg::Add(2))?;
//! assert_eq!(counter.call(Msg::Total, second).await?, 42);
//!
//! counter.cast(Msg::Add(13))?; // it panics, and whoever asks now is told
//! assert!(counter.call(Msg::Total, second).await.is_err());
//! counter.ready(second).await?; // the same handle leads to its successor
//! assert_eq!(counter.call(Msg::Total, second).await?, 40);
//!
//! let tree = site.tree();
//! let node = tree.find("counter").ok_or("no counter")?;
//! assert_eq!(node.restarts, 1);
//! assert_eq!(node.last_error.as_ref().map(|error| error.text.as_str()), Some("thirteen"));
//!
//! assert!(site.shutdown(second).await.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! What differs from OTP: a budget belongs to a child, not to the supervisor; a restart waits for a backoff; a start that
//! fails is a failure like any other instead of the supervisor's end; and children that were added to a running supervisor
//! outlive its restart.
//!
//! What it cannot do: end a thread that blocks. A child whose handler blocks is unlinked and left behind, and its successor
//! starts beside it; work that may block belongs on a thread of the child's own, with a [`Heartbeat`].

mod backoff;
mod fault;
mod guard;
mod handle;
mod heartbeat;
mod observer;
mod policy;
mod shared;
mod shutdown;
mod slot;
mod spec;
mod start;
mod supervisor;
mod tree;

pub use backoff::Backoff;
pub use handle::{ChildError, Ended, NotSettled, SupervisorHandle};
pub use heartbeat::{Busy, Heartbeat};
pub use observer::{FailureKind, FailureReport, LogObserver, Observer, StateChange};
pub use policy::{Budget, History, Restart, RestartRule, Strategy, Verdict, WhenSpent};
pub use shared::KilledChild;
pub use shutdown::{ShutdownReport, shutdown};
pub use slot::{Slot, SlotError};
pub use spec::{BoxError, ChildSpec, Shutdown, StartError, StopOutcome, SupervisorSpec};
pub use start::StartContext;
pub use tree::{LastError, NodeState, NodeStatus};
