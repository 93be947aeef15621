//! What there is, and who did what with it.

use std::process::ExitCode;

use clap::Args;
use parapet_contracts::audit::AuditRecord;
use serde::Deserialize;
use serde_json::Value;

use super::words;
use crate::cli::{client::SiteAddress, follow::Format, say, status::word};

/// List evidence.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Only of this camera.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Only of alerts that were raised at or after, such as 2026-11-23T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only of alerts that were raised before.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Look at this many alerts at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// List the audit log.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Only records behind this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let filters = [("camera", &args.camera), ("from", &args.from), ("until", &args.until)];
    let mut query: Vec<(&str, String)> = filters.into_iter().filter_map(|(k, v)| v.clone().map(|v| (k, v))).collect();
    query.push(("limit", args.limit.to_string()));
    let page: Value = args.site.client()?.get("evidence", &query)?;
    for item in page["items"].as_array().into_iter().flatten() {
        let line = match args.format {
            Format::Json => item.to_string(),
            Format::Text => alert_lines(item),
        };
        if !say(&line) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An alert, and its files below it.
fn alert_lines(item: &Value) -> String {
    let held = if item["holds"].as_array().is_some_and(|holds| !holds.is_empty()) { "  HELD" } else { "" };
    let camera = item["camera"].as_str().unwrap_or("–");
    let mut text =
        format!("{}  {}  {camera}  {}{held}", word(&item["raised_at"]), word(&item["alert"]), word(&item["rule"]));
    for file in item["files"].as_array().into_iter().flatten() {
        let gone = match &file["removed"] {
            Value::Null => String::new(),
            gone => {
                let by = gone["by"].as_str().map(|by| format!(" by {by}")).unwrap_or_default();
                format!("  removed {}{by}: {}", word(&gone["at"]), word(&gone["why"]))
            }
        };
        text.push_str(&format!("\n    {}  {} bytes{gone}", word(&file["path"]), file["bytes"]));
    }
    text
}

#[derive(Deserialize)]
pub(super) struct AuditPage {
    pub(super) items: Vec<AuditRecord>,
    pub(super) next: Option<u64>,
}

pub(super) fn audit(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let client = args.site.client()?;
    let mut after = Some(args.after);
    while let Some(place) = after {
        let page: AuditPage = client.get("evidence/audit", &[("after", place.to_string())])?;
        for record in &page.items {
            let line = match args.format {
                Format::Json => serde_json::to_string(record)?,
                Format::Text => audit_line(record),
            };
            if !say(&line) {
                return Ok(ExitCode::SUCCESS);
            }
        }
        after = page.next;
    }
    Ok(ExitCode::SUCCESS)
}

fn audit_line(AuditRecord { number, entry, .. }: &AuditRecord) -> String {
    let by = entry.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let hold = entry.hold.map(|hold| format!(" (hold {hold})")).unwrap_or_default();
    let count =
        if entry.files > 0 { format!(", {} files of {} alerts", entry.files, entry.alerts) } else { String::new() };
    format!(
        "{number:>6}  {:.0}  {}{by}: {}{hold}{count}: {}",
        entry.at,
        entry.act.as_str(),
        words(&entry.what),
        entry.note
    )
}
