//! Uploaders: how they fare, and what their receivers refuse.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use parapet_actors::{
    outboxes::{BUS, dead_letters_of, lane_queue, queue_of, uploader_in},
    uploader::{Backlog, DeadLetter, DeadLetterError, DeadLetters, PumpBoard, PumpStatus, backlogs},
};
use parapet_config::{Lane, UploadKind, Uploader};
use parapet_contracts::UploaderId;
use serde::{Deserialize, Serialize};

use super::{AppState, error::Problem, site::read};

/// Dead letters of a page unless told otherwise, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// An uploader, the site's bus, or what an uploader that is gone has left.
#[derive(Debug, Serialize)]
pub struct UploaderInfo {
    id: String,
    queue: String,
    /// The kind of its sink; absent of one that is gone.
    sink: Option<&'static str>,
    what: Vec<&'static str>,
    enabled: bool,
    /// Its file is gone, and what it has not sent is kept until it is purged.
    deleted: bool,
    /// Entries that wait.
    waiting: u64,
    /// How many seconds ago the oldest of them was told.
    oldest_s: Option<f64>,
    /// What waits of each kind.
    kinds: BTreeMap<&'static str, Backlog>,
    /// What its receiver will never take, and nobody has decided on.
    dead_letters: u64,
    status: PumpStatus,
}

/// `GET /api/v1/uploaders`
pub async fn list(State(state): State<AppState>) -> Result<Json<Vec<UploaderInfo>>, Problem> {
    infos(&state).await.map(Json)
}

/// How all ways out fare: the bus, the uploaders, and those that are gone with something left.
pub(super) async fn infos(state: &AppState) -> Result<Vec<UploaderInfo>, Problem> {
    let now = state.site.links().ports.clock.now();
    let backlogs = read(state, move |store| backlogs(store, now)).await?;
    let (config, boards) = (state.site.config(), state.site.uploaders());
    let bus_board = Arc::clone(&state.site.links().bus_board);
    let mut infos = vec![info(BUS, None, true, &bus_board, &backlogs, [(Lane::Alerts, BUS.to_owned())])];
    for (id, board) in &boards {
        let uploader = config.uploaders.get(id);
        infos.push(info(id.as_str(), uploader, uploader.is_some(), board, &backlogs, queues(id)));
    }
    let mut gone: Vec<UploaderId> = backlogs
        .iter()
        .filter(|(_, backlog)| backlog.waiting > 0)
        .filter_map(|(queue, _)| uploader_in(queue))
        .filter(|id| !boards.contains_key(id))
        .collect();
    gone.dedup();
    gone.sort();
    gone.dedup();
    for id in gone {
        let board = PumpBoard::new(&queue_of(&id));
        infos.push(info(id.as_str(), None, false, &board, &backlogs, queues(&id)));
    }
    Ok(infos)
}

fn queues(id: &UploaderId) -> [(Lane, String); 4] {
    Lane::ALL.map(|lane| (lane, lane_queue(id, lane)))
}

fn info(
    id: &str,
    uploader: Option<&Arc<Uploader>>,
    is_there: bool,
    board: &PumpBoard,
    backlogs: &BTreeMap<String, Backlog>,
    queues: impl IntoIterator<Item = (Lane, String)>,
) -> UploaderInfo {
    let of = |queue: &str| backlogs.get(queue).copied().unwrap_or_default();
    let kinds: BTreeMap<&'static str, Backlog> = queues
        .into_iter()
        .map(|(lane, queue)| (lane.as_str(), of(&queue)))
        .filter(|(_, backlog)| backlog.waiting > 0)
        .collect();
    UploaderInfo {
        id: id.to_owned(),
        queue: board.queue().to_owned(),
        sink: if uploader.is_none() && is_there { Some("bus") } else { uploader.map(|uploader| uploader.sink.kind()) },
        what: uploader.map(|uploader| uploader.what.iter().map(|kind| word(*kind)).collect()).unwrap_or_default(),
        enabled: uploader.map_or(is_there, |uploader| uploader.enabled),
        deleted: !is_there,
        waiting: kinds.values().map(|backlog| backlog.waiting).sum(),
        oldest_s: kinds.values().filter_map(|backlog| backlog.oldest_s).reduce(f64::max),
        kinds,
        dead_letters: of(&dead_letters_of(board.queue())).waiting,
        status: board.status(),
    }
}

