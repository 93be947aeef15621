//! Events in the order of their times: each waits until no earlier one is expected.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use parapet_contracts::{CameraId, DetectionEvent, ModelId, Timestamp};
use uuid::Uuid;

/// Events that wait at most; beyond it the oldest goes on before its time.
const MOST: usize = 4_096;

/// A total order, so that it does not matter in which order events of the same time came.
type Key = (Timestamp, CameraId, ModelId, u64, Uuid);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Order {
    waiting: BTreeMap<Key, Arc<DetectionEvent>>,
    newest: Option<Timestamp>,
    /// What is before this is late.
    done: Option<Timestamp>,
}

impl Order {
    /// True when later events have gone on already.
    pub(super) fn is_late(&self, event: &DetectionEvent) -> bool {
        self.done.is_some_and(|done| event.ts < done)
    }

    /// Takes an event that is not late; what is late all the same has its turn next.
    pub(super) fn put(&mut self, event: Arc<DetectionEvent>) {
        self.newest = self.newest.max(Some(event.ts));
        let at = self.done.map_or(event.ts, |done| event.ts.max(done));
        let key = (at, event.camera.clone(), event.model.clone(), event.frame, event.id);
        self.waiting.insert(key, event);
    }

    /// The time that is `lateness` behind the newest event.
    pub(super) fn behind(&self, lateness: SignedDuration) -> Option<Timestamp> {
        self.newest?.checked_sub(lateness).ok()
    }

    /// The next event before `until`, if there is one; none before it is expected any more.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Arc<DetectionEvent>> {
        let entry = self.waiting.first_entry()?;
        let ts = entry.key().0;
        if ts >= until && self.waiting.len() <= MOST {
            return None;
        }
        self.done = self.done.max(Some(ts));
        self.waiting.pop_first().map(|(_, event)| event)
    }

    /// What is before `until` is late from now on.
    pub(super) fn close(&mut self, until: Timestamp) {
        self.done = self.done.max(Some(until));
    }
}
