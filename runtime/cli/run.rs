//! `parapet run`: a site, until it is told to stop.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use parapet_config::{Loaded, Problems, SiteConfig, load};

use super::{LEAVING, WRONG_INPUT, tell};
use crate::{
    faults,
    probe::OnnxProbe,
    process::{self, SiteProcess},
    reload,
    secrets::SiteSecrets,
    telemetry,
};

/// How often a site that waits for its secrets is loaded again.
const AGAIN: Duration = Duration::from_secs(1);

/// Run a site.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The site's folder.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the site can't be started, or gave up.
pub fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let secrets = SiteSecrets::new();
    let loaded = match patiently(&args.config, &secrets)? {
        Some(Ok(loaded)) => loaded,
        Some(Err(problems)) => {
            tell(&problems.to_string());
            return Ok(ExitCode::from(WRONG_INPUT));
        }
        None => return Ok(ExitCode::SUCCESS),
    };
    telemetry::init_logs(&loaded.config.site.telemetry)?;
    faults::arm()?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    in_runtime(async move {
        let process = SiteProcess::start(loaded.config, &args.config, secrets.clone(), None).await?;
        reload::report_waiting(&loaded.waiting, &[], &process.journal);
        process.reload.waits(loaded.waiting);
        announce(&process);
        let reloading = reload::follow(
            args.config,
            Arc::clone(&process.site),
            process.journal.clone(),
            process.reload.clone(),
            secrets,
        );
        process.run_until(reloading).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Loads the site; while values that it needs as a whole are not there yet, as while its vault is away, it waits for them and says why.
/// `None` when it was told to stop meanwhile.
fn patiently(folder: &Path, secrets: &SiteSecrets) -> anyhow::Result<Option<Result<Loaded, Problems>>> {
    let mut told = Vec::new();
    loop {
        match load(folder, &OnnxProbe, secrets.providers()) {
            Err(problems) if problems.waits => {
                if told != problems.list {
                    tell(&format!("the site waits:\n{problems}"));
                    told = problems.list;
                }
            }
            loaded => return Ok(Some(loaded)),
        }
        let stopped = in_runtime(async {
            Ok(tokio::select! {
                signal = process::stop_signal() => signal.is_ok(),
                () = tokio::time::sleep(AGAIN) => false,
            })
        })?;
        if stopped {
            return Ok(None);
        }
    }
}

fn announce(process: &SiteProcess) {
    let config: &SiteConfig = &process.site.config();
    tracing::info!(
        site = %config.site.id, cameras = config.cameras.len(), models = config.models.len(), rules = config.rules.len(),
        http = %format!("http://{}", process.http), broker = %process.broker, "the site runs"
    );
}

/// Runs a future on a runtime of its own. What still blocks afterwards is left behind.
///
/// # Errors
/// The future's own, or when there can be no runtime.
pub(super) fn in_runtime<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_timeout(LEAVING);
    result
}
