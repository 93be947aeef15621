//! How many alerts a second become durable, as the store's actor groups them, against RocksDB alone with the same bytes in the
//! same groups: the ratio is what the store's own work costs. Usage: `durable_alerts [FOLDER] [SECONDS]`; the folder decides
//! which disk is measured, the seconds how long each row takes.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use parapet_contracts::{
    Alert, Severity,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, append, id, time};

/// How long one of the two runs before it is the other's turn: a noisy machine disturbs both alike.
const TURN: Duration = Duration::from_millis(100);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| std::env::temp_dir().to_string_lossy().into_owned());
    let seconds: f64 = arguments.next().map_or(4.0, |text| text.parse().unwrap());
    println!("{:>6} {:>14} {:>14} {:>7}", "group", "store/s", "raw/s", "ratio");
    for group in [1, 8, 32, 128] {
        let ours = tempfile::tempdir_in(&folder).unwrap();
        let raw = tempfile::tempdir_in(&folder).unwrap();
        let mut ours = Measured::new(group, through_store(ours.path()));
        let mut raw = Measured::new(group, through_rocksdb(raw.path()));
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            ours.run();
            raw.run();
        }
        let (ours, raw) = (ours.rate(), raw.rate());
        println!("{group:>6} {ours:>14.0} {raw:>14.0} {:>7.2}", ours / raw);
    }
}

/// Commits the alerts with these numbers.
type Commit = Box<dyn FnMut(std::ops::Range<u64>)>;

struct Measured {
    group: u64,
    commit: Commit,
    count: u64,
    time: Duration,
}

impl Measured {
    fn new(group: u64, commit: Commit) -> Self {
        Self { group, commit, count: 0, time: Duration::ZERO }
    }

    fn run(&mut self) {
        let start = Instant::now();
        while start.elapsed() < TURN {
            (self.commit)(self.count..self.count + self.group);
            self.count += self.group;
        }
        self.time += start.elapsed();
    }

    fn rate(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }
}

fn through_store(folder: &Path) -> Commit {
    let store = RocksStore::open(folder, StoreOptions::default()).unwrap();
    let template = alert(0, "gate", "r", Severity::Info, 0);
    Box::new(move |numbers| {
        let raised = |n| Alert { id: id(n), raised_at: time(n), ..template.clone() };
        let writes = numbers.flat_map(|n| [Write::Alert(raised(n)), append("bus", n)]).collect();
        store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
    })
}

fn through_rocksdb(folder: &Path) -> Commit {
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    let db = rocksdb::DB::open(&options, folder).unwrap();
    let mut synced = rocksdb::WriteOptions::default();
    synced.set_sync(true);
    // The bytes of an alert and of its outbox entry, made once: this loop does no work but RocksDB's.
    let value = serde_json::to_vec(&alert(1, "gate", "r", Severity::Info, 1)).unwrap();
    let Write::Append { item, .. } = append("bus", 1) else { unreachable!() };
    let entry = serde_json::to_vec(&item).unwrap();
    Box::new(move |numbers| {
        let mut batch = rocksdb::WriteBatch::default();
        for n in numbers {
            batch.put([b"a".as_slice(), &n.to_be_bytes(), &[0; 20]].concat(), &value);
            batch.put([b"o".as_slice(), &n.to_be_bytes()].concat(), &entry);
        }
        db.write_opt(batch, &synced).unwrap();
    })
}
