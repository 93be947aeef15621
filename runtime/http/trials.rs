//! Promoting and dropping shadows and canaries: as `parapet model promote` and `drop`, in the site's own folder.

use std::path::Path as Folder;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;

use super::{AppState, error::Problem};
use crate::trials::{self, TrialError};

/// What was done.
#[derive(Debug, Serialize)]
pub struct Done {
    /// For people.
    done: String,
}

/// `POST /api/v1/models/{id}/promote`: a shadow or a canary takes the place of the model that it is one of.
pub async fn promote(state: State<AppState>, id: Path<String>) -> Result<Json<Done>, Problem> {
    let sent_back = state.site.models().iter().find(|(model, _)| model.as_str() == *id).and_then(|(_, board)| {
        let end = board.status().canary?.sent_back?;
        Some(end.why)
    });
    if let Some(why) = sent_back {
        let text = format!("the canary {:?} was sent back, and is not promoted: {why}", *id);
        return Err(Problem::conflict(text));
    }
    change(state, id, trials::promote).await
}

/// `POST /api/v1/models/{id}/drop`: the file of a shadow or a canary is removed.
pub async fn drop_it(state: State<AppState>, id: Path<String>) -> Result<Json<Done>, Problem> {
    change(state, id, trials::drop_it).await
}

async fn change(
    State(state): State<AppState>,
    Path(id): Path<String>,
    change: fn(&Folder, &str) -> Result<String, TrialError>,
) -> Result<Json<Done>, Problem> {
    let changed = tokio::task::spawn_blocking(move || change(&state.folder, &id)).await;
    match changed.map_err(|error| Problem::internal(format!("changing the files: {error}")))? {
        Ok(done) => {
            tracing::info!("by request: {done}");
            Ok(Json(Done { done }))
        }
        Err(TrialError::NoSuch(text)) => Err(Problem::not_found(text)),
        Err(error) => Err(Problem::conflict(error.to_string())),
    }
}
