//! A store in memory: the fake of the store port. It keeps what the real one promises, which the conformance suite shows;
//! besides, it can be told to fail.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use parapet_contracts::{
    Alert, AlertUpdate, CameraId, DetectionEvent, ErrorKind, ErrorRecord, StreamEvent, Timestamp,
    ports::store::{
        AlertQuery, Batch, ErrorQuery, OutboxEntry, OutboxItem, Page, Removed, Retention, StoreError, StorePort,
        StoreUsage, Write,
    },
};
use parking_lot::Mutex;
use uuid::Uuid;

/// A [`StorePort`] in memory. Cloning shares what it holds.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    alerts: BTreeMap<(Timestamp, Uuid), Alert>,
    events: BTreeMap<(Timestamp, Uuid), Arc<DetectionEvent>>,
    errors: BTreeMap<(Timestamp, Uuid), ErrorRecord>,
    updates: BTreeMap<(Uuid, Timestamp, Uuid), AlertUpdate>,
    rows: BTreeMap<(Timestamp, Uuid), Arc<StreamEvent>>,
    kept: BTreeMap<String, String>,
    outboxes: BTreeMap<String, Outbox>,
    commits: Vec<Batch>,
    failing: Option<StoreError>,
}

#[derive(Debug, Default, Clone)]
struct Outbox {
    last: u64,
    entries: BTreeMap<u64, OutboxItem>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on each call fails with this error; `None` ends it.
    pub fn fail_with(&self, error: Option<StoreError>) {
        self.state.lock().failing = error;
    }

    /// The batches that were committed, in order.
    pub fn commits(&self) -> Vec<Batch> {
        self.state.lock().commits.clone()
    }

    fn working(&self) -> Result<parking_lot::MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock();
        match &state.failing {
            Some(error) => Err(error.clone()),
            None => Ok(state),
        }
    }
}

impl State {
    fn apply(&mut self, write: &Write) {
        match write {
            Write::Alert(alert) => {
                self.alerts.retain(|(_, id), _| *id != alert.id);
                self.alerts.insert((alert.raised_at, alert.id), alert.clone());
            }
            Write::Event(event) => {
                self.events.insert((event.ts, event.id), Arc::clone(event));
            }
            Write::Error(record) => {
                self.errors.retain(|(_, id), _| *id != record.id);
                self.errors.insert((record.last, record.id), record.clone());
            }
            Write::AlertUpdate(update) => {
                self.updates.insert((update.alert, update.recorded_at, update.id), update.clone());
            }
            Write::Row(row) => {
                self.rows.insert((row.ts, row.id), Arc::clone(row));
            }
            Write::Keep { key, value: Some(value) } => {
                self.kept.insert(key.clone(), value.clone());
            }
            Write::Keep { key, value: None } => {
                self.kept.remove(key);
            }
            Write::Append { queue, item } => {
                let outbox = self.outboxes.entry(queue.clone()).or_default();
                outbox.last += 1;
                outbox.entries.insert(outbox.last, item.clone());
            }
            Write::Acknowledge { queue, sequence } => {
                if let Some(outbox) = self.outboxes.get_mut(queue) {
                    outbox.entries.remove(sequence);
                }
            }
        }
    }
}

