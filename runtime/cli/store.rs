//! `parapet store`: copies of a site's store, made while it runs or not, checked, and gone back to.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use parapet_config::StoreConfig;
use parapet_store_rocksdb::{BackupInfo, Survey, backups, restore, verify_backup};
use serde_json::{Value, json};

use super::{client::SiteAddress, follow::Format, say, stored};

/// Copy the store of a site, check copies, and go back to one.
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Make a backup: through the running site, or of the store of a site that does not run. It costs what is new since the one before.
    Backup(BackupArgs),
    /// List the backups, oldest first.
    Backups(PlaceArgs),
    /// Read everything in a backup, the newest when none is named, and say what it holds. Exit code 1 when it is damaged.
    Verify(PlaceArgs),
    /// Go back to a backup, the newest when none is named. The site must not run.
    Restore(RestoreArgs),
}

/// Make a backup.
#[derive(Debug, Args)]
struct BackupArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Into this folder, rather than `store.backups.path` of site.yaml. The site must not run then.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Where backups are.
#[derive(Debug, Args)]
struct PlaceArgs {
    /// The site's folder.
    #[arg(long, value_name = "DIR", required_unless_present = "from")]
    config: Option<PathBuf>,
    /// The folder of the backups, rather than `store.backups.path` of site.yaml.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Only this one.
    #[arg(value_name = "NUMBER")]
    number: Option<u32>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Go back to a backup.
#[derive(Debug, Args)]
struct RestoreArgs {
    /// The site's folder.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// The folder of the backups, rather than `store.backups.path` of site.yaml.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The backup; the newest when absent.
    #[arg(value_name = "NUMBER")]
    number: Option<u32>,
    /// The store that is there is moved aside.
    #[arg(long)]
    replace: bool,
}

/// Runs the command.
///
/// # Errors
/// When the site, the store or a backup can't be read or written.
pub fn run(args: &StoreArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        StoreCommand::Backup(args) => back_up(args)?,
        StoreCommand::Backups(args) => {
            for backup in backups(&args.folder()?)? {
                say(&match args.format {
                    Format::Json => serde_json::to_string(&backup)?,
                    Format::Text => line(&backup),
                });
            }
        }
        StoreCommand::Verify(args) => {
            let (backup, survey) = verify_backup(&args.folder()?, args.number)?;
            say(&match args.format {
                Format::Json => json!({ "backup": backup, "read": survey }).to_string(),
                Format::Text => format!("{}: all of it was read: {}", line(&backup), words(&survey)),
            });
        }
        StoreCommand::Restore(args) => go_back(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl PlaceArgs {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        match (&self.from, &self.config) {
            (Some(from), _) => Ok(from.clone()),
            (None, Some(folder)) => Ok(config(folder)?.backups.path),
            (None, None) => Err(anyhow!("say which site (--config) or which folder (--from)")),
        }
    }
}

fn config(folder: &Path) -> anyhow::Result<StoreConfig> {
    stored::config(folder).map(|config| config.site.store.clone())
}

fn back_up(args: &BackupArgs) -> anyhow::Result<()> {
    let client = args.site.client()?;
    let reached = client.get::<Value>("store/backups", &[]);
    match (reached, args.site.folder()) {
        (Ok(before), _) => {
            if args.to.is_some() {
                bail!("the site runs, and makes backups in {} alone: leave --to out, or stop it", before["path"]);
            }
            let begun: Value = client.post("store/backups", &json!({}))?;
            let made = wait(|| client.get("store/backups", &[]), begun)?;
            say(&line(&made));
        }
        (Err(error), Some(folder)) => {
            let site = config(folder)?;
            let store = stored::open(folder).with_context(|| format!("{error:#}; and in {}", folder.display()))?;
            let made = store.back_up(args.to.as_ref().unwrap_or(&site.backups.path), site.backups.keep)?;
            say(&line(&made));
        }
        (Err(error), None) => return Err(error),
    }
    Ok(())
}

/// However long it takes: the site says that it is at work.
fn wait(ask: impl Fn() -> anyhow::Result<Value>, begun: Value) -> anyhow::Result<BackupInfo> {
    let mut status = begun;
    while status["running"] == true {
        std::thread::sleep(Duration::from_millis(200));
        status = ask()?;
    }
    if let Some(error) = status["last_error"].as_str() {
        bail!("{error}");
    }
    let newest = status["items"].as_array().and_then(|items| items.last()).context("there is no backup")?;
    Ok(serde_json::from_value(newest.clone())?)
}

fn go_back(args: &RestoreArgs) -> anyhow::Result<()> {
    let site = config(&args.config)?;
    let from = args.from.as_ref().unwrap_or(&site.backups.path);
    let restored = restore(from, args.number, &site.path, args.replace)?;
    say(&format!("{}: restored to {}: {}", line(&restored.backup), site.path.display(), words(&restored.survey)));
    if let Some(aside) = restored.aside {
        say(&format!("the store that was there is in {}", aside.display()));
    }
    say("pictures and clips are not in it: `parapet evidence verify` says which of them are missing");
    Ok(())
}

fn line(backup: &BackupInfo) -> String {
    let mib = backup.bytes as f64 / f64::from(1 << 20);
    format!("backup {} of {:.0} ({} files, {mib:.1} MiB)", backup.number, backup.at, backup.files)
}

fn words(survey: &Survey) -> String {
    let newest = survey.newest_alert.map(|at| format!(", the newest of {at:.0}")).unwrap_or_default();
    format!(
        "{} alerts{newest}, {} records about them, {} events, {} messages, {} errors, {} outbox entries, {} things that actors keep",
        survey.alerts,
        survey.alert_updates,
        survey.events,
        survey.rows,
        survey.errors,
        survey.outbox_entries,
        survey.kept
    )
}
