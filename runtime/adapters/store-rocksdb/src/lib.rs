//! The store port over RocksDB.
//!
//! What this crate promises:
//! - a [`Batch`](parapet_contracts::ports::store::Batch) is one RocksDB write batch: all of it is there afterwards, or nothing;
//! - what was committed as synced is on the disk when `commit` returns: `fsync` of the write-ahead log comes before it;
//! - an outbox's sequence number is never given twice, also after a restart with an empty outbox;
//! - keys and values carry a version, the store a format; a store written by a newer Parapet is refused, not misread;
//! - memory is bounded by [`StoreOptions`], whatever the store holds;
//! - an error says which folder, what is wrong and what to do.
//!
//! `commit` may be called from many threads, but commits run one after the other: whoever wants throughput puts what is
//! waiting into one batch, so that one `fsync` serves all of it.

mod backup;
mod change;
mod cursor;
mod db;
mod error;
mod fallback;
mod journal_file;
mod keys;
mod metrics;
mod open;
mod options;
mod read;
mod retain;
mod staged;
mod state;
mod store;
mod survey;
mod values;

pub use backup::{BackupInfo, Restored, backups, restore, verify_backup};
pub use fallback::{FallbackError, FallbackJournal};
pub use options::StoreOptions;
pub use store::RocksStore;
pub use survey::Survey;
