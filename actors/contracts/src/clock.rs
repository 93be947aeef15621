//! Time is passed in, so that a test can simulate it.

use std::time::{Duration, Instant};

use crate::Timestamp;

/// Tells the time. Intervals and deadlines use [`Clock::monotonic`]; only what a person or another machine reads uses [`Clock::now`].
pub trait Clock: Send + Sync {
    /// The time of day in UTC. It may jump.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic clock at zero.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
