//! Logs go to standard error: text for people, or one JSON object a line.

use parapet_config::TelemetryConfig;
use tracing_subscriber::EnvFilter;

/// Starts logging. `PARAPET_LOG` overrides the level of `site.yaml`.
///
/// # Errors
/// When the level is no filter, or logging was started before.
pub fn init_logs(config: &TelemetryConfig) -> anyhow::Result<()> {
    let level = std::env::var("PARAPET_LOG").unwrap_or_else(|_| config.level.clone());
    let filter = EnvFilter::try_new(&level).map_err(|error| anyhow::anyhow!("`{level}` is no log level: {error}"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.json {
        subscriber.json().flatten_event(true).try_init()
    } else {
        subscriber.with_target(false).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging can't be started: {error}"))
}
