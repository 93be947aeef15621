//! Removing files of evidence: the record first, then the file.

use std::sync::Arc;

use jiff::SignedDuration;
use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, EvidenceRef, Timestamp,
    ports::{
        evidence::{EvidenceFile, EvidencePort},
        store::{StoreError, StorePort},
    },
};
use tokio::sync::oneshot;

use super::{
    ledger::{Kind, Tally},
    status::{Holds, StatusBoard},
};
use crate::{
    journal::{Failure, Journal},
    store::{AlertDesk, StoreHandle, UpdateRequest},
};

/// Below it are kept the paths of files whose removal is recorded, and which may still be there.
const GOING: &str = "evidence/going/";
/// A picture is written before its alert, and a clip before its record: a file this young may be of one that is about to be there.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);
/// In the journal.
const ACTOR: &str = "housekeeping";

/// Why files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Their time is over.
    Age,
    /// There are too many.
    Size,
    /// The disk is too full.
    Space,
    /// Somebody wants it.
    Asked {
        /// Who, as they said.
        by: Option<String>,
        /// Why.
        note: String,
    },
}

impl Reason {
    /// The word for metrics and the status.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Size => "size",
            Self::Space => "space",
            Self::Asked { .. } => "asked",
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Age => "its time was over".to_owned(),
            Self::Size => "evidence had reached its size, and it was the oldest".to_owned(),
            Self::Space => "the disk was too full, and it was the oldest".to_owned(),
            Self::Asked { note, .. } => note.clone(),
        }
    }
}

/// What a removal came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// What went.
    pub gone: Tally,
    /// Files that stay, as they are held.
    pub held: u64,
    /// Files that should have gone and are still there; the journal says why.
    pub failed: u64,
}

/// The files of an alert: its picture, and the clips that followed; each with the record of its removal, when it was removed.
pub fn evidence_of<'a>(
    alert: &'a Alert,
    updates: &'a [AlertUpdate],
) -> impl Iterator<Item = (&'a EvidenceRef, Option<&'a AlertUpdate>)> {
    let clips = updates.iter().filter(|update| update.change == AlertChange::Evidence);
    let files = alert.evidence.iter().chain(clips.filter_map(|update| update.evidence.as_ref()));
    files.map(|file| {
        let gone = |update: &&AlertUpdate| {
            update.change == AlertChange::Removed && update.evidence.as_ref().is_some_and(|of| of.path == file.path)
        };
        (file, updates.iter().find(gone))
    })
}

/// Whether a file is so old that its alert and its record must be there, if it has any.
pub fn is_settled(file: &EvidenceFile, now: Timestamp) -> bool {
    file.raised_at().is_none_or(|raised| now.duration_since(raised) >= SETTLED)
}

/// What is known of a file that is to go.
enum Fate {
    Held,
    /// It may still be about to belong to somebody.
    Young,
    /// No alert has it, or its removal is recorded already.
    Unrecorded,
    Of(Box<Alert>, EvidenceRef),
}

/// Everything that removing needs.
#[derive(Clone)]
pub struct Remover {
    pub(super) store: StoreHandle,
    pub(super) desk: AlertDesk,
    pub(super) evidence: Arc<dyn EvidencePort>,
    pub(super) journal: Journal,
    pub(super) status: Arc<StatusBoard>,
}

