//! The store: the port's calls, and where its lock is held.

use std::{ops::Range, path::Path};

use parapet_contracts::{
    Alert, AlertUpdate, CameraId, DetectionEvent, ErrorRecord, StreamEvent, Timestamp,
    ports::store::{
        AlertQuery, Batch, Durability, ErrorQuery, OutboxEntry, Page, Removed, Retention, StoreError, StorePort,
        StoreUsage,
    },
};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    change::Change,
    db::{Db, Family},
    error,
    state::State,
};

/// A store in a folder of its own. One process at a time has it open.
pub struct RocksStore {
    pub(crate) db: Db,
    /// Held over each write, and taken before `state`: entries of an outbox become visible in the order of their sequence
    /// numbers, and the books on the disk are those in memory.
    pub(crate) turn: Mutex<()>,
    /// Held for moments, never while the disk works: whoever reads does not wait for a sync.
    pub(crate) state: Mutex<State>,
    /// The options that it was opened with, which count for it.
    pub(crate) statistics: rocksdb::Options,
}

impl RocksStore {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.db.path
    }

    /// Brings to the disk what was committed as buffered.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.db.raw.flush_wal(true).map_err(|e| self.db.failed("syncing", &e))
    }

    /// Gives the space of removed events back to the disk now, rather than when RocksDB gets to it by itself. It takes as long
    /// as the disk needs to rewrite what is left; commits go on meanwhile.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn compact_events(&self) -> Result<(), StoreError> {
        let mut options = rocksdb::CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        let all = None::<&[u8]>;
        self.db.raw.compact_range_cf_opt(self.db.family(Family::Events)?, all, all, &options);
        Ok(())
    }
}

impl StorePort for RocksStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.writes.is_empty() {
            // What was committed before is what the caller wants synced.
            return if batch.durability == Durability::Synced { self.sync() } else { Ok(()) };
        }
        let _turn = self.turn.lock();
        let (writes, outcome) = {
            let state = self.state.lock();
            let mut change = Change::new(&self.db, &state);
            for write in &batch.writes {
                change.apply(write)?;
            }
            change.finish()?
        };
        let written = self.db.write(writes, batch.durability);
        let mut state = self.state.lock();
        match &written {
            Ok(()) => state.accept(outcome),
            Err(_) => state.burn(&outcome),
        }
        written
    }

    fn alert(&self, id: Uuid) -> Result<Option<Alert>, StoreError> {
        self.db.alert(id)
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Page<Alert>, StoreError> {
        self.db.alerts(query)
    }

    fn events(
        &self,
        camera: Option<&CameraId>,
        within: Range<Timestamp>,
        limit: usize,
    ) -> Result<Vec<DetectionEvent>, StoreError> {
        self.db.events(camera, &within, limit)
    }

    fn alert_updates(&self, alert: Uuid) -> Result<Vec<AlertUpdate>, StoreError> {
        self.db.alert_updates(alert)
    }

    fn rows(&self, within: Range<Timestamp>, limit: usize) -> Result<Vec<StreamEvent>, StoreError> {
        self.db.rows(&within, limit)
    }

    fn kept(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.db.kept(key)
    }

    fn kept_below(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.db.kept_below(prefix)
    }

    fn errors(&self, query: &ErrorQuery) -> Result<Page<ErrorRecord>, StoreError> {
        self.db.errors(query)
    }

    fn outbox(&self, queue: &str, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        let Some(known) = self.state.lock().queues.get(queue).copied() else { return Ok(Vec::new()) };
        let entries = self.db.outbox(queue, known.head, limit)?;
        // Entries come at the end only: what lies before the first one that was found stays empty. When there was none,
        // all before `next`, as it was before the reading, are gone.
        if limit > 0 {
            let first = entries.first().map_or(known.next, |entry| entry.sequence);
            if let Some(queue) = self.state.lock().queues.get_mut(queue) {
                queue.head = queue.head.max(first);
            }
        }
        Ok(entries)
    }

    fn outbox_after(&self, queue: &str, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        let Some(known) = self.state.lock().queues.get(queue).copied() else { return Ok(Vec::new()) };
        self.db.outbox(queue, known.head.max(after.saturating_add(1)), limit)
    }

    fn outbox_lengths(&self) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.state.lock().queues.iter().map(|(name, queue)| (name.clone(), queue.length)).collect())
    }

    fn retain(&self, policy: &Retention, now: Timestamp) -> Result<Removed, StoreError> {
        self.remove_old(policy, now)
    }

    fn usage(&self) -> Result<StoreUsage, StoreError> {
        let disk_bytes = error::folder_bytes(&self.db.path)?;
        let state = self.state.lock();
        let events = state.buckets.values().map(|bucket| bucket.count).sum();
        let events_bytes = state.buckets.values().map(|bucket| bucket.bytes).sum();
        Ok(StoreUsage { disk_bytes, events, alerts: state.alerts, errors: state.errors, events_bytes })
    }
}
