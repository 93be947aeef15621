//! Whether a canary may go on: pure.
//!
//! It judges by the last [`WINDOW`] looks: more failures than are allowed among them, or a mean time above the bound once there are
//! [`ENOUGH`], and it is sent back.

use std::{collections::VecDeque, time::Duration};

/// Looks that are remembered.
const WINDOW: usize = 100;
/// Looks that a mean time is made of at least: the first ones on a busy machine tell little.
const ENOUGH: usize = 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Judge {
    most_failures: u32,
    /// What each look took; `None` for one that failed.
    looks: VecDeque<Option<Duration>>,
    failures: usize,
    busy: Duration,
}

/// Why it may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// So many of so many looks have failed.
    Failures(usize, usize),
    /// Its looks took so long in the mean.
    Slow(Duration),
}

impl Judge {
    /// Nothing has been looked at yet.
    pub(super) fn new(most_failures: u32) -> Self {
        Self { most_failures, looks: VecDeque::with_capacity(WINDOW), failures: 0, busy: Duration::ZERO }
    }

    /// A look took so long, or failed when that is `None`; it may take `within`.
    pub(super) fn look(&mut self, took: Option<Duration>, within: Option<Duration>) -> Option<Fault> {
        if self.looks.len() == WINDOW {
            match self.looks.pop_front().flatten() {
                Some(old) => self.busy -= old,
                None => self.failures -= 1,
            }
        }
        self.looks.push_back(took);
        match took {
            Some(took) => self.busy += took,
            None => self.failures += 1,
        }
        if self.failures > self.most_failures as usize {
            return Some(Fault::Failures(self.failures, self.looks.len()));
        }
        let good = self.looks.len() - self.failures;
        let mean = self.mean().filter(|_| good >= ENOUGH)?;
        within.is_some_and(|within| mean > within).then_some(Fault::Slow(mean))
    }

    /// What those looks took in the mean that did not fail.
    pub(super) fn mean(&self) -> Option<Duration> {
        let good = u32::try_from(self.looks.len() - self.failures).ok().filter(|good| *good > 0)?;
        Some(self.busy / good)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const WELL: Option<Duration> = Some(Duration::from_millis(10));

    #[test]
    fn it_goes_on_while_no_more_of_its_last_looks_fail_than_may() {
        let mut judge = Judge::new(2);
        for round in 0..10 {
            for look in 0..50 {
                let took = if look % 50 == 0 { None } else { WELL };
                assert_eq!(judge.look(took, None), None, "round {round}: two of a hundred");
            }
        }
        assert_eq!(judge.look(None, None), None, "the one that fell out had failed");
        assert_eq!(judge.look(None, None), Some(Fault::Failures(3, 100)));
        assert_eq!(Judge::new(0).look(None, None), Some(Fault::Failures(1, 1)));
    }

    #[test]
    fn it_is_slow_by_the_mean_of_enough_looks() {
        let mut judge = Judge::new(3);
        for _ in 1..ENOUGH {
            assert_eq!(judge.look(Some(100 * MS), Some(20 * MS)), None);
        }
        assert_eq!(judge.look(Some(100 * MS), Some(20 * MS)), Some(Fault::Slow(100 * MS)));

        let mut judge = Judge::new(3);
        for look in 0..1_000 {
            // One of ten takes long.
            let took = if look % 10 == 9 { 90 * MS } else { 10 * MS };
            assert_eq!(judge.look(Some(took), Some(20 * MS)), None);
        }
        assert!((0..ENOUGH).all(|_| judge.look(Some(Duration::from_secs(1)), None).is_none()), "no bound");
    }

    proptest! {
        #[test]
        fn it_counts_its_window_and_nothing_else(looks in prop::collection::vec(prop::option::of(1_u64..500), 1..400)) {
            let mut judge = Judge::new(u32::MAX);
            for (count, look) in looks.iter().enumerate() {
                judge.look(look.map(Duration::from_millis), None);
                let window = &looks[(count + 1).saturating_sub(WINDOW)..=count];
                let good: Vec<u64> = window.iter().copied().flatten().collect();
                prop_assert_eq!(judge.failures, window.len() - good.len());
                prop_assert_eq!(judge.busy, Duration::from_millis(good.iter().sum()));
            }
        }
    }
}
