//! The error journal's front: every failure of every actor comes through here.
//!
//! It promises: reporting never waits and never fails; repeats of one failure are counted in one record; what waits to be
//! written is bounded; nothing that does not fit goes unseen: it is counted, and the log has it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{Clock, ErrorRecord, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

/// After this long without a repeat, the same failure begins a new record.
pub const REPEATS_WITHIN: Duration = Duration::from_secs(600);
/// Different failures that are remembered at once.
pub const CAPACITY: usize = 2048;

/// One failure, as an actor tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The actor's path in the tree: `cameras/gate-north`.
    pub actor: String,
    /// A stable word: `stall`, `decode`, `panic`, `config`, …
    pub kind: String,
    /// What happened and what to do. Never holds a secret.
    pub text: String,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
}

impl Failure {
    /// A failure without a trace.
    pub fn new(actor: impl Into<String>, kind: impl Into<String>, text: impl Into<String>) -> Self {
        Self { actor: actor.into(), kind: kind.into(), text: text.into(), trace_id: None }
    }
}

/// See the module. Clones are the same journal.
#[derive(Clone)]
pub struct Journal {
    clock: Arc<dyn Clock>,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: Mutex<HashMap<Failure, Entry>>,
    reported: AtomicU64,
    dropped: AtomicU64,
}

struct Entry {
    record: ErrorRecord,
    unwritten: bool,
    untold: bool,
}

impl Journal {
    /// An empty journal.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// Takes a failure in, and logs it: the first time, and then each time that its count doubles.
    pub fn report(&self, failure: Failure) {
        self.inner.reported.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("parapet_errors_total", "kind" => failure.kind.clone()).increment(1);
        let count = self.note(&failure, self.clock.now());
        let Failure { actor, kind, text, .. } = failure;
        if count.is_none_or(u64::is_power_of_two) {
            tracing::warn!(actor, kind, count, "{text}");
        }
    }

    /// Takes in what is no failure, but belongs beside one: that it is over. It is logged as information, and no error is counted.
    pub fn tell(&self, over: Failure) {
        self.note(&over, self.clock.now());
        let Failure { actor, kind, text, .. } = over;
        tracing::info!(actor, kind, "{text}");
    }

    /// The count of this failure; `None` when it did not fit.
    fn note(&self, failure: &Failure, now: Timestamp) -> Option<u64> {
        // Two failures that differ in their trace alone are repeats of each other; the first trace is kept.
        let key = Failure { trace_id: None, ..failure.clone() };
        let mut entries = self.inner.entries.lock();
        if let Some(entry) = entries.get_mut(&key)
            && now.duration_since(entry.record.last).unsigned_abs() < REPEATS_WITHIN
        {
            entry.record.count += 1;
            entry.record.last = entry.record.last.max(now);
            entry.unwritten = true;
            return Some(entry.record.count);
        }
        if entries.len() >= CAPACITY {
            let longest_quiet =
                entries.iter().filter(|(_, e)| !e.unwritten).min_by_key(|(_, e)| e.record.last).map(|(k, _)| k.clone());
            let Some(quiet) = longest_quiet else {
                self.inner.dropped.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("parapet_journal_dropped_total").increment(1);
                return None;
            };
            entries.remove(&quiet);
        }
        let record = ErrorRecord {
            id: Uuid::now_v7(),
            actor: failure.actor.clone(),
            kind: failure.kind.clone(),
            text: failure.text.clone(),
            first: now,
            last: now,
            count: 1,
            trace_id: failure.trace_id.clone(),
        };
        entries.insert(key, Entry { record, unwritten: true, untold: true });
        Some(1)
    }

    /// The records that changed since the last call, for whoever writes them down.
    pub fn take_unwritten(&self) -> Vec<ErrorRecord> {
        let mut entries = self.inner.entries.lock();
        entries
            .values_mut()
            .filter(|entry| entry.unwritten)
            .map(|entry| {
                entry.unwritten = false;
                entry.record.clone()
            })
            .collect()
    }

    /// The records that began since the last call, for whoever tells others of them.
    pub fn take_untold(&self) -> Vec<ErrorRecord> {
        let mut entries = self.inner.entries.lock();
        let begun = entries.values_mut().filter(|entry| entry.untold);
        let mut records: Vec<ErrorRecord> = begun
            .map(|entry| {
                entry.untold = false;
                entry.record.clone()
            })
            .collect();
        records.sort_by_key(|record| record.id);
        records
    }

    /// Failures that were reported, repeats included.
    pub fn reported(&self) -> u64 {
        self.inner.reported.load(Ordering::Relaxed)
    }

    /// Failures that did not fit, and are in the log alone.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parapet_contracts::SystemClock;

    fn journal() -> Journal {
        Journal::new(Arc::new(SystemClock::new()))
    }

    #[test]
    fn repeats_are_one_record_with_a_count() {
        let journal = journal();
        for _ in 0..3 {
            journal.report(Failure::new("cameras/a", "stall", "no frame for 5 s"));
        }
        journal.report(Failure::new("cameras/b", "stall", "no frame for 5 s"));
        let mut records = journal.take_unwritten();
        records.sort_by(|a, b| a.actor.cmp(&b.actor));
        assert_eq!(
            records.iter().map(|r| (r.actor.as_str(), r.count)).collect::<Vec<_>>(),
            [("cameras/a", 3), ("cameras/b", 1)]
        );
        assert!(journal.take_unwritten().is_empty());
        assert_eq!((journal.take_untold().len(), journal.take_untold().len()), (2, 0), "each is told once");
        let id = records[0].id;
        journal.report(Failure::new("cameras/a", "stall", "no frame for 5 s"));
        let again = journal.take_unwritten();
        assert_eq!((again[0].id, again[0].count), (id, 4));
        assert!(journal.take_untold().is_empty(), "a repeat is no new failure");
    }

    #[test]
    fn what_is_over_has_a_record_and_is_no_error() {
        let journal = journal();
        journal.tell(Failure::new("models/people", "overload_over", "nothing is given up any more"));
        let records = journal.take_unwritten();
        assert_eq!((records.len(), records[0].kind.as_str(), journal.reported()), (1, "overload_over", 0));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let journal = journal();
        for n in 0..CAPACITY + 5 {
            journal.report(Failure::new("x", "y", n.to_string()));
        }
        assert_eq!((journal.dropped(), journal.take_unwritten().len()), (5, CAPACITY));
        journal.report(Failure::new("x", "y", "once more"));
        assert_eq!(journal.take_unwritten().len(), 1, "written records make room");
    }
}
