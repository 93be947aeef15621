//! Figures of RocksDB itself, cheap enough for every scrape: RocksDB keeps them in memory.

use parapet_contracts::ports::store::StoreError;
use rocksdb::{properties, statistics::Ticker};

use crate::{db::Family, store::RocksStore};

impl RocksStore {
    /// Gauges by metric name. Sizes are bytes; all column families are added up.
    ///
    /// # Errors
    /// When RocksDB does not tell.
    pub fn gauges(&self) -> Result<[(&'static str, u64); 12], StoreError> {
        let sum = |name| {
            Family::ALL.iter().try_fold(0_u64, |sum, family| {
                let value = self.db.raw.property_int_value_cf(self.db.family(*family)?, name);
                Ok(sum + value.map_err(|e| self.db.failed("reading figures", &e))?.unwrap_or(0))
            })
        };
        let one = |name| {
            let value = self.db.raw.property_int_value_cf(self.db.family(Family::Meta)?, name);
            Ok(value.map_err(|e| self.db.failed("reading figures", &e))?.unwrap_or(0))
        };
        Ok([
            ("parapet_store_memtables_bytes", sum(properties::SIZE_ALL_MEM_TABLES)?),
            ("parapet_store_block_cache_bytes", one(properties::BLOCK_CACHE_USAGE)?),
            ("parapet_store_table_readers_bytes", sum(properties::ESTIMATE_TABLE_READERS_MEM)?),
            ("parapet_store_tables_bytes", sum(properties::LIVE_SST_FILES_SIZE)?),
            ("parapet_store_level0_files", self.level0_files()?),
            ("parapet_store_pending_compaction_bytes", sum(properties::ESTIMATE_PENDING_COMPACTION_BYTES)?),
            ("parapet_store_running_compactions", one(properties::NUM_RUNNING_COMPACTIONS)?),
            ("parapet_store_running_flushes", one(properties::NUM_RUNNING_FLUSHES)?),
            ("parapet_store_pending_flushes", sum(properties::MEM_TABLE_FLUSH_PENDING)?),
            ("parapet_store_background_errors", one(properties::BACKGROUND_ERRORS)?),
            ("parapet_store_writes_stopped", one(properties::IS_WRITE_STOPPED)?),
            ("parapet_store_delayed_write_rate_bytes", one(properties::ACTUAL_DELAYED_WRITE_RATE)?),
        ])
    }

    /// Files that wait to be merged: RocksDB slows writing down when they are many.
    fn level0_files(&self) -> Result<u64, StoreError> {
        let name = properties::num_files_at_level(0);
        Family::ALL.iter().try_fold(0, |sum, family| {
            let text = self.db.raw.property_value_cf(self.db.family(*family)?, &name);
            let text = text.map_err(|e| self.db.failed("reading figures", &e))?;
            Ok(sum + text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0))
        })
    }

    /// Counters by metric name, since the store was opened.
    pub fn counters(&self) -> [(&'static str, u64); 6] {
        let count = |ticker| self.statistics.get_ticker_count(ticker);
        [
            ("parapet_store_stall_milliseconds_total", count(Ticker::StallMicros) / 1_000),
            ("parapet_store_flushed_bytes_total", count(Ticker::FlushWriteBytes)),
            ("parapet_store_compaction_read_bytes_total", count(Ticker::CompactReadBytes)),
            ("parapet_store_compaction_written_bytes_total", count(Ticker::CompactWriteBytes)),
            ("parapet_store_log_bytes_total", count(Ticker::WalFileBytes)),
            ("parapet_store_log_syncs_total", count(Ticker::WalFileSynced)),
        ]
    }
}
