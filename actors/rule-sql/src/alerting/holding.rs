//! How long a condition holds, key by key: pending, firing, over.
//!
//! Semantics, all times in milliseconds:
//! - A key is *pending* from the first yes on. At a yes that comes [`Hold::duration`] or more after the first, it *fires*.
//! - A no breaks it off, unless a yes has the same time: several rows may tell of one frame, and one that says yes is
//!   enough. With [`Hold::forgiving`], a no counts only when no yes comes for [`Hold::silence`].
//! - Silence longer than [`Hold::silence`] is a no: a track that is lost tells nothing more.
//! - What fires is over [`Hold::resolve_after`] after the first no, unless a yes comes before.
//!
//! Time must be told ([`Holding::due`], until it gives nothing) before what happens at that time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Key;
use super::timers::Timers;

/// Silence up to this long never ends what holds, unless the rule says otherwise: a detector blinks.
pub const SHORTEST_SILENCE: i64 = 2_000;

/// How long a condition must hold, and what ends it. Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// It fires when it has held for so long.
    pub duration: i64,
    /// Without a yes for longer than this, it no longer holds.
    pub silence: i64,
    /// Whether a no is forgiven when a yes comes within `silence`.
    pub forgiving: bool,
    /// So long after it has ceased to hold, it is over.
    pub resolve_after: i64,
}

impl Hold {
    /// What a rule says. `gaps` is what it allows of them; `between` is the time from one judgement to the next where
    /// these are made at regular times, as with windows.
    pub fn new(duration: i64, gaps: Option<i64>, resolve_after: i64, between: i64) -> Self {
        let silence = gaps.unwrap_or_else(|| duration.max(SHORTEST_SILENCE)).saturating_add(between);
        Self { duration, silence, forgiving: gaps.is_some(), resolve_after }
    }
}

/// One key for which the condition holds or has held.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Spell<T> {
    since: i64,
    /// When it fired.
    fired: Option<i64>,
    /// The last yes, and the first no after it.
    last: i64,
    no: Option<i64>,
    /// What its owner keeps until it is over.
    kept: Option<T>,
}

impl<T> Spell<T> {
    /// When it breaks off or is over, if nothing more comes.
    fn deadline(&self, hold: &Hold) -> i64 {
        let silent = self.last.saturating_add(hold.silence).saturating_add(1);
        if self.fired.is_none() {
            // The time of the no itself must pass first: a yes may have it as well.
            return match self.no {
                Some(no) if !hold.forgiving => silent.min(no.saturating_add(1)),
                _ => silent,
            };
        }
        match self.no {
            Some(no) if hold.forgiving => silent.max(no.saturating_add(hold.resolve_after)),
            Some(no) => no.saturating_add(hold.resolve_after.max(1)),
            None => silent.max(self.last.saturating_add(hold.resolve_after)),
        }
    }
}

/// Something that had fired is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Over<T> {
    /// Its key.
    pub key: Key,
    /// When the condition began to hold.
    pub since: i64,
    /// When it fired.
    pub fired: i64,
    /// The last time it held.
    pub last: i64,
    /// When it was over.
    pub at: i64,
    /// What was kept with it.
    pub kept: Option<T>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Holding<T> {
    hold: Hold,
    spells: BTreeMap<Key, Spell<T>>,
    timers: Timers,
    evicted: u64,
}

/// The state of a [`Holding`], written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedHolding<T> {
    spells: BTreeMap<Key, Spell<T>>,
    evicted: u64,
}

impl<T: Clone> Holding<T> {
    /// Nothing holds yet.
    pub fn new(hold: Hold) -> Self {
        Self { hold, spells: BTreeMap::new(), timers: Timers::default(), evicted: 0 }
    }

