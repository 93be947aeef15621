//! A recorded stretch of the site's own event log, as a replay reads it.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse as _, Response},
};
use parapet_contracts::{CameraId, DetectionEvent, StreamEvent, Timestamp, cloudevent::CloudEvent};
use serde::Deserialize;

use super::{AppState, error::Problem, site::read};

/// Events of an answer, unless told otherwise and at most.
const MOST: usize = 10_000;

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    from: Timestamp,
    to: Timestamp,
    camera: Option<CameraId>,
    limit: Option<usize>,
}

/// `GET /api/v1/events?from=…&to=…`: detections and messages of streams, oldest first, one CloudEvent a line. When as many come as were
/// asked for, there may be more: ask again from the time of the last one.
pub async fn list(
    State(state): State<AppState>,
    query: Result<Query<Stretch>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Stretch { from, to, camera, limit }) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request(format!("limit={limit}: 1 to {MOST} is expected")));
    }
    let (events, rows) = read(&state, move |store| {
        let rows = if camera.is_none() { store.rows(from..to, limit)? } else { Vec::new() };
        Ok((store.events(camera.as_ref(), from..to, limit)?, rows))
    })
    .await?;
    let lines = lines(&events, &rows, limit).map_err(|error| Problem::internal(format!("an event: {error}")))?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// The events as lines, in the order of their times.
pub(crate) fn lines(
    events: &[DetectionEvent],
    rows: &[StreamEvent],
    limit: usize,
) -> Result<String, serde_json::Error> {
    let mut lines = Vec::with_capacity(events.len() + rows.len());
    for event in events {
        lines.push((event.ts, serde_json::to_string(&CloudEvent::detection(event))?));
    }
    for row in rows {
        lines.push((row.ts, serde_json::to_string(&CloudEvent::stream(row))?));
    }
    lines.sort_by_key(|(ts, _)| *ts);
    Ok(lines.into_iter().take(limit).map(|(_, line)| line + "\n").collect())
}
