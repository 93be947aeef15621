//! `parapet status`: how the running site fares.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{
    client::SiteAddress,
    follow::{Format, repeat},
    say,
};

/// Show how the site fares.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Show it again every second.
    #[arg(long, short)]
    follow: bool,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked.
pub fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let client = args.site.client()?;
    repeat(args.follow, || {
        let status: Value = client.get("status", &[])?;
        Ok(match args.format {
            Format::Json => say(&status.to_string()),
            Format::Text => say(&text(&status)),
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(status: &Value) -> String {
    let mut lines =
        vec![format!("site {}  (parapet {})", word(&status["site"]["id"]), word(&status["site"]["version"]))];
    section(
        &mut lines,
        "the files on the disk have errors; what ran before runs on",
        &status["refused_configuration"],
        |problem| word(problem).to_owned(),
    );
    let waits = "these wait for a secret, and do not run";
    section(&mut lines, waits, &status["waiting_configuration"], |problem| word(problem).to_owned());
    if let Some(why) = status["secrets"]["keyvault"]["failing"]["why"].as_str() {
        lines.push(format!("\nthe vault fails, its last values serve: {why}"));
    }
    section(&mut lines, "cameras", &status["cameras"], |camera| {
        let s = &camera["status"];
        let age =
            s["last_frame_age_s"].as_f64().map_or("no frame yet".into(), |age| format!("last frame {age:.1} s ago"));
        let format = &s["format"];
        let decoder = if format.is_object() {
            format!(
                "{}×{} {} by {}",
                format["width"],
                format["height"],
                word(&format["codec"]),
                word(&format["decoder"])
            )
        } else {
            "no format yet".to_owned()
        };
        let error = s["last_error"].as_str().map(|error| format!("; last error: {error}")).unwrap_or_default();
        format!(
            "{:<20} {:<11} {} in, {} wanted, {} reconnects, {age}, {decoder}{}{error}",
            word(&camera["id"]),
            word(&s["state"]),
            s["frames_in"],
            s["frames_wanted"],
            s["reconnects"],
            recorded(&camera["recording"])
        )
    });
    section(&mut lines, "models", &status["models"], |model| {
        let wait = model["wait_ms"].as_f64().unwrap_or_default();
        let look = model["inference_ms"].as_f64().unwrap_or_default();
        let given_up: Vec<&str> =
            model["overload"]["given_up"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let overload =
            if given_up.is_empty() { String::new() } else { format!("OVERLOADED: {}; ", given_up.join(", ")) };
        if model["follows"].is_object() {
            return format!("{}; {look:.1} ms each; {}", follows(model), word(&model["description"]));
        }
        let change = match model["change"]["state"].as_str() {
            Some("loading") => "a change of it is loaded; ".to_owned(),
            Some(_) => format!("A CHANGE OF IT IS REFUSED: {}; ", word(&model["change"]["text"])),
            None => String::new(),
        };
        let canary = match model["canary"]["state"].as_str() {
            Some("answering") => format!("answers for {}; ", word(&model["canary"]["of"])),
            Some("sent_back") => format!("CANARY SENT BACK: {}; ", word(&model["canary"]["sent_back"]["why"])),
            _ => String::new(),
        };
        format!(
            "{:<20} {overload}{change}{canary}{} frames, {} objects, {look:.1} ms each, {wait:.1} ms waiting; {}",
            word(&model["model"]),
            model["inferences"],
            model["objects"],
            word(&model["description"])
        )
    });
    section(&mut lines, "rules", &status["rules"], |rule| {
        let s = &rule["status"];
        let state = &s["state"];
        let goes_on = if state["firing"].as_u64().unwrap_or(0) > 0 {
            format!(", {} going on", state["firing"])
        } else {
            String::new()
        };
        let lost = s["dropped"].as_u64().unwrap_or(0)
            + state["dropped"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.values())
                .filter_map(Value::as_u64)
                .sum::<u64>();
        let lost = if lost > 0 { format!(", {lost} dropped") } else { String::new() };
        let lag = state["watermark_lag_ms"].as_u64().map(|ms| format!(", {ms} ms behind")).unwrap_or_default();
        let error = s["last_error"].as_str().map(|error| format!("; last error: {error}")).unwrap_or_default();
        let last = s["last_alert"].as_str().map(|at| format!("; last alert {at}")).unwrap_or_default();
        format!(
            "{:<20} {} in, {} matched, {} alerts{goes_on}, {} held back, {} late{lost}, {} rows held{lag}{last}{error}",
            word(&rule["id"]),
            s["events"],
            s["matched"],
            s["fired"],
            s["held_back"],
            s["late"],
            state["rows"]
        )
    });
    section(&mut lines, "streams", &status["streams"], |stream| {
        let s = &stream["status"];
        let refused: u64 =
            s["refused"].as_object().into_iter().flat_map(|all| all.values()).filter_map(Value::as_u64).sum();
        let away = s["away"].as_str().map(|why| format!("; {why}")).unwrap_or_default();
        let error = s["last_error"].as_str().map(|error| format!("; {error}")).unwrap_or_default();
        format!("{:<20} {} messages, {refused} refused{away}{error}", word(&stream["id"]), s["taken"])
    });
    section(&mut lines, "ways out", &status["uploaders"], super::uploader::line);
    let store = &status["store"];
    let size = store["disk_bytes"].as_f64().unwrap_or_default() / (1 << 20) as f64;
    lines.push(format!(
        "store: {} alerts, {} events, {} errors, {size:.1} MiB",
        store["alerts"], store["events"], store["errors"]
    ));
    lines.push(evidence(&status["evidence"]));
    lines.push("actors".to_owned());
    tree(&mut lines, &status["tree"], 1);
    lines.join("\n")
}

/// What is recorded of a camera, when it is.
fn recorded(recording: &Value) -> String {
    let gib = recording["bytes"].as_f64().unwrap_or_default() / f64::from(1 << 30);
    let error = recording["last_error"].as_str().map(|error| format!(" ({error})")).unwrap_or_default();
    match recording["state"].as_str() {
        Some("recording") => format!(", recorded ({gib:.1} GiB){error}"),
        Some("idle") => format!(", nothing to record ({gib:.1} GiB){error}"),
        Some("disk_low") => format!(", NOT RECORDED: its disk is too full ({gib:.1} GiB)"),
        _ => String::new(),
    }
}

/// What the evidence folder has, and how much room its disk.
fn evidence(evidence: &Value) -> String {
    let mib = |bytes: &Value| bytes.as_f64().unwrap_or_default() / (1 << 20) as f64;
    let (pictures, clips) = (&evidence["pictures"], &evidence["clips"]);
    let held =
        evidence["held"].as_u64().filter(|held| *held > 0).map(|held| format!(", {held} held beyond their time"));
    let low = if evidence["low"].as_bool() == Some(true) { " (TOO LITTLE)" } else { "" };
    format!(
        "evidence: {} pictures ({:.1} MiB), {} clips ({:.1} MiB){}; {:.0} MiB free{low}",
        pictures["files"],
        mib(&pictures["bytes"]),
        clips["files"],
        mib(&clips["bytes"]),
        held.unwrap_or_default(),
        mib(&evidence["room"]["free"])
    )
}

/// A model that follows others looks at crops.
fn follows(model: &Value) -> String {
    let follows = &model["follows"];
    let after: Vec<&str> = follows["after"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let dropped: Vec<String> = follows["dropped"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(reason, count)| format!("{count} {}", reason.replace('_', " ")))
        .collect();
    let dropped = if dropped.is_empty() { String::new() } else { format!(", dropped: {}", dropped.join(", ")) };
    format!(
        "{:<20} after {}: {} crops asked for, {} answered, {} of them late, {} spared by memory, {} waiting{dropped}",
        word(&model["model"]),
        after.join(" and "),
        follows["asked"],
        follows["answered"],
        follows["late"],
        follows["remembered"],
        follows["waiting"]
    )
}

pub(super) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

fn section(lines: &mut Vec<String>, title: &str, list: &Value, line: impl Fn(&Value) -> String) {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if !items.is_empty() {
        lines.push(title.to_owned());
        lines.extend(items.iter().map(|item| format!("  {}", line(item))));
    }
}

fn tree(lines: &mut Vec<String>, node: &Value, depth: usize) {
    let restarts = node["restarts"].as_u64().unwrap_or(0);
    let restarts = if restarts > 0 { format!(", {restarts} restarts") } else { String::new() };
    let error = node["last_error"]["text"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
    lines.push(format!("{}{} {}{restarts}{error}", "  ".repeat(depth), word(&node["id"]), word(&node["state"])));
    for child in node["children"].as_array().map(Vec::as_slice).unwrap_or_default() {
        tree(lines, child, depth + 1);
    }
}
