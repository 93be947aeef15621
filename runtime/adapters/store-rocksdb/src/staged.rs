//! The writes of a batch before they are written: reads see them, so that later writes of a batch see earlier ones.

use std::collections::BTreeMap;

use parapet_contracts::ports::store::StoreError;
use rocksdb::WriteBatch;

use crate::db::{Db, Family};

/// Writes that wait, each key once.
pub struct Staged<'a> {
    db: &'a Db,
    writes: BTreeMap<(Family, Vec<u8>), Option<Vec<u8>>>,
}

impl<'a> Staged<'a> {
    /// No writes yet.
    pub fn new(db: &'a Db) -> Self {
        Self { db, writes: BTreeMap::new() }
    }

    /// The value as it will be; cheap for keys that were never written.
    pub fn get(&self, family: Family, key: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        let place = (family, key);
        match self.writes.get(&place) {
            Some(staged) => Ok(staged.clone()),
            None => self.db.get_rare(family, &place.1),
        }
    }

    /// Writes a value.
    pub fn put(&mut self, family: Family, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert((family, key), Some(value));
    }

    /// Removes a value.
    pub fn delete(&mut self, family: Family, key: Vec<u8>) {
        self.writes.insert((family, key), None);
    }

    /// All of it as one batch.
    pub fn into_batch(self) -> Result<WriteBatch, StoreError> {
        let mut batch = WriteBatch::default();
        for ((family, key), value) in self.writes {
            let family = self.db.family(family)?;
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
        }
        Ok(batch)
    }
}
