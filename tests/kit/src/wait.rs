//! Waiting for something to become true, with a deadline: instead of sleeping.

use std::time::{Duration, Instant};

/// How long a test waits at most for what takes moments on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `true_now` says so.
///
/// # Panics
/// After `limit`, with `what`.
pub fn until(what: &str, limit: Duration, mut true_now: impl FnMut() -> bool) {
    let give_up = Instant::now() + limit;
    while !true_now() {
        assert!(Instant::now() < give_up, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// As [`until`], without blocking; in paused time the deadline is simulated.
///
/// # Panics
/// After `limit`, with `what`.
pub async fn until_async(what: &str, limit: Duration, mut true_now: impl FnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + limit;
    while !true_now() {
        assert!(tokio::time::Instant::now() < give_up, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
