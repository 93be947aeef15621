//! Which frames are worth a look: those in which something moves, those soon after, and one now and then.
//!
//! It promises: the first frame passes; while something moves, and for [`MotionConfig::hold`] after it, every frame passes; while an
//! object is followed that does not stand still, too, but not longer than [`FOLLOWED`] after the last motion, since what a model merely
//! imagines must not keep it busy; else one frame passes each [`MotionConfig::every`]. Time in which frames were held back is added up.

use std::time::Duration;

use jiff::SignedDuration;
use parapet_config::MotionConfig;
use parapet_contracts::Timestamp;

use super::motion::Motion;

/// How long after the last motion a followed object that does not stand still keeps the gate open.
const FOLLOWED: SignedDuration = SignedDuration::from_secs(15);
/// Frames farther apart than this are no stream: what happened between them is not known, so it was not quiet.
const GAP: SignedDuration = SignedDuration::from_secs(15);

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Something moves, or did a moment ago.
    Open,
    /// Nothing moves; it is time for a look all the same.
    Look,
    /// It is held back.
    Hold,
}

/// See the module.
#[derive(Debug)]
pub struct MotionGate {
    config: MotionConfig,
    last_frame: Option<Timestamp>,
    last_look: Option<Timestamp>,
    last_motion: Option<Timestamp>,
    still: Duration,
}

impl MotionGate {
    /// A gate that has seen nothing.
    pub fn new(config: MotionConfig) -> Self {
        Self { config, last_frame: None, last_look: None, last_motion: None, still: Duration::ZERO }
    }

    /// Judges the frame of `at`. `followed` says whether an object is followed that does not stand still.
    pub fn judge(&mut self, at: Timestamp, motion: Motion, followed: bool) -> Verdict {
        let passed = self.last_frame.replace(at).map(|last| at.duration_since(last));
        // Another clock, or a stream that was away: as if nothing had been seen.
        if passed.is_none_or(|passed| passed < SignedDuration::ZERO || passed > GAP) {
            (self.last_look, self.last_motion) = (None, None);
        }
        if motion.moves {
            self.last_motion = Some(at);
        }
        let hold = SignedDuration::try_from(self.config.hold).unwrap_or(SignedDuration::MAX);
        let since_motion = self.last_motion.map(|then| at.duration_since(then));
        let open = since_motion.is_some_and(|since| since <= hold || (followed && since <= FOLLOWED));
        let every = SignedDuration::try_from(self.config.every).unwrap_or(SignedDuration::MAX);
        let due = motion.upheaval || self.last_look.is_none_or(|then| at.duration_since(then) >= every);
        if open || due {
            self.last_look = Some(at);
            return if open { Verdict::Open } else { Verdict::Look };
        }
        let passed = passed.and_then(|passed| Duration::try_from(passed).ok()).unwrap_or_default();
        self.still += passed;
        Verdict::Hold
    }

    /// How long frames were held back in all.
    pub fn still(&self) -> Duration {
        self.still
    }

    /// When something last moved.
    pub fn last_motion(&self) -> Option<Timestamp> {
        self.last_motion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> MotionGate {
        let config =
            MotionConfig { every: Duration::from_secs(10), hold: Duration::from_secs(2), ..MotionConfig::default() };
        MotionGate::new(config)
    }

    /// Five frames a second from `from` to `to`; the times of those that passed, and how.
    fn play(gate: &mut MotionGate, from: u32, to: u32, moves: bool, followed: bool) -> Vec<(f64, Verdict)> {
        let frames = (from * 5..to * 5).map(|i| f64::from(i) * 0.2);
        let judged = frames.map(|t| {
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_millis((t * 1e3) as i64);
            (t, gate.judge(at, Motion { moves, ..Motion::default() }, followed))
        });
        judged.filter(|(_, verdict)| *verdict != Verdict::Hold).collect()
    }

    #[test]
    fn without_motion_a_frame_passes_now_and_then_and_the_rest_of_the_time_is_still() {
        let mut gate = gate();
        let passed = play(&mut gate, 0, 25, false, false);
        assert_eq!(passed, [(0.0, Verdict::Look), (10.0, Verdict::Look), (20.0, Verdict::Look)]);
        // 25 s, without the steps to the two later looks: those frames were not held back.
        assert_eq!(gate.still().as_millis(), 24_800 - 400);
    }

    #[test]
    fn motion_opens_it_and_it_stays_open_for_a_while() {
        let mut gate = gate();
        drop(play(&mut gate, 0, 3, false, false));
        assert_eq!(play(&mut gate, 3, 4, true, false).len(), 5);
        let after = play(&mut gate, 4, 9, false, false);
        assert_eq!((after.len(), after.last().map(|last| last.0 < 6.0)), (10, Some(true)));
    }

    #[test]
    fn who_is_followed_keeps_it_open_but_not_for_ever() {
        let mut gate = gate();
        drop(play(&mut gate, 0, 1, true, true));
        let followed = play(&mut gate, 1, 40, false, true);
        assert_eq!(followed.iter().filter(|(_, verdict)| *verdict == Verdict::Open).count(), 75);
        assert!(play(&mut gate, 40, 49, false, true).len() <= 1, "a look");
    }

    #[test]
    fn a_stream_that_was_away_was_not_quiet() {
        let mut gate = gate();
        drop(play(&mut gate, 0, 2, false, false));
        let before = gate.still();
        assert_eq!(play(&mut gate, 100, 101, false, false).len(), 1);
        assert_eq!(gate.still() - before, Duration::from_millis(800));
    }
}
