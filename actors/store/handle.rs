//! How other actors reach the store: a bounded queue that outlives a restart of the writer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{
    DetectionEvent, StreamEvent,
    ports::store::{OutboxEntry, OutboxItem, Refused, Retention, StorePort, Write},
};

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::evidence::Holds;

/// Writes that wait at most; beyond it, appending waits and logging drops.
pub const QUEUE_CAPACITY: usize = 1024;

/// One request to the writer.
pub(super) struct Job {
    pub(super) writes: Vec<Write>,
    /// Needs the disk's word before `done` is told.
    pub(super) synced: bool,
    pub(super) done: Option<oneshot::Sender<()>>,
}

/// The receiving end, which the writer of the day takes.
pub struct StoreQueue(pub(super) Arc<Mutex<mpsc::Receiver<Job>>>);

impl Clone for StoreQueue {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What the writer needs to know.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// What is kept for how long.
    pub retention: Retention,
    /// How often retention runs.
    pub retain_every: Duration,
    /// Pause before a refused batch is tried again.
    pub retry_after: Duration,
}

/// The store is stopping: what was handed over was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store has stopped")]
pub struct StoreStopped;

/// See the module. Clones reach the same store.
#[derive(Clone)]
pub struct StoreHandle {
    port: Arc<dyn StorePort>,
    jobs: mpsc::Sender<Job>,
    appended: Arc<watch::Sender<u64>>,
    dropped_events: Arc<AtomicU64>,
    holds: Arc<Holds>,
}

impl StoreHandle {
    /// A handle, and the queue that its writer reads.
    pub fn new(port: Arc<dyn StorePort>) -> (Self, StoreQueue) {
        let (jobs, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let (appended, _) = watch::channel(0);
        let handle =
            Self { port, jobs, appended: Arc::new(appended), dropped_events: Arc::default(), holds: Arc::default() };
        (handle, StoreQueue(Arc::new(Mutex::new(receiver))))
    }

    /// Makes things durable together with their entries in the outboxes. Returns when the disk has them.
    ///
    /// # Errors
    /// When the store stops first.
    pub async fn append(
        &self,
        mut writes: Vec<Write>,
        outboxes: Vec<(String, OutboxItem)>,
    ) -> Result<(), StoreStopped> {
        writes.extend(outboxes.into_iter().map(|(queue, item)| Write::Append { queue, item }));
        self.write(writes, true).await
    }

    /// Keeps something for an actor that starts anew. Returns when the store has taken it.
    ///
    /// # Errors
    /// When the store stops first.
    pub async fn keep(&self, key: String, value: Option<String>) -> Result<(), StoreStopped> {
        self.write(vec![Write::Keep { key, value }], false).await
    }

    /// Removes entries of an outbox whose fate is known. Returns when the store has taken it.
    ///
    /// # Errors
    /// When the store stops first.
    pub async fn acknowledge(&self, queue: &str, sequences: &[u64]) -> Result<(), StoreStopped> {
        let writes = sequences.iter().map(|&sequence| Write::Acknowledge { queue: queue.to_owned(), sequence });
        self.write(writes.collect(), false).await
    }

    /// Moves an entry that its sink will never take to the dead letters, at once in both.
    ///
    /// # Errors
    /// When the store stops first.
    pub async fn bury(
        &self,
        queue: &str,
        dead_letters: String,
        entry: OutboxEntry,
        refused: Refused,
    ) -> Result<(), StoreStopped> {
        let remove = Write::Acknowledge { queue: queue.to_owned(), sequence: entry.sequence };
        let item = OutboxItem { refused: Some(refused), ..entry.item };
        self.write(vec![Write::Append { queue: dead_letters, item }, remove], true).await
    }

    /// Puts dead letters back at the end of outboxes, at once in both. They have no time to live any more.
    ///
    /// # Errors
    /// When the store stops first.
    pub async fn revive(&self, dead_letters: &str, entries: Vec<(String, OutboxEntry)>) -> Result<(), StoreStopped> {
        let writes = entries.into_iter().flat_map(|(queue, OutboxEntry { sequence, item })| {
            // Whoever wants it sent again wants it sent, however old it is.
            let item = OutboxItem { refused: None, at: None, ..item };
            [Write::Append { queue, item }, Write::Acknowledge { queue: dead_letters.to_owned(), sequence }]
        });
        self.write(writes.collect(), true).await
    }

    async fn write(&self, writes: Vec<Write>, synced: bool) -> Result<(), StoreStopped> {
        let (done, written) = oneshot::channel();
        self.jobs.send(Job { writes, synced, done: Some(done) }).await.map_err(|_| StoreStopped)?;
        written.await.map_err(|_| StoreStopped)
    }

    /// Keeps a detection event, with its entries in the outboxes. Never waits; an event that does not fit is counted.
    pub fn log_event(&self, event: &Arc<DetectionEvent>, outboxes: Vec<(String, OutboxItem)>) {
        let mut writes = vec![Write::Event(Arc::clone(event))];
        let synced = !outboxes.is_empty();
        writes.extend(outboxes.into_iter().map(|(queue, item)| Write::Append { queue, item }));
        if self.jobs.try_send(Job { writes, synced, done: None }).is_err() {
            self.dropped_events.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("parapet_events_dropped_total", "edge" => "store", "reason" => "queue_full").increment(1);
        }
    }

    /// Keeps messages of a stream. Never waits; what does not fit is counted.
    pub fn log_rows(&self, rows: &[Arc<StreamEvent>]) {
        let writes = rows.iter().cloned().map(Write::Row).collect();
        if self.jobs.try_send(Job { writes, synced: false, done: None }).is_err() {
            let count = rows.len() as u64;
            self.dropped_events.fetch_add(count, Ordering::Relaxed);
            metrics::counter!("parapet_events_dropped_total", "edge" => "store", "reason" => "queue_full")
                .increment(count);
        }
    }

    /// Events that did not fit into the queue.
    pub fn dropped_events(&self) -> u64 {
        self.dropped_events.load(Ordering::Relaxed)
    }

    /// Fires whenever something was appended to an outbox.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }

    pub(super) fn tell_appended(&self) {
        self.appended.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// What retention leaves, as its evidence is held.
    pub fn holds(&self) -> &Arc<Holds> {
        &self.holds
    }

    /// The store itself, for reading. Its calls block: not on the runtime's own threads.
    pub fn port(&self) -> &Arc<dyn StorePort> {
        &self.port
    }
}
