//! The versions of the API, and the routes of each.
//!
//! Version 1.0 is what clients should use. 2.0-preview shows what comes: every list is a page with `items`, as that of the alerts is
//! already, so that lists can grow without breaking who reads them. It may still change.

use axum::{
    Json, Router,
    extract::State,
    routing::{MethodRouter, delete, get, post},
};
use parapet_actors::model::ModelStatus;
use parapet_api_versioning::{ApiVersion, Policy, Routes, VersionedApi};
use parapet_contracts::{Hold, Silence};
use serde::Serialize;

use super::{
    AppState, alert_list, alerts, backups,
    error::Problem,
    events, evidence, holds, live, performance, recordings, rule, silences,
    site::{self, CameraInfo, RuleInfo},
    snapshot,
    streams::{self, StreamInfo},
    trials,
    uploaders::{self, UploaderInfo},
    video,
};

/// Where the API lives.
pub const ROOT: &str = "/api";

/// The API in all its versions.
pub fn api(state: AppState) -> Router {
    let one = common()
        .route("/cameras", get(site::cameras))
        .route("/models", get(site::models))
        .route("/rules", get(site::rules))
        .route("/streams", get(streams::list))
        .route("/silences", get(silences::list).post(silences::add))
        .route("/uploaders", get(uploaders::list))
        .route("/evidence/holds", get(holds::list).post(holds::hold));
    let two = common()
        .route("/cameras", get(cameras))
        .route("/models", get(models))
        .route("/rules", get(rules))
        .route("/streams", get(all_streams))
        .route("/silences", get(all_silences).post(silences::add))
        .route("/uploaders", get(all_uploaders))
        .route("/evidence/holds", get(all_holds).post(holds::hold));
    let mut api = VersionedApi::new().version(ApiVersion::new(1, 0), Policy::default(), one.with_state(state.clone()));
    if let Ok(preview) = ApiVersion::new(2, 0).with_status("preview") {
        api = api.version(preview, Policy::default(), two.with_state(state));
    }
    api.at(ROOT)
}

/// What is the same in all versions.
fn common() -> Routes<AppState> {
    let routes: [(&str, MethodRouter<AppState>); 35] = [
        ("/site", get(site::site)),
        ("/status", get(site::status)),
        ("/tree", get(site::tree)),
        ("/live", get(live::live)),
        ("/performance", get(performance::performance)),
        ("/cameras/{id}", get(site::camera)),
        ("/cameras/{id}/live", get(video::video)),
        ("/cameras/{id}/snapshot", get(snapshot::snapshot)),
        ("/rules/{id}", get(rule::one)),
        ("/cameras/{id}/recordings", get(recordings::list)),
        ("/cameras/{id}/recordings/{name}", get(recordings::one)),
        ("/cameras/{id}/recordings/delete", post(recordings::delete)),
        ("/models/{id}/promote", post(trials::promote)),
        ("/models/{id}/drop", post(trials::drop_it)),
        ("/alerts", get(alert_list::list)),
        ("/alerts/{id}", get(alerts::one)),
        ("/alerts/{id}/image", get(alerts::image)),
        ("/alerts/{id}/clip", get(alerts::clip)),
        ("/alerts/{id}/updates", get(silences::updates)),
        ("/alerts/{id}/acknowledge", post(silences::acknowledge)),
        ("/silences/{id}", delete(silences::end)),
        ("/streams/{id}", post(streams::push)),
        ("/uploaders/{id}/dead", get(uploaders::dead)),
        ("/uploaders/{id}/dead/retry", post(uploaders::retry)),
        ("/uploaders/{id}/dead/drop", post(uploaders::forget)),
        ("/uploaders/{id}/purge", post(uploaders::purge)),
        ("/events", get(events::list)),
        ("/errors", get(alerts::errors)),
        ("/evidence", get(evidence::list)),
        ("/evidence/audit", get(holds::audit)),
        ("/evidence/delete", post(holds::delete)),
        ("/evidence/holds/{id}/release", post(holds::release)),
        ("/evidence/verify", get(evidence::verify)),
        ("/evidence/orphans", get(evidence::orphans)),
        ("/store/backups", get(backups::list).post(backups::make)),
    ];
    routes.into_iter().fold(Routes::new(), |all, (path, handlers)| all.route(path, handlers))
}

/// A list that is whole.
#[derive(Debug, Serialize)]
struct Page<T> {
    items: Vec<T>,
}

fn page<T>(Json(items): Json<Vec<T>>) -> Json<Page<T>> {
    Json(Page { items })
}

async fn cameras(state: State<AppState>) -> Json<Page<CameraInfo>> {
    page(site::cameras(state).await)
}

async fn models(state: State<AppState>) -> Json<Page<ModelStatus>> {
    page(site::models(state).await)
}

async fn rules(state: State<AppState>) -> Json<Page<RuleInfo>> {
    page(site::rules(state).await)
}

async fn all_streams(state: State<AppState>) -> Json<Page<StreamInfo>> {
    page(streams::list(state).await)
}

async fn all_silences(state: State<AppState>) -> Json<Page<Silence>> {
    page(silences::list(state).await)
}

async fn all_uploaders(state: State<AppState>) -> Result<Json<Page<UploaderInfo>>, Problem> {
    uploaders::list(state).await.map(page)
}

async fn all_holds(state: State<AppState>) -> Json<Page<Hold>> {
    page(holds::list(state).await)
}
