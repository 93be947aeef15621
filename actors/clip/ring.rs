//! The last seconds of a camera's stream as they came, for clips that begin before their alert.
//!
//! What it promises: it holds whole groups of pictures, each beginning with a keyframe, so that what is cut can be decoded; it holds
//! at least the seconds that are asked for, unless they would take more than [`MOST_BYTES`]; frames of two formats, or of two
//! connections, are never held together.

use std::collections::VecDeque;

use jiff::SignedDuration;
use parapet_contracts::{Timestamp, ports::media::EncodedFrame};

/// The ring of one camera holds no more: 25 seconds at 20 Mbit/s.
pub const MOST_BYTES: usize = 64 << 20;

/// See the module.
#[derive(Debug, Default)]
pub struct Ring {
    groups: VecDeque<Group>,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    frames: Vec<EncodedFrame>,
    bytes: usize,
    newest: Timestamp,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is held.
    Kept,
    /// No keyframe came before it.
    AwaitingKeyframe,
    /// The seconds asked for take too many bytes: the oldest groups went before their time.
    Crowded,
}

impl Ring {
    /// Takes the newest frame; groups that end more than `back` before it go.
    pub fn put(&mut self, frame: EncodedFrame, back: SignedDuration) -> Put {
        let changed =
            self.groups.back().is_some_and(|group| group.frames.iter().any(|first| first.format != frame.format));
        if changed {
            self.clear();
        }
        let (now, size) = (frame.at, frame.bytes.len());
        match self.groups.back_mut() {
            Some(group) if !frame.keyframe => {
                group.bytes += size;
                group.newest = group.newest.max(now);
                group.frames.push(frame);
            }
            None if !frame.keyframe => return Put::AwaitingKeyframe,
            _ => self.groups.push_back(Group { frames: vec![frame], bytes: size, newest: now }),
        }
        self.bytes += size;
        // A group may go when the next one begins early enough.
        while self.groups.get(1).is_some_and(|next| next.frames[0].at <= now - back) {
            self.pop();
        }
        let mut put = Put::Kept;
        while self.bytes > MOST_BYTES && !self.groups.is_empty() {
            self.pop();
            put = Put::Crowded;
        }
        put
    }

    fn pop(&mut self) {
        if let Some(group) = self.groups.pop_front() {
            self.bytes -= group.bytes;
        }
    }

    /// Forgets all frames.
    pub fn clear(&mut self) {
        (self.groups, self.bytes) = Default::default();
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the newest frame was taken.
    pub fn newest(&self) -> Option<Timestamp> {
        self.groups.back().map(|group| group.newest)
    }

    /// The frames from the last keyframe on.
    pub fn newest_group(&self) -> Vec<EncodedFrame> {
        self.groups.back().map(|group| group.frames.clone()).unwrap_or_default()
    }

    /// The frames from the last keyframe before `from` (or the first one after, when there is none before) to `until`; empty when none
    /// was taken by then.
    pub fn cut(&self, from: Timestamp, until: Timestamp) -> Vec<EncodedFrame> {
        let first = self.groups.iter().rposition(|group| group.frames[0].at <= from).unwrap_or(0);
        let frames = self.groups.iter().skip(first).flat_map(|group| &group.frames);
        // In decoding order a frame can come after one that is shown later.
        frames
            .take_while(|frame| !frame.keyframe || frame.at <= until)
            .filter(|frame| frame.at <= until)
            .cloned()
            .collect()
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

    /// Ten frames a second, a keyframe each second.
    fn stream(ring: &mut Ring, ms: std::ops::Range<i64>, back: i64) {
        for ms in ms.step_by(100) {
            ring.put(frame(ms, ms % 1_000 == 0, 10, "h264"), SignedDuration::from_millis(back));
        }
    }

    #[test]
    fn a_cut_begins_with_the_keyframe_before_and_ends_in_time() {
        let mut ring = Ring::default();
        stream(&mut ring, 0..10_000, 5_000);
        let cut = ring.cut(at(5_500), at(8_250));
        assert!(cut[0].keyframe);
        assert_eq!((cut[0].at, cut[cut.len() - 1].at), (at(5_000), at(8_200)));
        assert_eq!(ring.newest(), Some(at(9_900)));
        assert_eq!(ring.cut(at(0), at(1)), [], "long gone");
        assert_eq!(ring.cut(at(0), at(20_000))[0].at, at(4_000), "what is left of it");
    }

    #[test]
    fn who_begins_to_watch_begins_with_the_last_keyframe() {
        let mut ring = Ring::default();
        assert_eq!(ring.newest_group(), []);
        stream(&mut ring, 0..2_300, 0);
        let group = ring.newest_group();
        assert_eq!((group[0].at, group[0].keyframe, group.len()), (at(2_000), true, 3));
    }

    #[test]
    fn frames_before_the_first_keyframe_are_of_no_use() {
        let mut ring = Ring::default();
        assert_eq!(ring.put(frame(0, false, 10, "h264"), SignedDuration::ZERO), Put::AwaitingKeyframe);
        assert_eq!((ring.bytes(), ring.newest()), (0, None));
    }

    #[test]
    fn another_format_begins_anew() {
        let mut ring = Ring::default();
        stream(&mut ring, 0..3_000, 5_000);
        ring.put(frame(3_000, true, 10, "h265"), SignedDuration::from_secs(5));
        assert_eq!(ring.cut(at(0), at(4_000)).len(), 1);
    }

    #[test]
    fn memory_is_bounded_whatever_is_asked_for() {
        let mut ring = Ring::default();
        let mut crowded = false;
        for i in 0..200 {
            crowded |=
                ring.put(frame(i * 100, i % 10 == 0, 1 << 20, "h264"), SignedDuration::from_mins(10)) == Put::Crowded;
            assert!(ring.bytes() <= MOST_BYTES);
        }
        assert!(crowded);
        // One group alone that is too large: nothing can be cut of it.
        let mut ring = Ring::default();
        for i in 0..100 {
            ring.put(frame(i * 100, i == 0, 1 << 20, "h264"), SignedDuration::from_mins(10));
            assert!(ring.bytes() <= MOST_BYTES);
        }
    }

    proptest! {
        #[test]
        fn a_cut_can_be_decoded_and_covers_what_is_asked_for(
            gaps in prop::collection::vec(1_i64..400, 1..300),
            keys in prop::collection::vec(prop::bool::weighted(0.1), 300),
            back in 0_i64..10_000,
        ) {
            let mut ring = Ring::default();
            let (mut now, mut first_key) = (0, None);
            for (gap, key) in gaps.iter().zip(&keys) {
                now += gap;
                first_key = first_key.or(key.then_some(now));
                ring.put(frame(now, *key, 1, "h264"), SignedDuration::from_millis(back));
            }
            let cut = ring.cut(at(now - back), at(now));
            prop_assert_eq!(cut.is_empty(), first_key.is_none());
            if let (Some(first), Some(first_key)) = (cut.first(), first_key) {
                prop_assert!(first.keyframe);
                prop_assert!(first.at <= at((now - back).max(first_key)));
                prop_assert_eq!(cut.last().unwrap().at, at(now));
                let held: usize = cut.iter().map(|frame| frame.bytes.len()).sum();
                prop_assert!(held <= ring.bytes());
            }
        }
    }
}
