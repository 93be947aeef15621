//! Streams of other things than cameras: how they fare, and messages that others push.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use parapet_actors::stream::StreamStatus;
use parapet_config::StreamSource;
use serde::Serialize;

use super::{AppState, error::Problem};

/// A stream: what its file says, and how it fares.
#[derive(Debug, Serialize)]
pub struct StreamInfo {
    id: String,
    name: String,
    enabled: bool,
    /// `mqtt`, `http` or `file`.
    source: &'static str,
    columns: Vec<String>,
    status: StreamStatus,
}

pub(super) fn infos(state: &AppState) -> Vec<StreamInfo> {
    let info = |board: &std::sync::Arc<parapet_actors::stream::StreamBoard>| {
        let stream = board.stream();
        StreamInfo {
            id: stream.id.to_string(),
            name: stream.name.clone(),
            enabled: stream.enabled,
            source: match stream.source {
                StreamSource::Mqtt { .. } => "mqtt",
                StreamSource::Http => "http",
                StreamSource::File { .. } => "file",
            },
            columns: stream.columns.iter().map(|column| column.name.clone()).collect(),
            status: board.status(),
        }
    };
    state.site.streams().values().map(info).collect()
}

/// `GET /api/v1/streams`
pub async fn list(State(state): State<AppState>) -> Json<Vec<StreamInfo>> {
    Json(infos(&state))
}

/// `POST /api/v1/streams/{id}`: one JSON object, a list of them, or with `content-type: application/x-ndjson` one a line. Those that fit
/// are taken, also when others do not; 422 when none fits, 429 when more come than are carried on: then nothing was taken.
pub async fn push(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let streams = state.site.streams();
    let board = streams.get(id.as_str()).ok_or_else(|| Problem::not_found(format!("there is no stream {id:?}")))?;
    let stream = board.stream();
    if stream.source != StreamSource::Http {
        return Err(Problem::conflict(format!(
            "the stream {id:?} takes no messages by HTTP: its file names another source"
        )));
    }
    if !stream.enabled {
        return Err(Problem::conflict(format!("the stream {id:?} is not enabled")));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lines = kind.starts_with("application/x-ndjson") || kind.starts_with("application/jsonl");
    let accepted = board.push(&body, lines).map_err(|_| {
        Problem::too_many(format!(
            "more messages come to {id:?} than are carried on: wait a moment, and send them again"
        ))
    })?;
    let status = match (accepted.accepted, accepted.refused) {
        (0, refused) if refused > 0 => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::ACCEPTED,
    };
    Ok((status, Json(accepted)).into_response())
}
