//! A store that an older version wrote opens and goes on; one that a newer version wrote is refused, with what to do, and stays as it is.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use parapet_contracts::{
    AlertChange, Severity, Timestamp,
    ports::store::{AlertQuery, Batch, Durability, ErrorQuery, StorePort, Write},
};
use parapet_store_rocksdb::{RocksStore, StoreOptions};
use parapet_testkit::conformance::samples::{alert, id, time, update};
use serde_json::{Value, json};

/// The families of the first version.
const FIRST: [&str; 6] = ["default", "alerts", "events", "journal", "outbox", "meta"];

fn instant(ts: Timestamp) -> [u8; 12] {
    let shifted = (ts.as_nanosecond() + (1 << 95)).unsigned_abs().to_be_bytes();
    shifted[4..].try_into().unwrap()
}

fn value(json: &Value) -> Vec<u8> {
    [&[1_u8], serde_json::to_vec(json).unwrap().as_slice()].concat()
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    [1_u8].into_iter().chain(numbers.iter().flat_map(|n| n.to_be_bytes())).collect()
}

/// A store as the first version wrote it, byte by byte: one alert, one event, one error record, one entry in the outbox, of the fields that
/// there were then.
fn first_version(path: &Path) {
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    let raw = rocksdb::DB::open_cf(&options, path, FIRST).unwrap();
    let put =
        |family: &str, key: Vec<u8>, value: Vec<u8>| raw.put_cf(raw.cf_handle(family).unwrap(), key, value).unwrap();
    let (ts, number) = (time(10), id(1));
    let place = [instant(ts).as_slice(), number.as_bytes()].concat();
    let old_alert = json!({
        "id": number, "site": "harbour", "camera": "gate", "rule": "r", "model": "people", "severity": "warning",
        "message": "1 person", "ts": ts, "ts_source": "rtcp", "since": ts, "raised_at": ts, "frame": 7, "event": id(2),
        "width": 1280, "height": 720, "objects": [],
    });
    put("alerts", [&[1, b't'], place.as_slice()].concat(), value(&old_alert));
    put("alerts", [&[1, b'i'], number.as_bytes().as_slice()].concat(), instant(ts).to_vec());
    let event = json!({
        "id": number, "site": "harbour", "camera": "gate", "model": "people", "frame": 7, "pts": 0.7, "ts": ts,
        "ts_source": "rtcp", "width": 1280, "height": 720, "objects": [],
    });
    let event = value(&event);
    put("events", numbers_of_bucket(ts), numbers(&[1, event.len() as u64]));
    put("events", [b"\x01egate\0".as_slice(), place.as_slice()].concat(), event);
    let record = json!({
        "id": number, "actor": "bus", "kind": "connection", "text": "away", "first": ts, "last": ts, "count": 3,
    });
    put("journal", [&[1, b't'], place.as_slice()].concat(), value(&record));
    put("journal", [&[1, b'i'], number.as_bytes().as_slice()].concat(), instant(ts).to_vec());
    let item = json!({ "id": number, "kind": "alert", "topic": "t", "payload": "{}" });
    let entry = [&[1, b'e'], 3_u32.to_be_bytes().as_slice(), b"bus", &5_u64.to_be_bytes()].concat();
    put("outbox", entry, value(&item));
    put("outbox", b"\x01qbus".to_vec(), numbers(&[6, 1, 5]));
    put("meta", b"alerts".to_vec(), numbers(&[1]));
    put("meta", b"errors".to_vec(), numbers(&[1]));
    put("meta", b"format".to_vec(), numbers(&[1]));
}

fn numbers_of_bucket(ts: Timestamp) -> Vec<u8> {
    let bucket = (ts.as_second().div_euclid(300) as u64) ^ (1 << 63);
    [&[1, b'b'], bucket.to_be_bytes().as_slice()].concat()
}

fn format(path: &Path) -> u64 {
    let families: Vec<String> = rocksdb::DB::list_cf(&rocksdb::Options::default(), path).unwrap();
    let raw = rocksdb::DB::open_cf_for_read_only(&rocksdb::Options::default(), path, families, false).unwrap();
    let value = raw.get_cf(raw.cf_handle("meta").unwrap(), b"format").unwrap().unwrap();
    u64::from_be_bytes(value[1..].try_into().unwrap())
}

