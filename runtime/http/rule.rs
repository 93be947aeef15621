//! One rule: how it fares, and what its file says.

use std::path::Path as Folder;

use axum::{
    Json,
    extract::{Path, State},
};
use parapet_config::RuleBody;
use serde::Serialize;

use super::{
    AppState,
    error::Problem,
    site::{RuleInfo, rule_infos},
};

/// A rule with its statement.
#[derive(Debug, Serialize)]
pub struct RuleDetail {
    #[serde(flatten)]
    info: RuleInfo,
    /// Its statement; absent of one in the classic form.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    /// Its file as it stands on the disk; absent when it can't be read. References to secrets stand in it as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File>,
}

/// A file of the site.
#[derive(Debug, Serialize)]
struct File {
    /// Below the site's folder.
    path: String,
    text: String,
}

/// `GET /api/v1/rules/{id}`
pub async fn one(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<RuleDetail>, Problem> {
    let info = rule_infos(&state).into_iter().find(|rule| rule.id == id);
    let info = info.ok_or_else(|| Problem::not_found(format!("there is no rule {id:?}")))?;
    let config = state.site.config();
    let sql = config.rules.get(id.as_str()).and_then(|rule| match &rule.body {
        RuleBody::Sql(statement) => Some(statement.clone()),
        RuleBody::Classic(_) => None,
    });
    let folder = state.folder.clone();
    // Its name is that of a rule which was loaded, so it leads nowhere else.
    let file = tokio::task::spawn_blocking(move || read(&folder, &id)).await;
    Ok(Json(RuleDetail { info, sql, file: file.unwrap_or_default() }))
}

fn read(folder: &Folder, id: &str) -> Option<File> {
    ["yaml", "yml"].into_iter().find_map(|end| {
        let path = format!("rules/{id}.{end}");
        let text = std::fs::read_to_string(folder.join(&path)).ok()?;
        Some(File { path, text })
    })
}
