//! Fail points in a build for tests: where the process ends as by `kill -9`, so that a test can kill it at an exact step on the way of an
//! alert. A build for users has no fail points, and nothing of this.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

/// Names a fail point, and how many times it may be passed before the process ends there: `outbox::sent=3`.
const KILL_AT: &str = "PARAPET_KILL_AT";

/// Prepares what the environment asks for.
///
/// # Errors
/// When what it asks for is not of the form above.
pub fn arm() -> anyhow::Result<()> {
    if !fail::has_failpoints() {
        return Ok(());
    }
    let Ok(wanted) = std::env::var(KILL_AT) else { return Ok(()) };
    let (point, passes) = wanted.split_once('=').with_context(|| format!("{KILL_AT}: POINT=NUMBER is expected"))?;
    let left = AtomicU64::new(passes.parse().with_context(|| format!("{KILL_AT}: {passes:?} is no number"))?);
    let callback = move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 0 {
            end();
        }
    };
    fail::cfg_callback(point, callback).map_err(|why| anyhow::anyhow!("{KILL_AT}: {why}"))
}

/// Ends the process with the signal that nothing can answer to, and lets the caller do nothing more meanwhile.
fn end() -> ! {
    let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    tracing::error!(?killed, "a fail point ends the process");
    loop {
        std::thread::park();
    }
}
