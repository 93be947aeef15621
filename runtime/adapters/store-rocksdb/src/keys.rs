//! Keys: a version, a table, then what orders the table. Bytes compare as the things do, so each list is one scan.
//!
//! | family | key after the version | value |
//! |---|---|---|
//! | alerts | `t` raised_at id | the alert |
//! | alerts | `i` id | raised_at |
//! | alerts | `r` id-of-alert recorded_at id | what became of an alert |
//! | journal | `t` last id | the record |
//! | journal | `i` id | last |
//! | events | `e` camera 0 ts id | the event |
//! | events | `r` ts id | a message of a stream |
//! | events | `b` bucket of time | how many events, how many bytes |
//! | outbox | `e` length-of-name name sequence | the item |
//! | outbox | `q` name | next sequence, length, first that may be there |
//! | meta | name | a number |
//! | kept | `k` key | what an actor keeps |

use parapet_contracts::Timestamp;
use uuid::Uuid;

use crate::db::Family;

/// What lies under a key that is more than the store's own books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Alerts.
    Alerts,
    /// What became of them.
    AlertUpdates,
    /// Detection events.
    Events,
    /// Messages of streams.
    Rows,
    /// Error records.
    Errors,
    /// Entries of outboxes.
    OutboxEntries,
    /// What actors keep.
    Kept,
}

/// The table that a key of a family belongs to; `None` for the books.
pub fn table_of(family: Family, key: &[u8]) -> Option<Table> {
    match (family, *key.get(1)?) {
        (Family::Alerts, BY_TIME) => Some(Table::Alerts),
        (Family::Alerts, RECORD) => Some(Table::AlertUpdates),
        (Family::Journal, BY_TIME) => Some(Table::Errors),
        (Family::Events, EVENT) => Some(Table::Events),
        (Family::Events, RECORD) => Some(Table::Rows),
        (Family::Outbox, ENTRY) => Some(Table::OutboxEntries),
        (Family::Kept, KEPT) => Some(Table::Kept),
        _ => None,
    }
}

/// The version of all keys below.
const VERSION: u8 = 1;
const BY_TIME: u8 = b't';
const BY_ID: u8 = b'i';
const EVENT: u8 = b'e';
const BUCKET: u8 = b'b';
const RECORD: u8 = b'r';
const KEPT: u8 = b'k';
const ENTRY: u8 = b'e';
const QUEUE: u8 = b'q';

/// How many bytes an instant has in a key.
pub const INSTANT: usize = 12;
/// How many bytes an instant and an id have: the end of keys that are ordered by time.
pub const TAIL: usize = INSTANT + 16;

/// Seconds of event time that share one bucket of the event statistics.
pub const BUCKET_SECONDS: i64 = 300;

/// Nanoseconds since 1970 in 12 bytes that compare as the instants do. 2^95 ns reach a billion years, either way.
pub fn instant(nanoseconds: i128) -> [u8; INSTANT] {
    let shifted = (nanoseconds + (1 << 95)).clamp(0, (1 << 96) - 1).unsigned_abs().to_be_bytes();
    let mut bytes = [0; INSTANT];
    bytes.copy_from_slice(&shifted[16 - INSTANT..]);
    bytes
}

/// The nanoseconds since 1970 of [`instant`].
pub fn nanoseconds(bytes: [u8; INSTANT]) -> i128 {
    let mut wide = [0; 16];
    wide[16 - INSTANT..].copy_from_slice(&bytes);
    i128::from_be_bytes(wide) - (1 << 95)
}

/// The end of a key that is ordered by time.
pub fn tail(ts: Timestamp, id: Uuid) -> [u8; TAIL] {
    let mut bytes = [0; TAIL];
    bytes[..INSTANT].copy_from_slice(&instant(ts.as_nanosecond()));
    bytes[INSTANT..].copy_from_slice(id.as_bytes());
    bytes
}