    /// The condition holds. True: it fires now.
    pub fn yes(&mut self, key: &str, at: i64) -> bool {
        let key = match self.spells.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::from(key),
        };
        let spell = self.spells.entry(Arc::clone(&key)).or_insert(Spell {
            since: at,
            fired: None,
            last: at,
            no: None,
            kept: None,
        });
        spell.last = spell.last.max(at);
        spell.no = None;
        let fires = spell.fired.is_none() && at.saturating_sub(spell.since) >= self.hold.duration;
        if fires {
            spell.fired = Some(at);
        }
        self.timers.wake(&key, spell.deadline(&self.hold));
        fires
    }

    /// The condition does not hold.
    pub fn no(&mut self, key: &str, at: i64) {
        let Some(spell) = self.spells.get_mut(key) else { return };
        if spell.last >= at || spell.no.is_some() {
            return;
        }
        spell.no = Some(at);
        let deadline = spell.deadline(&self.hold);
        if let Some((key, _)) = self.spells.get_key_value(key) {
            self.timers.wake(key, deadline);
        }
    }

    /// Nothing that decides: neither does it hold, nor is it over. It is no silence, though.
    pub fn neither(&mut self, key: &str, at: i64) {
        if let Some(spell) = self.spells.get_mut(key).filter(|spell| spell.no.is_none()) {
            spell.last = spell.last.max(at);
        }
    }

    /// Keeps something with what fires, until it is over.
    pub fn keep(&mut self, key: &str, kept: T) {
        if let Some(spell) = self.spells.get_mut(key) {
            spell.kept = Some(kept);
        }
    }

    /// Since when the condition has held for a key.
    pub fn since(&self, key: &str) -> Option<i64> {
        self.spells.get(key).map(|spell| spell.since)
    }

    /// Whether a key has fired and is not over.
    pub fn is_firing(&self, key: &str) -> bool {
        self.spells.get(key).is_some_and(|spell| spell.fired.is_some())
    }

    /// The keys for which it holds, and whether each has fired.
    pub fn keys(&self) -> impl Iterator<Item = (&Key, bool)> {
        self.spells.iter().map(|(key, spell)| (key, spell.fired.is_some()))
    }

    /// When something may be over next.
    pub fn next_timer(&self) -> Option<i64> {
        self.timers.next()
    }

    /// The time has come this far: takes one that is over, in the order of time. What was only pending goes unseen.
    pub fn due(&mut self, now: i64) -> Option<Over<T>> {
        while let Some(key) = self.timers.pop(now) {
            let Some(spell) = self.spells.get(&key) else { continue };
            let deadline = spell.deadline(&self.hold);
            if deadline > now {
                self.timers.wake(&key, deadline);
                continue;
            }
            let Some(Spell { since, fired, last, kept, .. }) = self.spells.remove(&key) else { continue };
            if let Some(fired) = fired {
                return Some(Over { key, since, fired, last, at: deadline, kept });
            }
        }
        None
    }

    /// Past `limit` keys, forgets an eighth of them, those that have not held for longest. Returns how many went.
    pub fn bound(&mut self, limit: usize) -> u64 {
        let limit = limit.max(1);
        if self.spells.len() <= limit {
            return 0;
        }
        let mut ages: Vec<(i64, Key)> = self.spells.iter().map(|(key, s)| (s.last, Arc::clone(key))).collect();
        ages.sort_unstable();
        let count = self.spells.len() - limit + limit / 8;
        for (_, key) in ages.into_iter().take(count) {
            self.spells.remove(&key);
            self.timers.forget(&key);
        }
        self.evicted += count as u64;
        count as u64
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.spells.len()
    }

    /// Whether it holds for no key.
    pub fn is_empty(&self) -> bool {
        self.spells.is_empty()
    }

    /// How many keys were forgotten.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Writes the state down.
    pub fn save(&self) -> SavedHolding<T> {
        SavedHolding { spells: self.spells.clone(), evicted: self.evicted }
    }

    /// Takes up a state.
    pub fn restore(&mut self, saved: SavedHolding<T>) {
        (self.spells, self.evicted) = (saved.spells, saved.evicted);
        self.timers = Timers::default();
        for (key, spell) in &self.spells {
            self.timers.wake(key, spell.deadline(&self.hold));
        }
    }
}

