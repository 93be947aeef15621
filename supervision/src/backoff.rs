//! How long to wait before a restart.
//!
//! Pure: the caller passes the attempt and the random number, so a test knows the answer.

use std::time::Duration;

/// Exponential backoff with jitter.
///
/// The wait before attempt `n` (counted from 0) is `initial × factorⁿ`, at most `max`, then moved by a random share of
/// itself of up to `jitter` in either direction, and never above `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The wait before the first restart.
    pub initial: Duration,
    /// No wait is longer than this.
    pub max: Duration,
    /// Growth from one attempt to the next; values below 1 count as 1.
    pub factor: f64,
    /// Share of the wait by which it may vary, 0 to 1.
    pub jitter: f64,
}

impl Default for Backoff {
    /// 100 ms, doubled up to 30 s, ± 20 %.
    fn default() -> Self {
        Self { initial: Duration::from_millis(100), max: Duration::from_secs(30), factor: 2.0, jitter: 0.2 }
    }
}

impl Backoff {
    /// Always the same wait, without jitter.
    #[must_use]
    pub fn fixed(wait: Duration) -> Self {
        Self { initial: wait, max: wait, factor: 1.0, jitter: 0.0 }
    }

    /// The wait before attempt `attempt` (from 0); `unit` is a random number in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, attempt: u32, unit: f64) -> Duration {
        if self.initial.is_zero() || self.max.is_zero() {
            return Duration::ZERO;
        }
        let growth = self.factor.max(1.0).powi(i32::try_from(attempt).unwrap_or(i32::MAX));
        let base = (self.initial.as_secs_f64() * growth).min(self.max.as_secs_f64());
        let spread = base * self.jitter.clamp(0.0, 1.0);
        let wait = base - spread + 2.0 * spread * unit.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(wait).map_or(self.max, |wait| wait.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_the_maximum() {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        let waits: Vec<u128> = (0..10).map(|attempt| backoff.delay(attempt, 0.5).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000]);
        assert_eq!(backoff.delay(u32::MAX, 0.5), backoff.max);
    }

    #[test]
    fn no_initial_wait_means_no_wait() {
        let backoff = Backoff { initial: Duration::ZERO, ..Backoff::default() };
        assert_eq!(backoff.delay(40, 0.9), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn stays_within_its_jitter_and_its_maximum(
            initial in 1u64..10_000, max in 1u64..100_000, factor in 0.0f64..10.0, jitter in 0.0f64..1.0,
            attempt in 0u32..200, unit in 0.0f64..1.0,
        ) {
            let backoff = Backoff { initial: Duration::from_millis(initial), max: Duration::from_millis(max), factor, jitter };
            let plain = Backoff { jitter: 0.0, ..backoff }.delay(attempt, unit).as_secs_f64();
            let wait = backoff.delay(attempt, unit).as_secs_f64();
            prop_assert!(wait <= backoff.max.as_secs_f64());
            prop_assert!(wait >= plain * (1.0 - jitter) - 1e-6);
            prop_assert!(wait <= plain * (1.0 + jitter) + 1e-6);
        }

        #[test]
        fn never_shrinks_from_one_attempt_to_the_next(factor in 0.0f64..10.0, attempt in 0u32..200) {
            let backoff = Backoff { factor, jitter: 0.0, ..Backoff::default() };
            prop_assert!(backoff.delay(attempt + 1, 0.0) >= backoff.delay(attempt, 0.0));
        }
    }
}