/// The lowest [`tail`] at or after an instant.
pub fn tail_from(nanoseconds: i128) -> [u8; TAIL] {
    let mut bytes = [0; TAIL];
    bytes[..INSTANT].copy_from_slice(&instant(nanoseconds));
    bytes
}

/// The last bytes of a key as a [`tail`]; `None` when the key is too short.
pub fn tail_of(key: &[u8]) -> Option<[u8; TAIL]> {
    key.last_chunk().copied()
}

/// The id in a tail.
pub fn id_in(tail: &[u8; TAIL]) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&tail[INSTANT..]);
    Uuid::from_bytes(id)
}

/// The instant in a tail, in nanoseconds since 1970.
pub fn nanoseconds_in(tail: &[u8; TAIL]) -> i128 {
    let mut bytes = [0; INSTANT];
    bytes.copy_from_slice(&tail[..INSTANT]);
    nanoseconds(bytes)
}

/// Alerts and journal: the place by time of a [`tail`], or of its beginning.
pub fn by_time(tail: &[u8]) -> Vec<u8> {
    [&[VERSION, BY_TIME], tail].concat()
}

/// Alerts and journal: the first key after all those by time.
pub fn by_time_end() -> Vec<u8> {
    vec![VERSION, BY_TIME + 1]
}

/// Alerts and journal: where the instant of an id is.
pub fn by_id(id: Uuid) -> Vec<u8> {
    [&[VERSION, BY_ID], id.as_bytes().as_slice()].concat()
}

/// What became of an alert: the place of a [`tail`], or of its beginning.
pub fn alert_update(alert: Uuid, tail: &[u8]) -> Vec<u8> {
    [&[VERSION, RECORD], alert.as_bytes().as_slice(), tail].concat()
}

/// All that became of an alert: from the first to the second key.
pub fn alert_updates(alert: Uuid) -> (Vec<u8>, Vec<u8>) {
    (alert_update(alert, &[]), alert_update(alert, &[0xff; TAIL + 1]))
}

/// Messages of streams: the place of a [`tail`], or of its beginning.
pub fn row(tail: &[u8]) -> Vec<u8> {
    [&[VERSION, RECORD], tail].concat()
}

/// What an actor keeps.
pub fn kept(key: &str) -> Vec<u8> {
    [&[VERSION, KEPT], key.as_bytes()].concat()
}

/// All that is kept under keys that begin so: from the first to the second key. No text has a byte 0xff.
pub fn kept_below(prefix: &str) -> (Vec<u8>, Vec<u8>) {
    (kept(prefix), [&[VERSION, KEPT], prefix.as_bytes(), &[0xff]].concat())
}

/// The name under which something is kept.
pub fn kept_in(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(2..)?).ok()
}

/// Events of all cameras: from the first to the second key.
pub fn all_events() -> (Vec<u8>, Vec<u8>) {
    (vec![VERSION, EVENT], vec![VERSION, EVENT + 1])
}

/// Events: the place of a [`tail`], or of its beginning. Ids of cameras have no byte 0.
pub fn event(camera: &[u8], tail: &[u8]) -> Vec<u8> {
    [&[VERSION, EVENT], camera, &[0], tail].concat()
}

/// Events: the first key after all those of a camera.
pub fn event_end(camera: &[u8]) -> Vec<u8> {
    [&[VERSION, EVENT], camera, &[1]].concat()
}

/// The camera in the key of an event.
pub fn camera_in(key: &[u8]) -> Option<&[u8]> {
    let camera = key.get(2..key.len().checked_sub(TAIL + 1)?)?;
    Some(camera)
}

/// The bucket of event statistics that an instant in nanoseconds belongs to.
pub fn bucket_of(nanoseconds: i128) -> i64 {
    let bucket = nanoseconds.div_euclid(i128::from(BUCKET_SECONDS) * 1_000_000_000);
    i64::try_from(bucket).unwrap_or(if bucket < 0 { i64::MIN } else { i64::MAX })
}

