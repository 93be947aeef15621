//! Stream actors: one for each file in `streams/`. They bring what is no camera to the rules and into the event log.
//!
//! It promises: a message that does not fit the stream's columns is refused, counted by reason and told in the error journal,
//! where repeats share a record; what waits is bounded, and who pushes too fast is told so; a file goes on where it was, also after
//! a restart of the site.

mod actor;
mod board;
mod intake;

pub use actor::StreamActor;
pub use board::{Accepted, StreamBoard, StreamStatus, TooFast};
pub use intake::{LONGEST_MESSAGE, Refusal};

#[cfg(test)]
mod tests;
