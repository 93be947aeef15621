//! Is it alive, is it ready, and its metrics.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use parapet_contracts::ModelId;
use parapet_supervision::NodeState;
use serde::Serialize;

use super::{AppState, error::Problem};

/// The process lives.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the site can do its work, and how fresh each model's last frame is.
#[derive(Debug, Serialize)]
pub struct Readiness {
    ready: bool,
    /// What is missing, in words.
    waiting_for: Vec<String>,
    /// Seconds since each model last looked at a frame; `null` before the first.
    models: BTreeMap<ModelId, Option<f64>>,
}

/// Ready when the configuration is loaded, the store is open and HTTP is up: then this is asked at all, and the store runs. A
/// camera that is dead takes nothing away.
pub async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let tree = state.site.tree();
    let waiting_for: Vec<String> = ["store", "alerts"]
        .into_iter()
        .filter(|id| tree.find(id).is_none_or(|node| node.state != NodeState::Running))
        .map(|id| format!("{id} does not run"))
        .collect();
    let models =
        state.site.models().into_iter().map(|(id, board)| (id, board.last_frame_age().map(|age| age.as_secs_f64())));
    let ready = waiting_for.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, waiting_for, models: models.collect() }))
}

/// Prometheus' text format.
pub async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    // It asks the store, which may wait for the disk.
    let rendered = tokio::task::spawn_blocking(move || state.metrics.render(&state.site, state.backups.store())).await;
    let text = rendered.map_err(|error| Problem::internal(format!("rendering metrics: {error}")))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}
