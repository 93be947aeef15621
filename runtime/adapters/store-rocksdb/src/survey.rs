//! Reading all that a store holds: each value is fetched from the disk with its checksum and understood, so that what a survey counts can
//! be read.

use parapet_contracts::{
    Alert, AlertUpdate, DetectionEvent, ErrorRecord, StreamEvent, Timestamp,
    ports::store::{OutboxItem, StoreError},
};
use rocksdb::{IteratorMode, ReadOptions};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    db::{Db, Family},
    keys::{self, Table},
    store::RocksStore,
    values,
};

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Alerts.
    pub alerts: u64,
    /// Records about alerts.
    pub alert_updates: u64,
    /// Detection events.
    pub events: u64,
    /// Messages of streams.
    pub rows: u64,
    /// Error records.
    pub errors: u64,
    /// Entries of outboxes.
    pub outbox_entries: u64,
    /// What actors keep: checkpoints of rules, silences, holds, the audit log of evidence.
    pub kept: u64,
    /// Bytes of all values, before compression.
    pub bytes: u64,
    /// When the newest alert was raised.
    pub newest_alert: Option<Timestamp>,
}

impl RocksStore {
    /// Reads everything.
    ///
    /// # Errors
    /// `damaged` at the first value that can't be read or understood; `newer_version` at one that a newer Parapet wrote.
    pub fn survey(&self) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        for family in Family::ALL {
            // What is read once must not push out what is needed again.
            let mut options = ReadOptions::default();
            options.fill_cache(false);
            options.set_verify_checksums(true);
            for item in self.db.raw.iterator_cf_opt(self.db.family(family)?, options, IteratorMode::Start) {
                let (key, value) = item.map_err(|e| self.db.failed("reading", &e))?;
                survey.bytes += value.len() as u64;
                survey.look(&self.db, family, &key, &value)?;
            }
        }
        Ok(survey)
    }
}

impl Survey {
    fn look(&mut self, db: &Db, family: Family, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        fn read<T: DeserializeOwned>(db: &Db, family: Family, key: &[u8], value: &[u8]) -> Result<T, StoreError> {
            values::from_json(db, family, key, value)
        }
        let Some(table) = keys::table_of(family, key) else { return Ok(()) };
        let count = match table {
            Table::Alerts => {
                let alert: Alert = read(db, family, key, value)?;
                self.newest_alert = self.newest_alert.max(Some(alert.raised_at));
                &mut self.alerts
            }
            Table::AlertUpdates => {
                read::<AlertUpdate>(db, family, key, value)?;
                &mut self.alert_updates
            }
            Table::Events => {
                read::<DetectionEvent>(db, family, key, value)?;
                &mut self.events
            }
            Table::Rows => {
                read::<StreamEvent>(db, family, key, value)?;
                &mut self.rows
            }
            Table::Errors => {
                read::<ErrorRecord>(db, family, key, value)?;
                &mut self.errors
            }
            Table::OutboxEntries => {
                read::<OutboxItem>(db, family, key, value)?;
                &mut self.outbox_entries
            }
            Table::Kept => {
                values::from_text(db, family, key, value)?;
                &mut self.kept
            }
        };
        *count += 1;
        Ok(())
    }
}
