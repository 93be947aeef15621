//! When a batch is closed: pure.
//!
//! A batch that is worth waiting for closes when it is full, or at the last moment at which its most urgent frame is still done in time: at
//! `deadline − predicted time`. As long as looks at single frames keep up with what comes, nobody waits for the sake of a batch.

use std::time::Duration;

use super::profile::Profile;

/// From this part of a model's time on, looks at single frames hardly keep up.
const BUSY: f64 = 0.9;

/// What a slot finds when it is free.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// Frames that wait: at least one.
    pub frames: usize,
    /// All that could wait: cameras.
    pub feeds: usize,
    /// The earliest deadline among them.
    pub deadline: Duration,
    /// Of the slots' time, the part that single looks at all that comes would take.
    pub pressure: f64,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// Look at so many.
    Now(usize),
    /// Wait for more, until then.
    At(Duration),
}

/// Decides at `now` for a slot with this profile.
pub(super) fn close(profile: &Profile, waiting: Waiting, now: Duration) -> Close {
    let full = profile.best().min(waiting.feeds.max(1));
    let left = waiting.deadline.saturating_sub(now);
    if waiting.frames < full && waiting.pressure >= BUSY {
        // One more is what it waits for.
        let last = waiting.deadline.saturating_sub(profile.predict(waiting.frames + 1));
        if last > now {
            return Close::At(last);
        }
    }
    // What is late already can't be saved: then as many as gets through most.
    let size = if left.is_zero() { full } else { profile.within(left) };
    Close::Now(waiting.frames.min(size).max(1))
}

/// How many come a second, smoothed over about a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrivals {
    rate: f64,
    last: Duration,
}

impl Arrivals {
    /// One came.
    pub(super) fn count(&mut self, now: Duration) {
        self.rate = self.per_second(now) + 1.0;
        self.last = now;
    }

    /// The rate at `now`.
    pub(super) fn per_second(&self, now: Duration) -> f64 {
        self.rate * (-now.saturating_sub(self.last).as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// 10 ms to begin and 1 ms for each, up to 8.
    fn accelerator() -> Profile {
        Profile::measure(8, |n| Ok::<_, Infallible>(ms(10 + n as u64))).unwrap_or_else(|e| match e {})
    }

    fn waiting(frames: usize, pressure: f64) -> Waiting {
        Waiting { frames, feeds: 20, deadline: ms(500), pressure }
    }

    #[test]
    fn a_full_batch_goes_at_once() {
        assert_eq!(close(&accelerator(), waiting(9, 5.0), ms(100)), Close::Now(8));
    }

    #[test]
    fn under_pressure_it_waits_until_its_most_urgent_frame_must_go() {
        assert_eq!(close(&accelerator(), waiting(3, 5.0), ms(100)), Close::At(ms(486)));
        assert_eq!(close(&accelerator(), waiting(3, 5.0), ms(486)), Close::Now(3));
    }

    #[test]
    fn nobody_waits_while_single_looks_keep_up_or_when_nobody_else_can_come() {
        assert_eq!(close(&accelerator(), waiting(1, 0.5), ms(100)), Close::Now(1));
        let all = Waiting { feeds: 3, ..waiting(3, 5.0) };
        assert_eq!(close(&accelerator(), all, ms(100)), Close::Now(3));
        let processor = Profile::measure(8, |n| Ok::<_, Infallible>(ms(10 * n as u64))).unwrap_or_else(|e| match e {});
        assert_eq!(close(&processor, waiting(5, 5.0), ms(100)), Close::Now(1));
    }

    #[test]
    fn a_batch_is_no_bigger_than_its_deadline_allows() {
        assert_eq!(close(&accelerator(), waiting(20, 5.0), ms(484) + ms(1) / 2), Close::Now(5));
        assert_eq!(close(&accelerator(), waiting(20, 5.0), ms(600)), Close::Now(8), "late already");
    }

    #[test]
    fn the_rate_of_arrivals_is_what_comes() {
        let mut arrivals = Arrivals::default();
        for n in 0..200 {
            arrivals.count(ms(n * 50));
        }
        assert!((arrivals.per_second(ms(199 * 50)) - 20.0).abs() < 1.5);
        assert!(arrivals.per_second(ms(199 * 50 + 10_000)) < 0.01);
    }
}
