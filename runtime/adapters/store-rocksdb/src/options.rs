//! How much memory and how many files the store may use, and what follows for RocksDB.

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel, Options, statistics::StatsLevel};

use crate::db::Family;

const MIB: usize = 1 << 20;

/// Bounds of the store. The defaults suit an edge box: about 32 MiB in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes that wait in memory to be written to tables, all column families together.
    pub write_buffers: usize,
    /// Bytes of tables, with their indexes and filters, that are held in memory.
    pub block_cache: usize,
    /// Files that are held open.
    pub open_files: u16,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { write_buffers: 16 * MIB, block_cache: 16 * MIB, open_files: 128 }
    }
}

/// Options of the database and of each family, which share one cache.
pub struct Prepared {
    /// Of the database.
    pub database: Options,
    bounds: StoreOptions,
    cache: Cache,
}

impl Prepared {
    /// Turns bounds into RocksDB's options.
    pub fn new(bounds: StoreOptions) -> Self {
        let mut database = Options::default();
        database.create_if_missing(true);
        database.create_missing_column_families(true);
        database.set_paranoid_checks(true);
        // A power cut leaves a torn record at the end of the log: that batch was never acknowledged. Damage elsewhere is
        // told, since the log behind it may hold what was acknowledged.
        database.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        // The log is replayed at the start: its size bounds how long that takes.
        database.set_max_total_wal_size(bounds.write_buffers as u64);
        database.set_db_write_buffer_size(bounds.write_buffers);
        database.set_max_open_files(i32::from(bounds.open_files));
        database.set_max_background_jobs(2);
        database.set_bytes_per_sync(MIB as u64);
        database.set_wal_bytes_per_sync(MIB as u64 / 2);
        database.set_max_manifest_file_size(4 * MIB);
        database.set_keep_log_file_num(2);
        database.set_max_log_file_size(MIB);
        database.set_log_level(LogLevel::Warn);
        // Counters alone: no clock is read for them.
        database.enable_statistics();
        database.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
        Self { database, bounds, cache: Cache::new_lru_cache(bounds.block_cache) }
    }

    /// Of one family.
    pub fn family(&self, family: Option<Family>) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_bloom_filter(10.0, false);
        table.set_block_size(16 << 10);

        let mut options = Options::default();
        let share = if family == Some(Family::Events) { 2 } else { 8 };
        options.set_write_buffer_size((self.bounds.write_buffers / share).max(64 << 10));
        options.set_max_write_buffer_number(2);
        options.set_target_file_size_base(8 * MIB as u64);
        options.set_max_bytes_for_level_base(32 * MIB as u64);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
        if family == Some(Family::Outbox) {
            // A queue is a run of deleted entries before the live ones: have it compacted before reading it gets slow.
            options.add_compact_on_deletion_collector_factory(1024, 512, 0.5);
        }
        options.set_block_based_table_factory(&table);
        options
    }
}
