//! Full and read-only disks, as real mounts. The test begins itself again in a user and mount namespace of its own (by
//! `unshare`), where it may mount: no root is needed, and nothing is left behind. Where namespaces are forbidden it fails and
//! says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use parapet_contracts::{
    ErrorKind, Severity,
    ports::store::{Batch, Durability, StoreError, StorePort, Write},
};
use parapet_store_rocksdb::{FallbackJournal, RocksStore, StoreOptions};
use parapet_testkit::{
    MemoryStore,
    conformance::samples::{alert, append, error, id},
};

const INSIDE: &str = "--inside";

fn main() {
    if std::env::args().any(|argument| argument == INSIDE) {
        a_full_disk_is_told_and_writing_resumes_when_there_is_space();
        a_full_disk_still_takes_the_journal();
        a_read_only_folder_is_told();
        return;
    }
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .arg(INSIDE)
        .status()
        .expect("`unshare` (util-linux) is needed to mount small disks");
    assert!(
        status.success(),
        "failed; if `unshare --user --map-root-user --mount true` fails too, namespaces are forbidden here"
    );
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status().unwrap();
    assert!(status.success(), "mount {arguments:?} {} failed", at.display());
}

fn write(store: &RocksStore, n: u64) -> Result<(), StoreError> {
    let mut big = alert(n, "gate", "r", Severity::Info, n);
    // Random enough not to be compressed away.
    big.message =
        (0..2000_u64).map(|i| format!("{:016x}", (n * 2000 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    store.commit(&Batch { writes: vec![Write::Alert(big), append("bus", n)], durability: Durability::Synced })
}

fn a_full_disk_is_told_and_writing_resumes_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=48m", "tmpfs"], folder.path());
    let ballast = folder.path().join("ballast");
    fs::write(&ballast, vec![7; 24 << 20]).unwrap();
    let data = folder.path().join("store");
    let store = RocksStore::open(&data, StoreOptions::default()).unwrap();

    let mut written = 0;
    let full = loop {
        match write(&store, written) {
            Ok(()) => written += 1,
            Err(e) => break e,
        }
        assert!(written < 10_000, "48 MiB never get full");
    };
    assert!(written > 100, "full after {written} alerts: {full}");
    assert_eq!((full.code, full.kind), ("full", ErrorKind::Retry), "{full}");
    assert!(full.text.contains(&*data.to_string_lossy()) && full.text.contains("free some space"), "{full}");
    let all_there = |store: &RocksStore, written| {
        for n in 0..written {
            assert!(store.alert(id(n)).unwrap().is_some(), "acknowledged alert {n} is lost");
        }
        assert!(store.alert(id(written)).unwrap().is_none(), "a refused alert is there");
        assert_eq!(store.usage().unwrap().alerts, written);
    };
    all_there(&store, written);
    // A new start on the full disk is told in the same words. A compaction of the first store may give some space back at any
    // time, so the disk is filled until a start finds none.
    let mut rest = Vec::new();
    let start = loop {
        assert!(rest.len() < 50, "the disk does not get full");
        let (file, another) = (rest.len(), folder.path().join(format!("another-{}", rest.len())));
        rest.push(folder.path().join(format!("rest-{file}")));
        fill(&rest[file]);
        if let Err(error) = RocksStore::open(another, StoreOptions::default()) {
            break error;
        }
    };
    assert_eq!(start.code, "full", "{start}");

    for file in rest.iter().chain([&ballast]) {
        fs::remove_file(file).unwrap();
    }
    let freed = Instant::now();
    while let Err(e) = write(&store, written) {
        assert_eq!(e.code, "full", "{e}");
        assert!(freed.elapsed() < Duration::from_secs(30), "30 s after space came back: {e}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let after = freed.elapsed();
    written += 1;
    all_there(&store, written);
    drop(store);
    let store = RocksStore::open(&data, StoreOptions::default()).unwrap();
    all_there(&store, written);
    let sequences: Vec<u64> = store.outbox("bus", 100_000).unwrap().iter().map(|e| e.sequence).collect();
    assert_eq!(sequences.len() as u64, written);
    assert!(sequences.is_sorted_by(|a, b| a < b), "a sequence number was used twice");
    println!(
        "test a_full_disk_is_told_and_writing_resumes_when_there_is_space ... ok ({written} alerts, resumed after {after:?})"
    );
}

/// Fills what is left of a disk; returns how much that was.
fn fill(file: &Path) -> usize {
    let mut file = fs::File::create(file).unwrap();
    let mut written = 0;
    while let Ok(more @ 1..) = file.write(&[7; 4096]) {
        written += more;
        assert!(written < 100 << 20, "the disk is larger than it should be");
    }
    written
}

fn a_full_disk_still_takes_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], folder.path());
    let journal = FallbackJournal::open(folder.path().join("journal-fallback.jsonl")).unwrap();
    let mut records = 0;
    for round in 0..2 {
        assert!(fill(&folder.path().join("ballast")) > 1 << 20);
        let mut kept = 0;
        while journal.append(&error(records + kept, "store", 1)).is_ok() {
            kept += 1;
            assert!(kept < 10_000, "the disk was not full");
        }
        assert!(kept >= 500, "round {round}: only {kept} records found room");
        records += kept;
        fs::remove_file(folder.path().join("ballast")).unwrap();
        // The record that found no room left no half line: the next one is whole.
        journal.append(&error(records, "store", 1)).unwrap();
        let store = MemoryStore::new();
        assert_eq!(journal.take_in(&store).unwrap() as u64, kept + 1);
        assert_eq!((journal.unreadable_lines(), store.usage().unwrap().errors), (0, kept + 1));
    }
    println!("test a_full_disk_still_takes_the_journal ... ok ({records} records)");
}

fn a_read_only_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"], folder.path());
    let data = folder.path().join("store");
    drop(RocksStore::open(&data, StoreOptions::default()).unwrap());
    mount(&["-o", "remount,ro"], folder.path());
    for path in [&data, &folder.path().join("new")] {
        let refused = RocksStore::open(path, StoreOptions::default()).err().unwrap();
        assert_eq!((refused.code, refused.kind), ("read_only", ErrorKind::Fatal), "{refused}");
        assert!(refused.text.contains(&*path.to_string_lossy()) && refused.text.contains("writable"), "{refused}");
    }
    println!("test a_read_only_folder_is_told ... ok");
}
