//! HTTP: health, metrics, and what the site tells as JSON under `/api`, in versions: `/api/v1/…`.
//!
//! It promises: an answer never holds a secret; a request that reads the store does not hold up the runtime; every error is JSON with
//! a sentence that says what to do.

mod alerts;
mod backups;
mod error;
mod events;
mod evidence;
mod health;
mod holds;
mod range;
mod silences;
mod site;
mod streams;
mod trials;
mod uploaders;
mod versions;

use std::{net::TcpListener, path::PathBuf, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, routing::get};
use parapet_actors::{
    site::Site,
    stream::LONGEST_MESSAGE,
    worker::{LoopResult, Stop},
};

use crate::{backups::Backups, reload::ReloadBoard, telemetry::Metrics};

/// What the routes share.
#[derive(Clone)]
pub struct AppState {
    /// The site.
    pub site: Arc<Site>,
    /// Its metrics.
    pub metrics: Metrics,
    /// The folder with its files.
    pub folder: PathBuf,
    /// What the last reload came to.
    pub reload: ReloadBoard,
    /// Copies of the store.
    pub backups: Arc<Backups>,
}

/// All routes.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(error::no_such_route)
        .with_state(state.clone())
        .merge(versions::api(state))
        .layer(DefaultBodyLimit::max(LONGEST_MESSAGE + 1))
}

/// Serves until it is told to stop.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, state: AppState, stop: Stop) -> LoopResult {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| format!("HTTP: {error}"))?;
    let serving = axum::serve(listener, router(state));
    // Open requests are cut off: they only read, and a follower would never end.
    tokio::select! {
        () = stop.wait() => Ok(()),
        result = async { serving.await } => result.map_err(|error| format!("HTTP: {error}")),
    }
}
