//! `parapet alerts`: the alerts of the running site, oldest of the page first, so that the newest stands last.

mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use parapet_contracts::{Alert, AlertUpdate, CameraId, Severity};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    client::SiteAddress,
    follow::{Format, Printed, repeat},
    say,
};

/// List alerts, or take notice of one.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertsArgs {
    #[command(subcommand)]
    command: Option<AlertsCommand>,
    #[command(flatten)]
    site: SiteAddress,
    /// Only of this camera.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Only of this rule.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only at least this severe: info, warning or critical.
    #[arg(long)]
    severity: Option<String>,
    /// Raised at or after, such as 2026-11-23T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Go on with those that come.
    #[arg(long, short)]
    follow: bool,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Take notice of an alert: it is told again no more, and gets no worse.
    Ack(AckArgs),
    /// Show what became of an alert.
    Show(ShowArgs),
    /// Follow the chains of the records about alerts, and tell each first link that is broken.
    Verify(verify::VerifyArgs),
}

/// Take notice of an alert.
#[derive(Debug, Args)]
struct AckArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The alert's id.
    #[arg(value_name = "ID")]
    id: Uuid,
    /// Who does; the user's name when absent.
    #[arg(long, env = "USER")]
    by: Option<String>,
    /// What they say.
    #[arg(long)]
    note: Option<String>,
}

/// Show what became of an alert.
#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The alert's id.
    #[arg(value_name = "ID")]
    id: Uuid,
}

#[derive(Deserialize)]
struct Story {
    state: String,
    updates: Vec<AlertUpdate>,
}

fn ack(args: &AckArgs) -> anyhow::Result<ExitCode> {
    let body = json!({ "by": args.by, "note": args.note });
    let story: Story = args.site.client()?.post(&format!("alerts/{}/acknowledge", args.id), &body)?;
    tell_story(&story);
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let client = args.site.client()?;
    let alert: Alert = client.get(&format!("alerts/{}", args.id), &[])?;
    say(&text_line(&alert));
    tell_story(&client.get(&format!("alerts/{}/updates", args.id), &[])?);
    Ok(ExitCode::SUCCESS)
}

fn tell_story(story: &Story) {
    for update in &story.updates {
        let by = update.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let note = update.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        say(&format!("{:.0}  {}{by}{note}", update.ts, update.change.as_str()));
    }
    say(&format!("now {}", story.state));
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Alert>,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked.
pub fn run(args: &AlertsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(AlertsCommand::Ack(args)) => return ack(args),
        Some(AlertsCommand::Show(args)) => return show(args),
        Some(AlertsCommand::Verify(args)) => return verify::run(args),
        None => {}
    }
    let client = args.site.client()?;
    let filters =
        [("camera", &args.camera), ("rule", &args.rule), ("severity", &args.severity), ("since", &args.since)];
    let mut query: Vec<(&str, String)> = filters.into_iter().filter_map(|(k, v)| v.clone().map(|v| (k, v))).collect();
    query.push(("limit", args.limit.to_string()));
    let mut printed = Printed::default();
    repeat(args.follow, || {
        let answer: Answer = client.get("alerts", &query)?;
        let new = answer.items.iter().rev().filter(|alert| printed.is_new(alert.id.to_string()));
        let lines: Result<Vec<String>, _> = new.map(|alert| line(alert, args.format)).collect();
        Ok(lines?.iter().all(|line| say(line)))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(alert: &Alert, format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Json => serde_json::to_string(alert)?,
        Format::Text => text_line(alert),
    })
}

/// One alert in one line for people.
pub(super) fn text_line(alert: &Alert) -> String {
    let mark = match alert.severity {
        Severity::Info => "info    ",
        Severity::Warning => "warning ",
        Severity::Critical => "CRITICAL",
    };
    let picture = alert.evidence.as_ref().map_or("no picture", |evidence| &evidence.path);
    let camera = alert.camera.as_ref().map_or("–", CameraId::as_str);
    format!("{:.0}  {mark}  {camera}  {}  [{picture}]", alert.ts, alert.message)
}
