//! What a camera's own pictures tell before any model is asked: whether something moves, and whether the camera sees what it should.
//!
//! Pure code on the luma plane, on the decoder's thread, before anything is converted. It promises: no frame is copied; time is the
//! frames' time of capture; what it costs does not grow with the picture, but for reading one row in a few of it.

mod fault;
mod fingerprint;
mod gate;
mod mask;
mod motion;
mod onlooker;
mod reference;
mod thumbnail;

pub use fault::{FaultWatch, Finding};
pub use gate::{MotionGate, Verdict};
pub use mask::{Mask, focus};
pub use motion::{Motion, MotionDetector};
pub use onlooker::{MotionStatus, Onlooker, Outlook};
pub use thumbnail::Thumbnail;

#[cfg(test)]
mod tests;
