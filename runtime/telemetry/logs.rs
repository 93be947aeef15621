//! Logs go to standard error: text for people, or one JSON object a line.

use std::io::IsTerminal;

use parapet_config::TelemetryConfig;
use tracing_subscriber::EnvFilter;

/// What libraries say only when somebody asks for it by name: ractor puts a span with a number around each line of an actor, and the
/// broker inside tells of itself what the site tells anyway.
const QUIET: [&str; 3] = ["ractor=warn", "rmqtt=warn", "ort=warn"];

/// Starts logging. `PARAPET_LOG` overrides the level of `site.yaml`.
///
/// # Errors
/// When the level is no filter, or logging was started before.
pub fn init_logs(config: &TelemetryConfig) -> anyhow::Result<()> {
    let level = std::env::var("PARAPET_LOG").unwrap_or_else(|_| config.level.clone());
    let filter = EnvFilter::try_new(filter_text(&level))
        .map_err(|error| anyhow::anyhow!("`{level}` is no log level: {error}"))?;
    // Colours are for people; a file or a journal would keep them as garbage.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    let started = if config.json {
        subscriber.json().flatten_event(true).try_init()
    } else {
        subscriber.with_target(false).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging can't be started: {error}"))
}

/// `level` with what is quiet unless it is named there. What stands later in a filter wins over the same target before.
fn filter_text(level: &str) -> String {
    QUIET.iter().map(|quiet| format!("{quiet},")).collect::<String>() + level
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        let filter = EnvFilter::try_new(filter_text("info")).unwrap().to_string();
        assert!(filter.contains("ractor=warn") && filter.contains("rmqtt=warn") && filter.contains("info"), "{filter}");
        let filter = EnvFilter::try_new(filter_text("info,ractor=debug")).unwrap().to_string();
        assert!(filter.contains("ractor=debug") && !filter.contains("ractor=warn"), "{filter}");
    }
}
