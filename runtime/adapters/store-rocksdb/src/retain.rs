//! Retention: alerts with what became of them by age, unless they are held; error records by age and number; rows by age; events by age and size. Outboxes are never touched: what is in them has not arrived.

use std::collections::BTreeMap;

use parapet_contracts::{
    CameraId, Selection, Timestamp,
    ports::store::{Durability, Removed, Retention, StoreError},
};
use rocksdb::{IteratorMode, WriteBatch};
use serde::Deserialize;

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

/// What a retention run says about a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Goes,
    Stays,
    /// And so do all that are younger.
    AllStay,
}

/// What a hold needs of an alert.
#[derive(Deserialize)]
struct HeldBy {
    camera: Option<CameraId>,
    raised_at: Timestamp,
}

impl RocksStore {
    pub(crate) fn remove_old(&self, policy: &Retention, now: Timestamp) -> Result<Removed, StoreError> {
        let before = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        self.remove_rows(before(policy.events_for))?;
        let (alerts, held) = self.remove_alerts(before(policy.alerts_for), &policy.held)?;
        Ok(Removed {
            alerts,
            held,
            errors: self.remove_errors(before(policy.errors_for), policy.errors_most)?,
            events: self.remove_events(before(policy.events_for), policy.events_bytes)?,
        })
    }

    /// Old alerts but for those that are held; how many went, and how many of them stay.
    fn remove_alerts(&self, before: Timestamp, held: &[Selection]) -> Result<(u64, u64), StoreError> {
        let mut kept = 0;
        let removed = self.remove_oldest(Family::Alerts, |key, value, _| {
            let tail = keys::tail_of(key).ok_or_else(|| self.db.damaged("a key is too short"))?;
            if keys::nanoseconds_in(&tail) >= before.as_nanosecond() {
                return Ok(Verdict::AllStay);
            }
            if held.is_empty() {
                return Ok(Verdict::Goes);
            }
            let alert: HeldBy = values::from_json(&self.db, Family::Alerts, key, value)?;
            let id = Some(keys::id_in(&tail));
            let stays = held.iter().any(|what| what.covers(id, alert.camera.as_ref(), alert.raised_at));
            kept += u64::from(stays);
            Ok(if stays { Verdict::Stays } else { Verdict::Goes })
        })?;
        Ok((removed, kept))
    }

    /// Old error records, and the oldest of more than `most`.
    fn remove_errors(&self, before: Timestamp, most: u64) -> Result<u64, StoreError> {
        self.remove_oldest(Family::Journal, |key, _, left| {
            let tail = keys::tail_of(key).ok_or_else(|| self.db.damaged("a key is too short"))?;
            let is_old = keys::nanoseconds_in(&tail) < before.as_nanosecond();
            Ok(if is_old || left > most { Verdict::Goes } else { Verdict::AllStay })
        })
    }

    /// Asks about alerts or records, oldest first, with how many are left, and removes those that go.
    fn remove_oldest(
        &self,
        family: Family,
        mut judge: impl FnMut(&[u8], &[u8], u64) -> Result<Verdict, StoreError>,
    ) -> Result<u64, StoreError> {
        let (mut from, mut removed, mut over) = (keys::by_time(&[]), 0, false);
        while !over {
            let _turn = self.turn.lock();
            let mut state = self.state.lock();
            let mut batch = WriteBatch::default();
            let handle = self.db.family(family)?;
            let (key, counter) = match family {
                Family::Alerts => (ALERTS, &mut state.alerts),
                _ => (ERRORS, &mut state.errors),
            };
            let (mut left, mut seen) = (*counter, 0);
            let range = Db::range(from.clone(), keys::by_time_end());
            for item in self.db.raw.iterator_cf_opt(handle, range, IteratorMode::Start).take(CHUNK) {
                let (key, value) = item.map_err(|e| self.db.failed("reading", &e))?;
                seen += 1;
                from = [&key, [0].as_slice()].concat();
                match judge(&key, &value, left)? {
                    Verdict::Goes => {}
                    Verdict::Stays => continue,
                    Verdict::AllStay => {
                        over = true;
                        break;
                    }
                }
                let tail = keys::tail_of(&key).ok_or_else(|| self.db.damaged("a key is too short"))?;
                batch.delete_cf(handle, &key);
                let id = keys::id_in(&tail);
                batch.delete_cf(handle, keys::by_id(id));
                if family == Family::Alerts {
                    let (first, end) = keys::alert_updates(id);
                    batch.delete_range_cf(handle, first, end);
                }
                left = left.saturating_sub(1);
                removed += 1;
            }
            over |= seen < CHUNK;
            if left != *counter {
                batch.put_cf(self.db.family(Family::Meta)?, key, values::to_numbers(&[left]));
                self.db.write(batch, Durability::Buffered)?;
                *counter = left;
            }
        }
        Ok(removed)
    }

    fn remove_rows(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let end = keys::row(&keys::tail_from(before.as_nanosecond()));
        batch.delete_range_cf(self.db.family(Family::Events)?, keys::row(&[]), end);
        self.db.write(batch, Durability::Buffered)
    }

    fn remove_events(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let _turn = self.turn.lock();
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
