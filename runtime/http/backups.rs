//! Copies of the store.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{AppState, error::Problem};
use crate::backups::BackupStatus;

/// `GET /api/v1/store/backups`: those that are there, and whether one is being made.
pub async fn list(State(state): State<AppState>) -> Result<Json<BackupStatus>, Problem> {
    let backups = Arc::clone(&state.backups);
    match tokio::task::spawn_blocking(move || backups.status()).await {
        Ok(status) => Ok(Json(status?)),
        Err(error) => Err(Problem::internal(format!("reading the backups: {error}"))),
    }
}

/// `POST /api/v1/store/backups`: begins to make one, in the folder that `site.yaml` names. 409 while one is being made.
pub async fn make(State(state): State<AppState>) -> Result<(StatusCode, Json<BackupStatus>), Problem> {
    if !state.backups.begin() {
        return Err(Problem::conflict("a backup is being made already: wait for its end"));
    }
    list(State(state)).await.map(|status| (StatusCode::ACCEPTED, status))
}
