//! Evidence grows old: pictures of past days go.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use parapet_contracts::{Clock, ports::evidence::EvidencePort};
use parapet_supervision::Heartbeat;

use crate::{
    journal::{Failure, Journal},
    worker::{LoopResult, Stop},
};

/// Removes pictures that are older than `keep_for`, every `every`, until it is told to stop.
///
/// # Errors
/// None of its own: a panic is the actor's failure.
pub async fn expire_evidence(
    evidence: Arc<dyn EvidencePort>,
    keep_for: Duration,
    every: Duration,
    journal: Journal,
    clock: Arc<dyn Clock>,
    heartbeat: Heartbeat,
    stop: Stop,
) -> LoopResult {
    heartbeat.idle();
    loop {
        let age = SignedDuration::try_from(keep_for).unwrap_or(SignedDuration::MAX);
        if let Ok(before) = clock.now().checked_sub(age) {
            let port = Arc::clone(&evidence);
            match tokio::task::spawn_blocking(move || port.expire(before)).await {
                Ok(Ok(0)) => {}
                Ok(Ok(files)) => tracing::info!(files, "removed old evidence"),
                Ok(Err(error)) => journal.report(Failure::new("housekeeping", error.code, error.text)),
                Err(error) => return Err(format!("expiring evidence: {error}")),
            }
        }
        tokio::select! {
            () = stop.wait() => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
    }
}
