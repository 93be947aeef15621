//! Which frames of a feed may wait for a slot at all: what the model's file and its overload policy leave of a camera's rate. Pure.
//!
//! It promises: over time never more than the declared rate; a frame may come a quarter of a period early, so that a camera which jitters
//! around the rate loses nothing; a gap is not made up for.

use std::time::Duration;

/// At most so many frames a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Limit {
    period: Duration,
    due: Option<Duration>,
}

impl Limit {
    /// `None`, or what is no positive number: all.
    pub(super) fn new(fps: Option<f64>) -> Self {
        let fps = fps.filter(|fps| fps.is_finite() && *fps > 0.0);
        Self { period: fps.map_or(Duration::ZERO, |fps| Duration::from_secs_f64(1.0 / fps)), due: None }
    }

    /// Changes the rate, and keeps the beat when it stays the same.
    pub(super) fn set(&mut self, fps: Option<f64>) {
        let new = Self::new(fps);
        if new.period != self.period {
            *self = new;
        }
    }

    /// True when the frame that comes at `now` may pass.
    pub(super) fn admit(&mut self, now: Duration) -> bool {
        if self.period.is_zero() {
            return true;
        }
        let due = self.due.unwrap_or(now);
        if now + self.period / 4 < due {
            return false;
        }
        let next = due + self.period;
        // After a gap the beat begins anew, or the frames after it would all be let through.
        self.due = Some(if next + self.period / 4 <= now { now + self.period } else { next });
        true
    }
}

/// Keeps a part of the frames, whatever their rate, evenly: of three in four, every fourth is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Thinning {
    /// Parts of a frame that were saved up.
    credit: f64,
    last: Option<Duration>,
}

impl Thinning {
    /// True when the frame that comes at `now` is among the `keep` (0 to 1) that are kept; `floor` frames a second are kept in any case.
    pub(super) fn admit(&mut self, now: Duration, keep: f64, floor: f64) -> bool {
        self.credit += keep;
        // A hair below one: three times 0.333… is a frame.
        let starved = || {
            let longest = Duration::from_secs_f64(0.75 / floor.max(1e-3));
            self.last.is_none_or(|last| now.saturating_sub(last) >= longest)
        };
        if self.credit < 1.0 - 1e-9 && !starved() {
            return false;
        }
        self.credit = (self.credit - 1.0).max(0.0);
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(admit: impl FnMut(Duration) -> bool, source: f64, seconds: f64) -> usize {
        let times = (0..(source * seconds) as u64).map(|i| Duration::from_secs_f64(i as f64 / source));
        times.map(admit).filter(|kept| *kept).count()
    }

    #[test]
    fn the_average_holds_the_limit() {
        for (limit, source) in [(5.0, 30.0), (4.0, 5.0), (10.0, 12.0), (30.0, 30.0)] {
            let mut gate = Limit::new(Some(limit));
            let frames = kept(|now| gate.admit(now), source, 20.0);
            assert!(((limit * 20.0) as usize..=(limit * 20.0) as usize + 1).contains(&frames), "{limit}: {frames}");
        }
        let mut none = Limit::new(None);
        assert_eq!(kept(|now| none.admit(now), 30.0, 1.0), 30);
    }

    #[test]
    fn jitter_loses_nothing_and_a_gap_is_not_made_up_for() {
        let mut gate = Limit::new(Some(10.0));
        for at in [0, 95, 205, 298, 401] {
            assert!(gate.admit(Duration::from_millis(at)), "{at} ms");
        }
        assert!(gate.admit(Duration::from_millis(9_000)));
        assert!(!gate.admit(Duration::from_millis(9_020)));
    }

    #[test]
    fn setting_the_same_rate_keeps_the_beat() {
        let mut gate = Limit::new(Some(1.0));
        assert!(gate.admit(Duration::ZERO));
        gate.set(Some(1.0));
        assert!(!gate.admit(Duration::from_millis(100)));
        gate.set(Some(100.0));
        assert!(gate.admit(Duration::from_millis(100)));
    }

    #[test]
    fn thinning_keeps_its_part_and_never_less_than_the_floor() {
        for (keep, source, floor, wanted) in [(0.75, 20.0, 1.0, 150), (0.5, 30.0, 1.0, 150), (0.25, 4.0, 2.0, 20)] {
            let mut thin = Thinning::default();
            let frames = kept(|now| thin.admit(now, keep, floor), source, 10.0);
            assert!(frames.abs_diff(wanted) <= 2, "{keep} of {source}: {frames}");
        }
        let mut all = Thinning::default();
        assert_eq!(kept(|now| all.admit(now, 1.0, 1.0), 25.0, 4.0), 100);
    }
}
