//! A live stream that comes faster than it is decoded: skip to the next keyframe instead of falling behind.
//!
//! Frames wait between the network and the decoder in queues that are bounded by nothing else, so a decoder that can't follow
//! would fall behind further and further, and hold more and more memory.

use gstreamer as gst;

/// How far a live stream may fall behind before it is skipped to its next keyframe.
const BEHIND: gst::ClockTime = gst::ClockTime::from_seconds(2);

/// Whether a frame of a live stream is still worth decoding.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    skipping: bool,
}

/// What to do with an encoded frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Decode it.
    Decode,
    /// Drop it; it is the first of a run.
    Skip,
    /// Drop it too.
    SkipOn,
}

impl Overload {
    /// `behind` says how late the frame comes to the decoder.
    pub(crate) fn judge(&mut self, behind: gst::ClockTime, keyframe: bool) -> Verdict {
        if behind > BEHIND {
            let first = !std::mem::replace(&mut self.skipping, true);
            return if first { Verdict::Skip } else { Verdict::SkipOn };
        }
        if self.skipping && !keyframe {
            return Verdict::SkipOn;
        }
        self.skipping = false;
        Verdict::Decode
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_stream_goes_on_at_a_keyframe_that_is_in_time() {
        let mut overload = Overload::default();
        let (late, timely) = (gst::ClockTime::from_seconds(3), gst::ClockTime::from_mseconds(100));
        assert_eq!(overload.judge(timely, false), Verdict::Decode);
        assert_eq!(overload.judge(late, false), Verdict::Skip);
        assert_eq!(overload.judge(late, true), Verdict::SkipOn);
        assert_eq!(overload.judge(timely, false), Verdict::SkipOn);
        assert_eq!(overload.judge(timely, true), Verdict::Decode);
        assert_eq!(overload.judge(timely, false), Verdict::Decode);
    }
}
