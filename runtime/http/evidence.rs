//! Whether evidence is what was written: each file against the hash in its alert or in the record that follows it, files of no alert, and
//! what there is of each alert.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use parapet_actors::evidence::{evidence_of, is_settled};
use parapet_contracts::{
    Alert, AlertUpdate, CameraId, EvidenceRef, RuleId, Timestamp, chain,
    ports::{
        evidence::{EvidenceFile, EvidencePort},
        store::{AlertQuery, StorePort},
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AppState,
    alerts::{limit, query},
    error::Problem,
};

/// Alerts of a page: their files are read while the client waits.
const PAGE: usize = 100;
/// Files that one request for orphans looks at.
const LOOKED_AT: usize = 2_000;

/// Where to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    after: Option<String>,
}

/// What was found of the evidence of some alerts.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Alerts whose evidence was read.
    alerts: u64,
    /// Files that are what was written.
    good: u64,
    /// Files that were removed, as the records about their alerts say.
    removed: u64,
    /// What is not as it should be.
    findings: Vec<Finding>,
    /// The next page's `after`.
    next: Option<String>,
}

/// A file that is not what was written, or an alert whose records are not.
#[derive(Debug, Serialize)]
pub struct Finding {
    alert: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// `damaged`: size or hash differ; `not_found`; `chain`: a record about the alert is not what was written; or why a file can't be read.
    code: &'static str,
    text: String,
}

/// Files that belong to no alert.
#[derive(Debug, Default, Serialize)]
pub struct Orphans {
    /// How many there are on this page.
    count: usize,
    /// Their paths below the evidence folder.
    paths: Vec<String>,
    /// The next page's `after`; absent at the end.
    next: Option<String>,
}

