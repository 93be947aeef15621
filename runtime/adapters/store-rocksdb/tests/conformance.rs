//! The real store does what every store must.

use parapet_store_rocksdb::{RocksStore, StoreOptions};

#[allow(clippy::unwrap_used)]
fn fresh() -> (tempfile::TempDir, RocksStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = RocksStore::open(folder.path().join("store"), StoreOptions::default()).unwrap();
    (folder, store)
}

parapet_testkit::store_conformance!(fresh);
