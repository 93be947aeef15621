//! From the writes of the port to keys, values and books. Pure but for reads: nothing is written here.

use std::collections::BTreeMap;

use parapet_contracts::{
    Alert, AlertUpdate, DetectionEvent, ErrorRecord, StreamEvent, Timestamp,
    ports::store::{OutboxItem, StoreError, Write},
};
use rocksdb::WriteBatch;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    db::{Db, Family},
    keys,
    staged::Staged,
    state::{ALERTS, Bucket, ERRORS, Outcome, Queue, State},
    values,
};

/// A batch in the making.
pub struct Change<'a> {
    db: &'a Db,
    before: &'a State,
    staged: Staged<'a>,
    outcome: Outcome,
}

impl<'a> Change<'a> {
    /// Nothing yet, on top of the books as they are.
    pub fn new(db: &'a Db, before: &'a State) -> Self {
        let outcome =
            Outcome { alerts: before.alerts, errors: before.errors, buckets: BTreeMap::new(), queues: BTreeMap::new() };
        Self { db, before, staged: Staged::new(db), outcome }
    }

    /// Adds a write.
    pub fn apply(&mut self, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Alert(alert) => self.alert(alert),
            Write::Event(event) => self.event(event),
            Write::AlertUpdate(update) => self.alert_update(update),
            Write::Row(row) => self.row(row),
            Write::Keep { key, value } => self.keep(key, value.as_deref()),
            Write::Error(record) => self.error(record),
            Write::Append { queue, item } => self.append(queue, item),
            Write::Acknowledge { queue, sequence } => self.acknowledge(queue, *sequence),
        }
    }

    /// The batch, with the books as they are once it is written.
    pub fn finish(mut self) -> Result<(WriteBatch, Outcome), StoreError> {
        for (key, before, now) in
            [(ALERTS, self.before.alerts, self.outcome.alerts), (ERRORS, self.before.errors, self.outcome.errors)]
        {
            if before != now {
                self.staged.put(Family::Meta, key.to_vec(), values::to_numbers(&[now]));
            }
        }
        for (bucket, Bucket { count, bytes }) in &self.outcome.buckets {
            self.staged.put(Family::Events, keys::bucket(*bucket), values::to_numbers(&[*count, *bytes]));
        }
        for (name, Queue { next, length, head }) in &self.outcome.queues {
            self.staged.put(Family::Outbox, keys::queue(name), values::to_numbers(&[*next, *length, *head]));
        }
        Ok((self.staged.into_batch()?, self.outcome))
    }

    fn alert(&mut self, alert: &Alert) -> Result<(), StoreError> {
        if self.replace(Family::Alerts, alert.id, alert.raised_at, alert)? {
            self.outcome.alerts += 1;
        }
        Ok(())
    }

    fn error(&mut self, record: &ErrorRecord) -> Result<(), StoreError> {
        if self.replace(Family::Journal, record.id, record.last, record)? {
            self.outcome.errors += 1;
        }
        Ok(())
    }

    /// Writes a thing that is ordered by time and known by its id; true when the id is new.
    fn replace<T: Serialize>(
        &mut self,
        family: Family,
        id: Uuid,
        ts: Timestamp,
        thing: &T,
    ) -> Result<bool, StoreError> {
        let tail = keys::tail(ts, id);
        let instant = tail[..keys::INSTANT].to_vec();
        let before = self.staged.get(family, keys::by_id(id))?;
        if let Some(old) = &before
            && *old != instant
        {
            self.staged.delete(family, keys::by_time(&[old, id.as_bytes().as_slice()].concat()));
        }
        self.staged.put(family, keys::by_time(&tail), values::to_json(self.db, thing)?);
        self.staged.put(family, keys::by_id(id), instant);
        Ok(before.is_none())
    }

    fn event(&mut self, event: &DetectionEvent) -> Result<(), StoreError> {
        let key = keys::event(event.camera.as_str().as_bytes(), &keys::tail(event.ts, event.id));
        let value = values::to_json(self.db, event)?;
        let before = self.staged.get(Family::Events, key.clone())?;
        let number = keys::bucket_of(event.ts.as_nanosecond());
        let known = self.before.buckets.get(&number).copied().unwrap_or_default();
        let bucket = self.outcome.buckets.entry(number).or_insert(known);
        match before {
            Some(old) => bucket.bytes = bucket.bytes.saturating_sub(old.len() as u64),
            None => bucket.count += 1,
        }
        bucket.bytes += value.len() as u64;
        self.staged.put(Family::Events, key, value);
        Ok(())
    }

    fn alert_update(&mut self, update: &AlertUpdate) -> Result<(), StoreError> {
        let key = keys::alert_update(update.alert, &keys::tail(update.recorded_at, update.id));
        self.staged.put(Family::Alerts, key, values::to_json(self.db, update)?);
        Ok(())
    }

    /// Rows have no statistics: they are few beside events, and go by age alone.
    fn row(&mut self, row: &StreamEvent) -> Result<(), StoreError> {
        let key = keys::row(&keys::tail(row.ts, row.id));
        self.staged.put(Family::Events, key, values::to_json(self.db, row)?);
        Ok(())
    }

    fn keep(&mut self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => self.staged.put(Family::Kept, keys::kept(key), values::to_text(value)),
            None => self.staged.delete(Family::Kept, keys::kept(key)),
        }
        Ok(())
    }

    fn append(&mut self, queue: &str, item: &OutboxItem) -> Result<(), StoreError> {
        let value = values::to_json(self.db, item)?;
        let state = self.queue(queue);
        let sequence = state.next;
        state.next += 1;
        state.length += 1;
        self.staged.put(Family::Outbox, keys::entry(queue, sequence), value);
        Ok(())
    }

    fn acknowledge(&mut self, queue: &str, sequence: u64) -> Result<(), StoreError> {
        let key = keys::entry(queue, sequence);
        if self.staged.get(Family::Outbox, key.clone())?.is_none() {
            return Ok(());
        }
        let state = self.queue(queue);
        state.length = state.length.saturating_sub(1);
        if sequence == state.head {
            state.head += 1;
        }
        self.staged.delete(Family::Outbox, key);
        Ok(())
    }

    fn queue(&mut self, name: &str) -> &mut Queue {
        let known = self.before.queues.get(name).copied().unwrap_or_default();
        self.outcome.queues.entry(name.to_owned()).or_insert(known)
    }
}
