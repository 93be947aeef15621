//! A frame: a picture, where it came from, and when the camera took it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{CameraId, Picture, Region, Timestamp};

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
    /// The part of the picture that models look at; all of it when absent.
    pub focus: Option<Region>,
    /// Pictures of the same camera's main stream, when this frame comes from another one.
    pub main: Option<Arc<MainView>>,
    /// The pixels.
    pub picture: Picture,
}

impl Frame {
    /// The picture that shows best what was seen in this frame: that of the main stream taken closest to it, when there is one within
    /// [`MainView::WITHIN`]; else its own.
    pub fn best_picture(&self) -> Picture {
        let main = self.main.as_ref().and_then(|main| main.closest(self.capture.at));
        main.unwrap_or_else(|| self.picture.clone())
    }
}

/// The latest pictures of a camera's main stream, for frames that come from its substream. Bounded: each holds a decoder's buffer.
#[derive(Debug, Default)]
pub struct MainView(Mutex<VecDeque<(Timestamp, Picture)>>);

impl MainView {
    /// Pictures that are kept.
    pub const KEPT: usize = 4;
    /// A picture taken further away in time shows something else.
    pub const WITHIN: SignedDuration = SignedDuration::from_millis(500);

    /// Takes the latest picture; the oldest goes.
    pub fn put(&self, at: Timestamp, picture: Picture) {
        let oldest = {
            let mut pictures = self.pictures();
            let oldest = if pictures.len() >= Self::KEPT { pictures.pop_front() } else { None };
            pictures.push_back((at, picture));
            oldest
        };
        drop(oldest); // Returns a buffer to its decoder: not under the lock.
    }

    /// The picture that was taken closest to `at`.
    pub fn closest(&self, at: Timestamp) -> Option<Picture> {
        let away = |taken: Timestamp| taken.duration_since(at).abs();
        let pictures = self.pictures();
        let closest = pictures.iter().min_by_key(|(taken, _)| away(*taken))?;
        (away(closest.0) <= Self::WITHIN).then(|| closest.1.clone())
    }

    /// Forgets all pictures.
    pub fn clear(&self) {
        let gone = std::mem::take(&mut *self.pictures());
        drop(gone);
    }

    fn pictures(&self) -> MutexGuard<'_, VecDeque<(Timestamp, Picture)>> {
        // Nothing panics while it is held, and what it holds is whole in any case.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{PixelFormat, picture::Colorimetry};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + ms).unwrap()
    }

    fn picture(side: u32) -> Picture {
        let plane = vec![0; (side * side) as usize];
        Picture::from_vecs(side, side, PixelFormat::Grey, Colorimetry::BT601, vec![(plane, side as usize)]).unwrap()
    }

    #[test]
    fn the_closest_picture_is_taken_and_none_that_is_too_far_away() {
        let main = MainView::default();
        assert!(main.closest(at(0)).is_none());
        (0..6).for_each(|i| main.put(at(i * 1_000), picture(i as u32 + 1)));
        let side = |ms| main.closest(at(ms)).map(|picture| picture.width);
        assert_eq!([side(3_100), side(2_501), side(5_400), side(5_501)], [Some(4), Some(4), Some(6), None]);
        assert_eq!(side(1_000), None, "only the last {} are kept", MainView::KEPT);
    }
}
