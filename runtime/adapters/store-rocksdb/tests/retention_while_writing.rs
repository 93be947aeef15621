//! Retention runs while others commit and read: the books stay those of what is there.
#![allow(clippy::unwrap_used)]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parapet_contracts::{
    Severity,
    ports::store::{AlertQuery, Batch, Durability, ErrorQuery, Retention, StorePort, StoreUsage, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, append, error, event, time};

const THREADS: u64 = 3;
const EACH: u64 = 400;

/// What the lists say, against what the books say.
fn counted(store: &RocksStore) -> (u64, u64, u64) {
    let alerts = store.alerts(&AlertQuery { limit: 100_000, ..Default::default() }).unwrap().items.len();
    let events = store.events(None, time(0)..time(1 << 20), 100_000).unwrap().len();
    let errors = store.errors(&ErrorQuery { limit: 100_000, ..Default::default() }).unwrap().items.len();
    (alerts as u64, events as u64, errors as u64)
}

fn booked(usage: &StoreUsage) -> (u64, u64, u64) {
    (usage.alerts, usage.events, usage.errors)
}

#[test]
fn what_was_written_is_there_or_counted_as_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
    let age = Duration::from_secs(1 << 30);
    let policy = Retention {
        events_for: age,
        events_bytes: 40_000,
        alerts_for: Duration::from_secs(1000),
        errors_for: Duration::from_secs(500),
        ..Retention::default()
    };
    let done = AtomicBool::new(false);
    let mut removed = (0, 0, 0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    for n in (0..EACH).map(|n| n * THREADS + thread) {
                        let at = n * 7;
                        let writes = vec![
                            Write::Alert(alert(n, "gate", "r", Severity::Info, at)),
                            Write::Event(event(n, ["a", "b", "c"][thread as usize], at)),
                            Write::Error(error(n, "bus", at)),
                            // Repeats of one record, so that retention and replacement meet.
                            Write::Error(error(1_000_000 + n % 5, "bus", at)),
                            append("bus", n),
                        ];
                        store.commit(&Batch { writes, durability: Durability::Buffered }).unwrap();
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (alerts, events, errors) = counted(&store);
                assert!(alerts.max(events) <= THREADS * EACH && errors <= THREADS * EACH + 5);
            }
        });
        loop {
            let finished = writers.iter().all(std::thread::ScopedJoinHandle::is_finished);
            let gone = store.retain(&policy, time(THREADS * EACH * 7)).unwrap();
            removed = (removed.0 + gone.alerts, removed.1 + gone.events, removed.2 + gone.errors);
            if finished {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    let usage = store.usage().unwrap();
    assert_eq!(booked(&usage), counted(&store));
    assert_eq!((usage.alerts + removed.0, usage.events + removed.1), (THREADS * EACH, THREADS * EACH));
    assert!(removed.0 > 0 && removed.1 > 0 && removed.2 > 0 && usage.events > 0);
    assert_eq!(store.outbox("bus", 100_000).unwrap().len() as u64, THREADS * EACH);
    drop(store);
    let store = RocksStore::open(folder.path(), StoreOptions::default()).unwrap();
    assert_eq!(booked(&store.usage().unwrap()), booked(&usage));
    assert_eq!(counted(&store), booked(&usage));
}
