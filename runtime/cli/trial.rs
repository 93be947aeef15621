//! `parapet model shadow`, `canary`, `promote` and `drop`: how a model on trial fares beside the one that it might replace, and what becomes of it.

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use super::{client::SiteAddress, say, tell};
use crate::trials;

/// How models on trial fare.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Only this one.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

/// Which model on trial.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The shadow or the canary.
    #[arg(value_name = "ID")]
    id: String,
    /// The site's folder.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
}

/// Tells how the shadows of the running site compare.
///
/// # Errors
/// When the site can't be asked, or there is no such shadow.
pub(crate) fn shadows(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    report(args, "shadow", "a model becomes one by `shadow: {of: MODEL, share: 0.1}` in its file", shadow)
}

/// Tells how the canaries of the running site fare.
///
/// # Errors
/// When the site can't be asked, or there is no such canary.
pub(crate) fn canaries(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    report(args, "canary", "a model becomes one by `canary: {of: MODEL, share: 0.1}` in its file", canary)
}

fn report(
    args: &ReportArgs,
    key: &str,
    how: &str,
    text: impl Fn(&Value, &[Value]) -> String,
) -> anyhow::Result<ExitCode> {
    let models: Value = args.site.client()?.get("models", &[])?;
    let models = models["items"].as_array().or(models.as_array()).cloned().unwrap_or_default();
    let wanted = |model: &&Value| model[key].is_object() && args.id.as_deref().is_none_or(|id| model["model"] == id);
    let found: Vec<&Value> = models.iter().filter(wanted).collect();
    if found.is_empty() {
        let which = args.id.as_deref().map_or_else(|| format!("no {key}"), |id| format!("no {key} `{id}`"));
        bail!("the site has {which}: {how}");
    }
    for model in found {
        if !say(&text(model, &models)) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |v| format!("{:.1} %", v * 100.0))
}

fn number(value: &Value, digits: usize) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
}

fn shadow(model: &Value, _: &[Value]) -> String {
    let s = &model["shadow"];
    let (id, of) = (model["model"].as_str().unwrap_or_default(), s["of"].as_str().unwrap_or_default());
    let scores = s["score_difference"].as_f64().map_or_else(|| "–".to_owned(), |v| format!("{v:+.3}"));
    format!(
        "{id}, a shadow of {of}, on {} of its frames\n  frames     {} compared, {} skipped\n  things     {} seen by both, {} by {of} alone, {} by {id} alone: agreement {}\n  scores     {scores} on average\n  a look     {} ms of {of}, {} ms of {id}",
        percent(&s["share"]),
        s["compared"],
        s["skipped"],
        s["matched"],
        s["missed"],
        s["extra"],
        percent(&s["agreement"]),
        number(&s["model_ms"], 1),
        number(&s["shadow_ms"], 1),
    )
}

fn canary(model: &Value, models: &[Value]) -> String {
    let c = &model["canary"];
    let (id, of) = (model["model"].as_str().unwrap_or_default(), c["of"].as_str().unwrap_or_default());
    let other = models.iter().find(|other| other["model"] == of).unwrap_or(&Value::Null);
    let per_frame = |model: &Value| {
        let frames = model["inferences"].as_f64().filter(|frames| *frames > 0.0);
        let objects = model["objects"].as_f64();
        frames.zip(objects).map_or_else(|| "–".to_owned(), |(frames, objects)| format!("{:.2}", objects / frames))
    };
    let state = match c["state"].as_str() {
        Some("answering") => "it answers".to_owned(),
        Some("loading") => format!("it is being loaded, and {of} looks"),
        _ => format!(
            "SENT BACK at {}: {}",
            c["sent_back"]["at"].as_str().unwrap_or("–"),
            c["sent_back"]["why"].as_str().unwrap_or("–")
        ),
    };
    let cameras: Vec<&str> = c["cameras"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let cameras = if cameras.is_empty() { "none".to_owned() } else { cameras.join(", ") };
    format!(
        "{id}, a canary of {of}, at {} of its cameras: {state}\n  cameras    {cameras}\n  frames     {} answered, {} of them with what can't be, {} failed\n  things     {} a frame seen by {id} at its cameras, {} by {of} at the others\n  a look     {} ms of {id}, {} ms of {of}; it may take {} ms",
        percent(&c["share"]),
        c["looks"],
        c["nonsense"],
        c["failures"],
        number(&c["objects_per_frame"], 2),
        per_frame(other),
        number(&c["look_ms"], 1),
        number(&other["inference_ms"], 1),
        number(&c["within_ms"], 1),
    )
}

/// Puts a shadow or a canary in the place of the model that it might replace.
///
/// # Errors
/// When there is no such model on trial, or the files can't be written.
pub(crate) fn promote(args: &ChangeArgs) -> anyhow::Result<ExitCode> {
    tell(&trials::promote(&args.config, &args.id)?);
    Ok(ExitCode::SUCCESS)
}

/// Removes the file of a shadow or a canary.
///
/// # Errors
/// When there is no such model on trial, or its file can't be removed.
pub(crate) fn drop_it(args: &ChangeArgs) -> anyhow::Result<ExitCode> {
    tell(&trials::drop_it(&args.config, &args.id)?);
    Ok(ExitCode::SUCCESS)
}
