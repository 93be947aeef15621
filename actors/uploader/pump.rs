//! The pump: empties the outboxes of one uploader into one sink, in order.
//!
//! It promises: an entry leaves its outbox only after the sink has acknowledged it, or has said that it never will, and then it
//! is in the dead letters in the same batch; nothing overtakes within an outbox, and the outbox that stands first goes first; a sink that
//! is away is tried again with backoff, not before it asks for it, and the state says why; nothing is left out uncounted.

use std::{sync::Arc, time::Duration};

use parapet_config::{UploadFormat, Uploader};
use parapet_contracts::{
    Clock, ErrorKind, Timestamp,
    ports::{
        sink::{SinkError, SinkPort},
        store::{OutboxEntry, Refused},
    },
};
use parapet_supervision::Backoff;
use tokio::sync::watch;

use super::{
    board::{PumpBoard, PumpState},
    hold::Holding,
    outbox_reader::{Found, OutboxReader},
    pace::{Ages, Pace},
    window::{Window, fitting, shaped, size},
};
use crate::{
    journal::{Failure, Journal},
    outboxes::{dead_letters_of, lane_queue, queue_of},
    store::StoreHandle,
    worker::{LoopResult, Stop},
};

/// However long a sink asks to be left alone, it is asked again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);
/// How often it is looked why a sink is still away.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked at the clock while something waits for a time of the day.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// How a pump sends.
#[derive(Debug, Clone)]
pub struct PumpSettings {
    /// The outboxes, in the order in which they go.
    pub queues: Vec<String>,
    /// Where entries go that the sink will never take.
    pub dead_letters: String,
    /// How each event is written.
    pub format: UploadFormat,
    /// At most so many events at once.
    pub batch: usize,
    /// How long the first event of a batch may wait for others.
    pub linger: Duration,
    /// At most so many bytes a second.
    pub rate_limit: Option<u64>,
    /// What has waited for longer is not sent any more.
    pub time_to_live: Option<Duration>,
    /// How many dead letters are kept.
    pub keep_dead: u64,
    /// Pauses between attempts.
    pub backoff: Backoff,
    /// What waits for others or for another time.
    pub hold: Option<Holding>,
}

impl PumpSettings {
    /// As an uploader's file says.
    pub fn of(uploader: &Uploader) -> Self {
        Self {
            queues: uploader.priority.map(|lane| lane_queue(&uploader.id, lane)).to_vec(),
            dead_letters: dead_letters_of(&queue_of(&uploader.id)),
            format: uploader.format,
            batch: uploader.batch,
            linger: uploader.linger,
            rate_limit: uploader.rate_limit,
            time_to_live: uploader.time_to_live,
            keep_dead: uploader.keep_dead,
            backoff: backoff(uploader.backoff.0, uploader.backoff.1),
            hold: uploader.hold().map(|hold| Holding::new(hold, uploader.time_zone.clone())),
        }
    }