/// The first nanosecond of a bucket.
pub fn bucket_start(bucket: i64) -> i128 {
    i128::from(bucket) * i128::from(BUCKET_SECONDS) * 1_000_000_000
}

/// Events: the statistics of a bucket.
pub fn bucket(bucket: i64) -> Vec<u8> {
    // The sign bit is turned round so that buckets before 1970 come first.
    let ordered = (bucket as u64) ^ (1 << 63);
    [&[VERSION, BUCKET], ordered.to_be_bytes().as_slice()].concat()
}

/// The statistics of all buckets: from the first to the second key.
pub fn all_buckets() -> (Vec<u8>, Vec<u8>) {
    (vec![VERSION, BUCKET], vec![VERSION, BUCKET + 1])
}

/// The bucket in the key of its statistics.
pub fn bucket_in(key: &[u8]) -> Option<i64> {
    let ordered = u64::from_be_bytes(key.get(2..)?.try_into().ok()?);
    Some((ordered ^ (1 << 63)) as i64)
}

/// Outboxes: an entry. The length of the name comes first, so that no outbox lies within another's range.
pub fn entry(queue: &str, sequence: u64) -> Vec<u8> {
    let length = u32::try_from(queue.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[VERSION, ENTRY], length.as_slice(), queue.as_bytes(), &sequence.to_be_bytes()].concat()
}

/// The sequence number in the key of an entry.
pub fn sequence_in(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Outboxes: the state of one.
pub fn queue(name: &str) -> Vec<u8> {
    [&[VERSION, QUEUE], name.as_bytes()].concat()
}

/// Outboxes: the state of all, from the first to the second key.
pub fn all_queues() -> (Vec<u8>, Vec<u8>) {
    (vec![VERSION, QUEUE], vec![VERSION, QUEUE + 1])
}

/// The name in the key of an outbox's state.
pub fn queue_in(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(2..)?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn instants_compare_as_their_bytes_do(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (i128::from(a) << 20, i128::from(b) << 20);
            prop_assert_eq!(a.cmp(&b), instant(a).cmp(&instant(b)));
            prop_assert_eq!(nanoseconds(instant(a)), a);
        }

        #[test]
        fn buckets_compare_as_their_keys_do(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(a.cmp(&b), bucket(a).cmp(&bucket(b)));
            prop_assert_eq!(bucket_in(&bucket(a)), Some(a));
        }

        #[test]
        fn a_bucket_holds_the_instants_from_its_start_to_the_next(ns in any::<i64>()) {
            let ns = i128::from(ns);
            let bucket = bucket_of(ns);
            prop_assert!(bucket_start(bucket) <= ns && ns < bucket_start(bucket + 1));
        }

        #[test]
        fn no_outbox_lies_within_another(a in "[a-z/]{0,6}", b in "[a-z/]{0,6}", s in any::<u64>()) {
            prop_assume!(a != b);
            let key = entry(&b, s);
            prop_assert!(!(entry(&a, 0)..=entry(&a, u64::MAX)).contains(&key));
        }
    }

    #[test]
    fn the_ends_of_time_have_their_places() {
        let ends = [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX];
        let places = ends.map(|ts| tail(ts, Uuid::nil()));
        assert!(places.is_sorted());
        for (ts, place) in ends.iter().zip(&places) {
            assert_eq!(nanoseconds_in(place), ts.as_nanosecond());
        }
    }

    #[test]
    fn a_camera_is_read_back_from_its_key() {
        let key = event(b"gate-north", &[7; TAIL]);
        assert_eq!(camera_in(&key), Some(b"gate-north".as_slice()));
        assert!(key < event_end(b"gate-north") && event_end(b"gate") < event(b"gate-north", &[]));
        assert_eq!(camera_in(b"short"), None);
    }
}
