//! Whether evidence is what was written: each file against the hash in its alert or in the record that follows it, and files of no alert.

use std::collections::HashSet;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use parapet_contracts::{
    Alert, EvidenceRef, Timestamp,
    ports::{
        evidence::EvidencePort,
        store::{AlertQuery, StorePort},
    },
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AppState, alerts::query, error::Problem};

/// Alerts of a page: their files are read while the client waits.
const PAGE: usize = 100;
/// A picture is written before its alert: a file this young may be of one that is about to be there.
const SETTLED: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Files of no alert that are named; the rest is counted.
const NAMED: usize = 1_000;

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
    /// Files that are not.
    findings: Vec<Finding>,
    /// The next page's `after`.
    next: Option<String>,
}

/// A file that is not what was written.
#[derive(Debug, Serialize)]
pub struct Finding {
    alert: Uuid,
    path: String,
    /// `damaged`: size or hash differ; `not_found`; or why it can't be read.
    code: &'static str,
    text: String,
}

/// Files that belong to no alert.
#[derive(Debug, Serialize)]
pub struct Orphans {
    /// How many there are.
    count: usize,
    /// Their paths below the evidence folder; the first thousand.
    paths: Vec<String>,
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
            verified.alerts += 1;
            for reference in evidence_of(store, alert)? {
                match evidence.read(&reference) {
                    Ok(_) => verified.good += 1,
                    Err(error) => verified.findings.push(Finding {
                        alert: alert.id,
                        path: reference.path,
                        code: error.code,
                        text: error.text,
                    }),
                }
            }
        }
        Ok(verified)
    })
    .await
}

/// `GET /api/v1/evidence/orphans`: files of the evidence folder that no alert names.
pub async fn orphans(State(state): State<AppState>) -> Result<Json<Orphans>, Problem> {
    blocking(&state, |store, evidence| {
        // The files first: an alert that comes meanwhile names more than was found, not less.
        let files = evidence.files()?;
        let mut named = HashSet::new();
        let mut after = None;
        loop {
            let page = store.alerts(&AlertQuery { after, limit: PAGE, ..AlertQuery::default() })?;
            for alert in &page.items {
                named.extend(evidence_of(store, alert)?.into_iter().map(|reference| reference.path));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let now = Timestamp::now();
        let mut paths: Vec<String> =
            files.into_iter().filter(|path| !named.contains(path) && !is_young(path, now)).collect();
        let count = paths.len();
        paths.truncate(NAMED);
        Ok(Orphans { count, paths })
    })
    .await
}

/// The picture of an alert, and the clips that follow it.
fn evidence_of(store: &dyn StorePort, alert: &Alert) -> Result<Vec<EvidenceRef>, Problem> {
    let updates = store.alert_updates(alert.id)?;
    Ok(alert.evidence.clone().into_iter().chain(updates.into_iter().filter_map(|update| update.evidence)).collect())
}

/// Files are named by their alert, whose id tells when it was raised.
fn is_young(path: &str, now: Timestamp) -> bool {
    let name = path.rsplit('/').next().and_then(|name| name.split('.').next());
    let raised = name.and_then(|name| name.parse::<Uuid>().ok()).and_then(|id| id.get_timestamp());
    raised
        .and_then(|time| Timestamp::from_second(i64::try_from(time.to_unix().0).ok()?).ok())
        .is_some_and(|raised| now.duration_since(raised) < SETTLED)
}

async fn blocking<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce(&dyn StorePort, &dyn EvidencePort) -> Result<T, Problem> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let ports = state.site.links().ports.clone();
    match tokio::task::spawn_blocking(move || work(&*ports.store, &*ports.evidence)).await {
        Ok(done) => done.map(Json),
        Err(error) => Err(Problem::internal(format!("reading the evidence: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_as_old_as_its_alert() {
        let raised: Timestamp = "2026-11-25T06:00:00Z".parse().unwrap();
        let time = uuid::Timestamp::from_unix(uuid::NoContext, raised.as_second() as u64, 0);
        let path = format!("2026-11-25/gate/{}.jpg", Uuid::new_v7(time));
        assert!(is_young(&path, raised + jiff::SignedDuration::from_mins(9)));
        assert!(!is_young(&path, raised + jiff::SignedDuration::from_mins(11)));
        assert!(!is_young("2026-11-25/gate/holiday.jpg", raised), "what has no id is nobody's");
    }
}
