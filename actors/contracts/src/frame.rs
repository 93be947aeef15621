//! A frame: a picture, where it came from, and when the camera took it.

use serde::{Deserialize, Serialize};

use crate::{CameraId, Picture, Timestamp};

/// Where a capture time comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// RTCP sender reports: the camera's own clock.
    Rtcp,
    /// The stream's timestamps, mapped to UTC when the stream began.
    Pts,
    /// The time at which the frame was read. The last resort.
    WallClock,
}

/// When the camera took a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureTime {
    /// The instant in UTC.
    pub at: Timestamp,
    /// What it was derived from.
    pub source: TimeSource,
}

/// A decoded frame that somebody wanted. Cloning shares the picture.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The camera that it came from.
    pub camera: CameraId,
    /// The index of the frame in its stream, from 0, in presentation order. Frames that were dropped are counted too.
    pub index: u64,
    /// Presentation time since the start of the stream, in seconds.
    pub pts: f64,
    /// When the camera took it.
    pub capture: CaptureTime,
    /// The monotonic time (of the site's clock) at which it left the decoder, in nanoseconds.
    pub decoded_at: std::time::Duration,
    /// For how long, by capture time, the camera's frames were held back up to this one because nothing moved: a sum that only grows
    /// while the site runs. Whoever looks at frames learns from the difference how much of a gap was quiet.
    pub still: std::time::Duration,
    /// The pixels.
    pub picture: Picture,
}
