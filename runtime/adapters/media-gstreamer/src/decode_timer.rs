//! What happens inside a decoder: how long frames take, and which never come out.

use std::{
    collections::VecDeque,
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use gstreamer as gst;
use parking_lot::Mutex;

/// Frames that are remembered inside a decoder, at most.
const INSIDE_AT_MOST: usize = 64;

/// Follows the frames of one stream through its decoder.
///
/// A decoder that works on the thread that feeds it is measured from a frame's entry to the next frame's exit, without the
/// time that is spent further down. One with threads of its own (most hardware) is measured by timestamp, from a frame's
/// entry to its own exit, which includes waiting inside of it. Frames come out in presentation order: one that is overtaken
/// by a later one could not be decoded.
#[derive(Debug, Default)]
pub(crate) struct DecodeTimer(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    working: Option<(ThreadId, Instant)>,
    entered: VecDeque<(gst::ClockTime, Instant)>,
}

/// What is known when a frame comes out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// How long decoding took.
    pub(crate) took: Option<Duration>,
    /// Frames before this one that will never come out.
    pub(crate) lost: u64,
}

impl DecodeTimer {
    /// A frame goes in. `None`: nothing tells when it is due, or it is not meant to be shown, so it is not waited for.
    pub(crate) fn enter(&self, pts: Option<gst::ClockTime>) {
        let mut inside = self.0.lock();
        let now = Instant::now();
        inside.working = Some((thread::current().id(), now));
        if let Some(pts) = pts {
            if inside.entered.len() == INSIDE_AT_MOST {
                inside.entered.pop_front();
            }
            inside.entered.push_back((pts, now));
        }
    }

    /// A frame comes out.
    pub(crate) fn leave(&self, pts: Option<gst::ClockTime>) -> Left {
        let mut inside = self.0.lock();
        let now = Instant::now();
        // One frame of this timestamp, not all: a stream that comes faster than its clock ticks has several of the same.
        let own = inside.entered.iter().position(|(entered, _)| Some(*entered) == pts);
        let own = own.and_then(|at| inside.entered.remove(at)).map(|(_, since)| now - since);
        let before = inside.entered.len();
        inside.entered.retain(|(entered, _)| pts.is_none_or(|pts| *entered >= pts));
        let lost = (before - inside.entered.len()) as u64;
        let took = match inside.working {
            Some((thread, since)) if thread == thread::current().id() => Some(now - since),
            _ => own,
        };
        Left { took, lost }
    }

    /// The stream ended: frames that are still inside are lost.
    pub(crate) fn end(&self) -> u64 {
        let mut inside = self.0.lock();
        inside.working = None;
        std::mem::take(&mut inside.entered).len() as u64
    }

    /// The stream begins anew; what was inside counts for nothing.
    pub(crate) fn reset(&self) {
        *self.0.lock() = Inside::default();
    }

    /// What is further down has done its work; the decoder goes on, if it is on this thread.
    pub(crate) fn resume(&self) {
        let mut inside = self.0.lock();
        if let Some((thread, since)) = &mut inside.working
            && *thread == thread::current().id()
        {
            *since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Option<gst::ClockTime> {
        Some(gst::ClockTime::from_mseconds(ms))
    }

    #[test]
    fn frames_that_are_reordered_are_not_lost() {
        let timer = DecodeTimer::default();
        for (enters, leaves) in [(0, None), (120, Some(0)), (40, Some(40)), (80, Some(80)), (160, Some(120))] {
            timer.enter(ms(enters));
            if let Some(leaves) = leaves {
                assert_eq!(timer.leave(ms(leaves)).lost, 0, "{leaves}");
            }
        }
        assert_eq!(timer.leave(ms(160)).lost, 0);
        assert_eq!(timer.end(), 0);
    }

    #[test]
    fn frames_that_are_overtaken_are_lost() {
        let timer = DecodeTimer::default();
        for pts in [0, 40, 80, 120] {
            timer.enter(ms(pts));
        }
        assert_eq!(timer.leave(ms(80)).lost, 2);
        timer.enter(None);
        assert_eq!(timer.leave(None).lost, 0);
        assert_eq!(timer.end(), 1);
    }

    #[test]
    fn frames_with_the_same_timestamp_are_not_lost() {
        let timer = DecodeTimer::default();
        for pts in [0, 0, 0, 40] {
            timer.enter(ms(pts));
        }
        for pts in [0, 0, 0, 40] {
            assert_eq!(timer.leave(ms(pts)).lost, 0);
        }
        assert_eq!(timer.end(), 0);
    }

    #[test]
    fn a_decoder_with_threads_of_its_own_is_measured_by_timestamp() {
        let timer = DecodeTimer::default();
        timer.enter(ms(0));
        timer.enter(ms(40));
        let left = thread::scope(|scope| scope.spawn(|| timer.leave(ms(0))).join());
        assert!(left.is_ok_and(|left| left.took.is_some() && left.lost == 0));
        let unknown = thread::scope(|scope| scope.spawn(|| timer.leave(ms(20))).join());
        assert_eq!(unknown.ok(), Some(Left::default()));
    }
}
