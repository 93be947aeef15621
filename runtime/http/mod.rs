//! HTTP: the page, health, metrics, and what the site tells as JSON under `/api`, in versions: `/api/v1/…`.
//!
//! It promises: an answer never holds a secret; a request that reads the store does not hold up the runtime; every error is JSON with
//! a sentence that says what to do.

mod alert_list;
mod alerts;
mod backups;
pub(crate) mod error;
mod events;
mod evidence;
mod guard;
mod health;
mod holds;
mod live;
mod page;
mod performance;
mod range;
mod recordings;
mod rule;
mod server;
pub(crate) mod silences;
mod site;
mod snapshot;
mod streams;
mod trials;
mod uploaders;
mod versions;
mod video;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, map_response},
    routing::get,
};
use parapet_actors::{site::Site, stream::LONGEST_MESSAGE};

pub use self::{live::Clients, server::serve, snapshot::Snapshots, video::Viewers};
use crate::{backups::Backups, reload::ReloadBoard, secrets::SiteSecrets, telemetry::Metrics};

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
    /// What cameras showed last, as it was told.
    pub snapshots: Snapshots,
    /// Who watches what happens.
    pub live: Clients,
    /// Who watches cameras.
    pub viewers: Viewers,
    /// Where its secrets come from.
    pub secrets: SiteSecrets,
}

/// All routes.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(page::serve)
        .with_state(state.clone())
        .merge(versions::api(state))
        .layer(DefaultBodyLimit::max(LONGEST_MESSAGE + 1))
        .layer(from_fn(server::whole_body))
        .layer(from_fn(guard::same_origin))
        .layer(map_response(guard::protect))
}
