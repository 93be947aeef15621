//! What the site and its actors tell.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use parapet_actors::{
    camera::{CameraStatus, tracking::Followed},
    evidence::EvidenceStatus,
    model::ModelStatus,
    recording::RecordingStatus,
    rule::RuleStatus,
};
use parapet_contracts::{
    CameraId,
    camera::{Link, Place},
    ports::store::StoreUsage,
};
use parapet_supervision::NodeStatus;
use serde::Serialize;

use crate::secrets::SecretsStatus;

use super::{
    AppState,
    error::Problem,
    streams::{self, StreamInfo},
    uploaders::{self, UploaderInfo},
};

/// The site as it is configured.
#[derive(Debug, Serialize)]
pub struct SiteInfo {
    id: String,
    version: &'static str,
    time_zone: Option<String>,
    cameras: Vec<String>,
    models: Vec<String>,
    rules: Vec<String>,
    streams: Vec<String>,
    tables: Vec<String>,
    uploaders: Vec<String>,
}

/// A camera: what its file says, and how it fares.
#[derive(Debug, Serialize)]
pub struct CameraInfo {
    id: String,
    name: String,
    enabled: bool,
    /// Without user and password.
    source: String,
    models: Vec<String>,
    zones: BTreeMap<String, parapet_contracts::Polygon>,
    lines: BTreeMap<String, parapet_contracts::Segment>,
    /// What was counted, by model: tracks, zones, lines.
    tracks: Vec<Followed>,
    place: Option<Place>,
    link: Option<Link>,
    sim: Option<String>,
    tags: Vec<String>,
    status: CameraStatus,
    /// What is recorded of it.
    recording: RecordingStatus,
    /// Of its main stream, when the models look at another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<CameraStatus>,
}

/// A rule: what its file says, and how it fares.
#[derive(Debug, Serialize)]
pub struct RuleInfo {
    pub(super) id: String,
    name: String,
    enabled: bool,
    severity: parapet_contracts::Severity,
    cameras: Vec<String>,
    status: RuleStatus,
}

/// All that `parapet status` shows, in one answer.
#[derive(Debug, Serialize)]
pub struct Status {
    site: SiteInfo,
    /// Errors that keep the files on the disk from being used; empty when they are what runs.
    refused_configuration: Vec<String>,
    /// References that have no value yet: what the files say that hold them does not run.
    waiting_configuration: Vec<String>,
    /// How the providers of secrets fare.
    secrets: SecretsStatus,
    tree: NodeStatus,
    cameras: Vec<CameraInfo>,
    models: Vec<ModelStatus>,
    rules: Vec<RuleInfo>,
    streams: Vec<StreamInfo>,
    uploaders: Vec<UploaderInfo>,
    store: StoreUsage,
    evidence: EvidenceStatus,
}

/// `GET /api/v1/site`
pub async fn site(State(state): State<AppState>) -> Json<SiteInfo> {
    Json(site_info(&state))
}

/// `GET /api/v1/status`
pub async fn status(State(state): State<AppState>) -> Result<Json<Status>, Problem> {
    Ok(Json(Status {
        site: site_info(&state),
        refused_configuration: refused(&state),
        waiting_configuration: state.reload.waiting().iter().map(ToString::to_string).collect(),
        secrets: state.secrets.status(),
        tree: state.site.tree(),
        cameras: camera_infos(&state),
        models: model_infos(&state),
        rules: rule_infos(&state),
        streams: streams::infos(&state),
        uploaders: uploaders::infos(&state).await?,
        store: read(&state, |store| store.usage()).await?,
        evidence: state.site.links().keeper.status().now(),
    }))
}

/// `GET /api/v1/tree`
pub async fn tree(State(state): State<AppState>) -> Json<NodeStatus> {
    Json(state.site.tree())
}

/// `GET /api/v1/cameras`
pub async fn cameras(State(state): State<AppState>) -> Json<Vec<CameraInfo>> {
    Json(camera_infos(&state))
}

/// `GET /api/v1/cameras/{id}`
pub async fn camera(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<CameraInfo>, Problem> {
    let found = camera_infos(&state).into_iter().find(|camera| camera.id == id);
    found.map(Json).ok_or_else(|| Problem::not_found(format!("there is no camera {id:?}")))
}

/// `GET /api/v1/models`
pub async fn models(State(state): State<AppState>) -> Json<Vec<ModelStatus>> {
    Json(model_infos(&state))
}

/// `GET /api/v1/rules`
pub async fn rules(State(state): State<AppState>) -> Json<Vec<RuleInfo>> {
    Json(rule_infos(&state))
}

fn refused(state: &AppState) -> Vec<String> {
    state.reload.refused().map(|problems| problems.list.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

fn names<K: ToString, V>(map: &BTreeMap<K, V>) -> Vec<String> {
    map.keys().map(ToString::to_string).collect()
}

fn site_info(state: &AppState) -> SiteInfo {
    let config = state.site.config();
    SiteInfo {
        id: config.site.id.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        time_zone: config.site.time_zone.iana_name().map(str::to_owned),
        cameras: names(&config.cameras),
        models: names(&config.models),
        rules: names(&config.rules),
        streams: names(&config.streams),
        tables: names(&config.tables),
        uploaders: names(&config.uploaders),
    }
}

fn camera_infos(state: &AppState) -> Vec<CameraInfo> {
    let (config, boards, mains) = (state.site.config(), state.site.cameras(), state.site.mains());
    let (tapes, now) = (&state.site.links().tapes, state.site.links().ports.clock.now());
    let info = |(id, camera): (&CameraId, &std::sync::Arc<parapet_config::Camera>)| {
        boards.get(id).map(|board| CameraInfo {
            id: id.to_string(),
            name: camera.name.clone(),
            enabled: camera.enabled,
            source: camera.source.location.to_string(),
            models: camera.models.iter().map(ToString::to_string).collect(),
            zones: camera.zones.clone(),
            lines: camera.lines.clone(),
            tracks: state.site.links().fanout.tracks().of(id),
            place: camera.place.clone(),
            link: camera.link,
            sim: camera.sim.clone(),
            tags: camera.tags.clone(),
            status: board.status(),
            recording: tapes.of(id).status(now, tapes.is_low()),
            main: mains.get(id).map(|board| board.status()),
        })
    };
    config.cameras.iter().filter_map(info).collect()
}

fn model_infos(state: &AppState) -> Vec<ModelStatus> {
    state.site.models().values().map(|board| board.status()).collect()
}

pub(super) fn rule_infos(state: &AppState) -> Vec<RuleInfo> {
    let info = |feed: &std::sync::Arc<parapet_actors::rule::RuleFeed>| {
        let rule = feed.rule();
        RuleInfo {
            id: rule.id.to_string(),
            name: rule.name.clone(),
            enabled: rule.enabled,
            severity: rule.severity,
            cameras: rule.cameras.iter().map(ToString::to_string).collect(),
            status: feed.status(),
        }
    };
    state.site.rules().values().map(info).collect()
}

/// Reads the store where blocking is allowed.
pub(super) async fn read<T: Send + 'static>(
    state: &AppState,
    read: impl FnOnce(
        &dyn parapet_contracts::ports::store::StorePort,
    ) -> Result<T, parapet_contracts::ports::store::StoreError>
    + Send
    + 'static,
) -> Result<T, Problem> {
    let port = std::sync::Arc::clone(state.site.links().store.port());
    match tokio::task::spawn_blocking(move || read(port.as_ref())).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Problem::internal(format!("reading the store: {error}"))),
    }
}
