//! The keeper: the one place through which evidence is held, released and removed, one request at a time.

use std::sync::Arc;

use parapet_contracts::{
    Clock, EvidenceRef, Hold, Selection, Timestamp,
    audit::{Act, Entry},
    ports::{
        evidence::{EvidenceFile, EvidencePort},
        store::{AlertQuery, StoreError, StorePort, Write},
    },
};
use serde::Serialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    audit_log::AuditLog,
    removal::{Reason, Removed, Remover, blocking, evidence_of},
    status::StatusBoard,
};
use crate::{
    journal::{Failure, Journal},
    store::{AlertDesk, StoreHandle},
};

/// Where holds are kept.
const HOLDS: &str = "hold/";
/// Holds at most: each is compared with all that could go.
const MOST: usize = 1_000;
/// Alerts that one request to delete looks at: whoever asked waits meanwhile.
const PAGE: usize = 32;

/// What somebody wants.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of which evidence.
    pub what: Selection,
    /// Who, as they said.
    pub by: Option<String>,
    /// Why.
    pub note: String,
}

/// Evidence is to be deleted: a page of alerts at a time.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// What is wanted.
    pub request: Request,
    /// Where the page before ended.
    pub after: Option<String>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What a page of a deletion came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// Alerts whose evidence went, in part or whole.
    pub alerts: u64,
    /// Files that went.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Alerts whose evidence stays, as it is held.
    pub held: u64,
    /// Files that should have gone and could not yet; the journal says why. It is tried again.
    pub failed: u64,
    /// The next page's `after`.
    pub next: Option<String>,
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeeperError {
    /// It can't be done like this.
    #[error("{0}")]
    Refused(String),
    /// There is no such hold.
    #[error("there is no hold {0}")]
    NoSuchHold(Uuid),
    /// The store fails.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
}

/// See the module.
pub struct Keeper {
    pub(super) remover: Remover,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: Mutex<AuditLog>,
}

