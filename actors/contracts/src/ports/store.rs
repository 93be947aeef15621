//! The store port: alerts, events, journal and outboxes, written in atomic batches.

use std::{ops::Range, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Alert, AlertUpdate, CameraId, DetectionEvent, ErrorKind, ErrorRecord, RuleId, Selection, Severity, StreamEvent,
    Timestamp,
};

/// A store. Calls block for as long as the disk does: call them from a thread that may.
pub trait StorePort: Send + Sync {
    /// Writes all of the batch or nothing. With [`Durability::Synced`], it is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk is full, read-only or damaged. Nothing of the batch is written then.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// One alert.
    ///
    /// # Errors
    /// When the store can't be read.
    fn alert(&self, id: Uuid) -> Result<Option<Alert>, StoreError>;

    /// Alerts, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    fn alerts(&self, query: &AlertQuery) -> Result<Page<Alert>, StoreError>;

    /// Detection events of one camera or of all within a time, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the store can't be read.
    fn events(
        &self,
        camera: Option<&CameraId>,
        within: Range<Timestamp>,
        limit: usize,
    ) -> Result<Vec<DetectionEvent>, StoreError>;

    /// What became of an alert, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    fn alert_updates(&self, alert: Uuid) -> Result<Vec<AlertUpdate>, StoreError>;

    /// Messages of declared streams within a time, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the store can't be read.
    fn rows(&self, within: Range<Timestamp>, limit: usize) -> Result<Vec<StreamEvent>, StoreError>;