impl<T> SavedHolding<T> {
    /// Whether all times lie within `limit` milliseconds of 1970.
    pub fn within(&self, limit: i64) -> bool {
        let inside = |t: i64| (-limit..=limit).contains(&t);
        self.spells
            .values()
            .all(|s| inside(s.since) && inside(s.last) && s.fired.is_none_or(inside) && s.no.is_none_or(inside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Script<'a> = &'a [(i64, bool)];

    /// When it fired and when it was over, for one key.
    fn run(hold: Hold, script: Script<'_>, end: i64) -> Vec<(i64, &'static str)> {
        let mut holding: Holding<()> = Holding::new(hold);
        let mut out = Vec::new();
        for (at, holds) in script {
            while let Some(over) = holding.due(*at) {
                out.push((over.at, "over"));
            }
            if *holds {
                if holding.yes("k", *at) {
                    out.push((*at, "fires"));
                }
            } else {
                holding.no("k", *at);
            }
        }
        while let Some(over) = holding.due(end) {
            out.push((over.at, "over"));
        }
        out
    }

    #[test]
    fn it_fires_when_it_has_held_and_is_over_when_it_does_not() {
        let hold = Hold::new(2_000, None, 0, 0);
        let script = [(0, true), (1_000, true), (2_000, true), (3_000, true), (4_000, false), (5_000, true)];
        assert_eq!(run(hold, &script, 5_500), [(2_000, "fires"), (4_001, "over")]);
    }

    #[test]
    fn a_no_breaks_it_off_and_a_yes_of_the_same_time_does_not_let_it() {
        let hold = Hold::new(2_000, None, 0, 0);
        assert_eq!(run(hold, &[(0, true), (1_000, false), (1_500, true), (2_500, true)], 2_600), []);
        let mixed = [(0, true), (1_000, false), (1_000, true), (2_000, true), (2_000, false)];
        assert_eq!(run(hold, &mixed, 2_100), [(2_000, "fires")]);
    }

    #[test]
    fn gaps_are_forgiven_up_to_their_length() {
        let hold = Hold::new(2_000, Some(500), 0, 0);
        let blinking = [(0, true), (400, false), (500, true), (1_000, true), (1_500, true), (2_000, true)];
        assert_eq!(run(hold, &blinking, 2_500), [(2_000, "fires")]);
        let gone = [(0, true), (400, false), (501, true), (1_000, true), (1_500, true), (2_000, true), (2_500, true)];
        // The last yes before the gap was at 0: what comes at 501 begins anew, and has held for 2 s at 2,501.
        assert_eq!(run(hold, &gone, 2_600), []);
    }

    #[test]
    fn silence_ends_it_like_a_no() {
        let hold = Hold::new(0, None, 0, 0);
        assert_eq!(run(hold, &[(0, true)], 2_000), [(0, "fires")], "not yet");
        assert_eq!(run(hold, &[(0, true)], 2_001), [(0, "fires"), (2_001, "over")]);
        let slow = Hold::new(0, None, 10_000, 0);
        assert_eq!(run(slow, &[(0, true), (9_999, true)], 19_998), [(0, "fires")]);
        assert_eq!(run(slow, &[(0, true), (9_999, true)], 19_999), [(0, "fires"), (19_999, "over")]);
    }

    #[test]
    fn it_is_over_only_after_the_delay() {
        let hold = Hold::new(0, None, 4_000, 0);
        let back = [(0, true), (1_000, false), (4_900, true), (5_000, false), (9_100, true)];
        assert_eq!(run(hold, &back, 9_200), [(0, "fires"), (9_000, "over"), (9_100, "fires")]);
    }

    #[test]
    fn keys_are_bounded_and_the_oldest_go() {
        let mut holding: Holding<()> = Holding::new(Hold::new(0, None, 0, 0));
        for n in 0..9 {
            holding.yes(&n.to_string(), n);
        }
        assert_eq!(holding.bound(8), 2);
        assert!(!holding.is_firing("0") && !holding.is_firing("1") && holding.is_firing("2"));
        assert_eq!((holding.len(), holding.evicted()), (7, 2));
    }
}
