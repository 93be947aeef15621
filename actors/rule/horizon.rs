//! How far event time has come while no events come, so that windows close behind a camera that has nothing to show.
//!
//! It is measured from the newest event by the monotonic clock: cameras whose clocks are wrong have a time of their own. Before the
//! first event time moves for those alone who wait for silence: it is that of the clock then.

use std::time::Duration;

use parapet_contracts::Timestamp;

/// How long an event may be on its way from the camera to the rule, over what the newest took.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Default)]
pub(super) struct Horizon {
    newest: Option<(Timestamp, Duration)>,
    /// No event has come yet.
    by_clock: bool,
}

impl Horizon {
    /// Somebody listens from `ts` on: without an event, that is where time goes on from.
    pub(super) fn begin(&mut self, ts: Timestamp, now: Duration) {
        if self.newest.is_none() {
            (self.newest, self.by_clock) = (Some((ts, now)), true);
        }
    }

    /// An event has come, at `now` of the monotonic clock.
    pub(super) fn saw(&mut self, ts: Timestamp, now: Duration) {
        if std::mem::take(&mut self.by_clock) || self.newest.is_none_or(|(newest, _)| ts > newest) {
            self.newest = Some((ts, now));
        } else if self.at(now).is_some_and(|horizon| ts < horizon) {
            // Late, or its clock was set back: the rule decides which. Time stands still for those that follow.
            self.newest = self.newest.map(|(newest, seen)| (newest, seen.max(now.saturating_sub(GRACE))));
        }
    }

    /// No event before this is expected any more.
    pub(super) fn at(&self, now: Duration) -> Option<Timestamp> {
        let (ts, seen) = self.newest?;
        let passed = now.saturating_sub(seen).checked_sub(GRACE)?;
        ts.checked_add(passed).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).unwrap()
    }

    #[test]
    fn time_goes_on_behind_the_newest_event_and_never_before_the_first() {
        let mut horizon = Horizon::default();
        assert_eq!(horizon.at(Duration::from_secs(9)), None);
        horizon.saw(at(0), Duration::from_secs(10));
        assert_eq!(horizon.at(Duration::from_secs(11)), None, "within the grace nothing is known");
        assert_eq!(horizon.at(Duration::from_secs(15)), Some(at(3)));
        horizon.saw(at(5), Duration::from_secs(15));
        assert_eq!(horizon.at(Duration::from_secs(20)), Some(at(8)));
    }

    #[test]
    fn who_waits_for_silence_has_the_clocks_time_until_an_event_comes() {
        let mut horizon = Horizon::default();
        horizon.begin(at(100), Duration::from_secs(1));
        assert_eq!(horizon.at(Duration::from_secs(13)), Some(at(110)));
        horizon.saw(at(50), Duration::from_secs(14));
        assert_eq!(horizon.at(Duration::from_secs(17)), Some(at(51)), "its clock is another one");
    }
}
