//! `parapet evidence`: whether the evidence of the running site is what was written.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::{
    client::{Client, SiteAddress},
    follow::Format,
    say,
};

/// Look after the evidence of the running site.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Read every file and compare it with the hash that was noted when it was written; tell what was changed, what is missing, and
    /// what belongs to no alert. Exit code 1 when there is any.
    Verify(VerifyArgs),
}

/// Verify evidence.
#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Deserialize)]
struct Page {
    alerts: u64,
    good: u64,
    findings: Vec<serde_json::Value>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Orphans {
    count: u64,
    paths: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked.
pub fn run(args: &EvidenceArgs) -> anyhow::Result<ExitCode> {
    let EvidenceCommand::Verify(args) = &args.command;
    let client = args.site.client()?;
    let (mut alerts, mut good, mut bad) = (0, 0, 0_u64);
    let mut after: Option<String> = None;
    loop {
        let page = page(&client, after.take())?;
        (alerts, good) = (alerts + page.alerts, good + page.good);
        for finding in &page.findings {
            bad += 1;
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            match args.format {
                Format::Json => say(&finding.to_string()),
                Format::Text => say(&format!("{} alert {}: {}", text("code"), text("alert"), text("text"))),
            };
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let orphans: Orphans = client.get("evidence/orphans", &[])?;
    for path in &orphans.paths {
        match args.format {
            Format::Json => say(&json!({"code": "orphan", "path": path}).to_string()),
            Format::Text => say(&format!("orphan {path}: no alert names it")),
        };
    }
    let sum = format!(
        "{alerts} alerts: {good} files are what was written, {bad} are not; {} belong to no alert",
        orphans.count
    );
    match args.format {
        Format::Json => say(&json!({"alerts": alerts, "good": good, "bad": bad, "orphans": orphans.count}).to_string()),
        Format::Text => say(&sum),
    };
    Ok(if bad == 0 && orphans.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn page(client: &Client, after: Option<String>) -> anyhow::Result<Page> {
    let query: Vec<_> = after.map(|after| ("after", after)).into_iter().collect();
    client.get("evidence/verify", &query)
}
