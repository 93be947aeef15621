//! Where a stream is cut into segments, and which of them are worth keeping. Pure.
//!
//! What it promises: a segment begins with a keyframe and has frames of one format; it lasts as long as is wanted, or longer by the distance of
//! two keyframes; it never holds more than [`MOST_BYTES`].

use jiff::SignedDuration;
use parapet_contracts::{Timestamp, ports::media::EncodedFrame};

/// A segment holds no more: 30 seconds at 8 Mbit/s. One that grows so big ends at the next keyframe, and what comes before that is dropped.
pub const MOST_BYTES: usize = 32 << 20;

/// Frames of one segment, in decoding order.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// When the first was taken.
    pub from: Timestamp,
    /// When the last was taken.
    pub until: Timestamp,
    /// All of them.
    pub frames: Vec<EncodedFrame>,
    /// Their bytes.
    pub bytes: usize,
}

/// Why a frame is in no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// No keyframe came before it.
    AwaitingKeyframe,
    /// The segment has grown too big.
    Crowded,
}

impl Left {
    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingKeyframe => "awaiting_keyframe",
            Self::Crowded => "crowded",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Segmenter {
    open: Option<Cut>,
    crowded: bool,
}

impl Segmenter {
    /// Takes the newest frame. Gives the segment that ends before it, if one does, and why the frame is not kept, if it is not.
    pub fn put(&mut self, frame: EncodedFrame, lasts: SignedDuration) -> (Option<Cut>, Option<Left>) {
        let changed =
            self.open.as_ref().is_some_and(|open| open.frames.iter().any(|first| first.format != frame.format));
        let ends = self.open.as_ref().is_some_and(|open| {
            changed || self.crowded || frame.at.duration_since(open.from) >= lasts || frame.at < open.from
        });
        if frame.keyframe {
            let ended = if ends { self.end() } else { None };
            self.add(frame);
            return (ended, None);
        }
        if changed {
            // Without a keyframe nothing can be made of it.
            return (self.end(), Some(Left::AwaitingKeyframe));
        }
        match &self.open {
            None => (None, Some(Left::AwaitingKeyframe)),
            Some(open) if self.crowded || open.bytes + frame.bytes.len() > MOST_BYTES => {
                self.crowded = true;
                (None, Some(Left::Crowded))
            }
            Some(_) => {
                self.add(frame);
                (None, None)
            }
        }
    }

    /// The segment that is open, as it is: the stream ends.
    pub fn end(&mut self) -> Option<Cut> {
        self.crowded = false;
        self.open.take()
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.bytes)
    }

    fn add(&mut self, frame: EncodedFrame) {
        let size = frame.bytes.len();
        let open =
            self.open.get_or_insert_with(|| Cut { from: frame.at, until: frame.at, frames: Vec::new(), bytes: 0 });
        open.until = open.until.max(frame.at);
        open.bytes += size;
        open.frames.push(frame);
    }
}

/// Which segments are kept when only motion is: those in which something moved, and those just before and after.
#[derive(Debug, Default)]
pub struct Sieve {
    last_motion: Option<Timestamp>,
    waiting: Option<Cut>,
}

impl Sieve {
    /// Something moved; gives the segment before it that is worth keeping now.
    pub fn moved(&mut self, at: Timestamp, before: SignedDuration) -> Option<Cut> {
        if self.last_motion >= Some(at) {
            return None; // It was told already.
        }
        self.last_motion = Some(at);
        self.waiting.take_if(|waiting| at.duration_since(waiting.until) <= before)
    }

