//! Acknowledging alerts, and silences.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use parapet_actors::{rule::Command, store::UpdateRequest, topology::SILENCES};
use parapet_contracts::{Alert, AlertChange, AlertUpdate, CameraId, RuleId, Silence, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AppState, alert_list::AlertState, alerts, error::Problem, site::read};

/// A text that people give: a name, a reason.
const LONGEST_TEXT: usize = 500;
/// A silence lasts at most this long.
const LONGEST_SILENCE_DAYS: i64 = 366;

/// Who takes notice of an alert, and what they say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    by: Option<String>,
    note: Option<String>,
}

/// A silence that somebody asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    rule: Option<RuleId>,
    camera: Option<CameraId>,
    key: Option<String>,
    /// Now, when absent.
    from: Option<Timestamp>,
    /// Either this …
    until: Option<Timestamp>,
    /// … or this: `2h`.
    #[serde(rename = "for")]
    lasts: Option<String>,
    by: Option<String>,
    note: Option<String>,
}

/// An alert and what became of it.
#[derive(Debug, Serialize)]
pub struct Story {
    /// The alert's id.
    alert: Uuid,
    /// The furthest that it came.
    state: AlertState,
    /// What became of it, oldest first.
    updates: Vec<AlertUpdate>,
}

pub(super) fn short(text: Option<String>, what: &str) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > LONGEST_TEXT => {
            Err(Problem::bad_request(format!("`{what}` has more than {LONGEST_TEXT} characters")))
        }
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

/// `GET /api/v1/alerts/{id}/updates`: what became of an alert.
pub async fn updates(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Story>, Problem> {
    let alert = alerts::find(&state, &id).await?;
    story(&state, &alert).await.map(Json)
}

async fn story(state: &AppState, alert: &Alert) -> Result<Story, Problem> {
    let id = alert.id;
    let updates = read(state, move |store| store.alert_updates(id)).await?;
    Ok(Story { alert: id, state: AlertState::of(&updates), updates })
}

/// `POST /api/v1/alerts/{id}/acknowledge`: somebody takes notice. It is told again no more and gets no worse; doing it twice changes
/// nothing.
pub async fn acknowledge(
    State(state): State<AppState>,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<Story>, Problem> {
    let asked: Acknowledgement = match body.trim_ascii() {
        [] => Acknowledgement::default(),
        json => serde_json::from_slice(json).map_err(|error| Problem::bad_request(format!("the body: {error}")))?,
    };
    let (by, note) = (short(asked.by, "by")?, short(asked.note, "note")?);
    let alert = alerts::find(&state, &id).await?;
    let before = story(&state, &alert).await?;
    if before.updates.iter().any(|update| update.change == AlertChange::Acknowledged) {
        return Ok(Json(before));
    }
    let links = state.site.links();
    let now = links.ports.clock.now();
    let feed = state.site.rules().get(&alert.rule).cloned();
    let actions = feed.as_ref().map(|feed| feed.rule().alerting.actions.clone()).unwrap_or_default();
    let who = by.clone().unwrap_or_default();
    let request = UpdateRequest::acknowledged(&alert, by, note, now, actions);
    let (written, done) = tokio::sync::oneshot::channel();
    let stopping = |_| Problem::unavailable("the site is stopping");
    links.desk.follow_up(request.tell(written)).await.map_err(stopping)?;
    // The rule hears of it at once; if it was changed or removed meanwhile, nothing of it goes on.
    if let Some(feed) = feed
        && !feed.command(Command::Acknowledge { alert: alert.id, by: who, at: now })
    {
        return Err(Problem::unavailable("the rule is busy; the alert is acknowledged, but may be told again"));
    }
    done.await.map_err(|_| Problem::unavailable("the site is stopping"))?;
    story(&state, &alert).await.map(Json)
}

/// `GET /api/v1/silences`: those that are not over.
pub async fn list(State(state): State<AppState>) -> Json<Vec<Silence>> {
    let now = state.site.links().ports.clock.now();
    let silences = state.site.links().silences.now();
    Json(silences.iter().filter(|silence| silence.until > now).cloned().collect())
}

/// `POST /api/v1/silences`: alerts that it covers are not raised. It outlives a restart of the site.
pub async fn add(
    State(state): State<AppState>,
    body: Result<Json<NewSilence>, JsonRejection>,
) -> Result<(StatusCode, Json<Silence>), Problem> {
    let Json(asked) = body.map_err(|error| Problem::bad_request(error.body_text()))?;
    let links = state.site.links();
    let now = links.ports.clock.now();
    let from = asked.from.unwrap_or(now);
    let until = match (asked.until, asked.lasts) {
        (Some(until), None) => until,
        (None, Some(lasts)) => {
            let span = parapet_config::units::parse_duration(&lasts)
                .ok_or_else(|| Problem::bad_request("`for` is a duration such as `2h`"))?;
            from.checked_add(span).map_err(|_| Problem::bad_request("`for` is too long"))?
        }
        _ => return Err(Problem::bad_request("give one of `for` (`2h`) and `until` (a time)")),
    };
    if until <= now || until <= from {
        return Err(Problem::bad_request("the silence would be over already"));
    }
    if until.duration_since(from) > jiff::SignedDuration::from_hours(24 * LONGEST_SILENCE_DAYS) {
        return Err(Problem::bad_request("a silence lasts a year at most: disable the rule instead"));
    }
    let config = state.site.config();
    if let Some(rule) = asked.rule.as_ref().filter(|rule| !config.rules.contains_key(*rule)) {
        return Err(Problem::not_found(format!("there is no rule {:?}", rule.as_str())));
    }
    if let Some(camera) = asked.camera.as_ref().filter(|camera| !config.cameras.contains_key(*camera)) {
        return Err(Problem::not_found(format!("there is no camera {:?}", camera.as_str())));
    }
    let silence = Silence {
        id: Uuid::now_v7(),
        rule: asked.rule,
        camera: asked.camera,
        key: short(asked.key, "key")?,
        from,
        until,
        by: short(asked.by, "by")?,
        note: short(asked.note, "note")?,
    };
    let text = serde_json::to_string(&silence).map_err(|error| Problem::internal(error.to_string()))?;
    keep(&state, silence.id, Some(text)).await?;
    if !links.silences.add(silence.clone(), now) {
        keep(&state, silence.id, None).await?;
        return Err(Problem::unavailable("there are too many silences: end some first"));
    }
    tell_rules(&state);
    tracing::info!(silence = %silence.id, until = %silence.until, by = silence.by, "silence");
    Ok((StatusCode::CREATED, Json(silence)))
}

/// `DELETE /api/v1/silences/{id}`: ends it. What it held back and still goes on is raised now.
pub async fn end(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Silence>, Problem> {
    let no_such = || Problem::not_found(format!("there is no silence {id:?}"));
    let number: Uuid = id.parse().map_err(|_| no_such())?;
    let gone = state.site.links().silences.remove(number).ok_or_else(no_such)?;
    keep(&state, number, None).await?;
    tell_rules(&state);
    Ok(Json(gone))
}

fn tell_rules(state: &AppState) {
    for feed in state.site.rules().values() {
        // A rule that is too busy to be told looks by itself with its next event.
        feed.command(Command::LookAtSilences);
    }
}

async fn keep(state: &AppState, id: Uuid, value: Option<String>) -> Result<(), Problem> {
    let kept = state.site.links().store.keep(format!("{SILENCES}{id}"), value).await;
    kept.map_err(|_| Problem::unavailable("the site is stopping"))
}
