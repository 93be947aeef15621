//! Recording: what cameras send, as it comes, in files of some seconds each.
//!
//! It promises:
//! - nothing is decoded or encoded anew; each segment begins with a keyframe and can be played by itself;
//! - memory is bounded: a camera holds the segment that is being gathered ([`MOST_BYTES`] at most) and, by motion, the one before; what waits
//!   to be written is bounded for all cameras together ([`WAITING`]); what does not fit is dropped and counted;
//! - a crash loses what was being gathered, and leaves at most halves of files, which are removed at the next start, and told;
//! - when the disk gets full, old recordings go first, then recording stops: before that evidence is touched.
//!
//! ```text
//! camera stream ──▶ tape (one a camera: segments at keyframes, by motion or all) ──▶ recorder: file, synced ──▶ recordings folder
//!                                                                 archivist: age, size, room ──removes──▶ ┘
//! ```

mod archivist;
mod recorder;
mod segmenter;
mod tape;
mod tapes;

pub use archivist::Archivist;
pub use recorder::{Recorder, SegmentQueue};
pub use segmenter::MOST_BYTES;
pub use tape::{RecordingState, RecordingStatus, Tape};
pub use tapes::{Tapes, WAITING};

#[cfg(test)]
mod tests;
