//! What is known of a vault's values: which are wanted, when to ask again, what the last answer was. Pure: the time is passed in.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Pauses between attempts that fail.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The values that files refer to. They are here alone, and never on the disk.
#[derive(Default)]
pub(super) struct Memory {
    entries: BTreeMap<String, Entry>,
    /// The vault as a whole asks to be left alone until then.
    rest_until: Option<Instant>,
}

struct Entry {
    value: Option<String>,
    failed: Option<String>,
    failures: u32,
    due: Instant,
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// This is its value, or was when the vault last answered.
    Value(String),
    /// There is none, for this reason.
    Nothing(String),
    /// It was not asked for yet.
    NotAsked,
}

impl Memory {
    /// What is known of a name; from now on it is wanted.
    pub(super) fn want(&mut self, name: &str, now: Instant) -> Known {
        let entry =
            self.entries.entry(name.to_owned()).or_insert(Entry { value: None, failed: None, failures: 0, due: now });
        match (&entry.value, &entry.failed) {
            (Some(value), _) => Known::Value(value.clone()),
            (None, Some(why)) => Known::Nothing(why.clone()),
            (None, None) => Known::NotAsked,
        }
    }

    /// The name that is due, or when the next one will be.
    pub(super) fn next(&self, now: Instant) -> Result<String, Option<Instant>> {
        let first = self.entries.iter().min_by_key(|(_, entry)| entry.due);
        let Some((name, entry)) = first else { return Err(None) };
        let due = self.rest_until.map_or(entry.due, |rest| rest.max(entry.due));
        if due <= now { Ok(name.clone()) } else { Err(Some(due)) }
    }

    /// A value came. True when it is another one than before.
    pub(super) fn came(&mut self, name: &str, value: &str, now: Instant, refresh: Duration) -> bool {
        self.rest_until = None;
        let Some(entry) = self.entries.get_mut(name) else { return false };
        (entry.failed, entry.failures, entry.due) = (None, 0, now + refresh);
        let other = entry.value.as_deref() != Some(value);
        entry.value = Some(value.to_owned());
        other
    }

    /// It was refused, or the vault is away. What was known serves on.
    pub(super) fn failed(&mut self, name: &str, why: &str, now: Instant, rest: Option<Duration>) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(entry.failures.min(10))).min(LONGEST_PAUSE);
        entry.failures = entry.failures.saturating_add(1);
        entry.failed = Some(why.to_owned());
        entry.due = now + pause.max(rest.unwrap_or_default());
        self.rest_until = rest.map(|rest| now + rest);
    }

    /// Forgets all of it: the vault is another one.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many values there are, and the names that have none.
    pub(super) fn count(&self) -> (usize, Vec<String>) {
        let without = self.entries.iter().filter(|(_, entry)| entry.value.is_none());
        let waiting: Vec<String> = without.map(|(name, _)| name.clone()).collect();
        (self.entries.len() - waiting.len(), waiting)
    }

    /// The names whose last attempt failed, and why the first of them did.
    pub(super) fn trouble(&self) -> Option<(usize, String)> {
        let mut failing = self.entries.values().filter_map(|entry| entry.failed.as_ref());
        let first = failing.next()?.clone();
        Some((failing.count() + 1, first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFRESH: Duration = Duration::from_secs(300);

    #[test]
    fn a_value_is_asked_for_when_it_is_wanted_and_again_when_it_is_old() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        assert_eq!(memory.next(now), Err(None));
        assert_eq!(memory.want("a", now), Known::NotAsked);
        assert_eq!(memory.next(now), Ok("a".to_owned()));
        assert!(memory.came("a", "1", now, REFRESH));
        assert_eq!((memory.want("a", now), memory.next(now)), (Known::Value("1".to_owned()), Err(Some(now + REFRESH))));
        assert!(!memory.came("a", "1", now + REFRESH, REFRESH), "the same value is no news");
        assert!(memory.came("a", "2", now + REFRESH, REFRESH));
        assert_eq!(memory.count(), (1, Vec::new()));
    }

    #[test]
    fn while_it_fails_the_last_value_serves_and_attempts_become_rare() {
        let (mut memory, mut now) = (Memory::default(), Instant::now());
        memory.want("a", now);
        memory.came("a", "1", now, REFRESH);
        memory.want("b", now);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            memory.failed("b", "away", now, None);
            let due = memory.next(now).err().flatten().unwrap_or(now);
            pauses.push(due.duration_since(now).as_secs());
            now = due;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        memory.failed("a", "away", now, None);
        assert_eq!(memory.want("a", now), Known::Value("1".to_owned()));
        assert_eq!(memory.want("b", now), Known::Nothing("away".to_owned()));
        assert_eq!((memory.trouble(), memory.count()), (Some((2, "away".to_owned())), (1, vec!["b".to_owned()])));
    }

    #[test]
    fn a_vault_that_asks_for_patience_is_left_alone_as_a_whole() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.want("a", now);
        memory.want("b", now);
        memory.failed("a", "throttled", now, Some(Duration::from_secs(30)));
        assert_eq!(memory.next(now), Err(Some(now + Duration::from_secs(30))), "b waits, too");
        assert!(memory.next(now + Duration::from_secs(30)).is_ok());
    }
}
