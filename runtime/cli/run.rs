//! `parapet run`: a site, until it is told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use parapet_config::{Secrets, SiteConfig, load};

use super::{LEAVING, WRONG_INPUT, tell};
use crate::{probe::OnnxProbe, process::SiteProcess, reload, telemetry};

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
    let loaded = match load(&args.config, &OnnxProbe, &Secrets::standard()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            tell(&problems.to_string());
            return Ok(ExitCode::from(WRONG_INPUT));
        }
    };
    telemetry::init_logs(&loaded.config.site.telemetry)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    in_runtime(async move {
        let process = SiteProcess::start(loaded.config, &args.config, None).await?;
        announce(&process);
        let reloading =
            reload::follow(args.config, Arc::clone(&process.site), process.journal.clone(), process.reload.clone());
        process.run_until(reloading).await?;
        Ok(ExitCode::SUCCESS)
    })
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