impl Remover {
    /// Removes those of the files that are not held. One caller at a time: the keeper sees to that.
    ///
    /// # Errors
    /// When the store can't be read or is stopping; what went until then is gone.
    pub async fn remove(&self, files: Vec<EvidenceFile>, reason: &Reason, now: Timestamp) -> Result<Removed, String> {
        let port = Arc::clone(self.store.port());
        let holds = Arc::clone(self.store.holds());
        let judged = blocking(move || {
            let judged = files.into_iter().map(|file| Ok((fate(&*port, &holds, &file, now)?, file)));
            judged.collect::<Result<Vec<_>, StoreError>>().map_err(|error| error.text)
        });
        let mut removed = Removed::default();
        for (fate, file) in judged.await?? {
            let recorded = match fate {
                Fate::Held => {
                    removed.held += 1;
                    continue;
                }
                Fate::Young => continue,
                Fate::Unrecorded => None,
                Fate::Of(alert, reference) => Some(self.record(&alert, reference, reason, now).await?),
            };
            match self.unlink(&file.path).await {
                Ok(()) => self.count(&mut removed, &file, reason),
                Err(()) => {
                    removed.failed += 1;
                    continue;
                }
            }
            if let Some(key) = recorded {
                self.store.keep(key, None).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(removed)
    }

    fn count(&self, removed: &mut Removed, file: &EvidenceFile, reason: &Reason) {
        removed.gone.files += 1;
        removed.gone.bytes += file.bytes;
        let labels = [("kind", Kind::of(file).as_str()), ("reason", reason.as_str())];
        metrics::counter!("parapet_evidence_removed_total", &labels).increment(1);
        metrics::counter!("parapet_evidence_removed_bytes_total", &labels).increment(file.bytes);
        self.status.removed(reason.as_str(), 1);
    }

    /// Says durably that a file goes, and remembers that it may still be there.
    async fn record(
        &self,
        alert: &Alert,
        reference: EvidenceRef,
        reason: &Reason,
        now: Timestamp,
    ) -> Result<String, String> {
        let key = format!("{GOING}{}", reference.path);
        let by = match reason {
            Reason::Asked { by, .. } => by.clone(),
            _ => None,
        };
        // What goes by itself concerns nobody else: only a deletion is told to those who may have copies.
        let quiet = !matches!(reason, Reason::Asked { .. });
        let (written, done) = oneshot::channel();
        let request = UpdateRequest::removed(alert, reference, (by, reason.note()), now, key.clone(), quiet);
        self.desk.follow_up(request.tell(written)).await.map_err(|error| error.to_string())?;
        done.await.map_err(|_| "the site is stopping".to_owned())?;
        Ok(key)
    }

    async fn unlink(&self, path: &str) -> Result<(), ()> {
        let (port, path) = (Arc::clone(&self.evidence), path.to_owned());
        let error = match blocking(move || port.remove(&path)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => Failure::new(ACTOR, error.code, error.text),
            Err(panic) => Failure::new(ACTOR, "panic", panic),
        };
        self.journal.report(error);
        Err(())
    }

    /// Removes files whose removal was recorded and not finished: by a process that was killed, or as the folder refused.
    ///
    /// # Errors
    /// When the store can't be read or is stopping.
    pub async fn finish(&self) -> Result<(), String> {
        let port = Arc::clone(self.store.port());
        let going = blocking(move || port.kept_below(GOING)).await?.map_err(|error| error.text)?;
        for (key, _) in going {
            if let Some(path) = key.strip_prefix(GOING)
                && self.unlink(path).await.is_ok()
            {
                self.store.keep(key, None).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

fn fate(store: &dyn StorePort, holds: &Holds, file: &EvidenceFile, now: Timestamp) -> Result<Fate, StoreError> {
    let found = match file.alert() {
        Some(id) => store.alert(id)?,
        None => None,
    };
    let Some(alert) = found else {
        let raised_at = file.raised_at().unwrap_or(now);
        let fate =
            if holds.cover(file.alert(), file.camera().as_ref(), raised_at) { Fate::Held } else { Fate::Unrecorded };
        return Ok(if is_settled(file, now) { fate } else { Fate::Young });
    };
    if holds.cover(Some(alert.id), alert.camera.as_ref(), alert.raised_at) {
        return Ok(Fate::Held);
    }
    let updates = store.alert_updates(alert.id)?;
    let known = evidence_of(&alert, &updates).find(|(of, _)| of.path == file.path);
    Ok(match known.map(|(of, gone)| (of.clone(), gone.is_some())) {
        Some((reference, false)) => Fate::Of(Box::new(alert), reference),
        Some((_, true)) => Fate::Unrecorded,
        None if is_settled(file, now) => Fate::Unrecorded,
        None => Fate::Young,
    })
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}
