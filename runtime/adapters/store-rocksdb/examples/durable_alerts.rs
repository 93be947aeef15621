//! How many alerts a second become durable, as the store's actor groups them, against RocksDB alone with the same bytes in the
//! same groups: the ratio is what the store's own work costs. Usage: `durable_alerts [FOLDER] [SECONDS]`; the folder decides
//! which disk is measured.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use parapet_contracts::{
    Severity,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, append};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| std::env::temp_dir().to_string_lossy().into_owned());
    let seconds: f64 = arguments.next().map_or(2.0, |text| text.parse().unwrap());
    let time = Duration::from_secs_f64(seconds);
    println!("{:>6} {:>14} {:>14} {:>7}", "group", "store/s", "raw/s", "ratio");
    for group in [1, 8, 32, 128] {
        // Interleaved halves: a noisy machine disturbs both.
        let (mut ours, mut raw) = (0.0, 0.0);
        for _ in 0..2 {
            ours += of_store(Path::new(&folder), group, time / 2) / 2.0;
            raw += of_rocksdb(Path::new(&folder), group, time / 2) / 2.0;
        }
        println!("{group:>6} {ours:>14.0} {raw:>14.0} {:>7.2}", ours / raw);
    }
}

fn of_store(folder: &Path, group: u64, time: Duration) -> f64 {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let store = RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
    measure(group, time, |numbers| {
        let writes =
            numbers.flat_map(|n| [Write::Alert(alert(n, "gate", "r", Severity::Info, n)), append("bus", n)]).collect();
        store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
    })
}

fn of_rocksdb(folder: &Path, group: u64, time: Duration) -> f64 {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    let db = rocksdb::DB::open(&options, folder.path()).unwrap();
    let mut synced = rocksdb::WriteOptions::default();
    synced.set_sync(true);
    // The bytes of an alert and of its outbox entry, made once: this loop does no work but RocksDB's.
    let value = serde_json::to_vec(&alert(1, "gate", "r", Severity::Info, 1)).unwrap();
    let Write::Append { item, .. } = append("bus", 1) else { unreachable!() };
    let entry = serde_json::to_vec(&item).unwrap();
    measure(group, time, |numbers| {
        let mut batch = rocksdb::WriteBatch::default();
        for n in numbers {
            batch.put([b"a".as_slice(), &n.to_be_bytes(), &[0; 20]].concat(), &value);
            batch.put([b"o".as_slice(), &n.to_be_bytes()].concat(), &entry);
        }
        db.write_opt(batch, &synced).unwrap();
    })
}

/// Things a second, `group` a call.
fn measure(group: u64, time: Duration, mut commit: impl FnMut(std::ops::Range<u64>)) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        commit(count..count + group);
        count += group;
    }
    count as f64 / start.elapsed().as_secs_f64()
}
