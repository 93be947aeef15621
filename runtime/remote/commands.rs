//! What clients can ask for. Each is what HTTP does, by another way.

use axum::{
    Json,
    extract::{Path, State},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parapet_config::RemoteCommand;
use parapet_contracts::CameraId;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{request::Admitted, switch};
use crate::http::{
    AppState,
    error::Problem,
    silences::{self, NewSilence},
};

/// Quality of the pictures of answers.
const QUALITY: u8 = 80;

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// A stable word.
    pub(super) code: &'static str,
    /// For people.
    pub(super) text: String,
}

impl Failed {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code(), problem.detail())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    camera: CameraId,
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notice {
    alert: String,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    camera: CameraId,
}

/// Does what was asked for; what came of it.
pub(super) async fn perform(state: &AppState, asked: Admitted) -> Result<Value, Failed> {
    match asked.command {
        RemoteCommand::Camera => camera(state, read(&asked.arguments)?).await,
        RemoteCommand::Silence => silence(state, &asked).await,
        RemoteCommand::Acknowledge => acknowledge(state, &asked.client, read(&asked.arguments)?).await,
        RemoteCommand::Snapshot => snapshot(state, read(&asked.arguments)?).await,
    }
}

/// What was done, for people.
pub(super) fn told(command: RemoteCommand, result: &Value) -> String {
    let word = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
    match command {
        RemoteCommand::Camera if result["enabled"] == true => format!("camera {} enabled", word("camera")),
        RemoteCommand::Camera => format!("camera {} disabled", word("camera")),
        RemoteCommand::Silence => format!("silence {} until {}", word("id"), word("until")),
        RemoteCommand::Acknowledge => format!("alert {} acknowledged", word("alert")),
        RemoteCommand::Snapshot => format!("picture of camera {}", word("camera")),
    }
}

fn read<T: DeserializeOwned>(arguments: &str) -> Result<T, Failed> {
    serde_json::from_str(arguments).map_err(|error| Failed::new("malformed", format!("the arguments: {error}")))
}

async fn camera(state: &AppState, Switch { camera, enabled }: Switch) -> Result<Value, Failed> {
    known(state, &camera)?;
    let (folder, id) = (state.folder.clone(), camera.to_string());
    let written = tokio::task::spawn_blocking(move || switch::write(&folder, &id, enabled)).await;
    let news = written
        .map_err(|error| Failed::new("internal", error.to_string()))?
        .map_err(|why| Failed::new("unwritable", why))?;
    Ok(json!({ "camera": camera, "enabled": enabled, "changed": news }))
}

async fn silence(state: &AppState, asked: &Admitted) -> Result<Value, Failed> {
    let mut arguments: Value = read(&asked.arguments)?;
    // Who has signed it is who it is.
    if let Some(arguments) = arguments.as_object_mut() {
        arguments.insert("by".to_owned(), asked.client.clone().into());
    }
    let new: NewSilence = read(&arguments.to_string())?;
    let (_, Json(silence)) = silences::add(State(state.clone()), Ok(Json(new))).await?;
    serde_json::to_value(silence).map_err(|error| Failed::new("internal", error.to_string()))
}

async fn acknowledge(state: &AppState, client: &str, Notice { alert, note }: Notice) -> Result<Value, Failed> {
    let body = json!({ "by": client, "note": note }).to_string();
    let Json(story) = silences::acknowledge(State(state.clone()), Path(alert), body.into()).await?;
    serde_json::to_value(story).map_err(|error| Failed::new("internal", error.to_string()))
}

async fn snapshot(state: &AppState, Look { camera }: Look) -> Result<Value, Failed> {
    known(state, &camera)?;
    let none = || Failed::new("no_picture", format!("camera `{camera}` has shown nothing yet"));
    let frame = state.site.links().last_frames.of(&camera).ok_or_else(none)?;
    let (picture, ts) = (frame.best_picture(), frame.capture.at);
    let size = (picture.width, picture.height);
    let jpeg = tokio::task::spawn_blocking(move || parapet_evidence_fs::jpeg::encode(&picture, QUALITY)).await;
    let jpeg = jpeg
        .map_err(|error| Failed::new("internal", error.to_string()))?
        .map_err(|error| Failed::new("internal", error.text))?;
    Ok(json!({
        "camera": camera, "ts": ts, "width": size.0, "height": size.1,
        "media_type": "image/jpeg", "data": STANDARD.encode(jpeg),
    }))
}

fn known(state: &AppState, camera: &CameraId) -> Result<(), Failed> {
    let config = state.site.config();
    if config.cameras.contains_key(camera) {
        return Ok(());
    }
    Err(Failed::new("not_found", format!("there is no camera `{camera}`")))
}
