//! The pump: empties one outbox into one sink, in order.
//!
//! It promises: an entry leaves the outbox only after the sink has acknowledged it, or has said that it never will, and then it
//! is in the dead letters in the same batch; nothing overtakes; a sink that is away is tried again with backoff, and its state says why.

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    Clock, ErrorKind, Timestamp,
    ports::{
        sink::{SinkError, SinkPort},
        store::{OutboxEntry, StoreError},
    },
};
use parapet_supervision::Backoff;
use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    journal::{Failure, Journal},
    store::StoreHandle,
    worker::{LoopResult, Stop},
};

/// Entries that are read and sent together.
const WINDOW: usize = 64;

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
    },
    /// The actor does not run, or its file says `enabled: false`.
    Stopped,
}

/// What a pump tells of itself.
#[derive(Debug)]
pub struct PumpBoard {
    queue: String,
    inner: Mutex<PumpStatus>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PumpStatus {
    /// How it fares.
    #[serde(flatten)]
    pub state: PumpState,
    /// Entries that the sink acknowledged since the site started.
    pub sent: u64,
    /// Entries that went to the dead letters since the site started.
    pub dead: u64,
    /// Attempts that failed and were made again.
    pub retries: u64,
    /// The last failure.
    pub last_error: Option<String>,
}

impl PumpBoard {
    /// A board for the pump of this outbox.
    pub fn new(queue: &str) -> Arc<Self> {
        let status = PumpStatus { state: PumpState::Stopped, sent: 0, dead: 0, retries: 0, last_error: None };
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

    fn enter(&self, state: PumpState) {
        self.inner.lock().state = state;
    }
}

/// Everything that a pump needs.
#[derive(Clone)]
pub struct Pump {
    /// The actor's path in the tree, for the journal.
    pub actor: String,
    /// Reads and removes entries.
    pub store: StoreHandle,
    /// Takes them.
    pub sink: Arc<dyn SinkPort>,
    /// Tells how it fares.
    pub board: Arc<PumpBoard>,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Pauses between attempts.
    pub backoff: Backoff,
}

impl Pump {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// When the store can't be read or has stopped, or the sink says that it is broken.
    pub async fn run(self, stop: Stop) -> LoopResult {
        tokio::select! {
            () = stop.wait() => {}
            result = self.pump() => { result?; }
        }
        self.board.enter(PumpState::Stopped);
        Ok(())
    }

    async fn pump(&self) -> LoopResult {
        let mut appended = self.store.appended();
        let mut failures = 0;
        loop {
            appended.mark_unchanged();
            let entries = self.read().await.map_err(|error| error.text)?;
            if entries.is_empty() {
                self.board.enter(PumpState::UpToDate);
                appended.changed().await.map_err(|_| "the store has stopped".to_owned())?;
                continue;
            }
            if failures == 0 {
                self.board.enter(PumpState::CatchingUp);
            }
            self.sink.ready().await;
            match self.send(&entries).await? {
                None => failures = 0,
                Some(error) => {
                    self.wait_for_sink(error, failures).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    async fn read(&self) -> Result<Vec<OutboxEntry>, StoreError> {
        let (port, queue) = (Arc::clone(self.store.port()), self.board.queue.clone());
        match tokio::task::spawn_blocking(move || port.outbox(&queue, WINDOW)).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Sends a window; returns the error at which it must be tried again.
    async fn send(&self, entries: &[OutboxEntry]) -> Result<Option<SinkError>, String> {
        let items: Vec<_> = entries.iter().map(|entry| entry.item.clone()).collect();
        let fates = self.sink.send(&items).await;
        let mut taken = Vec::new();
        let mut dead = Vec::new();
        let mut again = None;
        for (entry, fate) in entries.iter().zip(fates) {
            match fate {
                Ok(()) => taken.push(entry.sequence),
                Err(error) if error.kind == ErrorKind::Reject => dead.push((entry, error)),
                Err(error) => {
                    again = Some(error);
                    break;
                }
            }
        }
        let stopped = |_| "the store has stopped".to_owned();
        if !taken.is_empty() {
            self.store.acknowledge(&self.board.queue, &taken).await.map_err(stopped)?;
            metrics::counter!("parapet_outbox_sent_total", "queue" => self.board.queue.clone())
                .increment(taken.len() as u64);
            self.board.inner.lock().sent += taken.len() as u64;
        }
        for (entry, error) in dead {
            self.store.bury(&self.board.queue, entry.clone()).await.map_err(stopped)?;
            metrics::counter!("parapet_outbox_dead_total", "queue" => self.board.queue.clone(), "reason" => error.code)
                .increment(1);
            let text = format!("{} {} went to the dead letters: {}", entry.item.kind, entry.item.id, error.text);
            self.journal.report(Failure::new(&*self.actor, error.code, &*text));
            let mut status = self.board.inner.lock();
            status.dead += 1;
            status.last_error = Some(text);
        }
        match again {
            Some(error) if error.kind == ErrorKind::Fatal => Err(error.text),
            again => Ok(again),
        }
    }

    async fn wait_for_sink(&self, error: SinkError, failures: u32) {
        {
            let mut status = self.board.inner.lock();
            status.retries += 1;
            status.last_error = Some(error.text.clone());
            if !matches!(status.state, PumpState::Waiting { .. }) {
                status.state = PumpState::Waiting { why: error.text.clone(), since: self.clock.now() };
            }
        }
        self.journal.report(Failure::new(&*self.actor, error.code, error.text));
        tokio::time::sleep(self.backoff.delay(failures, jitter())).await;
    }
}

/// A number in 0..1 that differs between pumps: the last bits of a random id are enough to spread retries.
fn jitter() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX)
}

/// The backoff between `first` and `longest` pause.
pub fn backoff(first: Duration, longest: Duration) -> Backoff {
    Backoff { initial: first, max: longest, ..Backoff::default() }
}
