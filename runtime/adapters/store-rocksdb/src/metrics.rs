//! Figures of RocksDB itself, cheap enough for every scrape: RocksDB keeps them in memory.

use parapet_contracts::ports::store::StoreError;
use rocksdb::properties;

use crate::{db::Family, store::RocksStore};

impl RocksStore {
    /// Gauges by metric name. Sizes are bytes; all column families are added up.
    ///
    /// # Errors
    /// When RocksDB does not tell.
    pub fn gauges(&self) -> Result<[(&'static str, u64); 8], StoreError> {
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
            ("parapet_store_pending_compaction_bytes", sum(properties::ESTIMATE_PENDING_COMPACTION_BYTES)?),
            ("parapet_store_background_errors", one(properties::BACKGROUND_ERRORS)?),
            ("parapet_store_writes_stopped", one(properties::IS_WRITE_STOPPED)?),
            ("parapet_store_delayed_write_rate_bytes", one(properties::ACTUAL_DELAYED_WRITE_RATE)?),
        ])
    }
}
