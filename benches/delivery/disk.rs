//! What is written to the disk for an alert, and how large a million events are.

use std::fs;

use parapet_contracts::{
    Alert, Severity,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, event, id, time};

use crate::{drain::folder_bytes, parts, support::Figures};

const ALERTS: u64 = 50_000;
/// Alerts that share a sync.
const GROUP: u64 = 16;
const EVENTS: u64 = 1_000_000;

/// The row.
pub fn run(figures: &mut Figures) {
    let folder = tempfile::tempdir().unwrap();
    let store = RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
    let template = alert(0, "gate", "r", Severity::Info, 0);
    let before = written();
    for first in (0..ALERTS).step_by(GROUP as usize) {
        let writes = (first..first + GROUP).flat_map(|n| {
            let alert = Alert { id: id(n), raised_at: time(n), ..template.clone() };
            [Write::Alert(alert), Write::Append { queue: "bus".to_owned(), item: parts::event(n, "alerts") }]
        });
        store.commit(&Batch { writes: writes.collect(), durability: Durability::Synced }).unwrap();
    }
    let bytes = (written() - before) as f64 / ALERTS as f64;
    let plain = (serde_json::to_vec(&template).unwrap().len() + parts::event(1, "alerts").payload.len()) as f64;
    figures.one("bytes written for an alert with its outbox entry, 16 a sync", bytes, "B", None);
    figures.one("bytes of such an alert and entry as JSON", plain, "B", None);
    drop(store);

    let folder = tempfile::tempdir().unwrap();
    let store = RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
    for first in (0..EVENTS).step_by(1_000) {
        let events =
            (first..first + 1_000).map(|n| Write::Event(event(n, ["gate", "dock", "yard"][n as usize % 3], n / 5)));
        store.commit(&Batch { writes: events.collect(), durability: Durability::Buffered }).unwrap();
    }
    store.compact_events().unwrap();
    figures.one("a million events of one object on the disk", folder_bytes(folder.path()) / 1e6, "MB", None);
    let json = serde_json::to_vec(event(1, "gate", 1).as_ref()).unwrap().len() as f64;
    figures.one("the same as JSON", json * EVENTS as f64 / 1e6, "MB", None);
}

/// Bytes that this process has had written to disks so far; on a file system in memory, none.
fn written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.trim().parse().unwrap()
}
