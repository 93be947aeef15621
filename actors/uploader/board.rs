//! What a pump tells of itself.

use std::sync::Arc;

use parapet_contracts::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

/// How an outbox fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum PumpState {
    /// Nothing waits.
    UpToDate,
    /// Entries wait and are being sent.
    CatchingUp,
    /// The sink is away.
    Waiting {
        /// Why.
        why: String,
        /// Since when.
        since: Timestamp,
        /// When it is tried again; absent while the sink itself tries to connect.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_try: Option<Timestamp>,
    },
    /// The actor does not run, or its file says `enabled: false`.
    Stopped,
}

impl PumpState {
    /// The word for metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::CatchingUp => "catching_up",
            Self::Waiting { .. } => "waiting",
            Self::Stopped => "stopped",
        }
    }

    /// One word for each state.
    pub const WORDS: [&str; 4] = ["up_to_date", "catching_up", "waiting", "stopped"];
}

/// What a pump tells of itself; outlives its restarts.
#[derive(Debug)]
pub struct PumpBoard {
    queue: String,
    inner: Mutex<PumpStatus>,
}

/// A snapshot. Counters count since the site started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PumpStatus {
    /// How it fares.
    #[serde(flatten)]
    pub state: PumpState,
    /// Entries that the sink acknowledged.
    pub sent: u64,
    /// Bytes of their payloads.
    pub sent_bytes: u64,
    /// Entries that went to the dead letters.
    pub dead: u64,
    /// Entries that were older than their time to live, and were not sent.
    pub expired: u64,
    /// Attempts that failed and were made again.
    pub retries: u64,
    /// When the sink last acknowledged something.
    pub last_sent: Option<Timestamp>,
    /// The last failure.
    pub last_error: Option<String>,
}

impl PumpBoard {
    /// A board for the pump of this outbox.
    pub fn new(queue: &str) -> Arc<Self> {
        let status = PumpStatus {
            state: PumpState::Stopped,
            sent: 0,
            sent_bytes: 0,
            dead: 0,
            expired: 0,
            retries: 0,
            last_sent: None,
            last_error: None,
        };
        Arc::new(Self { queue: queue.to_owned(), inner: Mutex::new(status) })
    }

    /// The outbox.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// A snapshot.
    pub fn status(&self) -> PumpStatus {
        self.inner.lock().clone()
    }

    pub(super) fn enter(&self, state: PumpState) {
        self.inner.lock().state = state;
    }

    /// The sink is away: since when is kept while it stays away.
    pub(super) fn wait(&self, why: String, now: Timestamp, next_try: Option<Timestamp>) {
        let mut status = self.inner.lock();
        let since = match status.state {
            PumpState::Waiting { since, .. } => since,
            _ => now,
        };
        status.state = PumpState::Waiting { why, since, next_try };
    }

    pub(super) fn sent(&self, entries: u64, bytes: u64, now: Timestamp) {
        let labels = [("queue", self.queue.clone())];
        metrics::counter!("parapet_outbox_sent_total", &labels).increment(entries);
        metrics::counter!("parapet_outbox_sent_bytes_total", &labels).increment(bytes);
        let mut status = self.inner.lock();
        status.sent += entries;
        status.sent_bytes += bytes;
        status.last_sent = Some(now);
    }

    pub(super) fn buried(&self, code: &'static str, text: String) {
        metrics::counter!("parapet_outbox_dead_total", "queue" => self.queue.clone(), "reason" => code).increment(1);
        let mut status = self.inner.lock();
        status.dead += 1;
        status.last_error = Some(text);
    }

    pub(super) fn expired(&self, entries: u64) {
        metrics::counter!("parapet_outbox_expired_total", "queue" => self.queue.clone()).increment(entries);
        self.inner.lock().expired += entries;
    }

    pub(super) fn failed(&self, code: &'static str, text: String) {
        metrics::counter!("parapet_outbox_retries_total", "queue" => self.queue.clone(), "reason" => code).increment(1);
        let mut status = self.inner.lock();
        status.retries += 1;
        status.last_error = Some(text);
    }
}
