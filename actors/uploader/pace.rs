//! Bytes over time, and how old things are. Pure: the time is passed in.

use std::time::Duration;

use parapet_contracts::{Clock, Timestamp};

/// Spreads what is sent, so that no second has more than the limit, reckoned from one send to the next.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: Option<u64>,
    free_at: Duration,
}

impl Pace {
    /// At most so many bytes a second; `None`: no limit.
    pub(super) fn new(per_second: Option<u64>) -> Self {
        Self { per_second: per_second.map(|limit| limit.max(1)), free_at: Duration::ZERO }
    }

    /// The most bytes that go at once: those of a second.
    pub(super) fn most(&self) -> u64 {
        self.per_second.unwrap_or(u64::MAX)
    }

    /// Takes room for so many bytes; how long to wait before they go. `now` is monotonic.
    pub(super) fn take(&mut self, now: Duration, bytes: u64) -> Duration {
        let Some(per_second) = self.per_second else { return Duration::ZERO };
        let begin = self.free_at.max(now);
        self.free_at = begin + Duration::from_secs_f64(bytes as f64 / per_second as f64);
        begin.saturating_sub(now)
    }
}

/// How old things are, whatever the clock of the day does: the younger of two ages counts, by the clock as it is and by the clock as it
/// was at the start with the time that has passed since. So a clock that jumps makes nothing too old.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    wall: Timestamp,
    steady: Duration,
}

impl Ages {
    /// From now on.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), steady: clock.monotonic() }
    }

    /// The age of what was told at `at`.
    pub(super) fn of(&self, at: Timestamp, clock: &dyn Clock) -> Duration {
        let by_wall = clock.now().duration_since(at);
        let passed = clock.monotonic().saturating_sub(self.steady);
        let by_steady = self.wall.checked_add(passed).map_or(by_wall, |now| now.duration_since(at));
        Duration::try_from(by_wall.min(by_steady)).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::SignedDuration;
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn what_goes_is_spread_over_time_and_a_pause_gives_no_credit() {
        let mut pace = Pace::new(Some(1000));
        let seconds = Duration::from_secs;
        assert_eq!(pace.take(seconds(10), 500), Duration::ZERO);
        assert_eq!(pace.take(seconds(10), 1000), Duration::from_millis(500));
        assert_eq!(pace.take(seconds(20), 1000), Duration::ZERO, "what was free for long is free once");
        assert_eq!(pace.take(seconds(20), 1), seconds(1));
        assert_eq!(Pace::new(None).take(seconds(1), u64::MAX), Duration::ZERO);
    }

    struct Jumping(Mutex<(Timestamp, Duration)>);

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            self.0.lock().0
        }
        fn monotonic(&self) -> Duration {
            self.0.lock().1
        }
    }

    #[test]
    fn a_clock_that_jumps_makes_nothing_too_old() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Jumping(Mutex::new((start, Duration::from_secs(5))));
        let ages = Ages::new(&clock);
        let pass = |wall: i64, steady: u64| {
            let mut inner = clock.0.lock();
            inner.0 += SignedDuration::from_secs(wall);
            inner.1 += Duration::from_secs(steady);
        };
        pass(60, 60);
        assert_eq!(ages.of(start, &clock), Duration::from_secs(60));
        pass(3600 + 10, 10);
        assert_eq!(ages.of(start, &clock), Duration::from_secs(70), "an hour forward");
        pass(-7200, 0);
        let told = clock.now();
        pass(20, 20);
        assert_eq!(ages.of(told, &clock), Duration::from_secs(20), "told while the clock was behind");
        assert_eq!(ages.of(start, &clock), Duration::ZERO, "what seems to come from the future is new");
    }
}
