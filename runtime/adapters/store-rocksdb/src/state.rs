//! The store's own books: counters, event statistics and the state of each outbox. They are on the disk, written in the same
//! batch as what they count, and held in memory so that a commit need not read them.

use std::collections::BTreeMap;

use parapet_contracts::ports::store::StoreError;
use rocksdb::IteratorMode;

use crate::{
    db::{Db, Family},
    keys, values,
};

/// The key of the counter of alerts.
pub const ALERTS: &[u8] = b"alerts";
/// The key of the counter of error records.
pub const ERRORS: &[u8] = b"errors";

/// The events of one bucket of time, all cameras together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How many.
    pub count: u64,
    /// Bytes of their values, before compression.
    pub bytes: u64,
}

/// An outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// The sequence number of the next entry.
    pub next: u64,
    /// How many entries it holds.
    pub length: u64,
    /// No entry lies before this one: reading begins here, not at what was deleted long ago.
    pub head: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { next: 1, length: 0, head: 1 }
    }
}

/// All books.
#[derive(Debug, Default)]
pub struct State {
    /// How many alerts.
    pub alerts: u64,
    /// How many error records.
    pub errors: u64,
    /// Event statistics. No bucket is empty.
    pub buckets: BTreeMap<i64, Bucket>,
    /// Outboxes by name.
    pub queues: BTreeMap<String, Queue>,
}

/// What a batch makes of the books: new values of what it touches.
#[derive(Debug)]
pub struct Outcome {
    /// How many alerts.
    pub alerts: u64,
    /// How many error records.
    pub errors: u64,
    /// Buckets that change.
    pub buckets: BTreeMap<i64, Bucket>,
    /// Outboxes that change.
    pub queues: BTreeMap<String, Queue>,
}

impl State {
    /// Reads the books.
    pub fn load(db: &Db) -> Result<Self, StoreError> {
        let mut state = Self { alerts: counter(db, ALERTS)?, errors: counter(db, ERRORS)?, ..Self::default() };
        each(db, Family::Events, keys::all_buckets(), |key, value| {
            let [count, bytes] = values::from_numbers(db, Family::Events, key, value)?;
            let bucket = keys::bucket_in(key).ok_or_else(|| db.damaged("the key of a bucket is unreadable"))?;
            state.buckets.insert(bucket, Bucket { count, bytes });
            Ok(())
        })?;
        each(db, Family::Outbox, keys::all_queues(), |key, value| {
            let [next, length, head] = values::from_numbers(db, Family::Outbox, key, value)?;
            let name = keys::queue_in(key).ok_or_else(|| db.damaged("the name of an outbox is unreadable"))?;
            state.queues.insert(name.to_owned(), Queue { next, length, head });
            Ok(())
        })?;
        Ok(state)
    }

    /// The batch is written: its outcome holds.
    pub fn accept(&mut self, outcome: Outcome) {
        self.alerts = outcome.alerts;
        self.errors = outcome.errors;
        for (bucket, new) in outcome.buckets {
            if new.count == 0 {
                self.buckets.remove(&bucket);
            } else {
                self.buckets.insert(bucket, new);
            }
        }
        self.queues.extend(outcome.queues);
    }

    /// The batch failed: nothing of it holds, but the sequence numbers that it used are spent, since the disk may have them.
    pub fn burn(&mut self, outcome: &Outcome) {
        for (name, new) in &outcome.queues {
            self.queues.entry(name.clone()).or_default().next = new.next;
        }
    }
}

fn counter(db: &Db, key: &[u8]) -> Result<u64, StoreError> {
    let Some(value) = db.get(Family::Meta, key)? else { return Ok(0) };
    let [number] = values::from_numbers(db, Family::Meta, key, &value)?;
    Ok(number)
}

fn each(
    db: &Db,
    family: Family,
    (lower, upper): (Vec<u8>, Vec<u8>),
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for item in db.raw.iterator_cf_opt(db.family(family)?, Db::range(lower, upper), IteratorMode::Start) {
        let (key, value) = item.map_err(|e| db.failed("reading", &e))?;
        visit(&key, &value)?;
    }
    Ok(())
}
