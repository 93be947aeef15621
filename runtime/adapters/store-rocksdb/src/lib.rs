//! The store port over RocksDB.
