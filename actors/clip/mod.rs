//! Clips: what a camera showed in the seconds before and after an alert, cut from its stream as it came.
//!
//! ```text
//! camera stream ──▶ ring (one a camera, bounded) ──cut──▶ cutter ──▶ file ──▶ evidence folder ──▶ record that follows the alert
//!                                         alert desk ──order──▶ ┘
//! ```

mod cutter;
mod order;
mod ring;
mod rings;

pub use cutter::Cutter;
pub use order::{ClipDesk, ClipOrder, OrderQueue, left_behind};
pub use ring::{MOST_BYTES, Put, Ring};
pub use rings::{CameraRing, Rings, Viewer};
