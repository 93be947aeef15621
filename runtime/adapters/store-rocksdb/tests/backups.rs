//! A backup is made while the store is written, holds whole batches, costs what is new, and is gone back to without overwriting anything.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use parapet_contracts::{
    AlertChange, Severity,
    ports::store::{Batch, Durability, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions, backups, restore, verify_backup};
use parapet_testkit::conformance::samples::{alert, append, error, event, row, update};

fn open(path: &Path) -> RocksStore {
    RocksStore::open(path, StoreOptions::default()).unwrap()
}

/// An alert with what belongs to it, in one batch.
fn raise(store: &RocksStore, number: u64) {
    let writes = vec![
        Write::Alert(alert(number, "gate", "r", Severity::Info, number)),
        Write::AlertUpdate(update(number, 1, AlertChange::Resolved, number)),
        append("bus", number),
    ];
    store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
}

fn folder_bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| if e.path().is_dir() { folder_bytes(&e.path()) } else { e.metadata().unwrap().len() }).sum()
}

#[test]
fn what_was_backed_up_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let (place, copies) = (folder.path().join("store"), folder.path().join("backups"));
    let store = open(&place);
    let others = vec![
        Write::Event(event(1, "gate", 1)),
        Write::Row(row(1, "doors", 1)),
        Write::Error(error(1, "bus", 1)),
        Write::Keep { key: "hold/1".to_owned(), value: Some("{}".to_owned()) },
    ];
    store.commit(&Batch { writes: others, durability: Durability::Buffered }).unwrap();
    (1..=10).for_each(|n| raise(&store, n));
    let first = store.back_up(&copies, 7).unwrap();
    assert_eq!(first.number, 1);
    raise(&store, 11);
    let lost = store.back_up(&copies, 7).unwrap();

    let (checked, survey) = verify_backup(&copies, Some(1)).unwrap();
    assert_eq!((checked, survey.alerts, survey.alert_updates, survey.outbox_entries), (first.clone(), 10, 10, 10));
    assert_eq!((survey.events, survey.rows, survey.errors, survey.kept), (1, 1, 1, 1));
    assert_eq!(verify_backup(&copies, None).unwrap().1.alerts, 11, "the newest, when none is named");
    assert_eq!(backups(&copies).unwrap(), [first.clone(), lost]);

    let refused = restore(&copies, Some(1), &place, true).unwrap_err();
    assert_eq!(refused.code, "in_use", "{refused}");
    drop(store);
    let refused = restore(&copies, Some(1), &place, false).unwrap_err();
    assert_eq!((refused.code, refused.text.contains("--replace")), ("not_empty", true), "{refused}");
    assert_eq!(open(&place).usage().unwrap().alerts, 11, "nothing was touched");

    let restored = restore(&copies, Some(1), &place, true).unwrap();
    assert_eq!((restored.backup, restored.survey.alerts), (first, 10));
    assert_eq!(open(&restored.aside.unwrap()).usage().unwrap().alerts, 11, "what was there is aside");
    let store = open(&place);
    assert_eq!(store.usage().unwrap().alerts, 10);
    raise(&store, 12);
    assert_eq!(store.outbox("bus", 100).unwrap().last().unwrap().sequence, 11, "it goes on counting");
    // Into a folder that is not there yet, as on another machine.
    let elsewhere = folder.path().join("new/store");
    assert_eq!(restore(&copies, None, &elsewhere, false).unwrap().aside, None);
    assert_eq!(open(&elsewhere).usage().unwrap().alerts, 11);
}

#[test]
fn a_backup_that_is_made_while_others_write_holds_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let copies = folder.path().join("backups");
    let options = StoreOptions { write_buffers: 1 << 20, ..StoreOptions::default() };
    let store = RocksStore::open(folder.path().join("store"), options).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1;
            while !done.load(Ordering::Relaxed) {
                raise(&store, number);
                number += 1;
            }
        });
        while store.usage().unwrap().alerts < 20 {
            std::thread::yield_now();
        }
        for _ in 0..3 {
            store.back_up(&copies, 2).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let kept = backups(&copies).unwrap();
    assert_eq!(kept.iter().map(|backup| backup.number).collect::<Vec<_>>(), [2, 3], "the oldest went");
    for backup in kept {
        let (_, survey) = verify_backup(&copies, Some(backup.number)).unwrap();
        assert!(survey.alerts >= 20);
        assert_eq!((survey.alert_updates, survey.outbox_entries), (survey.alerts, survey.alerts), "half a batch");
    }
}

#[test]
fn the_next_backup_costs_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let copies = folder.path().join("backups");
    let store = open(&folder.path().join("store"));
    for start in (0..20_000).step_by(1_000) {
        let events = (start..start + 1_000).map(|n| Write::Event(event(n, "gate", n)));
        store.commit(&Batch { writes: events.collect(), durability: Durability::Buffered }).unwrap();
    }
    store.back_up(&copies, 7).unwrap();
    let first = folder_bytes(&copies);
    raise(&store, 1);
    store.back_up(&copies, 7).unwrap();
    let second = folder_bytes(&copies) - first;
    assert!(second < first / 4, "{first} bytes, and {second} for one alert more");
}

#[test]
fn a_damaged_backup_is_told_and_nothing_is_lost_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (place, copies) = (folder.path().join("store"), folder.path().join("backups"));
    let store = open(&place);
    (1..=200).for_each(|n| raise(&store, n));
    store.back_up(&copies, 7).unwrap();
    drop(store);
    let none = verify_backup(&copies, Some(9)).unwrap_err();
    assert_eq!((none.code, none.text.contains("no backup 9")), ("no_backup", true), "{none}");
    assert_eq!(verify_backup(&folder.path().join("nothing"), None).unwrap_err().code, "no_backup");

    let tables = fs::read_dir(copies.join("shared_checksum")).unwrap().map(|entry| entry.unwrap().path());
    let largest = tables.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    for byte in bytes.iter_mut().take(2_000).skip(100) {
        *byte ^= 0x55;
    }
    fs::write(&largest, bytes).unwrap();
    let told = verify_backup(&copies, None).unwrap_err();
    assert_eq!(told.code, "damaged", "{told}");
    assert!(
        !fs::read_dir(&copies).unwrap().any(|e| e.unwrap().file_name().to_string_lossy().starts_with(".verifying"))
    );
    let told = restore(&copies, None, &place, true).unwrap_err();
    assert!(told.text.contains("the store as it was is in"), "{told}");
}
