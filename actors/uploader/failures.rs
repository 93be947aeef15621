//! The error journal's way to the uploaders that send it.

use std::{sync::Arc, time::Duration};

use parapet_contracts::SiteId;

use crate::{
    journal::Journal,
    outboxes::Outboxes,
    store::StoreHandle,
    worker::{LoopResult, Stop},
};

/// How often it is looked for new failures.
const EVERY: Duration = Duration::from_millis(500);

/// Puts each failure that the journal notes for the first time into the outboxes of those that send it, until it is told to stop.
///
/// # Errors
/// When the store has stopped, or a failure can't be written as JSON.
pub async fn upload_failures(
    site: SiteId,
    journal: Journal,
    outboxes: Arc<Outboxes>,
    store: StoreHandle,
    stop: Stop,
) -> LoopResult {
    loop {
        tokio::select! {
            () = stop.wait() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        let mut entries = Vec::new();
        for record in journal.take_untold() {
            entries
                .extend(outboxes.for_failure(&site, record).map_err(|error| format!("a failure is no JSON: {error}"))?);
        }
        if !entries.is_empty() {
            store.append(Vec::new(), entries).await.map_err(|error| error.to_string())?;
        }
    }
}
