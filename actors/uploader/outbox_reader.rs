//! Reads the outboxes of an uploader: what goes next, by priority, and past what is to wait.

use std::sync::Arc;

use parapet_contracts::{
    Clock, Timestamp,
    ports::store::{OutboxEntry, StoreError},
};

use super::{
    hold::{Holding, Next},
    pace::Ages,
    pump::PumpSettings,
    window::Window,
};
use crate::store::StoreHandle;

/// What there is to do.
pub(super) enum Found {
    /// These go now.
    Window(Window),
    /// What there is waits until then.
    Later(Timestamp),
    /// Nothing waits.
    Nothing,
}

/// Remembers how far it has looked past what waits.
pub(super) struct OutboxReader {
    store: StoreHandle,
    batch: usize,
    hold: Option<Holding>,
    outboxes: Vec<Outbox>,
}

/// One outbox.
struct Outbox {
    queue: String,
    /// Everything up to this sequence number waits until then.
    held: Option<(u64, Timestamp)>,
}

impl OutboxReader {
    pub(super) fn new(store: &StoreHandle, settings: &PumpSettings) -> Self {
        let hold = settings.hold.clone();
        let batch = hold.as_ref().map_or(settings.batch, Holding::most).max(1);
        let outboxes = settings.queues.iter().map(|queue| Outbox { queue: queue.clone(), held: None }).collect();
        Self { store: store.clone(), batch, hold, outboxes }
    }

    /// What goes next: of the first outbox that has something.
    ///
    /// # Errors
    /// When the store can't be read.
    pub(super) async fn next(&mut self, clock: &dyn Clock, ages: &Ages) -> Result<Found, String> {
        let mut later: Option<Timestamp> = None;
        for index in 0..self.outboxes.len() {
            match self.of(index, clock, ages).await? {
                Found::Nothing => {}
                Found::Later(until) => later = Some(later.map_or(until, |known| known.min(until))),
                window @ Found::Window(_) => return Ok(window),
            }
        }
        Ok(later.map_or(Found::Nothing, Found::Later))
    }

    async fn of(&mut self, index: usize, clock: &dyn Clock, ages: &Ages) -> Result<Found, String> {
        let Self { store, batch, hold, outboxes } = self;
        let Some(Outbox { queue, held }) = outboxes.get_mut(index) else { return Ok(Found::Nothing) };
        let Some(holding) = hold else {
            let entries = read(store, queue, 0, *batch).await?;
            let window = Window { queue: queue.clone(), entries };
            return Ok(if window.entries.is_empty() { Found::Nothing } else { Found::Window(window) });
        };
        let now = clock.now();
        *held = held.filter(|(_, until)| now < *until);
        loop {
            let mut entries = read(store, queue, held.map_or(0, |(after, _)| after), *batch).await?;
            let Some(last) = entries.last().map(|entry| entry.sequence) else {
                return Ok(held.map_or(Found::Nothing, |(_, until)| Found::Later(until)));
            };
            match holding.next(&entries, now, |at| ages.of(at, clock)) {
                Next::One(index) => entries = entries.drain(index..=index).collect(),
                Next::Together(index) => {
                    entries.drain(..index);
                    entries.retain(|entry| holding.goes_along(&entry.item));
                }
                Next::Wait(until) => {
                    *held = Some((last, held.map_or(until, |(_, known)| known.min(until))));
                    continue;
                }
            }
            return Ok(Found::Window(Window { queue: queue.clone(), entries }));
        }
    }
}

async fn read(store: &StoreHandle, queue: &str, after: u64, limit: usize) -> Result<Vec<OutboxEntry>, String> {
    let (port, queue) = (Arc::clone(store.port()), queue.to_owned());
    let read = move || if after == 0 { port.outbox(&queue, limit) } else { port.outbox_after(&queue, after, limit) };
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result.map_err(|error: StoreError| error.text),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