    /// From one outbox, as much as goes.
    pub fn plain(queue: &str, backoff: Backoff) -> Self {
        Self {
            queues: vec![queue.to_owned()],
            dead_letters: dead_letters_of(queue),
            format: UploadFormat::CloudEvents,
            batch: 64,
            linger: Duration::ZERO,
            rate_limit: None,
            time_to_live: None,
            keep_dead: 10_000,
            backoff,
            hold: None,
        }
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
    /// How it sends.
    pub settings: PumpSettings,
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
        let mut pace = Pace::new(self.settings.rate_limit);
        let ages = Ages::new(self.clock.as_ref());
        let mut reader = OutboxReader::new(&self.store, &self.settings);
        let mut failures = 0;
        loop {
            appended.mark_unchanged();
            let mut window = match reader.next(self.clock.as_ref(), &ages).await? {
                Found::Window(window) => window,
                Found::Nothing => {
                    self.board.enter(PumpState::UpToDate);
                    appended.changed().await.map_err(|_| "the store has stopped".to_owned())?;
                    continue;
                }
                Found::Later(until) => {
                    self.hold(until, &mut appended).await?;
                    continue;
                }
            };
            if self.expire(&mut window, &ages).await? || self.gather(&window, &ages, &mut appended).await? {
                continue;
            }
            if failures == 0 {
                self.board.enter(PumpState::CatchingUp);
            }
            self.until_ready().await;
            window.entries.truncate(fitting(&window.entries, pace.most()));
            let bytes = window.entries.iter().map(|entry| size(&entry.item)).sum();
            tokio::time::sleep(pace.take(self.clock.monotonic(), bytes)).await;
            match self.send(&window).await? {
                None => failures = 0,
                Some(error) => {
                    self.pause(error, failures).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    /// Waits until what is held may go, or something else has come.
    async fn hold(&self, until: Timestamp, appended: &mut watch::Receiver<u64>) -> LoopResult {
        let now = self.clock.now();
        let why = "it waits for its digest, or for the end of quiet hours".to_owned();
        self.board.wait(why, now, Some(until));
        let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        tokio::select! {
            // The clock of the day may jump: it is looked at again and again.
            () = tokio::time::sleep(left.min(LONGEST_LOOK)) => Ok(()),
            changed = appended.changed() => changed.map_err(|_| "the store has stopped".to_owned()),
        }
    }

    /// Takes out what is too old. True when nothing is left of the window.
    async fn expire(&self, window: &mut Window, ages: &Ages) -> Result<bool, String> {
        let Some(limit) = self.settings.time_to_live else { return Ok(false) };
        let old = |entry: &OutboxEntry| entry.item.at.is_some_and(|at| ages.of(at, self.clock.as_ref()) > limit);
        let (old, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut window.entries).into_iter().partition(old);
        window.entries = rest;
        if !old.is_empty() {
            let sequences: Vec<u64> = old.iter().map(|entry| entry.sequence).collect();
            self.store.acknowledge(&window.queue, &sequences).await.map_err(stopped)?;
            self.board.expired(old.len() as u64);
            let text = "events that were older than `time_to_live` were not sent";
            self.journal.report(Failure::new(&*self.actor, "expired", text));
        }
        Ok(window.entries.is_empty())
    }

    /// Waits for others to come along, as long as the first entry may. True when it is worth reading again.
    async fn gather(&self, window: &Window, ages: &Ages, appended: &mut watch::Receiver<u64>) -> Result<bool, String> {
        let waited = window.entries.first().and_then(|entry| entry.item.at).map(|at| ages.of(at, self.clock.as_ref()));
        let left = waited.map_or(Duration::ZERO, |waited| self.settings.linger.saturating_sub(waited));
        if left.is_zero() || window.entries.len() >= self.settings.batch {
            return Ok(false);
        }
        tokio::select! {
            () = tokio::time::sleep(left) => Ok(false),
            changed = appended.changed() => changed.map(|()| true).map_err(|_| "the store has stopped".to_owned()),
        }
    }

    /// Waits while the sink knows that its link is down, and says why.
    async fn until_ready(&self) {
        loop {
            if let Some(why) = self.sink.away() {
                self.board.wait(why, self.clock.now(), None);
            }
            if tokio::time::timeout(LOOK, self.sink.ready()).await.is_ok() {
                return;
            }
        }
    }

    /// Sends a window; returns the error at which it must be tried again.
    async fn send(&self, window: &Window) -> Result<Option<SinkError>, String> {
        let items: Vec<_> = window.entries.iter().map(|entry| shaped(&entry.item, self.settings.format)).collect();
        fail::fail_point!("outbox::send");
        let fates = self.sink.send(&items).await;
        fail::fail_point!("outbox::sent");
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let mut dead = Vec::new();
        let mut again = None;
        for (entry, fate) in window.entries.iter().zip(fates) {
            match fate {
                Ok(()) => {
                    taken.push(entry.sequence);
                    bytes += size(&entry.item);
                }
                Err(error) if error.kind == ErrorKind::Reject => dead.push((entry, error)),
                Err(error) => {
                    again = Some(error);
                    break;
                }
            }
        }
        if !taken.is_empty() {
            self.store.acknowledge(&window.queue, &taken).await.map_err(stopped)?;
            self.board.sent(taken.len() as u64, bytes, self.clock.now());
        }
        if !dead.is_empty() {
            for (entry, error) in dead {
                self.bury(&window.queue, entry, error).await?;
            }
            self.forget_old_dead().await?;
        }
        match again {
            Some(error) if error.kind == ErrorKind::Fatal => Err(error.text),
            again => Ok(again),
        }
    }

    async fn bury(&self, queue: &str, entry: &OutboxEntry, error: SinkError) -> Result<(), String> {
        let SinkError { code, text, .. } = error;
        let refused = Refused { code: code.to_owned(), text: text.clone(), at: self.clock.now() };
        let letters = self.settings.dead_letters.clone();
        fail::fail_point!("outbox::bury");
        self.store.bury(queue, letters, entry.clone(), refused).await.map_err(stopped)?;
        // Without the id, which is in the dead letters: repeats are one record.
        let text = format!("{} went to the dead letters: {text}", entry.item.kind);
        self.journal.report(Failure::new(&*self.actor, code, &*text));
        self.board.buried(code, text);
        Ok(())
    }

    /// Keeps the dead letters within their bound.
    async fn forget_old_dead(&self) -> Result<(), String> {
        let (port, letters, keep) =
            (Arc::clone(self.store.port()), self.settings.dead_letters.clone(), self.settings.keep_dead);
        let oldest = tokio::task::spawn_blocking(move || {
            let length = port.outbox_lengths()?.into_iter().find(|(name, _)| *name == letters).map_or(0, |(_, n)| n);
            let excess = usize::try_from(length.saturating_sub(keep)).unwrap_or(usize::MAX);
            if excess == 0 { Ok(Vec::new()) } else { port.outbox(&letters, excess) }
        });
        let oldest = match oldest.await {
            Ok(result) => result.map_err(|error| error.text)?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if oldest.is_empty() {
            return Ok(());
        }
        let sequences: Vec<u64> = oldest.iter().map(|entry| entry.sequence).collect();
        self.store.acknowledge(&self.settings.dead_letters, &sequences).await.map_err(stopped)?;
        metrics::counter!("parapet_outbox_dead_forgotten_total", "queue" => self.board.queue().to_owned())
            .increment(sequences.len() as u64);
        let text = format!("there are more than {} dead letters: the oldest are forgotten", self.settings.keep_dead);
        self.journal.report(Failure::new(&*self.actor, "dead_letters_full", text));
        Ok(())
    }

    async fn pause(&self, error: SinkError, failures: u32) {
        let own = self.settings.backoff.delay(failures, jitter());
        let pause = own.max(error.retry_after.unwrap_or_default()).min(LONGEST_PAUSE);
        let now = self.clock.now();
        self.board.failed(error.code, error.text.clone());
        self.board.wait(error.text.clone(), now, now.checked_add(pause).ok());
        self.journal.report(Failure::new(&*self.actor, error.code, error.text));
        tokio::time::sleep(pause).await;
    }
}

fn stopped<E>(_: E) -> String {
    "the store has stopped".to_owned()
}

/// A number in 0..1 that differs between pumps: the last bits of a random id are enough to spread retries.
fn jitter() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX)
}

/// The backoff between `first` and `longest` pause.
pub fn backoff(first: Duration, longest: Duration) -> Backoff {
    Backoff { initial: first, max: longest, ..Backoff::default() }
}
