//! The audit log in the store: one kept value a record, under its number.

use parapet_contracts::{
    audit::{AuditRecord, Entry, Tip},
    ports::store::{StoreError, StorePort, Write},
};

/// Below it lie the records, by number.
pub const AUDIT: &str = "audit/";

/// The end of the log.
#[derive(Debug, Default)]
pub struct AuditLog {
    tip: Tip,
}

impl AuditLog {
    /// The log of this store. What can't be read of it is no reason not to start: whoever verifies the log is told.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn open(store: &dyn StorePort) -> Result<Self, StoreError> {
        let last = store.kept_below(AUDIT)?.into_iter().rev().find_map(|(_, text)| serde_json::from_str(&text).ok());
        Ok(Self { tip: last.as_ref().map(Tip::after).unwrap_or_default() })
    }

    /// The next record, and how it is written. It is the next one until [`AuditLog::written`] is told.
    ///
    /// # Errors
    /// When it has no JSON.
    pub fn next(&self, entry: Entry) -> Result<(AuditRecord, Write), serde_json::Error> {
        let record = self.tip.append(entry)?;
        let key = format!("{AUDIT}{:020}", record.number);
        let write = Write::Keep { key, value: Some(serde_json::to_string(&record)?) };
        Ok((record, write))
    }

    /// The record is durable.
    pub fn written(&mut self, record: &AuditRecord) {
        self.tip = Tip::after(record);
    }
}
