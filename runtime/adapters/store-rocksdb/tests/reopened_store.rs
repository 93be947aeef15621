//! What was committed is there after the store was closed and opened again, whatever happened to the tail of its log.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, time::Duration};

use parapet_contracts::{
    Severity,
    ports::store::{AlertQuery, Batch, Durability, ErrorQuery, Retention, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, append, error, event, time};

fn open(path: &Path) -> RocksStore {
    RocksStore::open(path, StoreOptions::default()).unwrap()
}

fn commit(store: &RocksStore, writes: Vec<Write>) {
    store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
}

fn acknowledge(queue: &str, sequence: u64) -> Write {
    Write::Acknowledge { queue: queue.to_owned(), sequence }
}

/// The newest file of the write-ahead log that has something in it.
fn log_file(folder: &Path) -> std::path::PathBuf {
    let mut logs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "log") && path.metadata().unwrap().len() > 0)
        .collect();
    logs.sort();
    logs.pop().unwrap()
}

#[test]
fn everything_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let raised = alert(1, "gate", "r", Severity::Warning, 10);
    let seen = event(1, "gate", 10);
    let store = open(folder.path());
    commit(
        &store,
        vec![
            Write::Alert(raised.clone()),
            Write::Event(seen.clone()),
            Write::Error(error(1, "bus", 1)),
            append("bus", 1),
            append("bus", 2),
            append("uploader/hub", 3),
        ],
    );
    commit(&store, vec![acknowledge("bus", 1)]);
    let before = store.usage().unwrap();
    drop(store);

    for _ in 0..3 {
        let store = open(folder.path());
        assert_eq!(store.alert(raised.id).unwrap(), Some(raised.clone()));
        assert_eq!(
            store.alerts(&AlertQuery { limit: 9, ..Default::default() }).unwrap().items,
            std::slice::from_ref(&raised)
        );
        assert_eq!(store.events(None, time(0)..time(99), 9).unwrap(), [seen.as_ref().clone()]);
        assert_eq!(store.errors(&ErrorQuery { limit: 9, ..Default::default() }).unwrap().items, [error(1, "bus", 1)]);
        assert_eq!(store.outbox("bus", 9).unwrap().iter().map(|e| e.sequence).collect::<Vec<_>>(), [2]);
        assert_eq!(store.outbox_lengths().unwrap(), [("bus".to_owned(), 1), ("uploader/hub".to_owned(), 1)]);
        let usage = store.usage().unwrap();
        assert_eq!((usage.alerts, usage.events, usage.errors), (before.alerts, before.events, before.errors));
        assert!(usage.disk_bytes > 0);
    }
}

#[test]
fn an_emptied_outbox_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=4 {
        let store = open(folder.path());
        commit(&store, vec![append("bus", round)]);
        assert_eq!(store.outbox("bus", 9).unwrap()[0].sequence, round);
        commit(&store, vec![acknowledge("bus", round)]);
        assert!(store.outbox("bus", 9).unwrap().is_empty());
    }
}

#[test]
fn a_torn_log_loses_the_torn_batches_alone() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written");
    let store = open(&written);
    for n in 1..=20 {
        commit(&store, vec![Write::Alert(alert(n, "gate", "r", Severity::Info, n)), append("bus", n)]);
    }
    drop(store);
    let log = log_file(&written);
    let length = log.metadata().unwrap().len();
    let mut fewest = 20;
    for cut in (0..length / 2).step_by(1499).chain([1, 7, 8]) {
        let torn = folder.path().join(format!("torn-{cut}"));
        fs::create_dir(&torn).unwrap();
        for entry in fs::read_dir(&written).unwrap() {
            let file = entry.unwrap().path();
            fs::copy(&file, torn.join(file.file_name().unwrap())).unwrap();
        }
        let torn_log = fs::OpenOptions::new().write(true).open(torn.join(log.file_name().unwrap())).unwrap();
        torn_log.set_len(length - cut).unwrap();

        let store = open(&torn);
        let left = store.usage().unwrap().alerts;
        assert!(if cut == 0 { left == 20 } else { left < 20 }, "{left} alerts without the last {cut} bytes");
        fewest = fewest.min(left);
        let alerts = store.alerts(&AlertQuery { limit: 99, ..Default::default() }).unwrap().items;
        assert_eq!(alerts.iter().map(|a| a.frame).collect::<Vec<_>>(), (1..=left).rev().map(Some).collect::<Vec<_>>());
        let sequences =
            |store: &RocksStore| store.outbox("bus", 99).unwrap().iter().map(|e| e.sequence).collect::<Vec<_>>();
        assert_eq!(sequences(&store), (1..=left).collect::<Vec<_>>());
        commit(&store, vec![append("bus", 20)]);
        assert_eq!(sequences(&store), (1..=left + 1).collect::<Vec<_>>());
    }
    assert!((5..15).contains(&fewest), "half the log held {fewest} of 20 batches");
}