    /// A segment has ended; gives it when it is worth keeping already. Else it waits for a while, and may be dropped.
    pub fn sift(&mut self, cut: Cut, after: SignedDuration) -> Option<Cut> {
        if self.last_motion.is_some_and(|moved| cut.from.duration_since(moved) <= after) {
            return Some(cut);
        }
        self.waiting = Some(cut);
        None
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000_000 + ms).unwrap()
    }

    fn frame(ms: i64, keyframe: bool, bytes: usize, format: &str) -> EncodedFrame {
        let (pts, format) = (ms * 1_000_000, Arc::from(format));
        EncodedFrame { at: at(ms), pts, dts: Some(pts), keyframe, format, bytes: vec![0; bytes].into() }
    }

    const TEN: SignedDuration = SignedDuration::from_secs(10);

    #[test]
    fn a_segment_ends_at_the_first_keyframe_after_its_time() {
        let mut segmenter = Segmenter::default();
        let mut cuts = Vec::new();
        for ms in (0..35_000).step_by(100) {
            // A keyframe every four seconds.
            let (cut, left) = segmenter.put(frame(ms, ms % 4_000 == 0, 10, "h264"), TEN);
            assert_eq!(left, None);
            cuts.extend(cut);
        }
        let times: Vec<_> = cuts.iter().map(|cut| (cut.from, cut.until)).collect();
        assert_eq!(times, [(at(0), at(11_900)), (at(12_000), at(23_900))]);
        assert_eq!(segmenter.end().unwrap().from, at(24_000));
        assert_eq!(segmenter.end(), None);
    }

    #[test]
    fn another_format_is_another_segment() {
        let mut segmenter = Segmenter::default();
        assert_eq!(segmenter.put(frame(0, false, 1, "h264"), TEN).1, Some(Left::AwaitingKeyframe));
        segmenter.put(frame(100, true, 1, "h264"), TEN);
        let (cut, left) = segmenter.put(frame(200, false, 1, "h265"), TEN);
        assert_eq!((cut.unwrap().frames.len(), left), (1, Some(Left::AwaitingKeyframe)));
        assert_eq!(segmenter.put(frame(300, true, 1, "h265"), TEN), (None, None));
        let (cut, _) = segmenter.put(frame(400, true, 1, "av1"), TEN);
        assert_eq!(cut.unwrap().frames[0].format.as_ref(), "h265");
    }

    #[test]
    fn a_stream_without_keyframes_is_bounded_and_goes_on_with_the_next_one() {
        let mut segmenter = Segmenter::default();
        let mut dropped = 0;
        for ms in 0..100 {
            let (cut, left) = segmenter.put(frame(ms, ms == 0, 1 << 20, "h264"), TEN);
            assert!(cut.is_none() && segmenter.bytes() <= MOST_BYTES);
            dropped += usize::from(left == Some(Left::Crowded));
        }
        assert_eq!(dropped, 68);
        let (cut, left) = segmenter.put(frame(200, true, 10, "h264"), TEN);
        assert_eq!((cut.unwrap().frames.len(), left, segmenter.bytes()), (32, None, 10), "it ended before its time");
    }

    #[test]
    fn segments_around_motion_are_kept() {
        let second = SignedDuration::from_secs;
        let cut =
            |from: i64| Cut { from: at(from * 1_000), until: at(from * 1_000 + 900), frames: Vec::new(), bytes: 1 };
        let mut sieve = Sieve::default();
        assert_eq!(sieve.sift(cut(0), second(5)), None);
        assert_eq!(sieve.sift(cut(1), second(5)), None);
        assert_eq!(sieve.bytes(), 1, "one waits");
        assert_eq!(sieve.moved(at(2_500), second(3)), Some(cut(1)), "the one just before");
        assert_eq!(sieve.sift(cut(2), second(5)), Some(cut(2)));
        assert_eq!(sieve.sift(cut(7), second(5)), Some(cut(7)), "soon after");
        assert_eq!(sieve.sift(cut(8), second(5)), None);
        assert_eq!(sieve.moved(at(2_500), second(3)), None, "told again");
        assert_eq!(sieve.moved(at(60_000), second(3)), None, "too long ago");
        assert_eq!(sieve.bytes(), 1);
    }

    proptest! {
        #[test]
        fn no_frame_is_lost_and_every_segment_can_be_decoded(
            gaps in prop::collection::vec(1_i64..400, 1..300),
            keys in prop::collection::vec(prop::bool::weighted(0.1), 300),
            lasts in 1_i64..5_000,
        ) {
            let (mut segmenter, mut now, mut left, mut kept) = (Segmenter::default(), 0, 0, 0);
            let mut cuts = Vec::new();
            for (gap, key) in gaps.iter().zip(&keys) {
                now += gap;
                let (cut, dropped) = segmenter.put(frame(now, *key, 1, "h264"), SignedDuration::from_millis(lasts));
                cuts.extend(cut);
                left += usize::from(dropped.is_some());
            }
            cuts.extend(segmenter.end());
            for cut in &cuts {
                kept += cut.frames.len();
                prop_assert!(cut.frames[0].keyframe && cut.frames[0].at == cut.from);
                prop_assert_eq!(cut.frames.last().unwrap().at, cut.until);
            }
            prop_assert_eq!(kept + left, gaps.len());
            prop_assert_eq!(left, keys.iter().take(gaps.len()).position(|key| *key).unwrap_or(gaps.len()));
        }
    }
}
