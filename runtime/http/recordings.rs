//! What cameras have recorded: by time, and each segment in the parts that players ask for.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::HeaderMap,
    response::Response,
};
use jiff::{SignedDuration, tz::TimeZone};
use parapet_actors::{
    evidence::{RecordingDeletion, RecordingsDeleted},
    recording::RecordingStatus,
};
use parapet_contracts::{
    CameraId, Timestamp,
    ports::{evidence::EvidenceError, recording::Segment},
};
use serde::{Deserialize, Serialize};

use super::{
    AppState,
    alerts::{limit, query},
    error::Problem,
    holds::{problem, unreadable, why},
    range,
    silences::short,
};

/// What is shown unless a time is given.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);
/// No segment is longer, so one that began this long before may still go on.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// Which segments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Those that end after; an hour before `to` when absent.
    from: Option<Timestamp>,
    /// Those that begin before; now when absent.
    #[serde(alias = "until")]
    to: Option<Timestamp>,
    /// Behind the one of this name.
    after: Option<String>,
    limit: Option<usize>,
}

/// Segments, oldest first.
#[derive(Debug, Serialize)]
pub struct SegmentPage {
    items: Vec<Segment>,
    /// The next page's `after`.
    next: Option<String>,
    /// How the recording fares.
    status: RecordingStatus,
}

/// `GET /api/v1/cameras/{id}/recordings`: the segments that lie within a time, in part or whole.
pub async fn list(
    State(state): State<AppState>,
    Path(id): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<SegmentPage>, Problem> {
    let Wanted { from, to, after, limit: most } = query(wanted)?;
    let (camera, most) = (camera(&id)?, limit(most)?);
    let now = state.site.links().ports.clock.now();
    let to = to.unwrap_or(now);
    let from = from.unwrap_or_else(|| to.checked_sub(SHOWN).unwrap_or(Timestamp::MIN));
    if from >= to {
        return Err(Problem::bad_request("`to` must be later than `from`"));
    }
    let tapes = Arc::clone(&state.site.links().tapes);
    let port = Arc::clone(&state.site.links().ports.recordings);
    let is_known = state.site.config().cameras.contains_key(&camera);
    let found = tokio::task::spawn_blocking(move || {
        if !is_known && !port.cameras()?.contains(&camera) {
            return Ok(None);
        }
        let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).date();
        let (first, last) = (day(from.checked_sub(LONGEST).unwrap_or(Timestamp::MIN)), day(to));
        let mut items = Vec::new();
        for day in port.days(&camera)?.into_iter().filter(|day| (first..=last).contains(day)) {
            let within =
                port.day(&camera, day)?.into_iter().filter(|segment| segment.until > from && segment.from < to);
            items.extend(within.filter(|segment| after.as_ref().is_none_or(|after| segment.name > *after)));
            if items.len() > most {
                break;
            }
        }
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().map(|segment: &Segment| segment.name.clone()).filter(|_| more);
        let status = tapes.of(&camera).status(now, tapes.is_low());
        Ok::<_, EvidenceError>(Some(SegmentPage { items, next, status }))
    });
    match found.await {
        Ok(found) => found?.map(Json).ok_or_else(|| Problem::not_found(format!("there is no camera {id:?}"))),
        Err(error) => Err(Problem::internal(format!("reading the recordings: {error}"))),
    }
}

/// `GET /api/v1/cameras/{id}/recordings/{name}`: a segment, or with `Range` a part of it.
pub async fn one(
    State(state): State<AppState>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let camera = camera(&id)?;
    let port = Arc::clone(&state.site.links().ports.recordings);
    match tokio::task::spawn_blocking(move || port.open(&camera, &name)).await {
        Ok(opened) => {
            let (Segment { bytes, .. }, reader) = opened?;
            Ok(range::answer(&headers, range::Content { media_type: "video/mp4".to_owned(), bytes, reader }))
        }
        Err(error) => Err(Problem::internal(format!("reading the recording: {error}"))),
    }
}

fn camera(id: &str) -> Result<CameraId, Problem> {
    id.parse().map_err(|_| Problem::not_found(format!("there is no camera {id:?}")))
}

/// Recordings to delete.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDeletion {
    /// Those that end after.
    from: Timestamp,
    /// Those that begin before.
    #[serde(alias = "until")]
    to: Timestamp,
    by: Option<String>,
    /// Why.
    note: Option<String>,
    /// Where the page before ended.
    after: Option<String>,
    /// Only say what would go.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /api/v1/cameras/{id}/recordings/delete`: deletes a page of segments, but for what is held; `next` of the answer is the next page's
/// `after`. The audit log keeps who and why.
pub async fn delete(
    State(state): State<AppState>,
    Path(id): Path<String>,
    body: Result<Json<NewDeletion>, JsonRejection>,
) -> Result<Json<RecordingsDeleted>, Problem> {
    let Json(NewDeletion { from, to, by, note, after, dry_run }) = body.map_err(unreadable)?;
    if from >= to {
        return Err(Problem::bad_request("`to` must be later than `from`"));
    }
    let note = if dry_run { note.unwrap_or_default() } else { why(note)? };
    let (camera, by) = (camera(&id)?, short(by, "by")?);
    let deletion = RecordingDeletion { camera, within: from..to, by, note, after, dry_run };
    let links = state.site.links();
    let deleted = links.keeper.delete_recordings(Arc::clone(&links.ports.recordings), deletion).await;
    deleted.map(Json).map_err(problem)
}