impl Keeper {
    /// The keeper of a site, with the holds that stand. To be made before the site's first retention.
    pub async fn open(
        store: StoreHandle,
        desk: AlertDesk,
        evidence: Arc<dyn EvidencePort>,
        journal: Journal,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let port = Arc::clone(store.port());
        let read = blocking(move || Ok::<_, StoreError>((port.kept_below(HOLDS)?, AuditLog::open(&*port)?))).await;
        let (kept, log) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                journal.report(Failure::new("housekeeping", "holds", format!("holds can't be read: {}", error.text)));
                Default::default()
            }
            Err(panic) => {
                journal.report(Failure::new("housekeeping", "panic", panic));
                Default::default()
            }
        };
        let mut holds = Vec::new();
        for (key, text) in kept {
            match serde_json::from_str::<Hold>(&text) {
                Ok(hold) => holds.push(hold),
                Err(error) => {
                    journal.report(Failure::new("housekeeping", "holds", format!("{key} can't be read: {error}")));
                }
            }
        }
        store.holds().set(holds);
        let remover = Remover { store, desk, evidence, journal, status: Arc::default() };
        Arc::new(Self { remover, clock, log: Mutex::new(log) })
    }

    /// What the evidence folder has.
    pub fn status(&self) -> &Arc<StatusBoard> {
        &self.remover.status
    }

    /// The evidence folder.
    pub(super) fn evidence(&self) -> &Arc<dyn EvidencePort> {
        &self.remover.evidence
    }

    /// Holds evidence. When this returns, nothing that it means goes any more.
    ///
    /// # Errors
    /// When there are too many holds, or the store stops.
    pub async fn hold(&self, request: Request) -> Result<Hold, KeeperError> {
        let mut log = self.log.lock().await;
        let holds = self.remover.store.holds();
        let before = holds.all();
        if before.len() >= MOST {
            return Err(KeeperError::Refused(format!("there are {MOST} holds already: release some first")));
        }
        let Request { what, by, note } = request;
        let hold = Hold { id: Uuid::now_v7(), what, at: self.clock.now(), by, note };
        let text = serde_json::to_string(&hold).map_err(|error| KeeperError::Refused(error.to_string()))?;
        // It counts from here on, before it is durable. The store's retention is run by whoever writes this: once it is written, no
        // run goes on that did not know of it.
        holds.set(before.iter().cloned().chain([hold.clone()]).collect());
        let keep = Write::Keep { key: format!("{HOLDS}{}", hold.id), value: Some(text) };
        if let Err(error) = self.write(&mut log, keep, Act::Held, &hold).await {
            holds.set(before.to_vec());
            return Err(error);
        }
        Ok(hold)
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// When there is none, or the store stops.
    pub async fn release(&self, id: Uuid, by: Option<String>, note: String) -> Result<Hold, KeeperError> {
        let mut log = self.log.lock().await;
        let holds = self.remover.store.holds();
        let before = holds.all();
        let held = before.iter().find(|hold| hold.id == id).cloned().ok_or(KeeperError::NoSuchHold(id))?;
        let keep = Write::Keep { key: format!("{HOLDS}{id}"), value: None };
        let told = Hold { by, note, ..held.clone() };
        self.write(&mut log, keep, Act::Released, &told).await?;
        holds.set(before.iter().filter(|hold| hold.id != id).cloned().collect());
        Ok(held)
    }

    /// Writes what is kept and the record that tells of it, at once in both.
    async fn write(&self, log: &mut AuditLog, keep: Write, act: Act, hold: &Hold) -> Result<(), KeeperError> {
        let entry = Entry {
            at: self.clock.now(),
            act,
            hold: Some(hold.id),
            what: hold.what.clone(),
            by: hold.by.clone(),
            note: hold.note.clone(),
            alerts: 0,
            files: 0,
            bytes: 0,
        };
        self.append(log, vec![keep], entry).await
    }

    pub(super) async fn append(
        &self,
        log: &mut AuditLog,
        mut writes: Vec<Write>,
        entry: Entry,
    ) -> Result<(), KeeperError> {
        tracing::info!(act = entry.act.as_str(), by = entry.by, note = entry.note, "evidence");
        let (record, write) = log.next(entry).map_err(|error| KeeperError::Refused(error.to_string()))?;
        writes.push(write);
        let written = self.remover.store.append(writes, Vec::new()).await;
        written.map_err(|error| KeeperError::Unavailable(error.to_string()))?;
        log.written(&record);
        Ok(())
    }

    /// Deletes the evidence of a page of alerts, but for what is held. The audit log says so before anything goes.
    ///
    /// # Errors
    /// When the store can't be read or stops; what went until then is gone, and told.
    pub async fn delete(&self, deletion: Deletion) -> Result<Deleted, KeeperError> {
        let Deletion { request: Request { what, by, note }, after, dry_run } = deletion;
        let mut log = self.log.lock().await;
        let (port, holds, meant) =
            (Arc::clone(self.remover.store.port()), Arc::clone(self.remover.store.holds()), what.clone());
        let found = blocking(move || {
            let covers =
                |alert: &parapet_contracts::Alert| holds.cover(Some(alert.id), alert.camera.as_ref(), alert.raised_at);
            find(&*port, &meant, after, covers)
        });
        let (mut deleted, files) = found.await.map_err(KeeperError::Unavailable)??;
        deleted.files = files.len() as u64;
        deleted.bytes = files.iter().map(|file| file.bytes).sum();
        if dry_run || files.is_empty() {
            return Ok(deleted);
        }
        let entry = Entry {
            at: self.clock.now(),
            act: Act::Deleted,
            hold: None,
            what,
            by: by.clone(),
            note: note.clone(),
            alerts: deleted.alerts,
            files: deleted.files,
            bytes: deleted.bytes,
        };
        self.append(&mut log, Vec::new(), entry).await?;
        let reason = Reason::Asked { by, note };
        let files = files.into_iter().map(|EvidenceRef { path, bytes, .. }| EvidenceFile { path, bytes }).collect();
        let removed = self.remover.remove(files, &reason, self.clock.now()).await;
        let Removed { gone, failed, .. } = removed.map_err(KeeperError::Unavailable)?;
        Ok(Deleted { files: gone.files, bytes: gone.bytes, failed, ..deleted })
    }

    /// Removes files for a reason of the site's own, but for what is held.
    ///
    /// # Errors
    /// As [`Remover::remove`].
    pub(super) async fn remove(
        &self,
        files: Vec<EvidenceFile>,
        reason: &Reason,
        now: Timestamp,
    ) -> Result<Removed, String> {
        let _one_at_a_time = self.log.lock().await;
        self.remover.remove(files, reason, now).await
    }

    /// Removes what a process that was killed had said would go.
    ///
    /// # Errors
    /// As [`Remover::finish`].
    pub(super) async fn finish(&self) -> Result<(), String> {
        let _one_at_a_time = self.log.lock().await;
        self.remover.finish().await
    }
}

/// The files of a page of alerts that are there and not held, and what is known of them before they go.
fn find(
    store: &dyn StorePort,
    what: &Selection,
    after: Option<String>,
    is_held: impl Fn(&parapet_contracts::Alert) -> bool,
) -> Result<(Deleted, Vec<EvidenceRef>), KeeperError> {
    let (alerts, next) = match what.alert {
        Some(id) => (store.alert(id)?.into_iter().collect(), None),
        None => {
            let query = AlertQuery {
                camera: what.camera.clone(),
                since: what.from,
                until: what.until,
                after,
                limit: PAGE,
                ..AlertQuery::default()
            };
            let page = store.alerts(&query)?;
            (page.items, page.next)
        }
    };
    let (mut deleted, mut files) = (Deleted { next, ..Deleted::default() }, Vec::new());
    for alert in alerts.iter().filter(|alert| what.covers(Some(alert.id), alert.camera.as_ref(), alert.raised_at)) {
        let updates = store.alert_updates(alert.id)?;
        let there: Vec<_> =
            evidence_of(alert, &updates).filter(|(_, gone)| gone.is_none()).map(|(file, _)| file.clone()).collect();
        if there.is_empty() {
            continue;
        }
        if is_held(alert) {
            deleted.held += 1;
            continue;
        }
        deleted.alerts += 1;
        files.extend(there);
    }
    Ok((deleted, files))
}
