//! Evidence goes by age, by size, and when its disk is too full: by whole days as far as age is concerned, and the oldest first otherwise.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, civil::Date, tz::TimeZone};
use parapet_config::{EvidenceConfig, Keeping};
use parapet_contracts::{
    Clock, Timestamp,
    ports::evidence::{EvidenceError, EvidenceFile, Room},
};
use parapet_supervision::Heartbeat;

use super::{
    keeper::Keeper,
    ledger::{Kind, Ledger},
    removal::{Reason, blocking, is_settled},
};
use crate::{
    journal::{Failure, Journal},
    worker::{LoopResult, Stop},
};

/// Files that are removed before it is looked again whether that is enough.
const CHUNK: usize = 32;
/// What must stay free is never more than this part of the disk.
const LARGEST_RESERVE: u64 = 10;
/// In the journal.
const ACTOR: &str = "housekeeping";

/// Everything that the housekeeper needs.
#[derive(Clone)]
pub struct Housekeeper {
    /// Removes.
    pub keeper: Arc<Keeper>,
    /// What is kept for how long.
    pub config: EvidenceConfig,
    /// How often it looks.
    pub every: Duration,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Whether more must go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// All of the day.
    All,
    /// So many bytes.
    Bytes(u64),
    /// Until so much is free.
    Free(u64),
}

impl Housekeeper {
    /// Looks after the evidence until it is told to stop.
    ///
    /// # Errors
    /// When the site's store is stopping.
    pub async fn run(self, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
        heartbeat.idle(); // What it waits for bounds itself: the disk, in the end.
        self.keeper.finish().await?;
        let mut ledger = Ledger::default();
        loop {
            if let Err(error) = self.look(&mut ledger, &stop).await {
                self.journal.report(error);
            }
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    /// Looks once.
    pub(super) async fn look(&self, ledger: &mut Ledger, stop: &Stop) -> Result<(), Failure> {
        let now = self.clock.now();
        self.count(ledger, now).await?;
        let mut held = 0;
        let limits = [(Kind::Clip, self.config.clips), (Kind::Picture, self.config.pictures)];
        for (kind, Keeping { keep_for, .. }) in limits {
            let first_kept = first_kept(now, keep_for);
            for day in ledger.days(kind).into_iter().filter(|day| *day < first_kept) {
                held += self.clear(ledger, day, kind, Need::All, &Reason::Age, stop).await?;
            }
        }
        for (kind, Keeping { most, .. }) in limits {
            let Some(most) = most else { continue };
            for day in ledger.days(kind) {
                let excess = ledger.total(kind).bytes.saturating_sub(most);
                if excess == 0 {
                    break;
                }
                self.clear(ledger, day, kind, Need::Bytes(excess), &Reason::Size, stop).await?;
            }
        }
        let wanted = |room: Room| self.config.min_free.min(room.total / LARGEST_RESERVE);
        let mut room = self.room().await?;
        for kind in [Kind::Clip, Kind::Picture] {
            for day in ledger.days(kind) {
                if room.free >= wanted(room) {
                    break;
                }
                self.clear(ledger, day, kind, Need::Free(wanted(room)), &Reason::Space, stop).await?;
                room = self.room().await?;
            }
        }
        let low = room.free < wanted(room);
        if low {
            let text = format!(
                "{} MiB are free on the disk of the evidence, {} MiB should be: there is no old evidence left to remove; free some space",
                room.free >> 20,
                wanted(room) >> 20
            );
            self.journal.report(Failure::new(ACTOR, "low", text));
        }
        self.sweep(ledger, now).await?;
        self.keeper.status().tell(ledger.total(Kind::Picture), ledger.total(Kind::Clip), room, low, held);
        Ok(())
    }

    /// Counts what is new, and what still changes: today, and yesterday for what was under way at midnight.
    async fn count(&self, ledger: &mut Ledger, now: Timestamp) -> Result<(), Failure> {
        let days = self.ask(|evidence| evidence.days()).await?;
        let changing = first_kept(now, Duration::from_secs(86_400));
        for day in ledger.uncounted(&days, changing) {
            let files = self.ask(move |evidence| evidence.files(day)).await?;
            ledger.count(day, &files);
        }
        Ok(())
    }

    /// Removes files of a kind of one day, oldest first, until the need is met; returns how many stay as they are held.
    async fn clear(
        &self,
        ledger: &mut Ledger,
        day: Date,
        kind: Kind,
        need: Need,
        reason: &Reason,
        stop: &Stop,
    ) -> Result<u64, Failure> {
        let now = self.clock.now();
        let files = self.ask(move |evidence| evidence.files(day)).await?;
        let mut files: Vec<EvidenceFile> =
            files.into_iter().filter(|file| Kind::of(file) == kind && is_settled(file, now)).collect();
        files.sort_by_key(EvidenceFile::raised_at);
        let (mut held, mut bytes, mut gone) = (0, 0, 0);
        let mut files = files.into_iter().peekable();
        while files.peek().is_some() && !stop.is_set() {
            let enough = match need {
                Need::All => false,
                Need::Bytes(wanted) => bytes >= wanted,
                Need::Free(wanted) => self.room().await?.free >= wanted,
            };
            if enough {
                break;
            }
            let chunk = chunk(&mut files, need, bytes);
            let removed = self.keeper.remove(chunk, reason, now).await;
            let removed = removed.map_err(|text| Failure::new(ACTOR, "remove", text))?;
            ledger.removed(day, kind, removed.gone);
            (held, bytes, gone) = (held + removed.held, bytes + removed.gone.bytes, gone + removed.gone.files);
        }
        if gone > 0 {
            tracing::info!(%day, kind = kind.as_str(), reason = reason.as_str(), files = gone, bytes, "removed evidence");
        }
        Ok(held)
    }

    /// Folders of past days that have nothing any more.
    async fn sweep(&self, ledger: &mut Ledger, now: Timestamp) -> Result<(), Failure> {
        let over = first_kept(now, Duration::from_secs(86_400));
        for day in ledger.empty().into_iter().filter(|day| *day < over) {
            self.ask(move |evidence| evidence.sweep(day)).await?;
        }
        Ok(())
    }

    async fn room(&self) -> Result<Room, Failure> {
        self.ask(|evidence| evidence.room()).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn parapet_contracts::ports::evidence::EvidencePort) -> Result<T, EvidenceError> + Send + 'static,
    ) -> Result<T, Failure> {
        let port = Arc::clone(self.keeper.evidence());
        match blocking(move || ask(&*port)).await {
            Ok(Ok(told)) => Ok(told),
            Ok(Err(error)) => Err(Failure::new(ACTOR, error.code, error.text)),
            Err(panic) => Err(Failure::new(ACTOR, "panic", panic)),
        }
    }
}

/// The next files to remove: some, and of those that must go for their size no more than it takes.
fn chunk(
    files: &mut std::iter::Peekable<std::vec::IntoIter<EvidenceFile>>,
    need: Need,
    gone: u64,
) -> Vec<EvidenceFile> {
    let (mut some, mut bytes) = (Vec::new(), gone);
    while some.len() < CHUNK
        && !matches!(need, Need::Bytes(wanted) if bytes >= wanted)
        && let Some(file) = files.next()
    {
        bytes += file.bytes;
        some.push(file);
    }
    some
}

/// The first day that is kept: days before it are over for longer than `keep_for`.
fn first_kept(now: Timestamp, keep_for: Duration) -> Date {
    let age = SignedDuration::try_from(keep_for).unwrap_or(SignedDuration::MAX);
    now.checked_sub(age).map_or(Date::MIN, |before| TimeZone::UTC.to_datetime(before).date())
}
