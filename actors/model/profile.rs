//! How long a slot needs for a batch of each size: measured when it starts, and kept true by what its looks then take. Pure.

use std::time::Duration;

/// A bigger batch must look at this many times as many views in the same time, or it is not worth its memory and its wait.
const WORTH: f64 = 1.05;
/// How much of a look's time goes into what is predicted.
const ADAPT: f64 = 0.1;
/// After so long without a look, the drift's logarithm is down to a third.
const FORGET: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Batch sizes and their times, ascending, from 1.
    times: Vec<(usize, Duration)>,
    /// What looks take now ÷ what they took when they were measured.
    drift: f64,
    best: usize,
}

impl Profile {
    /// Nothing is known: every look is predicted to take no time, and goes alone.
    pub fn unknown() -> Self {
        Self { times: Vec::new(), drift: 1.0, best: 1 }
    }

    /// Measures batches of 1, 2, 4, … up to `most` with `look`, which returns what a look at so many views took. Ends as soon as a bigger batch
    /// gains less than [`WORTH`]: on a processor with one thread after 2.
    ///
    /// # Errors
    /// That of `look`.
    pub fn measure<E>(most: usize, mut look: impl FnMut(usize) -> Result<Duration, E>) -> Result<Self, E> {
        look(1)?; // The first look allocates, and tells nothing of the others.
        let mut profile = Self::unknown();
        let mut size = 1;
        while size <= most {
            let took = look(size)?.min(look(size)?);
            profile.times.push((size, took));
            if size > 1 {
                if profile.per_second(size) < WORTH * profile.per_second(profile.best) {
                    break;
                }
                profile.best = size;
            }
            size *= 2;
        }
        Ok(profile)
    }

    /// What a look at `batch` views will take.
    pub fn predict(&self, batch: usize) -> Duration {
        self.measured(batch).mul_f64(self.drift)
    }

    /// The batch size that gets through most.
    pub fn best(&self) -> usize {
        self.best
    }

    /// What a view costs in a batch of the best size.
    pub fn per_view(&self) -> Duration {
        self.predict(self.best) / u32::try_from(self.best).unwrap_or(u32::MAX)
    }

    /// The biggest batch that is predicted to be done within `limit`: at least 1, at most the best.
    pub fn within(&self, limit: Duration) -> usize {
        let mut size = self.best;
        while size > 1 && self.predict(size) > limit {
            size -= 1;
        }
        size
    }

    /// A look at `batch` views took this long.
    pub fn observe(&mut self, batch: usize, took: Duration) {
        if self.times.is_empty() {
            self.times.push((1, took / u32::try_from(batch.max(1)).unwrap_or(u32::MAX)));
            return;
        }
        let measured = self.measured(batch).as_secs_f64();
        if measured > 0.0 {
            // A single look that hung says little of the next; many of them do.
            let ratio = (took.as_secs_f64() / measured).clamp(self.drift / 4.0, self.drift * 4.0);
            self.drift += ADAPT * (ratio - self.drift);
        }
    }

    /// Nothing was looked at for this long: what was measured counts more and more again. Otherwise a slot that was slow once, and is asked no
    /// more because of it, would count as slow for ever.
    pub fn rest(&mut self, idle: Duration) {
        self.drift = self.drift.powf((-idle.as_secs_f64() / FORGET.as_secs_f64()).exp());
    }

    fn per_second(&self, batch: usize) -> f64 {
        batch as f64 / self.measured(batch).as_secs_f64().max(1e-9)
    }

    /// Between two measured sizes on the line through them, beyond the last in proportion.
    fn measured(&self, batch: usize) -> Duration {
        let after = self.times.partition_point(|(size, _)| *size < batch);
        match (after.checked_sub(1).map(|before| self.times[before]), self.times.get(after)) {
            (_, Some(&(size, time))) if size == batch => time,
            (Some((low, from)), Some(&(high, to))) => {
                let part = (batch - low) as f64 / (high - low) as f64;
                Duration::from_secs_f64(from.as_secs_f64() + part * (to.as_secs_f64() - from.as_secs_f64()))
            }
            (Some((size, time)), None) => time.mul_f64(batch as f64 / size as f64),
            (None, Some(&(_, time))) => time,
            (None, None) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn measured(most: usize, time: impl Fn(usize) -> u64) -> Profile {
        Profile::measure(most, |n| Ok::<_, Infallible>(Duration::from_millis(time(n)))).unwrap_or_else(|e| match e {})
    }

    #[test]
    fn a_processor_on_which_a_batch_gains_nothing_looks_at_one() {
        let profile = measured(32, |n| 15 * n as u64);
        assert_eq!((profile.best(), profile.predict(1)), (1, Duration::from_millis(15)));
    }

    #[test]
    fn an_accelerator_takes_the_batch_that_gets_through_most() {
        // Ten milliseconds to begin, half a millisecond each, until 16 fill it.
        let profile = measured(32, |n| if n <= 16 { 100 + 5 * n as u64 } else { 180 + 12 * (n as u64 - 16) });
        assert_eq!(profile.best(), 16);
        assert_eq!(profile.predict(6), Duration::from_millis(130));
        assert_eq!(profile.within(Duration::from_millis(131)), 6);
        assert_eq!(profile.within(Duration::from_millis(1)), 1);
        assert_eq!(profile.per_view(), Duration::from_micros(11_250));
    }

    #[test]
    fn the_size_that_a_model_can_take_is_never_exceeded() {
        assert_eq!(measured(3, |_| 10).best(), 2);
        assert_eq!(measured(1, |_| 10).best(), 1);
    }

    #[test]
    fn what_looks_take_later_moves_the_prediction() {
        let mut profile = measured(1, |_| 10);
        for _ in 0..100 {
            profile.observe(1, Duration::from_millis(20));
        }
        assert!(profile.predict(1).abs_diff(Duration::from_millis(20)) < Duration::from_millis(1));
        profile.observe(1, Duration::from_secs(60));
        assert!(profile.predict(1) < Duration::from_millis(30), "one look that hung");
        for _ in 0..100 {
            profile.observe(1, Duration::from_millis(700));
        }
        assert!(profile.predict(1).abs_diff(Duration::from_millis(700)) < Duration::from_millis(20));
        profile.rest(Duration::from_secs(60));
        assert!(profile.predict(1).abs_diff(Duration::from_millis(10)) < Duration::from_millis(1));
        let mut unknown = Profile::unknown();
        assert_eq!(unknown.predict(1), Duration::ZERO);
        unknown.observe(2, Duration::from_millis(8));
        assert_eq!(unknown.predict(1), Duration::from_millis(4));
    }
}
