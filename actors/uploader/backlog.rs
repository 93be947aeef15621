//! How much waits in each outbox, and for how long.

use std::collections::BTreeMap;

use parapet_contracts::{
    Timestamp,
    ports::store::{StoreError, StorePort},
};
use serde::Serialize;

/// What waits in one outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Backlog {
    /// How many entries.
    pub waiting: u64,
    /// How many seconds ago the oldest of them was told.
    pub oldest_s: Option<f64>,
}

/// Of each outbox that the store knows, dead letters included. It blocks as the store does.
///
/// # Errors
/// When the store can't be read.
pub fn backlogs(port: &dyn StorePort, now: Timestamp) -> Result<BTreeMap<String, Backlog>, StoreError> {
    let mut all = BTreeMap::new();
    for (queue, waiting) in port.outbox_lengths()? {
        let oldest = if waiting == 0 { None } else { port.outbox(&queue, 1)?.pop() };
        let age = oldest.and_then(|entry| entry.item.at).map(|at| now.duration_since(at).as_secs_f64().max(0.0));
        all.insert(queue, Backlog { waiting, oldest_s: age });
    }
    Ok(all)
}
