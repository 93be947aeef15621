//! When the store fails, the journal goes on in a plain file and is taken in later.
#![allow(clippy::unwrap_used)]

use std::{fs, io::Write as _};

use parapet_contracts::{
    ErrorKind, ErrorRecord,
    ports::store::{Durability, ErrorQuery, StoreError, StorePort},
};
use parapet_store_rocksdb::{FallbackError, FallbackJournal};
use parapet_testkit::{
    MemoryStore,
    conformance::samples::{error, time},
};

fn records(store: &MemoryStore) -> Vec<ErrorRecord> {
    store.errors(&ErrorQuery { limit: 10_000, ..Default::default() }).unwrap().items
}

#[test]
fn records_come_into_the_store_once_and_the_file_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/journal-fallback.jsonl");
    let store = MemoryStore::new();
    let journal = FallbackJournal::open(&path).unwrap();
    assert!(journal.is_empty().unwrap());
    for n in 1..=1200 {
        journal.append(&error(n, "store", n)).unwrap();
    }
    let repeated = ErrorRecord { count: 5, last: time(5000), ..error(7, "store", 7) };
    journal.append(&repeated).unwrap();
    drop(journal);

    let journal = FallbackJournal::open(&path).unwrap();
    assert!(!journal.is_empty().unwrap());
    assert_eq!(journal.take_in(&store).unwrap(), 1200);
    let found = records(&store);
    assert_eq!((found.len(), &found[0]), (1200, &repeated));
    assert!(store.commits().iter().all(|batch| batch.durability == Durability::Synced));
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    assert_eq!(journal.take_in(&store).unwrap(), 0);
    journal.append(&error(2000, "store", 9000)).unwrap();
    assert_eq!(journal.take_in(&store).unwrap(), 1);
    assert_eq!(records(&store).len(), 1201);
}

#[test]
fn a_store_that_still_fails_takes_nothing_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal-fallback.jsonl");
    let store = MemoryStore::new();
    let journal = FallbackJournal::open(&path).unwrap();
    journal.append(&error(1, "store", 1)).unwrap();
    store.fail_with(Some(StoreError { kind: ErrorKind::Retry, code: "full", text: "no space".to_owned() }));
    assert!(matches!(journal.take_in(&store), Err(FallbackError::Store(e)) if e.code == "full"));
    store.fail_with(None);
    assert_eq!(journal.take_in(&store).unwrap(), 1);
    assert_eq!(records(&store), [error(1, "store", 1)]);
}

#[test]
fn a_torn_last_line_costs_no_other_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal-fallback.jsonl");
    let journal = FallbackJournal::open(&path).unwrap();
    journal.append(&error(1, "store", 1)).unwrap();
    drop(journal);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"v":1,"record":{"id":"0190"#).unwrap();
    drop(file);

    let journal = FallbackJournal::open(&path).unwrap();
    journal.append(&error(2, "store", 2)).unwrap();
    let store = MemoryStore::new();
    assert_eq!(journal.take_in(&store).unwrap(), 2);
    assert_eq!(records(&store), [error(2, "store", 2), error(1, "store", 1)]);
    assert_eq!(journal.unreadable_lines(), 1);
}

#[test]
fn the_file_stops_growing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FallbackJournal::open(folder.path().join("journal-fallback.jsonl")).unwrap();
    let long = |n| ErrorRecord { text: "x".repeat(3 << 20), ..error(n, "store", n) };
    for n in 0..5 {
        journal.append(&long(n)).unwrap();
    }
    let refused = journal.append(&long(5)).unwrap_err();
    assert!(matches!(refused, FallbackError::Full { .. }), "{refused}");
    assert_eq!(journal.take_in(&MemoryStore::new()).unwrap(), 5);
    journal.append(&long(6)).unwrap();
}
