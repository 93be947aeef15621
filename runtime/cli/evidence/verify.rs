//! Whether evidence is what was written, and the records about it.

use std::process::ExitCode;

use clap::Args;
use parapet_contracts::audit::Tip;
use serde::Deserialize;
use serde_json::json;

use super::list::AuditPage;
use crate::cli::{
    client::{Client, SiteAddress},
    follow::Format,
    say,
};

/// Verify evidence.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
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
    removed: u64,
    findings: Vec<serde_json::Value>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Orphans {
    paths: Vec<String>,
    next: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let client = args.site.client()?;
    let (mut alerts, mut good, mut removed, mut bad) = (0, 0, 0, 0_u64);
    let mut after: Option<String> = None;
    loop {
        let page: Page = client.get("evidence/verify", &place(after.take()))?;
        (alerts, good, removed) = (alerts + page.alerts, good + page.good, removed + page.removed);
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
    let orphans = orphans(&client, args.format)?;
    let acts = match follow_audit_log(&client)? {
        Ok(acts) => acts,
        Err(broken) => {
            bad += 1;
            match args.format {
                Format::Json => say(&json!({"code": "audit", "text": broken}).to_string()),
                Format::Text => say(&format!("audit log BROKEN at {broken}")),
            };
            0
        }
    };
    let sum = format!(
        "{alerts} alerts: {good} files are what was written, {removed} were removed and it is told why, {bad} are not as they should be; \
         {orphans} belong to no alert; {acts} records in the audit log"
    );
    let counts =
        json!({"alerts": alerts, "good": good, "removed": removed, "bad": bad, "orphans": orphans, "audit": acts});
    match args.format {
        Format::Json => say(&counts.to_string()),
        Format::Text => say(&sum),
    };
    Ok(if bad == 0 && orphans == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn place(after: Option<String>) -> Vec<(&'static str, String)> {
    after.map(|after| ("after", after)).into_iter().collect()
}

/// Tells the files of no alert; how many there are.
fn orphans(client: &Client, format: Format) -> anyhow::Result<u64> {
    let (mut count, mut after) = (0, None);
    loop {
        let page: Orphans = client.get("evidence/orphans", &place(after))?;
        for path in &page.paths {
            count += 1;
            match format {
                Format::Json => say(&json!({"code": "orphan", "path": path}).to_string()),
                Format::Text => say(&format!("orphan {path}: no alert names it")),
            };
        }
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}

/// How many records the audit log has, or the first that is not what was written.
fn follow_audit_log(client: &Client) -> anyhow::Result<Result<u64, String>> {
    let mut tip = Tip::default();
    loop {
        let page: AuditPage = client.get("evidence/audit", &[("after", tip.number().to_string())])?;
        for record in &page.items {
            if let Err(broken) = tip.follow(record) {
                return Ok(Err(broken.to_string()));
            }
        }
        if page.next.is_none() {
            return Ok(Ok(tip.number()));
        }
    }
}
