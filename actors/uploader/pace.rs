//! Bytes over time, and how old things are. Pure: the time is passed in.

use std::{collections::VecDeque, time::Duration};

use jiff::SignedDuration;
use parapet_contracts::{Clock, Timestamp};
use parking_lot::Mutex;

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

/// By less than this a clock does not jump: it is set right.
const JUMP: SignedDuration = SignedDuration::from_secs(1);
/// Settings of the clock that are remembered; the oldest go first.
const SETTINGS: usize = 32;

/// How old things are, whatever the clock of the day does. It remembers how the clock was set at each time that it was asked: by which of
/// the settings a thing was told is not known, so the youngest of the ages that it may have counts. A clock that jumps, and back again,
/// makes nothing too old.
#[derive(Debug)]
pub(super) struct Ages(Mutex<VecDeque<(Timestamp, Duration)>>);

impl Ages {
    /// From now on.
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self(Mutex::new([(clock.now(), clock.monotonic())].into()))
    }

    /// The age of what was told at `at`.
    pub(super) fn of(&self, at: Timestamp, clock: &dyn Clock) -> Duration {
        let (wall, steady) = (clock.now(), clock.monotonic());
        // What the clock would say now, had it never been set again.
        let as_set =
            |(then, since): &(Timestamp, Duration)| then.checked_add(steady.saturating_sub(*since)).unwrap_or(wall);
        let mut settings = self.0.lock();
        if settings.iter().all(|setting| as_set(setting).duration_since(wall).abs() > JUMP) {
            if settings.len() == SETTINGS {
                settings.pop_front();
            }
            settings.push_back((wall, steady));
        }
        let youngest = settings.iter().map(|setting| as_set(setting).duration_since(at)).min();
        youngest.and_then(|age| Duration::try_from(age).ok()).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
        pass(3600 + 10, 10);
        assert_eq!(
            ages.of(told, &clock),
            Duration::from_secs(30),
            "told while the clock was behind, which is right again"
        );
    }
}
