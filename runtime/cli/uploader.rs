//! `parapet uploader`: how the ways out fare, and what becomes of what their receivers refuse.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{client::SiteAddress, follow::Format, say, status::word};

/// List uploaders, and decide on dead letters: what a receiver will never take.
#[derive(Debug, Args)]
pub struct UploaderArgs {
    #[command(subcommand)]
    command: UploaderCommand,
}

#[derive(Debug, Subcommand)]
enum UploaderCommand {
    /// List the ways out: how they fare, and what waits.
    List(ListArgs),
    /// List dead letters, oldest first, with the reason of each.
    Dead(DeadArgs),
    /// Send dead letters again, behind what waits.
    Retry(ChosenArgs),
    /// Forget dead letters.
    Drop(ChosenArgs),
    /// Forget all that an uploader has not sent, dead letters included. It must be disabled, or its file gone.
    Purge(PurgeArgs),
}

/// List the ways out.
#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// List dead letters.
#[derive(Debug, Args)]
struct DeadArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The uploader; `bus` for the site's own broker.
    #[arg(value_name = "ID")]
    id: String,
    /// Only those behind this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// With their payloads.
    #[arg(long)]
    payloads: bool,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Which dead letters.
#[derive(Debug, Args)]
struct ChosenArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The uploader; `bus` for the site's own broker.
    #[arg(value_name = "ID")]
    id: String,
    /// Their numbers, as `parapet uploader dead` shows them.
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    numbers: Vec<u64>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// Forget all that an uploader has not sent.
#[derive(Debug, Args)]
struct PurgeArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The uploader.
    #[arg(value_name = "ID")]
    id: String,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked, or refuses.
pub fn run(args: &UploaderArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        UploaderCommand::List(args) => {
            let all: Vec<Value> = args.site.client()?.get("uploaders", &[])?;
            print(all.iter(), args.format, line);
        }
        UploaderCommand::Dead(args) => {
            let query = [
                ("after", args.after.to_string()),
                ("limit", args.limit.to_string()),
                ("payloads", args.payloads.to_string()),
            ];
            let page: Value = args.site.client()?.get(&format!("uploaders/{}/dead", args.id), &query)?;
            print(page["items"].as_array().into_iter().flatten(), args.format, dead_line);
            if let (Some(next), Format::Text) = (page["next"].as_u64(), args.format) {
                super::tell(&format!("there are more: --after {next}"));
            }
        }
        UploaderCommand::Retry(args) => {
            let count = decide(args, "retry")?;
            say(&format!("{count} are sent again"));
        }
        UploaderCommand::Drop(args) => {
            let count = decide(args, "drop")?;
            say(&format!("{count} dropped"));
        }
        UploaderCommand::Purge(args) => {
            let done: Value = args.site.client()?.post(&format!("uploaders/{}/purge", args.id), &json!({}))?;
            say(&format!("{} purged", done["count"]));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Decides on the chosen ones; how many there were.
fn decide(args: &ChosenArgs, what: &str) -> anyhow::Result<u64> {
    let body = if args.all { json!({}) } else { json!({ "numbers": args.numbers }) };
    let done: Value = args.site.client()?.post(&format!("uploaders/{}/dead/{what}", args.id), &body)?;
    let count = done["count"].as_u64().unwrap_or(0);
    if count == 0 && !args.all {
        bail!("{} has no dead letters with these numbers: see `parapet uploader dead {}`", args.id, args.id);
    }
    Ok(count)
}

fn print<'a>(items: impl Iterator<Item = &'a Value>, format: Format, text: impl Fn(&Value) -> String) {
    for item in items {
        let line = match format {
            Format::Json => item.to_string(),
            Format::Text => text(item),
        };
        if !say(&line) {
            return;
        }
    }
}

/// A way out, in one line.
pub(super) fn line(out: &Value) -> String {
    let s = &out["status"];
    let state = match (out["deleted"].as_bool(), out["enabled"].as_bool(), s["state"].as_str()) {
        (Some(true), ..) => "its file is gone, and this is left of it (`parapet uploader purge` forgets it)".to_owned(),
        (_, Some(false), _) => "disabled".to_owned(),
        (_, _, Some("up_to_date")) => "up to date".to_owned(),
        (_, _, Some("catching_up")) => "catching up".to_owned(),
        (_, _, Some("waiting")) => {
            let next = s["next_try"].as_str().map(|at| format!(", next try {}", seconds(at))).unwrap_or_default();
            format!(
                "waiting since {}{next}: {}",
                s["since"].as_str().map_or_else(String::new, seconds),
                word(&s["why"])
            )
        }
        _ => "stopped".to_owned(),
    };
    let mut kinds: Vec<String> = out["kinds"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(kind, backlog)| format!("{} {kind}", backlog["waiting"]))
        .collect();
    if kinds.is_empty() {
        kinds.push("nothing".to_owned());
    }
    let oldest = out["oldest_s"].as_f64().map(|age| format!(" (the oldest {age:.0} s old)")).unwrap_or_default();
    let expired = s["expired"].as_u64().filter(|n| *n > 0).map(|n| format!(", {n} expired")).unwrap_or_default();
    let dead =
        out["dead_letters"].as_u64().filter(|n| *n > 0).map(|n| format!(", {n} dead letters")).unwrap_or_default();
    format!("{:<20} {state}; {} waiting{oldest}, {} sent{expired}{dead}", word(&out["id"]), kinds.join(", "), s["sent"])
}

/// A time without fractions of a second.
fn seconds(time: &str) -> String {
    time.parse::<parapet_contracts::Timestamp>().map_or_else(|_| time.to_owned(), |time| format!("{time:.0}"))
}

/// A dead letter, in one line.
fn dead_line(letter: &Value) -> String {
    let at = letter["at"].as_str().map_or_else(String::new, |at| format!("{}  ", seconds(at)));
    let payload = letter["payload"].as_str().map(|payload| format!("\n{payload}")).unwrap_or_default();
    format!(
        "{:>8}  {at}{:<12} {}  {}: {}{payload}",
        letter["number"],
        word(&letter["kind"]),
        word(&letter["id"]),
        word(&letter["code"]),
        word(&letter["text"])
    )
}
