//! What timestamps mean, and how a stream is decoded: what sources, decoders and the flow of frames agree on.

use gstreamer::{self as gst, prelude::*};

/// What the timestamps of a stream mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Those of a recording, read as fast as possible.
    Recorded,
    /// Those of a recording, or of a live stream, that is played by the clock.
    Clocked { live: bool },
    /// The time of arrival: the stream has no clock of its own.
    Arrival,
}

/// How a stream is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoding {
    pub(crate) codec: String,
    pub(crate) decoder: String,
    pub(crate) hardware: bool,
    pub(crate) memory: String,
}

/// A time as a number that can be subtracted.
pub(crate) fn nanoseconds(time: gst::ClockTime) -> i64 {
    i64::try_from(time.nseconds()).unwrap_or(i64::MAX)
}

/// Recordings without timestamps (bare JPEG pictures in a row) play at the rate that they tell, else at 25 frames a second.
pub(crate) fn invented_pts(pad: &gst::Pad, frame: u64) -> Option<gst::ClockTime> {
    let rate = pad
        .current_caps()
        .and_then(|caps| caps.structure(0)?.get::<gst::Fraction>("framerate").ok())
        .filter(|fps| fps.numer() > 0 && fps.denom() > 0)
        .unwrap_or_else(|| gst::Fraction::new(25, 1));
    let nanos =
        u128::from(frame) * 1_000_000_000 * rate.denom().unsigned_abs() as u128 / rate.numer().unsigned_abs() as u128;
    u64::try_from(nanos).ok().map(gst::ClockTime::from_nseconds)
}