#[test]
fn a_log_damaged_before_its_end_is_told_and_can_be_set_aside() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("store");
    let store = open(&folder);
    for n in 1..=20 {
        commit(&store, vec![Write::Alert(alert(n, "gate", "r", Severity::Info, n))]);
    }
    drop(store);
    let log = log_file(&folder);
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&log, bytes).unwrap();

    let refused = RocksStore::open(&folder, StoreOptions::default()).err().unwrap();
    assert_eq!(refused.code, "damaged", "{refused}");
    assert!(refused.text.contains(&*folder.to_string_lossy()) && refused.text.contains("aside"), "{refused}");

    let aside = RocksStore::set_aside(&folder).unwrap();
    assert!(aside.join("CURRENT").exists() && aside.parent() == Some(data.path()), "{}", aside.display());
    assert_eq!(open(&folder).usage().unwrap().alerts, 0);
}

#[test]
fn what_stands_before_the_damage_of_a_log_is_kept_and_so_is_the_store_as_it_was_found() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("store");
    let store = open(&folder);
    for n in 1..=20 {
        commit(&store, vec![Write::Alert(alert(n, "gate", "r", Severity::Info, n)), append("bus", n)]);
    }
    drop(store);
    let log = log_file(&folder);
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&log, &bytes).unwrap();
    assert_eq!(RocksStore::open(&folder, StoreOptions::default()).err().unwrap().code, "damaged");

    let (store, copy) = RocksStore::recover(&folder, StoreOptions::default()).unwrap();
    let left = store.usage().unwrap().alerts;
    assert!((5..15).contains(&left), "{left} of 20 stood before the damage");
    assert_eq!(store.outbox("bus", 99).unwrap().len() as u64, left);
    assert_eq!(fs::read(copy.join(log.file_name().unwrap())).unwrap(), bytes);
    drop(store);
    assert_eq!(open(&folder).usage().unwrap().alerts, left, "it is sound from now on");

    // What is more than a damaged log is not mended like that, and leaves no copy.
    fs::write(folder.join("CURRENT"), "MANIFEST-999999\n").unwrap();
    assert_eq!(RocksStore::recover(&folder, StoreOptions::default()).err().unwrap().code, "damaged");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 2);
}

/// Files of the store with this in their name.
fn files(folder: &Path, part: &str) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().to_string_lossy().contains(part)).collect()
}

#[test]
fn a_missing_or_damaged_file_is_told_and_deletes_nothing() {
    for (case, part) in [("no CURRENT", "CURRENT"), ("no table", ".sst"), ("no MANIFEST", "MANIFEST")] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        commit(&store, (0..100).map(|n| Write::Alert(alert(n, "gate", "r", Severity::Info, n))).collect());
        drop(store);
        // Recovery writes the log's content into tables.
        drop(open(folder.path()));
        let tables = files(folder.path(), ".sst");
        assert!(!tables.is_empty());
        let gone = files(folder.path(), part);
        assert!(!gone.is_empty(), "{case}");
        for file in &gone {
            fs::remove_file(file).unwrap();
        }
        let refused = RocksStore::open(folder.path(), StoreOptions::default()).err().unwrap();
        assert_eq!(refused.code, "damaged", "{case}: {refused}");
        assert!(tables.iter().all(|table| table.exists() || gone.contains(table)), "{case}: tables were deleted");
    }
}

