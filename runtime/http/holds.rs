//! Holding evidence, deleting it, and the log of who did.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
};
use parapet_actors::evidence::{AUDIT, Deleted, Deletion, KeeperError, Request};
use parapet_contracts::{CameraId, Hold, Selection, Timestamp, audit::AuditRecord};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AppState,
    alerts::{limit, query},
    error::Problem,
    silences::short,
    site::read,
};

/// Evidence to hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    alert: Option<Uuid>,
    camera: Option<CameraId>,
    /// Raised at or after.
    from: Option<Timestamp>,
    /// Raised before.
    until: Option<Timestamp>,
    by: Option<String>,
    /// Why.
    note: Option<String>,
}

/// Who ends a hold, and why.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    by: Option<String>,
    note: Option<String>,
}

/// Evidence to delete.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDeletion {
    alert: Option<Uuid>,
    camera: Option<CameraId>,
    /// Raised at or after.
    from: Option<Timestamp>,
    /// Raised before.
    until: Option<Timestamp>,
    by: Option<String>,
    /// Why.
    note: Option<String>,
    /// Where the page before ended.
    after: Option<String>,
    /// Only say what would go.
    #[serde(default)]
    dry_run: bool,
}

/// `GET /api/v1/evidence/holds`: those that stand, oldest first.
pub async fn list(State(state): State<AppState>) -> Json<Vec<Hold>> {
    Json(state.site.links().store.holds().all().to_vec())
}

/// `POST /api/v1/evidence/holds`: nothing that it means is removed any more, until it is released.
pub async fn hold(
    State(state): State<AppState>,
    body: Result<Json<NewHold>, JsonRejection>,
) -> Result<(StatusCode, Json<Hold>), Problem> {
    let Json(NewHold { alert, camera, from, until, by, note }) = body.map_err(unreadable)?;
    let what = selection(Selection { alert, camera, from, until })?;
    if let Some(id) = what.alert {
        read(&state, move |store| store.alert(id))
            .await?
            .ok_or_else(|| Problem::not_found(format!("there is no alert \"{id}\"")))?;
    }
    let held = state.site.links().keeper.hold(Request { what, by: short(by, "by")?, note: why(note)? }).await;
    held.map(|hold| (StatusCode::CREATED, Json(hold))).map_err(problem)
}

/// `POST /api/v1/evidence/holds/{id}/release`: ends it.
pub async fn release(
    State(state): State<AppState>,
    Path(id): Path<String>,
    body: Result<Json<Release>, JsonRejection>,
) -> Result<Json<Hold>, Problem> {
    let Json(Release { by, note }) = body.map_err(unreadable)?;
    let id: Uuid = id.parse().map_err(|_| Problem::not_found(format!("there is no hold {id:?}")))?;
    let released = state.site.links().keeper.release(id, short(by, "by")?, why(note)?).await;
    released.map(Json).map_err(problem)
}

/// `POST /api/v1/evidence/delete`: deletes the evidence of a page of alerts, but for what is held; `next` of the answer is the next page's
/// `after`.
pub async fn delete(
    State(state): State<AppState>,
    body: Result<Json<NewDeletion>, JsonRejection>,
) -> Result<Json<Deleted>, Problem> {
    let Json(NewDeletion { alert, camera, from, until, by, note, after, dry_run }) = body.map_err(unreadable)?;
    let what = selection(Selection { alert, camera, from, until })?;
    let note = if dry_run { note.unwrap_or_default() } else { why(note)? };
    let request = Request { what, by: short(by, "by")?, note };
    state.site.links().keeper.delete(Deletion { request, after, dry_run }).await.map(Json).map_err(problem)
}

/// Which records of the audit log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditFilter {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// A page of the audit log.
#[derive(Debug, Serialize)]
pub struct AuditPage {
    items: Vec<AuditRecord>,
    /// The next page's `after`; absent at the end.
    next: Option<u64>,
}

/// `GET /api/v1/evidence/audit`: who held, released and deleted evidence, oldest first.
pub async fn audit(
    State(state): State<AppState>,
    filter: Result<Query<AuditFilter>, QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let AuditFilter { after, limit: wanted } = query(filter)?;
    let limit = limit(wanted)?;
    let kept = read(&state, |store| store.kept_below(AUDIT)).await?;
    let unread = |(key, text): (String, String)| {
        serde_json::from_str::<AuditRecord>(&text)
            .map_err(|error| Problem::internal(format!("{key} of the audit log can't be read: {error}")))
    };
    // Keys are numbers of one length.
    let first = format!("{AUDIT}{after:020}");
    let mut items: Vec<AuditRecord> =
        kept.into_iter().filter(|(key, _)| *key > first).take(limit + 1).map(unread).collect::<Result<_, _>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().map(|record| record.number).filter(|_| more);
    Ok(Json(AuditPage { items, next }))
}

#[allow(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
pub(super) fn unreadable(rejected: JsonRejection) -> Problem {
    Problem::bad_request(rejected.body_text())
}

/// All evidence at once is never meant by nothing said.
fn selection(what: Selection) -> Result<Selection, Problem> {
    if what.is_empty() {
        return Err(Problem::bad_request("say which evidence: give `alert`, `camera`, `from` or `until`"));
    }
    if let (Some(from), Some(until)) = (what.from, what.until)
        && from >= until
    {
        return Err(Problem::bad_request("`until` must be later than `from`"));
    }
    Ok(what)
}

pub(super) fn why(note: Option<String>) -> Result<String, Problem> {
    let note = short(note, "note")?.filter(|note| !note.trim().is_empty());
    note.ok_or_else(|| Problem::bad_request("say why, as `note`: the audit log keeps it"))
}

pub(super) fn problem(error: KeeperError) -> Problem {
    match error {
        KeeperError::Refused(text) => Problem::conflict(text),
        KeeperError::NoSuchHold(_) => Problem::not_found(error.to_string()),
        KeeperError::Store(error) => error.into(),
        KeeperError::Unavailable(text) => Problem::unavailable(text),
    }
}
