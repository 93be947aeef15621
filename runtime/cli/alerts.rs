//! `parapet alerts`: the alerts of the running site, oldest of the page first, so that the newest stands last.

use std::process::ExitCode;

use clap::Args;
use parapet_contracts::{Alert, Severity};
use serde::Deserialize;

use super::{
    client::SiteAddress,
    follow::{Format, Printed, repeat},
    say,
};

/// List alerts.
#[derive(Debug, Args)]
pub struct AlertsArgs {
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

#[derive(Deserialize)]
struct Answer {
    items: Vec<Alert>,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked.
pub fn run(args: &AlertsArgs) -> anyhow::Result<ExitCode> {
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
    format!("{:.0}  {mark}  {}  {}  [{picture}]", alert.ts, alert.camera, alert.message)
}
