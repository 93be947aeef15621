//! Frames per second, limited by presentation time: the same stream always keeps the same frames, however fast it is read.

/// Says which frames are wanted when at most so many a second are.
///
/// The average never exceeds the limit: due times advance on a fixed grid. A frame may come up to a quarter of an interval
/// early, so that a source that jitters around the limit itself loses nothing.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    interval: Option<i64>,
    due: Option<i64>,
}

impl RateLimiter {
    /// At most `max_fps` frames a second; `None`, or what is no positive number: all.
    pub(crate) fn new(max_fps: Option<f64>) -> Self {
        let interval = max_fps.filter(|fps| fps.is_finite() && *fps > 0.0).map(|fps| (1e9 / fps) as i64);
        Self { interval, due: None }
    }

    /// True when the frame at `at` nanoseconds is wanted.
    pub(crate) fn admit(&mut self, at: i64) -> bool {
        let Some(interval) = self.interval else { return true };
        let due = match self.due {
            // Time went back by more than jitter: a new stream began.
            Some(due) if at < due.saturating_sub(interval.saturating_mul(2)) => at,
            Some(due) => due,
            None => at,
        };
        if at < due - interval / 4 {
            self.due = Some(due);
            return false;
        }
        let next = due + interval;
        // After a gap the grid starts anew, or the frames after it would all be let through.
        self.due = Some(if next + interval / 4 <= at { at + interval } else { next });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(max_fps: f64, source_fps: f64, seconds: f64) -> usize {
        let mut limiter = RateLimiter::new(Some(max_fps));
        (0..(source_fps * seconds) as i64).filter(|i| limiter.admit((*i as f64 * 1e9 / source_fps) as i64)).count()
    }

    #[test]
    fn the_average_holds_the_limit() {
        // One more may come a little early, at the very end.
        for (limit, source) in [(5.0, 30.0), (10.0, 12.0), (15.0, 30.0), (30.0, 30.0), (5.0, 500.0), (7.0, 20.0)] {
            let frames = kept(limit, source, 10.0);
            assert!((limit * 10.0) as usize <= frames && frames <= (limit * 10.0) as usize + 1, "{limit}: {frames}");
        }
        assert_eq!(kept(60.0, 25.0, 10.0), 250);
    }

    #[test]
    fn without_a_limit_everything_passes() {
        for none in [None, Some(0.0), Some(f64::NAN), Some(-1.0)] {
            let mut limiter = RateLimiter::new(none);
            assert!((0..100).all(|i| limiter.admit(i)));
        }
    }

    #[test]
    fn jitter_around_the_limit_loses_nothing() {
        let mut limiter = RateLimiter::new(Some(10.0));
        for at in [0, 95, 205, 298, 401, 480, 600] {
            assert!(limiter.admit(at * 1_000_000), "{at} ms");
        }
    }

    #[test]
    fn a_gap_is_not_made_up_for() {
        let mut limiter = RateLimiter::new(Some(1.0));
        assert!(limiter.admit(0));
        assert!(limiter.admit(10_000_000_000));
        assert!(!limiter.admit(10_100_000_000));
        assert!(limiter.admit(11_000_000_000));
    }

    #[test]
    fn time_that_jumps_back_starts_anew() {
        let mut limiter = RateLimiter::new(Some(1.0));
        assert!(limiter.admit(100_000_000_000));
        assert!(limiter.admit(0));
        assert!(!limiter.admit(100_000_000));
    }
}