    /// What an actor keeps under this key, see [`Write::Keep`].
    ///
    /// # Errors
    /// When the store can't be read.
    fn kept(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// All that is kept under keys that begin so, in the order of the keys.
    ///
    /// # Errors
    /// When the store can't be read.
    fn kept_below(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// Error records, last seen first.
    ///
    /// # Errors
    /// When the store can't be read.
    fn errors(&self, query: &ErrorQuery) -> Result<Page<ErrorRecord>, StoreError>;

    /// The oldest entries of an outbox, in the order in which they were appended.
    ///
    /// # Errors
    /// When the store can't be read.
    fn outbox(&self, queue: &str, limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;

    /// As [`StorePort::outbox`], of the entries behind the one with the sequence number `after`.
    ///
    /// # Errors
    /// When the store can't be read.
    fn outbox_after(&self, queue: &str, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError>;

    /// How many entries each outbox holds, including those whose uploader is gone.
    ///
    /// # Errors
    /// When the store can't be read.
    fn outbox_lengths(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Removes what is older or more than the policy allows.
    ///
    /// # Errors
    /// When the store can't be written.
    fn retain(&self, policy: &Retention, now: Timestamp) -> Result<Removed, StoreError>;

    /// How big it is.
    ///
    /// # Errors
    /// When the store can't be read.
    fn usage(&self) -> Result<StoreUsage, StoreError>;
}

/// Where the journal goes on while the store refuses: a plain file.
pub trait JournalFile: Send + Sync {
    /// Appends a record and syncs it.
    ///
    /// # Errors
    /// When the file can't be written either.
    fn append(&self, record: &ErrorRecord) -> Result<(), StoreError>;

    /// Writes all records of the file into the store and empties it; returns how many there were. A torn last line is left out.
    ///
    /// # Errors
    /// When the store refuses; the file stays as it is.
    fn take_in(&self, store: &dyn StorePort) -> Result<usize, StoreError>;
}

/// Writes that belong together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// What to write.
    pub writes: Vec<Write>,
    /// When it counts as written.
    pub durability: Durability,
}

/// When a batch counts as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The process has it: survives a kill, not a power cut.
    #[default]
    Buffered,
    /// The disk has it.
    Synced,
}

/// One write of a batch.
// Alerts are what writes are about, and few writes wait at a time: a box each would cost more than the room.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// An alert, under its id.
    Alert(Alert),
    /// A detection event.
    Event(std::sync::Arc<DetectionEvent>),
    /// What became of an alert; goes with it.
    AlertUpdate(AlertUpdate),
    /// A message of a declared stream.
    Row(std::sync::Arc<StreamEvent>),
    /// What an actor wants to find again when it starts anew: checkpoints, positions, silences. It replaces what was kept under
    /// the same key; `None` removes it. Nothing else ever removes it.
    Keep {
        /// Whose it is and what: `rule/<id>`, `stream/<id>`, `silence/<id>`.
        key: String,
        /// Its own form, with a version in it.
        value: Option<String>,
    },
    /// An error record; replaces the one with the same id.
    Error(ErrorRecord),
    /// Something for an outbox, at its end.
    Append {
        /// The outbox's name: `bus`, or one of an uploader's, which begin with `uploader/<id>`.
        queue: String,
        /// What is to be sent.
        item: OutboxItem,
    },
    /// The sink has acknowledged, or given up for good: removes the entry.
    Acknowledge {
        /// The outbox's name.
        queue: String,
        /// The entry's place in it.
        sequence: u64,
    },
}

/// What an outbox holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// The id by which a receiver deduplicates.
    pub id: Uuid,
    /// `alert`, `alert_update`, `event`, `error` or `evidence`.
    pub kind: String,
    /// Where to: a topic; of evidence the path of the file below the evidence folder.
    pub topic: String,
    /// The payload: a CloudEvent in JSON.
    pub payload: String,
    /// What it is about, within which order is kept: a camera's id, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was told, by the site's clock: its time to live counts from here. Absent in what an older version wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Why its sink will never take it: in the dead letters alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

impl OutboxItem {
    /// An item that is about no camera.
    pub fn new(id: Uuid, kind: &str, topic: impl Into<String>, payload: impl Into<String>) -> Self {
        let (kind, topic, payload) = (kind.to_owned(), topic.into(), payload.into());
        Self { id, kind, topic, payload, key: None, at: None, refused: None }
    }

    /// Says what it is about, and when it was told.
    #[must_use]
    pub fn about(self, key: Option<String>, at: Timestamp) -> Self {
        Self { key, at: Some(at), ..self }
    }
}

/// Why an item is among the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A stable word, as [`super::sink::SinkError::code`].
    pub code: String,
    /// For people.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// One entry of an outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its place: grows by one with each append, never used twice.
    pub sequence: u64,
    /// What it holds.
    pub item: OutboxItem,
}

/// Which alerts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertQuery {
    /// Of this camera only.
    pub camera: Option<CameraId>,
    /// Of this rule only.
    pub rule: Option<RuleId>,
    /// At least this severe.
    pub at_least: Option<Severity>,
    /// Raised at or after.
    pub since: Option<Timestamp>,
    /// Raised before.
    pub until: Option<Timestamp>,
    /// Continue after this cursor, from [`Page::next`].
    pub after: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Which error records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorQuery {
    /// Of this actor, or of those below it in the tree.
    pub actor: Option<String>,
    /// Last seen at or after.
    pub since: Option<Timestamp>,
    /// Continue after this cursor, from [`Page::next`].
    pub after: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor to continue with; `None` at the end.
    pub next: Option<String>,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Detection events, by age.
    pub events_for: Duration,
    /// Detection events, by size in bytes; the oldest go first.
    pub events_bytes: u64,
    /// Alerts, by age.
    pub alerts_for: Duration,
    /// Error records, by age since they were last seen.
    pub errors_for: Duration,
    /// Error records, by number; those that were seen longest ago go first.
    pub errors_most: u64,
    /// Alerts that stay whatever their age, as their evidence is held.
    pub held: Vec<Selection>,
}

impl Default for Retention {
    /// All is kept for ever.
    fn default() -> Self {
        let ever = Duration::MAX;
        Self {
            events_for: ever,
            events_bytes: u64::MAX,
            alerts_for: ever,
            errors_for: ever,
            errors_most: u64::MAX,
            held: Vec::new(),
        }
    }
}

/// What a retention run removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Detection events.
    pub events: u64,
    /// Alerts.
    pub alerts: u64,
    /// Error records.
    pub errors: u64,
    /// Alerts that were old enough, and are held.
    pub held: u64,
}

/// How big a store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StoreUsage {
    /// Bytes on the disk.
    pub disk_bytes: u64,
    /// Detection events in it.
    pub events: u64,
    /// Alerts in it.
    pub alerts: u64,
    /// Error records in it.
    pub errors: u64,
    /// Bytes of the detection events, before compression.
    pub events_bytes: u64,
}

/// Why the store failed. The text says what and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct StoreError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable word: `full`, `read_only`, `in_use`, `damaged`, `bad_cursor`, `newer_version`, `io`; of backups `no_backup`, `not_empty`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}
