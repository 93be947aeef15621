//! `parapet silence`: alerts that nobody wants to be told of for a while.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use parapet_contracts::Silence;
use serde_json::json;
use uuid::Uuid;

use super::{client::SiteAddress, say};

/// Let alerts be silent for a time: list silences, add one, or end one.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SilenceArgs {
    #[command(subcommand)]
    command: Option<SilenceCommand>,
    #[command(flatten)]
    site: SiteAddress,
}

#[derive(Debug, Subcommand)]
enum SilenceCommand {
    /// Raise no alerts of a rule, of a camera or about one thing for a time. What still goes on then is raised then.
    Add(AddArgs),
    /// End a silence before its time.
    End(EndArgs),
}

/// Add a silence.
#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// How long, such as 30m or 2h.
    #[arg(long = "for", value_name = "DURATION")]
    lasts: String,
    /// Only alerts of this rule.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only alerts of this camera.
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Only alerts about this: an alert's key.
    #[arg(long)]
    key: Option<String>,
    /// Who wants it; the user's name when absent.
    #[arg(long, env = "USER")]
    by: Option<String>,
    /// Why.
    #[arg(long)]
    note: Option<String>,
}

/// End a silence.
#[derive(Debug, Args)]
struct EndArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The silence's id.
    #[arg(value_name = "ID")]
    id: Uuid,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked, or refuses.
pub fn run(args: &SilenceArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => {
            let silences: Vec<Silence> = args.site.client()?.get("silences", &[])?;
            let _heard = silences.iter().all(|silence| say(&line(silence)));
        }
        Some(SilenceCommand::Add(add)) => {
            let body = json!({
                "for": add.lasts, "rule": add.rule, "camera": add.camera, "key": add.key, "by": add.by, "note": add.note,
            });
            let silence: Silence = add.site.client()?.post("silences", &body)?;
            say(&line(&silence));
        }
        Some(SilenceCommand::End(end)) => {
            let silence: Silence = end.site.client()?.delete(&format!("silences/{}", end.id))?;
            say(&format!("ended: {}", line(&silence)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(silence: &Silence) -> String {
    let mut what = Vec::new();
    what.extend(silence.rule.as_ref().map(|rule| format!("rule {rule}")));
    what.extend(silence.camera.as_ref().map(|camera| format!("camera {camera}")));
    what.extend(silence.key.as_ref().map(|key| format!("key {key:?}")));
    let what = if what.is_empty() { "all alerts".to_owned() } else { what.join(", ") };
    let by = silence.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let note = silence.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("{}  {:.0} to {:.0}  {what}{by}{note}", silence.id, silence.from, silence.until)
}
