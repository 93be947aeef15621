//! Model actors: a pool for each file in `models/`, and one slot actor for each GPU or share of the CPU, which pulls from it.

mod board;
mod engine;
mod pool;
mod schedule;
mod slot;

pub use board::{ModelBoard, ModelStatus};
pub use engine::{Engine, EngineError, EngineFactory, NullEngine, Seen, View};
pub use pool::{Feed, FeedCounters, Job, ModelPool};
pub use slot::{Slot, SlotParts};

#[cfg(test)]
mod tests;
