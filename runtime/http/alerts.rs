//! An alert, its picture and its clip, and the error journal.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use parapet_actors::evidence::evidence_of;
use parapet_contracts::{
    Alert, AlertChange, AlertUpdate, ErrorRecord, EvidenceRef, Timestamp,
    ports::store::{ErrorQuery, Page},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{AppState, error::Problem, range, site::read};

/// Entries of a page unless told otherwise, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;

/// Which error records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorFilter {
    actor: Option<String>,
    since: Option<Timestamp>,
    after: Option<String>,
    limit: Option<usize>,
}

/// How to show a picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageOptions {
    /// Draw the boxes of the objects.
    #[serde(default)]
    boxes: bool,
    /// At most so wide, in pixels.
    width: Option<u32>,
}

pub(super) fn limit(wanted: Option<usize>) -> Result<usize, Problem> {
    match wanted.unwrap_or(PAGE) {
        limit @ 1..=LARGEST_PAGE => Ok(limit),
        limit => Err(Problem::bad_request(format!("limit={limit}: 1 to {LARGEST_PAGE} is expected"))),
    }
}

pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(filter)| filter).map_err(|error| Problem::bad_request(error.body_text()))
}

/// `GET /api/v1/alerts/{id}`
pub async fn one(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Alert>, Problem> {
    find(&state, &id).await.map(Json)
}

pub(super) async fn find(state: &AppState, id: &str) -> Result<Alert, Problem> {
    let no_such = || Problem::not_found(format!("there is no alert {id:?}"));
    let id: Uuid = id.parse().map_err(|_| no_such())?;
    read(state, move |store| store.alert(id)).await?.ok_or_else(no_such)
}

/// JPEG quality of a picture that is made smaller to be looked at in a list.
const SMALL_QUALITY: u8 = 75;
/// A picture never changes, but it may be removed: each look asks for it, and gets it only once.
const ASK_EACH_TIME: &str = "private, no-cache";

/// `GET /api/v1/alerts/{id}/image`: the picture as it was kept, or with `?boxes=true` with the objects' boxes drawn in, or with `?width=320` a
/// smaller one. `If-None-Match` spares it who has it already.
pub async fn image(
    State(state): State<AppState>,
    Path(id): Path<String>,
    options: Result<Query<ImageOptions>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ImageOptions { boxes, width } = query(options)?;
    let alert = find(&state, &id).await?;
    let Some(reference) = alert.evidence.clone() else {
        return Err(Problem::not_found(format!("no picture of alert {id} could be kept; the error journal says why")));
    };
    let updates = read(&state, move |store| store.alert_updates(alert.id)).await?;
    there(&alert, &updates, &reference)?;
    let port = std::sync::Arc::clone(&state.site.links().ports.evidence);
    let tag = format!("\"{}-{boxes}-{}\"", reference.sha256, width.unwrap_or_default());
    let fields = [
        (header::CONTENT_TYPE, reference.media_type.clone()),
        (header::CACHE_CONTROL, ASK_EACH_TIME.to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, fields).into_response());
    }
    // To draw boxes or to make it smaller is work; to hand it out is not.
    let _turn = if boxes || width.is_some() { Some(state.snapshots.turn().await?) } else { None };
    let picture = tokio::task::spawn_blocking(move || {
        let mut jpeg = port.read(&reference)?;
        if boxes {
            let drawn: Vec<_> = alert.objects.iter().map(|o| (o.bbox, o.label.as_str(), o.score)).collect();
            jpeg = parapet_evidence_fs::draw::with_boxes(&jpeg, (alert.width, alert.height), &drawn)?;
        }
        match width {
            Some(width) => parapet_evidence_fs::jpeg::smaller(jpeg, width, SMALL_QUALITY),
            None => Ok(jpeg),
        }
    });
    match picture.await {
        Ok(picture) => Ok((fields, picture?).into_response()),
        Err(error) => Err(Problem::internal(format!("reading the picture: {error}"))),
    }
}

/// `GET /api/v1/alerts/{id}/clip`: the seconds around it, or with `Range` a part of the file.
pub async fn clip(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let alert = find(&state, &id).await?;
    let updates = read(&state, move |store| store.alert_updates(alert.id)).await?;
    let told = updates.iter().rfind(|update| update.change == AlertChange::Evidence);
    let reference = match told {
        Some(AlertUpdate { evidence: Some(reference), .. }) => reference.clone(),
        Some(AlertUpdate { note, .. }) => return Err(Problem::not_found(note.clone().unwrap_or_default())),
        None => {
            let text = format!(
                "alert {id} has no clip (yet): its rule must say `evidence: clip`, and its last seconds must have come"
            );
            return Err(Problem::not_found(text));
        }
    };
    there(&alert, &updates, &reference)?;
    let port = std::sync::Arc::clone(&state.site.links().ports.evidence);
    let (media_type, bytes) = (reference.media_type.clone(), reference.bytes);
    match tokio::task::spawn_blocking(move || port.open(&reference)).await {
        Ok(reader) => Ok(range::answer(&headers, range::Content { media_type, bytes, reader: reader? })),
        Err(error) => Err(Problem::internal(format!("reading the clip: {error}"))),
    }
}

/// Nothing when a file was not removed, or else when, by whom and why.
fn there(alert: &Alert, updates: &[AlertUpdate], file: &EvidenceRef) -> Result<(), Problem> {
    let found = evidence_of(alert, updates).find(|(of, _)| of.path == file.path);
    let Some((_, Some(gone))) = found else { return Ok(()) };
    let by = gone.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let why = gone.note.as_deref().unwrap_or_default();
    Err(Problem::gone(format!("it was removed on {:.0}{by}: {why}", gone.recorded_at)))
}

/// `GET /api/v1/errors`: the error journal, last seen first.
pub async fn errors(
    State(state): State<AppState>,
    filter: Result<Query<ErrorFilter>, QueryRejection>,
) -> Result<Json<Page<ErrorRecord>>, Problem> {
    let ErrorFilter { actor, since, after, limit: wanted } = query(filter)?;
    let query = ErrorQuery { actor, since, after, limit: limit(wanted)? };
    read(&state, move |store| store.errors(&query)).await.map(Json)
}
