//! Holding, releasing and deleting.

use std::process::ExitCode;

use clap::Args;
use parapet_contracts::Hold;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Which, Who, words};
use crate::cli::{client::SiteAddress, follow::Format, say};

/// Hold evidence.
#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    site: SiteAddress,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    who: Who,
}

/// List the holds that stand.
#[derive(Debug, Args)]
pub(super) struct HoldsArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// End a hold.
#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The hold's id.
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    who: Who,
}

/// Delete evidence.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    site: SiteAddress,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    who: Who,
    /// Delete it. Without, it is only told what would go.
    #[arg(long, requires = "why")]
    yes: bool,
}

pub(super) fn hold(args: &HoldArgs) -> anyhow::Result<ExitCode> {
    let hold: Hold = args.site.client()?.post("evidence/holds", &Value::Object(args.which.body(&args.who)))?;
    say(&line(&hold));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn holds(args: &HoldsArgs) -> anyhow::Result<ExitCode> {
    let holds: Vec<Hold> = args.site.client()?.get("evidence/holds", &[])?;
    for hold in &holds {
        let line = match args.format {
            Format::Json => serde_json::to_string(hold)?,
            Format::Text => line(hold),
        };
        if !say(&line) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn release(args: &ReleaseArgs) -> anyhow::Result<ExitCode> {
    let body = json!({ "by": args.who.by, "note": args.who.why });
    let hold: Hold = args.site.client()?.post(&format!("evidence/holds/{}/release", args.id), &body)?;
    say(&format!("released: {}", line(&hold)));
    Ok(ExitCode::SUCCESS)
}

fn line(hold: &Hold) -> String {
    let by = hold.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("{}  since {:.0}  {}{by}: {}", hold.id, hold.at, words(&hold.what), hold.note)
}

#[derive(Default, Deserialize)]
struct Deleted {
    alerts: u64,
    files: u64,
    bytes: u64,
    held: u64,
    failed: u64,
    next: Option<String>,
}

/// Page by page, so that no request takes long.
pub(super) fn delete(args: &DeleteArgs) -> anyhow::Result<ExitCode> {
    let client = args.site.client()?;
    let mut body = args.which.body(&args.who);
    body.insert("dry_run".to_owned(), json!(!args.yes));
    let mut sum = Deleted::default();
    loop {
        let page: Deleted = client.post("evidence/delete", &Value::Object(body.clone()))?;
        sum.alerts += page.alerts;
        sum.files += page.files;
        sum.bytes += page.bytes;
        sum.held += page.held;
        sum.failed += page.failed;
        match page.next {
            Some(next) => body.insert("after".to_owned(), json!(next)),
            None => break,
        };
    }
    let Deleted { alerts, files, bytes, held, failed, .. } = sum;
    let size = format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    say(&if args.yes {
        format!("deleted {files} files ({size}) of {alerts} alerts; those of {held} alerts are held and stay")
    } else {
        format!(
            "{files} files ({size}) of {alerts} alerts would be deleted; those of {held} alerts are held and would stay; say --yes and --why to delete them"
        )
    });
    if failed > 0 {
        say(&format!("{failed} files could not be removed yet: the error journal says why, and it is tried again"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