#[test]
fn retention_holds_after_a_restart_and_gives_the_disk_back() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { write_buffers: 1 << 20, ..Default::default() };
    let store = RocksStore::open(folder.path(), options).unwrap();
    for start in (0..20_000).step_by(1000) {
        let events = (start..start + 1000).map(|n| Write::Event(event(n, ["a", "b"][n as usize % 2], n)));
        store.commit(&Batch { writes: events.collect(), durability: Durability::Buffered }).unwrap();
    }
    let policy = Retention { events_for: Duration::from_secs(1000), ..Retention::default() };
    let table_bytes = |store: &RocksStore| {
        store.compact_events().unwrap();
        store.gauges().unwrap().iter().find(|(name, _)| *name == "parapet_store_tables_bytes").unwrap().1
    };
    let before = table_bytes(&store);
    assert_eq!(store.retain(&policy, time(20_000)).unwrap().events, 19_000);
    drop(store);
    let store = RocksStore::open(folder.path(), options).unwrap();
    assert_eq!(store.usage().unwrap().events, 1000);
    let left = store.events(None, time(0)..time(1 << 20), 50_000).unwrap();
    assert_eq!((left.len(), left[0].frame), (1000, 19_000));
    let after = table_bytes(&store);
    assert!(after < before / 4, "{before} bytes of tables became {after}");
    assert_eq!(store.events(None, time(0)..time(1 << 20), 50_000).unwrap().len(), 1000);
}

#[test]
fn one_folder_has_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let refused = RocksStore::open(folder.path(), StoreOptions::default()).err().unwrap();
    assert_eq!(refused.code, "in_use", "{refused}");
    assert!(refused.text.contains(&*folder.path().to_string_lossy()), "{refused}");
}

#[test]
fn a_file_where_the_folder_should_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let refused = RocksStore::open(&path, StoreOptions::default()).err().unwrap();
        assert!(refused.text.contains("a file where a folder"), "{refused}");
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let by_format = tempfile::tempdir().unwrap();
    drop(open(by_format.path()));
    let families = ["default", "alerts", "events", "journal", "outbox", "meta", "kept"];
    let raw = rocksdb::DB::open_cf(&rocksdb::Options::default(), by_format.path(), families).unwrap();
    raw.put_cf(raw.cf_handle("meta").unwrap(), b"format", [&[1_u8][..], &9_u64.to_be_bytes()].concat()).unwrap();
    drop(raw);

    let by_family = tempfile::tempdir().unwrap();
    drop(open(by_family.path()));
    let mut raw = rocksdb::DB::open_cf(&rocksdb::Options::default(), by_family.path(), families).unwrap();
    raw.create_cf("chain", &rocksdb::Options::default()).unwrap();
    drop(raw);

    for folder in [by_format.path(), by_family.path()] {
        let refused = RocksStore::open(folder, StoreOptions::default()).err().unwrap();
        assert_eq!(refused.code, "newer_version", "{refused}");
        assert!(refused.text.contains(&*folder.to_string_lossy()), "{refused}");
    }
}

#[test]
fn figures_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit(&store, vec![append("bus", 1)]);
    let gauges = store.gauges().unwrap();
    let of = |name| gauges.iter().find(|(n, _)| *n == name).unwrap().1;
    assert!(of("parapet_store_memtables_bytes") > 0);
    assert_eq!(of("parapet_store_writes_stopped"), 0);
    let counters = store.counters();
    let counted = |name| counters.iter().find(|(n, _)| *n == name).unwrap().1;
    assert!(counted("parapet_store_log_bytes_total") > 0 && counted("parapet_store_log_syncs_total") > 0);
    assert_eq!(counted("parapet_store_stall_milliseconds_total"), 0);
}
