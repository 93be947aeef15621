//! Dead letters: what a sink will never take, until somebody decides.

use std::sync::Arc;

use parapet_contracts::{
    UploaderId,
    ports::store::{OutboxEntry, Refused, StoreError, StorePort},
};
use serde::Serialize;

use crate::{
    outboxes::{BUS, dead_letters_of, lane_of, lane_queue, queue_of},
    store::{StoreHandle, StoreStopped},
    uploader::begun_key,
};

/// Entries that are moved or removed in one batch.
const CHUNK: usize = 500;

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
    /// Its number: what `retry` and `drop` take.
    pub number: u64,
    /// The event's id.
    pub id: uuid::Uuid,
    /// `alert`, `alert_update`, `event`, `error` or `evidence`.
    pub kind: String,
    /// Its topic.
    pub topic: String,
    /// Bytes of its payload.
    pub bytes: u64,
    /// Why it was refused; absent in what an older version wrote.
    #[serde(flatten)]
    pub refused: Option<Refused>,
    /// The payload, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The site is stopping.
    #[error(transparent)]
    Stopped(#[from] StoreStopped),
}

/// What becomes of a dead letter.
#[derive(Clone, Copy)]
enum Fate {
    Again,
    Gone,
}

/// The dead letters of one uploader, or of the bus.
pub struct DeadLetters {
    store: StoreHandle,
    uploader: Option<UploaderId>,
    letters: String,
}

impl DeadLetters {
    /// Those of an uploader, which need not be there any more; `None`: of the bus.
    pub fn new(store: StoreHandle, uploader: Option<UploaderId>) -> Self {
        let queue = uploader.as_ref().map_or_else(|| BUS.to_owned(), queue_of);
        Self { store, uploader, letters: dead_letters_of(&queue) }
    }

    /// The oldest ones behind the number `after`, with their payloads when asked for.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list(&self, after: u64, limit: usize, payloads: bool) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let entries = self.read(after, limit).await?;
        Ok(entries
            .into_iter()
            .map(|OutboxEntry { sequence, item }| DeadLetter {
                number: sequence,
                id: item.id,
                kind: item.kind,
                topic: item.topic,
                bytes: item.payload.len() as u64,
                refused: item.refused,
                payload: payloads.then_some(item.payload),
            })
            .collect())
    }

    /// Puts them back at the end of their outboxes: these, or all. How many.
    ///
    /// # Errors
    /// When the store can't be read, or the site is stopping.
    pub async fn retry(&self, which: Option<&[u64]>) -> Result<u64, DeadLetterError> {
        self.each(which, Fate::Again).await
    }

    /// Forgets them: these, or all. How many.
    ///
    /// # Errors
    /// As [`DeadLetters::retry`].
    pub async fn forget(&self, which: Option<&[u64]>) -> Result<u64, DeadLetterError> {
        self.each(which, Fate::Gone).await
    }

    /// Forgets all that waits in the outboxes, dead letters included. How many.
    ///
    /// # Errors
    /// As [`DeadLetters::retry`].
    pub async fn purge(&self) -> Result<u64, DeadLetterError> {
        let mut queues = vec![self.letters.clone()];
        match &self.uploader {
            Some(id) => queues.extend(parapet_config::Lane::ALL.map(|lane| lane_queue(id, lane))),
            None => queues.push(BUS.to_owned()),
        }
        let mut purged = 0;
        for queue in queues {
            loop {
                let entries = read(&self.store, queue.clone(), 0, CHUNK).await?;
                if entries.is_empty() {
                    break;
                }
                let sequences: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
                self.store.acknowledge(&queue, &sequences).await?;
                purged += sequences.len() as u64;
            }
        }
        if let Some(id) = &self.uploader {
            // It is as if it had never been: when it comes again, it is new.
            self.store.keep(begun_key(id), None).await?;
        }
        Ok(purged)
    }

    /// The outbox that an entry came from.
    fn queue_for(&self, entry: &OutboxEntry) -> String {
        match &self.uploader {
            Some(id) => lane_queue(id, lane_of(&entry.item.kind)),
            None => BUS.to_owned(),
        }
    }

    /// Decides on the chosen ones, a part at a time. What comes meanwhile is left alone.
    async fn each(&self, which: Option<&[u64]>, fate: Fate) -> Result<u64, DeadLetterError> {
        let last = self.last().await?;
        let (mut after, mut count) = (0, 0);
        loop {
            let mut entries = self.read(after, CHUNK).await?;
            entries.retain(|entry| entry.sequence <= last);
            let Some(newest) = entries.last() else { return Ok(count) };
            after = newest.sequence;
            entries.retain(|entry| which.is_none_or(|these| these.contains(&entry.sequence)));
            if entries.is_empty() {
                continue;
            }
            count += entries.len() as u64;
            match fate {
                Fate::Again => {
                    let back = entries.into_iter().map(|entry| (self.queue_for(&entry), entry)).collect();
                    self.store.revive(&self.letters, back).await?;
                }
                Fate::Gone => {
                    let sequences: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
                    self.store.acknowledge(&self.letters, &sequences).await?;
                }
            }
        }
    }

    /// The number of the newest one.
    async fn last(&self) -> Result<u64, DeadLetterError> {
        let (mut last, mut chunk) = (0, self.read(0, CHUNK).await?);
        while let Some(entry) = chunk.last() {
            last = entry.sequence;
            chunk = self.read(last, CHUNK).await?;
        }
        Ok(last)
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        read(&self.store, self.letters.clone(), after, limit).await
    }
}

async fn read(store: &StoreHandle, queue: String, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
    let port: Arc<dyn StorePort> = Arc::clone(store.port());
    match tokio::task::spawn_blocking(move || port.outbox_after(&queue, after, limit)).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
