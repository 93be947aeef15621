//! Telling a child that is stuck from one that is busy.
//!
//! A heartbeat has no clock: whoever works counts beats, and the supervisor notes when it last saw the count change. So a
//! beat costs two relaxed atomic writes, works from any thread, and no jump of any clock makes a child look stuck.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// `allowance`: the child's `stuck_after` applies.
const DEFAULT: u64 = 0;
/// `allowance`: not working, so never stuck.
const IDLE: u64 = u64::MAX;

#[derive(Debug)]
struct Pulse {
    name: Box<str>,
    beats: AtomicU64,
    /// Milliseconds of silence that are allowed, or `DEFAULT`, or `IDLE`. Written after `beats`, read before it, so that a
    /// reader who sees a new allowance sees the beat that came with it.
    allowance: AtomicU64,
}

/// Proof of life of one worker of a child: its message handlers, or a thread of its own.
///
/// Silence for longer than the child's `stuck_after` means stuck, unless the worker is [idle](Self::idle) or declared
/// [long work](Self::busy).
#[derive(Debug, Clone)]
pub struct Heartbeat {
    pulse: Arc<Pulse>,
}

impl Heartbeat {
    pub(crate) fn new(name: &str) -> Self {
        let pulse = Pulse { name: name.into(), beats: AtomicU64::new(0), allowance: AtomicU64::new(DEFAULT) };
        Self { pulse: Arc::new(pulse) }
    }

    /// The worker's name, for reports.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.pulse.name
    }

    /// Still alive, and working on.
    pub fn beat(&self) {
        self.tell(DEFAULT);
    }

    /// Waiting for work, however long that takes. The next [`beat`](Self::beat) ends it.
    pub fn idle(&self) {
        self.tell(IDLE);
    }

    /// Declares work that may be silent for up to `limit`, until the guard is dropped.
    #[must_use = "the declaration ends when the guard is dropped"]
    pub fn busy(&self, limit: Duration) -> Busy {
        let before = self.pulse.allowance.load(Ordering::Relaxed);
        let millis = u64::try_from(limit.as_millis()).unwrap_or(IDLE - 1).clamp(1, IDLE - 1);
        self.tell(millis);
        Busy { heartbeat: self.clone(), before }
    }

    fn tell(&self, allowance: u64) {
        self.pulse.beats.fetch_add(1, Ordering::Relaxed);
        self.pulse.allowance.store(allowance, Ordering::Release);
    }
}

/// Long work, declared with [`Heartbeat::busy`].
#[derive(Debug)]
pub struct Busy {
    heartbeat: Heartbeat,
    before: u64,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.heartbeat.tell(self.before);
    }
}

/// The supervisor's side: when did the count last change?
#[derive(Debug)]
pub(crate) struct Watch {
    heartbeat: Heartbeat,
    seen: u64,
    at: Instant,
}

impl Watch {
    pub(crate) fn new(heartbeat: Heartbeat, now: Instant) -> Self {
        let seen = heartbeat.pulse.beats.load(Ordering::Acquire);
        Self { heartbeat, seen, at: now }
    }

    pub(crate) fn name(&self) -> &str {
        self.heartbeat.name()
    }

    /// How long the worker has been silent, if that is longer than it may be.
    pub(crate) fn overdue(&mut self, now: Instant, stuck_after: Duration) -> Option<Duration> {
        let allowance = self.heartbeat.pulse.allowance.load(Ordering::Acquire);
        let beats = self.heartbeat.pulse.beats.load(Ordering::Relaxed);
        if beats != self.seen || allowance == IDLE {
            self.seen = beats;
            self.at = now;
            return None;
        }
        let allowed = if allowance == DEFAULT { stuck_after } else { Duration::from_millis(allowance) };
        let silent = now.saturating_duration_since(self.at);
        (silent > allowed).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    fn watched() -> (Heartbeat, Watch, Instant) {
        let heartbeat = Heartbeat::new("thread");
        let now = Instant::now();
        (heartbeat.clone(), Watch::new(heartbeat, now), now)
    }

    #[test]
    fn silence_longer_than_the_limit_is_overdue() {
        let (_heartbeat, mut watch, start) = watched();
        assert_eq!(watch.overdue(start + LIMIT, LIMIT), None);
        let over = LIMIT + Duration::from_millis(1);
        assert_eq!(watch.overdue(start + over, LIMIT), Some(over));
    }

    #[test]
    fn a_beat_starts_the_count_again() {
        let (heartbeat, mut watch, start) = watched();
        heartbeat.beat();
        assert_eq!(watch.overdue(start + 5 * LIMIT, LIMIT), None);
        assert_eq!(watch.overdue(start + 6 * LIMIT, LIMIT), None);
        assert!(watch.overdue(start + 7 * LIMIT, LIMIT).is_some());
    }

    #[test]
    fn idle_is_never_overdue() {
        let (heartbeat, mut watch, start) = watched();
        heartbeat.idle();
        assert_eq!(watch.overdue(start + 1000 * LIMIT, LIMIT), None);
        heartbeat.beat();
        assert_eq!(watch.overdue(start + 1001 * LIMIT, LIMIT), None);
        assert!(watch.overdue(start + 1003 * LIMIT, LIMIT).is_some());
    }

    #[test]
    fn declared_work_may_take_as_long_as_declared_and_no_longer() {
        let (heartbeat, mut watch, start) = watched();
        let busy = heartbeat.busy(10 * LIMIT);
        assert_eq!(watch.overdue(start + LIMIT, LIMIT), None);
        assert_eq!(watch.overdue(start + 11 * LIMIT, LIMIT), None);
        assert!(watch.overdue(start + 12 * LIMIT, LIMIT).is_some());
        drop(busy);
        assert_eq!(watch.overdue(start + 12 * LIMIT, LIMIT), None);
        assert!(watch.overdue(start + 14 * LIMIT, LIMIT).is_some());
    }
}
