//! Who has gone silent: a key that was heard, and is not heard again for so long.
//!
//! A key fires once, when its silence has lasted; it is over when the key is heard again. Time must be told
//! ([`Absence::due`], until it gives nothing) before what happens at that time: who is heard just when the silence would
//! have lasted comes too late.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Key;
use super::timers::Timers;

/// Keys and when each was last heard. `T` is what is kept of it: the row that was heard last.
#[derive(Debug, Clone)]
pub struct Absence<T> {
    length: i64,
    heard: BTreeMap<Key, Heard<T>>,
    timers: Timers,
    evicted: u64,
}

/// When a key was last heard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heard<T> {
    /// When.
    pub last: i64,
    /// Since when its silence is told.
    pub fired: Option<i64>,
    /// What was heard.
    pub kept: T,
}

/// The state of an [`Absence`], written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedAbsence<T> {
    /// By key.
    pub heard: BTreeMap<Key, Heard<T>>,
    evicted: u64,
}

impl<T: Clone> Absence<T> {
    /// Nobody is expected yet. Silence fires when it has lasted `length` milliseconds.
    pub fn new(length: i64) -> Self {
        Self { length, heard: BTreeMap::new(), timers: Timers::default(), evicted: 0 }
    }

    /// Somebody is heard, or is expected to be from now on. When this ends a silence that was told: since when it lasted.
    pub fn heard(&mut self, key: &str, at: i64, kept: T) -> Option<i64> {
        if let Some(heard) = self.heard.get_mut(key) {
            let silent_since = heard.fired.take().map(|_| heard.last);
            (heard.last, heard.kept) = (heard.last.max(at), kept);
            if silent_since.is_some()
                && let Some((key, heard)) = self.heard.get_key_value(key)
            {
                self.timers.wake(key, heard.last.saturating_add(self.length));
            }
            return silent_since;
        }
        let key: Key = Arc::from(key);
        self.timers.wake(&key, at.saturating_add(self.length));
        self.heard.insert(key, Heard { last: at, fired: None, kept });
        None
    }

    /// Nobody was listening before `at`: the silence of those of whom it is not told yet counts from then on.
    pub fn listens_from(&mut self, at: i64) {
        for heard in self.heard.values_mut().filter(|heard| heard.fired.is_none()) {
            // Its timer finds the new deadline by itself.
            heard.last = heard.last.max(at);
        }
    }

    /// Whether somebody is heard or expected.
    pub fn knows(&self, key: &str) -> bool {
        self.heard.contains_key(key)
    }

    /// The time has come this far: takes one that has gone silent, with when it was last heard and when that became a silence.
    pub fn due(&mut self, now: i64) -> Option<(Key, i64, i64, T)> {
        while let Some(key) = self.timers.pop(now) {
            let Some(heard) = self.heard.get_mut(&key).filter(|heard| heard.fired.is_none()) else { continue };
            let deadline = heard.last.saturating_add(self.length);
            if deadline > now {
                self.timers.wake(&key, deadline);
                continue;
            }
            heard.fired = Some(deadline);
            let (last, kept) = (heard.last, heard.kept.clone());
            return Some((key, last, deadline, kept));
        }
        None
    }

    /// When somebody may go silent next.
    pub fn next_timer(&self) -> Option<i64> {
        self.timers.next()
    }

    /// Past `limit` keys, forgets an eighth of them, those not heard for longest.
    pub fn bound(&mut self, limit: usize) {
        let limit = limit.max(1);
        if self.heard.len() <= limit {
            return;
        }
        let mut ages: Vec<(i64, Key)> = self.heard.iter().map(|(key, h)| (h.last, Arc::clone(key))).collect();
        ages.sort_unstable();
        let count = self.heard.len() - limit + limit / 8;
        for (_, key) in ages.into_iter().take(count) {
            self.heard.remove(&key);
            self.timers.forget(&key);
        }
        self.evicted += count as u64;
    }

    /// How many keys are known.
    pub fn len(&self) -> usize {
        self.heard.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// How many keys were forgotten.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Writes the state down.
    pub fn save(&self) -> SavedAbsence<T> {
        SavedAbsence { heard: self.heard.clone(), evicted: self.evicted }
    }

    /// Takes up a state.
    pub fn restore(&mut self, saved: SavedAbsence<T>) {
        (self.heard, self.evicted) = (saved.heard, saved.evicted);
        self.timers = Timers::default();
        for (key, heard) in self.heard.iter().filter(|(_, heard)| heard.fired.is_none()) {
            self.timers.wake(key, heard.last.saturating_add(self.length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(absence: &mut Absence<()>, now: i64) -> Vec<(String, i64, i64)> {
        std::iter::from_fn(|| absence.due(now)).map(|(key, last, at, ())| (key.to_string(), last, at)).collect()
    }

    #[test]
    fn who_falls_silent_is_told_once_and_again_only_after_it_was_heard() {
        let mut absence = Absence::new(30_000);
        absence.heard("gate", 0, ());
        absence.heard("yard", 10_000, ());
        assert_eq!(silent(&mut absence, 29_999), []);
        absence.heard("yard", 29_999, ());
        assert_eq!(silent(&mut absence, 50_000), [("gate".to_owned(), 0, 30_000)]);
        assert_eq!(silent(&mut absence, 59_000), []);
        assert_eq!(absence.heard("gate", 59_500, ()), Some(0), "it speaks again");
        assert_eq!(absence.heard("gate", 59_600, ()), None);
        let both = [("yard".to_owned(), 29_999, 59_999), ("gate".to_owned(), 59_600, 89_600)];
        assert_eq!(silent(&mut absence, 100_000), both);
    }

    #[test]
    fn time_in_which_nobody_listened_is_no_silence() {
        let mut absence = Absence::new(30_000);
        absence.heard("gate", 0, ());
        absence.heard("yard", 0, ());
        assert_eq!(silent(&mut absence, 10_000), []);
        absence.heard("yard", 20_000, ());
        absence.listens_from(15_000);
        assert_eq!(silent(&mut absence, 44_999), []);
        assert_eq!(silent(&mut absence, 45_000), [("gate".to_owned(), 15_000, 45_000)]);
        absence.listens_from(100_000);
        assert_eq!(absence.heard("gate", 100_500, ()), Some(15_000), "what was told stays told");
        assert_eq!(silent(&mut absence, 130_000), [("yard".to_owned(), 100_000, 130_000)]);
    }

    #[test]
    fn keys_are_bounded_and_those_not_heard_for_longest_go() {
        let mut absence = Absence::new(1_000);
        for n in 0..9 {
            absence.heard(&n.to_string(), n, ());
        }
        absence.bound(8);
        assert_eq!((absence.len(), absence.evicted()), (7, 2));
        assert!(!absence.knows("1") && absence.knows("2"));
    }
}