fn set_format(path: &Path, format: u64) {
    let families: Vec<String> = rocksdb::DB::list_cf(&rocksdb::Options::default(), path).unwrap();
    let raw = rocksdb::DB::open_cf(&rocksdb::Options::default(), path, families).unwrap();
    raw.put_cf(raw.cf_handle("meta").unwrap(), b"format", numbers(&[format])).unwrap();
}

fn open(path: &Path) -> RocksStore {
    RocksStore::open(path, StoreOptions::default()).unwrap()
}

#[test]
fn a_store_of_the_first_version_opens_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    first_version(folder.path());
    for round in 0..2 {
        let store = open(folder.path());
        let page = store.alerts(&AlertQuery { limit: 9, ..Default::default() }).unwrap().items;
        let old = page.iter().find(|alert| alert.id == id(1)).unwrap();
        assert_eq!((old.frame, old.severity, &old.title, &old.evidence), (Some(7), Severity::Warning, &None, &None));
        assert_eq!(store.events(None, time(0)..time(99), 9).unwrap()[0].frame, 7);
        let record = &store.errors(&ErrorQuery { limit: 9, ..Default::default() }).unwrap().items[0];
        assert_eq!((record.actor.as_str(), record.count), ("bus", 3));
        let entries = store.outbox("bus", 9).unwrap();
        assert_eq!((entries[0].sequence, &entries[0].item.key), (5, &None));
        let survey = store.survey().unwrap();
        assert_eq!((survey.alerts, survey.events, survey.errors), (1 + round, 1, 1));

        // What the first version did not know is written into it.
        let writes = vec![
            Write::Alert(alert(50, "gate", "r", Severity::Info, 20)),
            Write::AlertUpdate(update(1, round, AlertChange::Removed, 30)),
            Write::Keep { key: "hold/1".to_owned(), value: Some("{}".to_owned()) },
        ];
        store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
        assert_eq!(store.usage().unwrap().alerts, 2);
        drop(store);
        assert_eq!(format(folder.path()), 2, "an older version refuses it from here on");
    }
}

#[test]
fn fields_that_a_newer_version_added_without_a_new_format_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    first_version(folder.path());
    drop(open(folder.path()));
    let families: Vec<String> = rocksdb::DB::list_cf(&rocksdb::Options::default(), folder.path()).unwrap();
    let raw = rocksdb::DB::open_cf(&rocksdb::Options::default(), folder.path(), families).unwrap();
    let alerts = raw.cf_handle("alerts").unwrap();
    let key = [&[1, b't'], instant(time(10)).as_slice(), id(1).as_bytes()].concat();
    let stored = raw.get_cf(alerts, &key).unwrap().unwrap();
    let mut json: Value = serde_json::from_slice(&stored[1..]).unwrap();
    json["weather"] = json!({"wind": 7});
    raw.put_cf(alerts, &key, value(&json)).unwrap();
    drop(raw);
    assert_eq!(open(folder.path()).alert(id(1)).unwrap().unwrap().frame, Some(7));
}

#[test]
fn a_newer_store_is_refused_with_what_to_do_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    set_format(folder.path(), 3);
    for _ in 0..2 {
        let refused = RocksStore::open(folder.path(), StoreOptions::default()).err().unwrap();
        assert_eq!(refused.code, "newer_version", "{refused}");
        for told in ["its format is 3", "up to 2", "run that version or a later one", "parapet store restore"] {
            assert!(refused.text.contains(told), "{told}: {refused}");
        }
        assert_eq!(format(folder.path()), 3);
    }
}

#[test]
fn going_back_is_a_backup_from_before_the_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let (place, copies) = (folder.path().join("store"), folder.path().join("backups"));
    let store = open(&place);
    let writes = vec![Write::Alert(alert(1, "gate", "r", Severity::Info, 1))];
    store.commit(&Batch { writes, durability: Durability::Synced }).unwrap();
    store.back_up(&copies, 7).unwrap();
    drop(store);
    set_format(&place, 3);
    assert_eq!(RocksStore::open(&place, StoreOptions::default()).err().unwrap().code, "newer_version");
    let restored = parapet_store_rocksdb::restore(&copies, None, &place, true).unwrap();
    assert_eq!(restored.survey.alerts, 1);
    assert_eq!(open(&place).usage().unwrap().alerts, 1);
    assert_eq!(format(&restored.aside.unwrap()), 3, "what the newer version wrote is aside, as it was");
}
