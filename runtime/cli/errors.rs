//! `parapet errors`: the error journal of the running site, the latest last.

use std::process::ExitCode;

use clap::Args;
use parapet_contracts::ErrorRecord;
use serde::Deserialize;

use super::{
    client::SiteAddress,
    follow::{Format, Printed, repeat},
    say,
};

/// List the error journal.
#[derive(Debug, Args)]
pub struct ErrorsArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Only of this actor, or of those below it, such as `cameras` or `cameras/gate-north`.
    #[arg(long, value_name = "PATH")]
    actor: Option<String>,
    /// Last seen at or after, such as 2026-11-23T08:00:00Z.
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
    items: Vec<ErrorRecord>,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked.
pub fn run(args: &ErrorsArgs) -> anyhow::Result<ExitCode> {
    let client = args.site.client()?;
    let filters = [("actor", &args.actor), ("since", &args.since)];
    let mut query: Vec<(&str, String)> = filters.into_iter().filter_map(|(k, v)| v.clone().map(|v| (k, v))).collect();
    query.push(("limit", args.limit.to_string()));
    let mut printed = Printed::default();
    repeat(args.follow, || {
        let answer: Answer = client.get("errors", &query)?;
        let new = answer.items.iter().rev().filter(|record| printed.is_new(format!("{} {}", record.id, record.count)));
        let lines: Result<Vec<String>, serde_json::Error> = new.map(|record| line(record, args.format)).collect();
        Ok(lines?.iter().all(|line| say(line)))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(record: &ErrorRecord, format: Format) -> Result<String, serde_json::Error> {
    Ok(match format {
        Format::Json => serde_json::to_string(record)?,
        Format::Text => {
            let times = if record.count > 1 { format!(" ({} times)", record.count) } else { String::new() };
            format!("{:.0}  {}  {}: {}{times}", record.last, record.actor, record.kind, record.text)
        }
    })
}
