//! `parapet recording`: what cameras of the running site have recorded.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use parapet_contracts::{CameraId, Timestamp};
use parapet_media_gstreamer::join;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::{Client, SiteAddress},
    follow::Format,
    say,
    status::word,
};

/// List what cameras have recorded, and write it to a file.
#[derive(Debug, Args)]
pub struct RecordingArgs {
    #[command(subcommand)]
    command: RecordingCommand,
}

#[derive(Debug, Subcommand)]
enum RecordingCommand {
    /// List the segments of a camera, oldest first.
    List(ListArgs),
    /// Write what a camera showed within a time to one MP4, without encoding it anew. Whole segments are taken, so it may begin earlier and
    /// end later by some seconds.
    Export(ExportArgs),
    /// Delete what a camera showed within a time, but for what is held. Without `--yes` it only says what would go.
    Delete(DeleteArgs),
}

/// Which recordings.
#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    site: SiteAddress,
    /// The camera.
    #[arg(value_name = "CAMERA")]
    camera: CameraId,
    /// What ends after this; an hour before `--to` when absent.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// What begins before this; now when absent.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

/// List segments.
#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    which: Which,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Write a film.
#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    which: Which,
    /// The file to write.
    #[arg(long, value_name = "FILE.mp4")]
    out: PathBuf,
}

/// Delete recordings.
#[derive(Debug, Args)]
struct DeleteArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// The camera.
    #[arg(value_name = "CAMERA")]
    camera: CameraId,
    /// What ends after this.
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// What begins before this.
    #[arg(long, value_name = "TIME")]
    to: Timestamp,
    /// Who wants it; the user's name when absent.
    #[arg(long, env = "USER")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Delete it. Without, it is only told what would go.
    #[arg(long, requires = "why")]
    yes: bool,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    next: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be asked, or the file not be written.
pub fn run(args: &RecordingArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        RecordingCommand::List(args) => args.which.each(&args.which.site.client()?, |segment| {
            let line = match args.format {
                Format::Json => segment.to_string(),
                Format::Text => {
                    format!("{}  until {}  {} bytes", word(&segment["name"]), word(&segment["until"]), segment["bytes"])
                }
            };
            say(&line);
            Ok(())
        })?,
        RecordingCommand::Export(args) => export(args)?,
        RecordingCommand::Delete(args) => delete(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Which {
    /// All segments, page by page.
    fn each(&self, client: &Client, mut take: impl FnMut(&Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let times = [("from", self.from), ("to", self.to)];
            let mut query: Vec<_> = times.into_iter().filter_map(|(key, at)| Some((key, at?.to_string()))).collect();
            query.push(("limit", "500".to_owned()));
            query.extend(after.map(|after| ("after", after)));
            let page: Page = client.get(&format!("cameras/{}/recordings", self.camera), &query)?;
            page.items.iter().try_for_each(&mut take)?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

fn delete(args: &DeleteArgs) -> anyhow::Result<()> {
    let client = args.site.client()?;
    let (mut segments, mut bytes, mut held, mut failed) = (0, 0, 0, 0);
    let mut after = Value::Null;
    loop {
        let body = json!({
            "from": args.from, "to": args.to, "by": args.by, "note": args.why, "after": after, "dry_run": !args.yes,
        });
        let page: Value = client.post(&format!("cameras/{}/recordings/delete", args.camera), &body)?;
        let number = |key: &str| page[key].as_u64().unwrap_or_default();
        (segments, bytes) = (segments + number("segments"), bytes + number("bytes"));
        (held, failed) = (held + number("held"), failed + number("failed"));
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    let size = format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    if args.yes {
        say(&format!("deleted {segments} segments ({size}); {held} are held and stay"));
    } else {
        say(&format!(
            "{segments} segments ({size}) would be deleted; {held} are held and would stay; say --yes and --why"
        ));
    }
    if failed > 0 {
        bail!("{failed} segments could not be removed: the error journal says why");
    }
    Ok(())
}

fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let (client, camera) = (args.which.site.client()?, &args.which.camera);
    let beside = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the film: there must be room for it there anyway.
    let folder = tempfile::Builder::new().prefix(".parapet-export-").tempdir_in(beside);
    let folder = folder.with_context(|| format!("{} can't be written", beside.display()))?;
    let mut names = Vec::new();
    args.which.each(&client, |segment| {
        let name = word(&segment["name"]).to_owned();
        let bytes = client.get_bytes(&format!("cameras/{camera}/recordings/{name}"))?;
        fs::write(folder.path().join(&name), bytes)
            .with_context(|| format!("{} can't be written", folder.path().display()))?;
        names.push(name);
        Ok(())
    })?;
    let (Some(first), Some(last)) = (names.first(), names.last()) else {
        bail!("nothing of camera {camera} was recorded within this time");
    };
    join(folder.path(), &args.out)?;
    say(&format!("{}: {} segments, {first} to {last}", args.out.display(), names.len()));
    Ok(())
}
