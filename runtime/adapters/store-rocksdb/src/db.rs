//! The database with its column families, and its failures in the words of the port.

use std::path::PathBuf;

use parapet_contracts::ports::store::{Durability, StoreError};
use rocksdb::{ColumnFamily, DB, ReadOptions, WriteBatch, WriteOptions};

use crate::error;

/// The column families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Alerts, by time and by id.
    Alerts,
    /// Detection events by camera and time, and their statistics.
    Events,
    /// Error records, by the time they were last seen and by id.
    Journal,
    /// Outboxes.
    Outbox,
    /// Format and counters.
    Meta,
    /// What actors keep.
    Kept,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Alerts, Self::Events, Self::Journal, Self::Outbox, Self::Meta, Self::Kept];

    /// The name on the disk.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Events => "events",
            Self::Journal => "journal",
            Self::Outbox => "outbox",
            Self::Meta => "meta",
            Self::Kept => "kept",
        }
    }
}

/// An open database.
pub struct Db {
    /// The database.
    pub raw: DB,
    /// Its folder.
    pub path: PathBuf,
}

impl Db {
    /// The handle of a family.
    pub fn family(&self, family: Family) -> Result<&ColumnFamily, StoreError> {
        self.raw
            .cf_handle(family.name())
            .ok_or_else(|| self.damaged(&format!("the column family `{}` is missing", family.name())))
    }

    /// One value.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.raw.get_cf(self.family(family)?, key).map_err(|e| self.failed("reading", &e))
    }

    /// Like [`Db::get`], but cheap for what was never written: the filter answers then.
    pub fn get_rare(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.raw.key_may_exist_cf(self.family(family)?, key) { self.get(family, key) } else { Ok(None) }
    }

    /// Writes a batch.
    pub fn write(&self, batch: WriteBatch, durability: Durability) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.raw.write_opt(batch, &options).map_err(|e| self.failed("writing", &e))
    }

    /// Options to read the keys from `lower` up to, and without, `upper`.
    pub fn range(lower: Vec<u8>, upper: Vec<u8>) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(lower);
        options.set_iterate_upper_bound(upper);
        options
    }

    /// What a failure of RocksDB means.
    pub fn failed(&self, what: &str, e: &rocksdb::Error) -> StoreError {
        error::of_rocksdb(&self.path, what, e)
    }

    /// Something that can't be right is in the store.
    pub fn damaged(&self, what: &str) -> StoreError {
        error::error(&self.path, "damaged", what)
    }

    /// Something of a later version is in the store.
    pub fn newer(&self, what: &str) -> StoreError {
        error::error(&self.path, "newer_version", &format!("it holds {what}, which a newer Parapet wrote"))
    }

    /// Something else went wrong.
    pub fn io(&self, what: &str) -> StoreError {
        error::error(&self.path, "io", what)
    }
}