fn word(kind: UploadKind) -> &'static str {
    match kind {
        UploadKind::Named => "named",
        kind => kind.lane().as_str(),
    }
}

/// Which dead letters to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadFilter {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    /// With their payloads.
    #[serde(default)]
    payloads: bool,
}

/// A page of dead letters.
#[derive(Debug, Serialize)]
pub struct DeadPage {
    items: Vec<DeadLetter>,
    /// The next page's `after`; absent at the end.
    next: Option<u64>,
}

/// Which dead letters to decide on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Their numbers; all when absent.
    numbers: Option<Vec<u64>>,
}

/// How many it was.
#[derive(Debug, Serialize)]
pub struct Done {
    count: u64,
}

/// `GET /api/v1/uploaders/{id}/dead`: what its receiver will never take, oldest first.
pub async fn dead(
    State(state): State<AppState>,
    Path(id): Path<String>,
    filter: Result<Query<DeadFilter>, QueryRejection>,
) -> Result<Json<DeadPage>, Problem> {
    let Query(DeadFilter { after, limit, payloads }) =
        filter.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::bad_request(format!("limit={limit}: 1 to {LARGEST_PAGE} is expected")));
    }
    let mut items = letters(&state, &id).await?.list(after, limit + 1, payloads).await.map_err(problem)?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(|letter| letter.number) } else { None };
    Ok(Json(DeadPage { items, next }))
}

/// `POST /api/v1/uploaders/{id}/dead/retry`: sends dead letters again.
pub async fn retry(
    State(state): State<AppState>,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<Done>, Problem> {
    let chosen = chosen(&body)?;
    let count = letters(&state, &id).await?.retry(chosen.as_deref()).await.map_err(problem)?;
    tracing::info!(uploader = id, count, "dead letters are sent again");
    Ok(Json(Done { count }))
}

/// `POST /api/v1/uploaders/{id}/dead/drop`: forgets dead letters.
pub async fn forget(
    State(state): State<AppState>,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<Done>, Problem> {
    let chosen = chosen(&body)?;
    let count = letters(&state, &id).await?.forget(chosen.as_deref()).await.map_err(problem)?;
    tracing::info!(uploader = id, count, "dead letters were dropped");
    Ok(Json(Done { count }))
}

/// `POST /api/v1/uploaders/{id}/purge`: forgets all that an uploader has not sent, when it is disabled or gone.
pub async fn purge(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Done>, Problem> {
    let letters = letters(&state, &id).await?;
    let config = state.site.config();
    let runs = config.uploaders.get(id.as_str()).map_or(id == BUS, |uploader| uploader.enabled);
    if runs {
        return Err(Problem::conflict(format!(
            "{id} is at work: set `enabled: false` in its file, or delete it, first"
        )));
    }
    let count = letters.purge().await.map_err(problem)?;
    if let Ok(id) = id.parse() {
        state.site.links().outboxes.forget(&id);
    }
    tracing::info!(uploader = id, count, "what an uploader had not sent was purged");
    Ok(Json(Done { count }))
}

fn chosen(body: &[u8]) -> Result<Option<Vec<u64>>, Problem> {
    let chosen: Chosen = match body.trim_ascii() {
        [] => Chosen::default(),
        json => serde_json::from_slice(json).map_err(|error| Problem::bad_request(format!("the body: {error}")))?,
    };
    Ok(chosen.numbers)
}

/// The dead letters of what has this name: an uploader, one that is gone and has left something, or the bus.
async fn letters(state: &AppState, id: &str) -> Result<DeadLetters, Problem> {
    if !infos(state).await?.iter().any(|info| info.id == id) {
        return Err(Problem::not_found(format!(
            "there is no uploader {id:?}, and none has left anything under this name"
        )));
    }
    let uploader = if id == BUS && !state.site.uploaders().contains_key(id) { None } else { UploaderId::new(id).ok() };
    Ok(DeadLetters::new(state.site.links().store.clone(), uploader))
}

fn problem(error: DeadLetterError) -> Problem {
    match error {
        DeadLetterError::Store(error) => error.into(),
        DeadLetterError::Stopped(_) => Problem::unavailable("the site is stopping"),
    }
}
