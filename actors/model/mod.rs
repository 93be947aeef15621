//! Model actors: a pool for each file in `models/`, and one slot actor for each GPU or share of the CPU, which pulls from it.
//!
//! A frame's way: [`Feed`] → admission → [`ModelPool`], where it waits for its turn (`schedule`) and the batch (`batch`, by the slot's
//! [`Profile`]) → [`Seat`] → [`Slot`]. What is given up when slots can't keep up is `overload`'s.

mod admission;
mod batch;
mod board;
mod canary;
mod counters;
mod engine;
mod feed;
mod feeds;
mod in_flight;
mod job;
mod loaded;
mod meters;
mod overload;
mod pool;
mod profile;
mod schedule;
mod seat;
mod shadow;
mod sitting;
mod slot;

pub use board::{FeedStatus, ModelBoard, ModelChange, ModelStatus};
pub(crate) use canary::Placed;
pub use canary::{Canary, CanaryState, CanaryStatus, SentBack};
pub use counters::FeedCounters;
pub use engine::{Engine, EngineError, EngineFactory, ModelKeeper, NullEngine, Seen, SeenKind, View};
pub use feed::{Feed, Terms};
pub use in_flight::InFlight;
pub(crate) use job::Promised;
pub use job::{Job, Purpose, Receipt};
pub use loaded::{Loaded, try_out};
pub use overload::{OverloadParts, OverloadStatus, keep_to_policy};
pub use pool::{FeedReport, ModelPool, Seat};
pub use profile::Profile;
pub(crate) use schedule::{FeedIndex, Schedule};
pub use shadow::{Shadow, ShadowStatus, Shadows};
pub use sitting::Work;
pub use slot::{Slot, SlotParts};

#[cfg(test)]
mod accounting_tests;
#[cfg(test)]
mod tests;