/// `GET /api/v1/evidence/verify`: a page of alerts, newest first; `next` is the next page's `after`.
pub async fn verify(
    State(state): State<AppState>,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Json<Verified>, Problem> {
    let Place { after } = query(place)?;
    blocking(&state, move |store, evidence| {
        let page = store.alerts(&AlertQuery { after, limit: PAGE, ..AlertQuery::default() })?;
        let mut verified = Verified { next: page.next, ..Verified::default() };
        for alert in &page.items {
            verified.look(alert, &store.alert_updates(alert.id)?, evidence);
        }
        Ok(verified)
    })
    .await
}

impl Verified {
    fn look(&mut self, alert: &Alert, updates: &[AlertUpdate], evidence: &dyn EvidencePort) {
        self.alerts += 1;
        let id = alert.id;
        let finding = |path, code, text| Finding { alert: id, path, code, text };
        if let Err(broken) = chain::verify(alert, updates) {
            self.findings.push(finding(None, "chain", broken.to_string()));
        }
        for (reference, gone) in evidence_of(alert, updates) {
            match evidence.read(reference) {
                Ok(_) => self.good += 1,
                Err(error) if error.code == "not_found" && gone.is_some() => self.removed += 1,
                Err(error) => self.findings.push(finding(Some(reference.path.clone()), error.code, error.text)),
            }
        }
    }
}

/// `GET /api/v1/evidence/orphans`: a page of the files of the evidence folder that no alert names, by their paths; `next` is the next page's
/// `after`. A page may be empty and not the last one.
pub async fn orphans(
    State(state): State<AppState>,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Json<Orphans>, Problem> {
    let Place { after } = query(place)?;
    blocking(&state, move |store, evidence| {
        let (after, now) = (after.unwrap_or_default(), Timestamp::now());
        let first = after.split('/').next().unwrap_or_default().to_owned();
        let (mut orphans, mut looked_at) = (Orphans::default(), 0);
        for day in evidence.days()?.into_iter().filter(|day| day.to_string() >= first) {
            for file in evidence.files(day)?.into_iter().filter(|file| file.path > after) {
                if looked_at == LOOKED_AT {
                    return Ok(orphans);
                }
                looked_at += 1;
                orphans.next = Some(file.path.clone());
                if !is_named(store, &file)? && is_settled(&file, now) {
                    orphans.count += 1;
                    orphans.paths.push(file.path);
                }
            }
        }
        Ok(Orphans { next: None, ..orphans })
    })
    .await
}

/// Whether the alert after which a file is named names it.
fn is_named(store: &dyn StorePort, file: &EvidenceFile) -> Result<bool, Problem> {
    let Some(id) = file.alert() else { return Ok(false) };
    let Some(alert) = store.alert(id)? else { return Ok(false) };
    let updates = store.alert_updates(id)?;
    Ok(evidence_of(&alert, &updates).any(|(reference, _)| reference.path == file.path))
}

/// Which alerts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFilter {
    camera: Option<CameraId>,
    /// Raised at or after.
    from: Option<Timestamp>,
    /// Raised before.
    until: Option<Timestamp>,
    after: Option<String>,
    limit: Option<usize>,
}

/// The evidence of some alerts, newest first.
#[derive(Debug, Serialize)]
pub struct EvidencePage {
    items: Vec<EvidenceInfo>,
    /// The next page's `after`.
    next: Option<String>,
}

/// What there is of an alert.
#[derive(Debug, Serialize)]
pub struct EvidenceInfo {
    alert: Uuid,
    camera: Option<CameraId>,
    rule: RuleId,
    raised_at: Timestamp,
    files: Vec<FileInfo>,
    /// The holds that keep it.
    holds: Vec<Uuid>,
}

/// A file, or that it was removed.
#[derive(Debug, Serialize)]
struct FileInfo {
    #[serde(flatten)]
    file: EvidenceRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Removal>,
}

/// When, by whom and why a file was removed.
#[derive(Debug, Serialize)]
struct Removal {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// `GET /api/v1/evidence`: what evidence there is and was, by alert, newest first; alerts that never had any are left out.
pub async fn list(
    State(state): State<AppState>,
    filter: Result<Query<EvidenceFilter>, QueryRejection>,
) -> Result<Json<EvidencePage>, Problem> {
    let EvidenceFilter { camera, from, until, after, limit: wanted } = query(filter)?;
    let query = AlertQuery { camera, since: from, until, after, limit: limit(wanted)?, ..AlertQuery::default() };
    let holds = state.site.links().store.holds().all();
    blocking(&state, move |store, _| {
        let page = store.alerts(&query)?;
        let mut items = Vec::with_capacity(page.items.len());
        for alert in page.items {
            let updates = store.alert_updates(alert.id)?;
            let files: Vec<FileInfo> = evidence_of(&alert, &updates).map(info).collect();
            if files.is_empty() {
                continue;
            }
            let covers = |hold: &&parapet_contracts::Hold| {
                hold.what.covers(Some(alert.id), alert.camera.as_ref(), alert.raised_at)
            };
            let holds = holds.iter().filter(covers).map(|hold| hold.id).collect();
            let Alert { id, camera, rule, raised_at, .. } = alert;
            items.push(EvidenceInfo { alert: id, camera, rule, raised_at, files, holds });
        }
        Ok(EvidencePage { items, next: page.next })
    })
    .await
}

fn info((file, gone): (&EvidenceRef, Option<&AlertUpdate>)) -> FileInfo {
    let removed =
        gone.map(|update| Removal { at: update.recorded_at, by: update.by.clone(), why: update.note.clone() });
    FileInfo { file: file.clone(), removed }
}

pub(super) async fn blocking<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce(&dyn StorePort, &dyn EvidencePort) -> Result<T, Problem> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let ports = state.site.links().ports.clone();
    match tokio::task::spawn_blocking(move || work(&*ports.store, &*ports.evidence)).await {
        Ok(done) => done.map(Json),
        Err(error) => Err(Problem::internal(format!("reading the evidence: {error}"))),
    }
}
