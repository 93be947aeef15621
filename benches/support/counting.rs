//! A store that counts how often it is asked to commit.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use parapet_contracts::{
    Alert, AlertUpdate, CameraId, DetectionEvent, ErrorRecord, StreamEvent, Timestamp,
    ports::store::{
        AlertQuery, Batch, ErrorQuery, OutboxEntry, Page, Removed, Retention, StoreError, StorePort, StoreUsage,
    },
};

/// A store, and the number of its commits.
pub struct Counting<S> {
    store: S,
    commits: AtomicU64,
}

impl<S> Counting<S> {
    /// Counts from 0.
    pub fn new(store: S) -> Self {
        Self { store, commits: AtomicU64::new(0) }
    }

    /// Commits until now.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl<S: StorePort> StorePort for Counting<S> {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.store.commit(batch)
    }

    fn alert(&self, id: uuid::Uuid) -> Result<Option<Alert>, StoreError> {
        self.store.alert(id)
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Page<Alert>, StoreError> {
        self.store.alerts(query)
    }

    fn events(
        &self,
        camera: Option<&CameraId>,
        within: Range<Timestamp>,
        limit: usize,
    ) -> Result<Vec<DetectionEvent>, StoreError> {
        self.store.events(camera, within, limit)
    }

    fn alert_updates(&self, alert: uuid::Uuid) -> Result<Vec<AlertUpdate>, StoreError> {
        self.store.alert_updates(alert)
    }

    fn rows(&self, within: Range<Timestamp>, limit: usize) -> Result<Vec<StreamEvent>, StoreError> {
        self.store.rows(within, limit)
    }

    fn kept(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.store.kept(key)
    }

    fn kept_below(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.store.kept_below(prefix)
    }

    fn errors(&self, query: &ErrorQuery) -> Result<Page<ErrorRecord>, StoreError> {
        self.store.errors(query)
    }

    fn outbox(&self, queue: &str, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.store.outbox(queue, limit)
    }

    fn outbox_after(&self, queue: &str, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.store.outbox_after(queue, after, limit)
    }

    fn outbox_lengths(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.store.outbox_lengths()
    }

    fn retain(&self, policy: &Retention, now: Timestamp) -> Result<Removed, StoreError> {
        self.store.retain(policy, now)
    }

    fn usage(&self) -> Result<StoreUsage, StoreError> {
        self.store.usage()
    }
}
