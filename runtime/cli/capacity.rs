//! `parapet capacity`: how many more cameras fit on this machine.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use parapet_config::{load, units::parse_duration};
use parapet_contracts::ports::media::MediaPort;
use parapet_media_gstreamer::GstMedia;

use super::{WRONG_INPUT, follow::Format, say, tell};
use crate::{capacity, inference::SiteEngines, probe::OnnxProbe, secrets::SiteSecrets};

/// Measure this machine with a site's cameras and models, and tell how many more of each kind fit.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// The site's folder.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// How long to measure: `60s`, `2m`.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = span)]
    span: Duration,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn span(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(span) if (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&span) => Ok(span),
        _ => Err("a time from 1s to 1h is wanted, such as `60s`".to_owned()),
    }
}

/// Runs the command: exit code 2 when the site's files have an error, 1 when nothing could be measured.
///
/// # Errors
/// When a library is missing, or the report is no JSON.
pub fn run(args: &CapacityArgs) -> anyhow::Result<ExitCode> {
    let loaded = match load(&args.config, &OnnxProbe, SiteSecrets::new().providers()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            tell(&format!("error: {problems}"));
            return Ok(ExitCode::from(WRONG_INPUT));
        }
    };
    if !loaded.config.cameras.values().any(|camera| camera.enabled) {
        tell("error: the site has no camera that is enabled: there is nothing to measure; add one to `cameras/`");
        return Ok(ExitCode::from(WRONG_INPUT));
    }
    let media: Arc<dyn MediaPort> = Arc::new(GstMedia::new()?);
    let engines = SiteEngines::new(&loaded.config);
    let progress = |what: &str| tell(&format!("measuring: {what}"));
    let report = capacity::measure(&loaded.config, &media, &engines, args.span, &progress);
    match args.format {
        Format::Json => say(&serde_json::to_string(&report)?),
        Format::Text => say(&report.text()),
    };
    Ok(if report.kinds.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