impl StorePort for MemoryStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut state = self.working()?;
        for write in &batch.writes {
            state.apply(write);
        }
        state.commits.push(batch.clone());
        Ok(())
    }

    fn alert(&self, id: Uuid) -> Result<Option<Alert>, StoreError> {
        Ok(self.working()?.alerts.values().find(|a| a.id == id).cloned())
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Page<Alert>, StoreError> {
        let state = self.working()?;
        page(&state.alerts, query.after.as_deref(), query.limit, |a| {
            query.camera.as_ref().is_none_or(|c| a.camera.as_ref() == Some(c))
                && query.rule.as_ref().is_none_or(|r| *r == a.rule)
                && query.at_least.is_none_or(|s| a.severity >= s)
                && query.since.is_none_or(|t| a.raised_at >= t)
                && query.until.is_none_or(|t| a.raised_at < t)
        })
    }

    fn events(
        &self,
        camera: Option<&CameraId>,
        within: Range<Timestamp>,
        limit: usize,
    ) -> Result<Vec<DetectionEvent>, StoreError> {
        let state = self.working()?;
        Ok(state
            .events
            .values()
            .filter(|e| within.contains(&e.ts) && camera.is_none_or(|c| *c == e.camera))
            .take(limit)
            .map(|e| DetectionEvent::clone(e))
            .collect())
    }

    fn alert_updates(&self, alert: Uuid) -> Result<Vec<AlertUpdate>, StoreError> {
        let state = self.working()?;
        Ok(state.updates.iter().filter(|((of, ..), _)| *of == alert).map(|(_, update)| update.clone()).collect())
    }

    fn rows(&self, within: Range<Timestamp>, limit: usize) -> Result<Vec<StreamEvent>, StoreError> {
        let state = self.working()?;
        let rows = state.rows.values().filter(|row| within.contains(&row.ts));
        Ok(rows.take(limit).map(|row| StreamEvent::clone(row)).collect())
    }

    fn kept(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.working()?.kept.get(key).cloned())
    }

    fn kept_below(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let state = self.working()?;
        let below = state.kept.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(below.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn errors(&self, query: &ErrorQuery) -> Result<Page<ErrorRecord>, StoreError> {
        let state = self.working()?;
        page(&state.errors, query.after.as_deref(), query.limit, |r| {
            query.since.is_none_or(|t| r.last >= t)
                && query.actor.as_ref().is_none_or(|a| {
                    r.actor.strip_prefix(a.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
        })
    }

    fn outbox(&self, queue: &str, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.outbox_after(queue, 0, limit)
    }

    fn outbox_after(&self, queue: &str, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        let state = self.working()?;
        let Some(outbox) = state.outboxes.get(queue) else { return Ok(Vec::new()) };
        Ok(outbox
            .entries
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(sequence, item)| OutboxEntry { sequence: *sequence, item: item.clone() })
            .collect())
    }

    fn outbox_lengths(&self) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.working()?.outboxes.iter().map(|(name, o)| (name.clone(), o.entries.len() as u64)).collect())
    }

    fn retain(&self, policy: &Retention, now: Timestamp) -> Result<Removed, StoreError> {
        let mut state = self.working()?;
        let before = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let mut removed = Removed::default();
        let (events, alerts, errors) =
            (before(policy.events_for), before(policy.alerts_for), before(policy.errors_for));
        state.events.retain(|(ts, _), _| keep(*ts >= events, &mut removed.events));
        let is_held = |alert: &Alert| {
            policy.held.iter().any(|what| what.covers(Some(alert.id), alert.camera.as_ref(), alert.raised_at))
        };
        state.alerts.retain(|(ts, _), alert| {
            let held = *ts < alerts && is_held(alert);
            removed.held += u64::from(held);
            keep(*ts >= alerts || held, &mut removed.alerts)
        });
        state.errors.retain(|(ts, _), _| keep(*ts >= errors, &mut removed.errors));
        while state.errors.len() as u64 > policy.errors_most && state.errors.pop_first().is_some() {
            removed.errors += 1;
        }
        state.rows.retain(|(ts, _), _| *ts >= events);
        let State { updates, alerts, .. } = &mut *state;
        updates.retain(|(of, ..), _| alerts.values().any(|alert| alert.id == *of));
        let mut bytes: u64 = state.events.values().map(|e| size(e)).sum();
        while bytes > policy.events_bytes
            && let Some((_, oldest)) = state.events.pop_first()
        {
            bytes -= size(&oldest);
            removed.events += 1;
        }
        Ok(removed)
    }

    fn usage(&self) -> Result<StoreUsage, StoreError> {
        let state = self.working()?;
        Ok(StoreUsage {
            disk_bytes: 0,
            events: state.events.len() as u64,
            alerts: state.alerts.len() as u64,
            errors: state.errors.len() as u64,
            events_bytes: state.events.values().map(|event| size(event)).sum(),
        })
    }
}

fn keep(kept: bool, removed: &mut u64) -> bool {
    if !kept {
        *removed += 1;
    }
    kept
}

/// As the real store counts: its JSON.
fn size(event: &DetectionEvent) -> u64 {
    serde_json::to_vec(event).map_or(0, |json| json.len() as u64)
}

/// Newest first, from the cursor on. The cursor is the key of the last item that was given.
fn page<T: Clone>(
    all: &BTreeMap<(Timestamp, Uuid), T>,
    after: Option<&str>,
    limit: usize,
    wanted: impl Fn(&T) -> bool,
) -> Result<Page<T>, StoreError> {
    let end = after.map(cursor).transpose()?;
    let mut items = Vec::new();
    let mut last = None;
    let older = all.iter().rev().filter(|(key, item)| end.is_none_or(|end| **key < end) && wanted(item));
    for (key, item) in older {
        if items.len() == limit {
            return Ok(Page { items, next: last.map(|(ts, id): (Timestamp, Uuid)| format!("{ts}_{id}")) });
        }
        items.push(item.clone());
        last = Some(*key);
    }
    Ok(Page { items, next: None })
}

fn cursor(text: &str) -> Result<(Timestamp, Uuid), StoreError> {
    text.split_once('_').and_then(|(ts, id)| Some((ts.parse().ok()?, id.parse().ok()?))).ok_or_else(|| StoreError {
        kind: ErrorKind::Reject,
        code: "bad_cursor",
        text: "the cursor is none that this store gave: begin again without one".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    crate::store_conformance!(|| ((), super::MemoryStore::new()));
}
