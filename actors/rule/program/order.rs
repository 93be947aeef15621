//! What happens in the order of its times: each waits until nothing earlier is expected.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use parapet_contracts::{Happening, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What waits at most; beyond it the oldest goes on before its time.
const MOST: usize = 4_096;

/// A total order, so that it does not matter in which order things of the same time came.
type Key = (Timestamp, String, u64, Uuid);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Order {
    waiting: BTreeMap<Key, Happening>,
    newest: Option<Timestamp>,
    /// What is before this is late.
    done: Option<Timestamp>,
    hurried: u64,
}

/// An [`Order`], written down.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedOrder {
    waiting: Vec<Happening>,
    newest: Option<Timestamp>,
    done: Option<Timestamp>,
}

impl Order {
    /// True when something later has gone on already.
    pub(super) fn is_late(&self, happening: &Happening) -> bool {
        self.done.is_some_and(|done| happening.ts() < done)
    }

    /// Takes what is not late; what is late all the same has its turn next.
    pub(super) fn put(&mut self, happening: Happening) {
        self.newest = self.newest.max(Some(happening.ts()));
        let (ts, source, number, id) = key(&happening);
        let ts = self.done.map_or(ts, |done| ts.max(done));
        self.waiting.insert((ts, source, number, id), happening);
    }

    /// The time that is `lateness` behind the newest.
    pub(super) fn behind(&self, lateness: SignedDuration) -> Option<Timestamp> {
        self.newest?.checked_sub(lateness).ok()
    }

    /// The next before `until`, if there is one; nothing before it is expected any more.
    pub(super) fn next(&mut self, until: Timestamp) -> Option<Happening> {
        let entry = self.waiting.first_entry()?;
        let ts = entry.key().0;
        if ts >= until {
            if self.waiting.len() <= MOST {
                return None;
            }
            self.hurried += 1;
        }
        self.done = self.done.max(Some(ts));
        self.waiting.pop_first().map(|(_, happening)| happening)
    }

    /// What is before `until` is late from now on.
    pub(super) fn close(&mut self, until: Timestamp) {
        self.done = self.done.max(Some(until));
    }

    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many went on before their time, as too many waited.
    pub(super) fn hurried(&self) -> u64 {
        self.hurried
    }

    /// How far what has gone on is behind the newest, in milliseconds.
    pub(super) fn lag(&self) -> Option<i64> {
        let (newest, done) = (self.newest?, self.done?);
        Some(newest.duration_since(done).as_millis().clamp(0, i128::from(i64::MAX)) as i64)
    }

    /// Writes it down.
    pub(super) fn save(&self) -> SavedOrder {
        SavedOrder { waiting: self.waiting.values().cloned().collect(), newest: self.newest, done: self.done }
    }

    /// Takes it up.
    pub(super) fn restore(saved: SavedOrder) -> Self {
        let waiting = saved.waiting.into_iter().map(|happening| (key(&happening), happening)).collect();
        Self { waiting, newest: saved.newest, done: saved.done, hurried: 0 }
    }
}

fn key(happening: &Happening) -> Key {
    let (source, number) = match happening {
        Happening::Seen(event) => (format!("{} {}", event.camera, event.model), event.frame),
        Happening::Status(event) => (format!("~status {:?} {:?}", event.camera, event.model), 0),
        Happening::Alert(alert) => (format!("~alert {}", alert.rule), 0),
        Happening::AlertUpdate(update) => (format!("~alert {} update", update.rule), 0),
        Happening::Row(row) => (format!("~{}", row.stream), 0),
    };
    (happening.ts(), source, number, happening.id())
}
