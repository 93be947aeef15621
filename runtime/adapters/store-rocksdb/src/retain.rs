//! Retention: alerts with what became of them, error records and rows by age, events by age and size. Outboxes are never touched: what is in them has not arrived.

use std::collections::BTreeMap;

use parapet_contracts::{
    Timestamp,
    ports::store::{Durability, Removed, Retention, StoreError},
};
use rocksdb::{IteratorMode, WriteBatch};

use crate::{
    db::{Db, Family},
    keys,
    state::{ALERTS, Bucket, ERRORS, Outcome, State},
    store::RocksStore,
    values,
};

/// How many alerts or records one batch removes: others may write in between.
const CHUNK: usize = 2048;

/// The place before which events go.
type Bound = [u8; keys::TAIL];

impl RocksStore {
    pub(crate) fn remove_old(&self, policy: &Retention, now: Timestamp) -> Result<Removed, StoreError> {
        let before = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        self.remove_rows(before(policy.events_for))?;
        Ok(Removed {
            alerts: self.remove_by_age(Family::Alerts, before(policy.alerts_for))?,
            errors: self.remove_by_age(Family::Journal, before(policy.errors_for))?,
            events: self.remove_events(before(policy.events_for), policy.events_bytes)?,
        })
    }

    fn remove_by_age(&self, family: Family, before: Timestamp) -> Result<u64, StoreError> {
        let end = keys::by_time(&keys::tail_from(before.as_nanosecond()));
        let mut removed = 0;
        loop {
            let mut state = self.state.lock();
            let mut batch = WriteBatch::default();
            let handle = self.db.family(family)?;
            let mut count = 0;
            let range = Db::range(keys::by_time(&[]), end.clone());
            for item in self.db.raw.iterator_cf_opt(handle, range, IteratorMode::Start).take(CHUNK) {
                let (key, _) = item.map_err(|e| self.db.failed("reading", &e))?;
                let tail = keys::tail_of(&key).ok_or_else(|| self.db.damaged("a key is too short"))?;
                batch.delete_cf(handle, &key);
                let id = keys::id_in(&tail);
                batch.delete_cf(handle, keys::by_id(id));
                if family == Family::Alerts {
                    let (first, end) = keys::alert_updates(id);
                    batch.delete_range_cf(handle, first, end);
                }
                count += 1;
            }
            if count == 0 {
                return Ok(removed);
            }
            let (key, counter) = match family {
                Family::Alerts => (ALERTS, &mut state.alerts),
                _ => (ERRORS, &mut state.errors),
            };
            let left = counter.saturating_sub(count);
            batch.put_cf(self.db.family(Family::Meta)?, key, values::to_numbers(&[left]));
            self.db.write(batch, Durability::Buffered)?;
            *counter = left;
            removed += count;
        }
    }

    fn remove_rows(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let end = keys::row(&keys::tail_from(before.as_nanosecond()));
        batch.delete_range_cf(self.db.family(Family::Events)?, keys::row(&[]), end);
        self.db.write(batch, Durability::Buffered)
    }

    fn remove_events(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut state = self.state.lock();
        let view = self.db.raw.snapshot();
        let cameras = self.db.cameras(&view)?;
        let by_age = keys::tail_from(before.as_nanosecond());
        let bound = match self.size_bound(&state, &view, &cameras, limit)? {
            Some(by_size) => by_age.max(by_size),
            None => by_age,
        };

        // Whole buckets go by their statistics; only the one that the bound cuts is read.
        let cut = keys::bucket_of(keys::nanoseconds_in(&bound));
        let mut buckets: BTreeMap<i64, Bucket> =
            state.buckets.range(..cut).map(|(number, _)| (*number, Bucket::default())).collect();
        let mut removed: u64 = state.buckets.range(..cut).map(|(_, bucket)| bucket.count).sum();
        if let Some(known) = state.buckets.get(&cut) {
            let mut left = *known;
            let within = keys::tail_from(keys::bucket_start(cut))..bound;
            self.db.merged(&view, &cameras, &within, |_, value| {
                left.count = left.count.saturating_sub(1);
                left.bytes = left.bytes.saturating_sub(value.len() as u64);
                removed += 1;
                Ok(true)
            })?;
            if left != *known {
                buckets.insert(cut, left);
            }
        }
        drop(view);
        if buckets.is_empty() {
            return Ok(0);
        }

        let events = self.db.family(Family::Events)?;
        let mut batch = WriteBatch::default();
        for camera in &cameras {
            batch.delete_range_cf(events, keys::event(camera, &[]), keys::event(camera, &bound));
        }
        for (number, left) in &buckets {
            let key = keys::bucket(*number);
            if left.count == 0 {
                batch.delete_cf(events, key);
            } else {
                batch.put_cf(events, key, values::to_numbers(&[left.count, left.bytes]));
            }
        }
        self.db.write(batch, Durability::Buffered)?;
        let (alerts, errors) = (state.alerts, state.errors);
        state.accept(Outcome { alerts, errors, buckets, queues: BTreeMap::new() });
        drop(state);

        // Files that hold nothing else go at once; the rest waits for compaction.
        for camera in &cameras {
            self.db
                .raw
                .delete_file_in_range_cf(events, keys::event(camera, &[]), keys::event(camera, &bound))
                .map_err(|e| self.db.failed("removing files", &e))?;
        }
        Ok(removed)
    }

    /// The place before which events must go for the rest to fit in `limit` bytes; `None` when they do.
    fn size_bound(
        &self,
        state: &State,
        view: &rocksdb::Snapshot<'_>,
        cameras: &[Vec<u8>],
        limit: u64,
    ) -> Result<Option<Bound>, StoreError> {
        let total: u64 = state.buckets.values().map(|bucket| bucket.bytes).sum();
        let Some(mut excess) = total.checked_sub(limit).filter(|excess| *excess > 0) else { return Ok(None) };
        for (number, bucket) in &state.buckets {
            if bucket.bytes <= excess {
                excess -= bucket.bytes;
                if excess == 0 {
                    return Ok(Some(keys::tail_from(keys::bucket_start(number.saturating_add(1)))));
                }
                continue;
            }
            let within = keys::tail_from(keys::bucket_start(*number))..keys::tail_from(keys::bucket_start(number + 1));
            let mut bound = within.end;
            self.db.merged(view, cameras, &within, |key, value| {
                if excess == 0 {
                    bound = keys::tail_of(key).ok_or_else(|| self.db.damaged("the key of an event is unreadable"))?;
                    return Ok(false);
                }
                excess = excess.saturating_sub(value.len() as u64);
                Ok(true)
            })?;
            return Ok(Some(bound));
        }
        Ok(Some([0xff; keys::TAIL]))
    }
}
