//! Tracking: pure code, fed with what a model saw in the frames of a camera. It gives objects their tracks, and tells which zones
//! they stand in and which lines they cross.
//!
//! Time is the frames' time of capture; nothing here has a clock, waits, or does input or output.

mod assignment;
mod kalman;
mod lines;
mod overlap;
mod scene;
mod settings;
mod stationary;
mod tally;
mod tracker;
mod tracks;
mod zones;

pub use scene::{Geometry, Look, Scene, SceneUpdate};
pub use settings::Settings;
pub use tally::{LineTally, Tally, ZoneTally};
pub use tracker::{CLOCK_WAS_SET, Ended, Late, Sighting, Tracker, Update};
pub use tracks::{Followed, Tracks};

#[cfg(test)]
mod tests;
