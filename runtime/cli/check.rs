//! `parapet check`: all errors of a site's files at once.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use parapet_config::{BrokerConfig, BusConfig, EmbeddedConfig, Loaded, Problem, Problems, SiteConfig, load};
use serde::Serialize;

use super::{WRONG_INPUT, follow::Format, say, tell};
use crate::{probe::OnnxProbe, secrets::SiteSecrets};

/// Check a site's configuration.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The site's folder.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What `--format json` prints: one object.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    errors: &'a [Problem],
    warnings: &'a [Problem],
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<Summary>,
}

#[derive(Serialize)]
struct Summary {
    id: String,
    cameras: usize,
    models: usize,
    rules: usize,
    uploaders: usize,
}

/// Runs the command: exit code 0 when the site can run, 2 when its files have an error.
///
/// # Errors
/// When the report can't be written as JSON.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let CheckArgs { config, format } = args;
    let secrets = SiteSecrets::new();
    let result = load(&config, &OnnxProbe, secrets.providers()).map(|mut loaded| {
        // It would run, and those files would wait.
        loaded.warnings.append(&mut loaded.waiting);
        loaded
    });
    let code = if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(WRONG_INPUT) };
    match format {
        Format::Json => drop(say(&json(&result)?)),
        Format::Text => text(&result),
    }
    Ok(code)
}

fn json(result: &Result<Loaded, Problems>) -> serde_json::Result<String> {
    let report = match result {
        Ok(loaded) => Report { ok: true, errors: &[], warnings: &loaded.warnings, site: Some(summary(&loaded.config)) },
        Err(problems) => Report { ok: false, errors: &problems.list, warnings: &problems.warnings, site: None },
    };
    serde_json::to_string(&report)
}

fn text(result: &Result<Loaded, Problems>) {
    let warnings = match result {
        Ok(loaded) => &loaded.warnings,
        Err(problems) => &problems.warnings,
    };
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    match result {
        Ok(loaded) => drop(say(&sentence(&loaded.config))),
        Err(problems) => {
            say(&problems.to_string());
            let count = problems.list.len();
            tell(&format!("{count} {}: the site can't run", if count == 1 { "error" } else { "errors" }));
        }
    }
}

fn summary(config: &SiteConfig) -> Summary {
    Summary {
        id: config.site.id.to_string(),
        cameras: config.cameras.len(),
        models: config.models.len(),
        rules: config.rules.len(),
        uploaders: config.uploaders.len(),
    }
}

fn sentence(config: &SiteConfig) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let bus = match &config.site.bus {
        BusConfig::Embedded(EmbeddedConfig { listen, .. }) => format!("its own MQTT broker on {listen}"),
        BusConfig::Broker(BrokerConfig { host, port, .. }) => format!("the MQTT broker {host}:{port}"),
    };
    format!(
        "ok: site {} with {}, {}, {} and {}; HTTP on {}, {bus}",
        config.site.id,
        count(config.cameras.len(), "camera"),
        count(config.models.len(), "model"),
        count(config.rules.len(), "rule"),
        count(config.uploaders.len(), "uploader"),
        config.site.http,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use parapet_config::Secrets;
    use parapet_contracts::ports::probe::NoProbe;

    use super::*;

    fn checked(files: &[(&str, &str)]) -> Result<Loaded, Problems> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        load(dir.path(), &NoProbe, &Secrets::standard())
    }

    #[test]
    fn a_good_site_is_summed_up_in_a_sentence_and_in_json() {
        let result = checked(&[("site.yaml", "site: {id: yard}\n"), ("cameras/gate.yaml", "source: test://ball\n")]);
        let loaded = result.as_ref().unwrap();
        assert_eq!(
            sentence(&loaded.config),
            "ok: site yard with 1 camera, 0 models, 0 rules and 0 uploaders; HTTP on 127.0.0.1:8080, its own MQTT broker on 127.0.0.1:1883"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&result).unwrap()).unwrap();
        assert_eq!(json["ok"], true);
        assert_eq!(json["site"]["cameras"], 1);
    }

    #[test]
    fn errors_in_json_have_file_line_column_message_and_help() {
        let result = checked(&[
            ("site.yaml", "site: {id: yard}\nhtpp: {}\n"),
            ("cameras/gate.yaml", "source: test://ball\nfps: 5\n"),
        ]);
        let json: serde_json::Value = serde_json::from_str(&json(&result).unwrap()).unwrap();
        assert_eq!(json["ok"], false);
        let errors = json["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2, "{json}");
        assert_eq!(
            (errors[0]["file"].as_str(), errors[0]["line"].as_u64(), errors[0]["column"].as_u64()),
            (Some("cameras/gate.yaml"), Some(2), Some(6))
        );
        assert_eq!(errors[0]["help"], "give the unit: `5fps`");
        assert_eq!(errors[1]["message"], "unknown key `htpp`");
    }

    #[test]
    fn a_folder_without_a_site_file_names_the_command_that_makes_one() {
        let problems = checked(&[("cameras/gate.yaml", "source: test://ball\n")]).unwrap_err();
        let line = problems.to_string();
        assert!(
            line.starts_with("site.yaml:1:1: the folder `")
                && line.contains("has no site.yaml; make a site to start from with `parapet init "),
            "{line}"
        );
    }
}
