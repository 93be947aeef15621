//! When something is due for a key. Each key has one timer at most.

use std::collections::{BTreeSet, HashMap};

use super::Key;

/// Timers by key, earliest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(i64, Key)>,
    of: HashMap<Key, i64>,
}

impl Timers {
    /// Looks at `key` at `at` or earlier. A timer that is earlier stays: whoever it wakes looks again and sets it anew,
    /// so that a deadline that moves with every event costs nothing.
    pub(crate) fn wake(&mut self, key: &Key, at: i64) {
        if let Some(before) = self.of.get_mut(key) {
            if *before <= at {
                return;
            }
            self.due.remove(&(*before, Key::clone(key)));
            *before = at;
        } else {
            self.of.insert(Key::clone(key), at);
        }
        self.due.insert((at, Key::clone(key)));
    }

    /// Whether `key` is looked at by `at` in any case.
    pub(crate) fn wakes_by(&self, key: &str, at: i64) -> bool {
        self.of.get(key).is_some_and(|due| *due <= at)
    }

    /// Forgets the timer of a key.
    pub(crate) fn forget(&mut self, key: &str) {
        if let Some((key, at)) = self.of.remove_entry(key) {
            self.due.remove(&(at, key));
        }
    }

    /// Takes the earliest timer that is due by `now`.
    pub(crate) fn pop(&mut self, now: i64) -> Option<Key> {
        self.due.first().filter(|(at, _)| *at <= now)?;
        let (_, key) = self.due.pop_first()?;
        self.of.remove(&key);
        Some(key)
    }

    /// The earliest timer.
    pub(crate) fn next(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }
}
