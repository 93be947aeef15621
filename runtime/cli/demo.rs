//! `parapet demo`: a site that needs nothing from outside.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use parapet_actors::store::{AlertObserver, Timeline};
use parapet_config::{load, units::parse_duration};
use parapet_contracts::Alert;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use super::{alerts::text_line, follow::Format, run::in_runtime, say, tell};
use crate::{demo::write_site, probe::OnnxProbe, process::SiteProcess, secrets::SiteSecrets, telemetry};

/// Run a site that needs nothing from outside.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End by itself after this time, with a summary, such as 30s or 2m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write the site here and keep it; a temporary folder otherwise.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("`{text}` is no duration: write 30s or 2m"))
}

/// Alerts that wait to be printed at most; more are counted in the summary alone.
const PRINT_QUEUE: usize = 256;

/// Runs the command.
///
/// # Errors
/// When the site can't be started.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let temporary = tempfile::Builder::new().prefix("parapet-demo-").tempdir()?;
    let folder = args.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    write_site(&folder).with_context(|| format!("writing the demo's site into {}", folder.display()))?;
    let secrets = SiteSecrets::new();
    let loaded = load(&folder, &OnnxProbe, secrets.providers()).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    telemetry::init_logs(&loaded.config.site.telemetry)?;
    let (sender, mut alerts) = mpsc::channel(PRINT_QUEUE);
    in_runtime(async move {
        let started = Instant::now();
        let process = SiteProcess::start(loaded.config, &folder, secrets, Some(Arc::new(Printer(sender)))).await?;
        if args.format == Format::Text {
            introduce(&process, &folder, args.duration);
        }
        let site = Arc::clone(&process.site);
        let mut first = None;
        let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
        let printing = async {
            let end = args.duration.map(|duration| started + duration);
            loop {
                let alert: Alert = tokio::select! {
                    Some(alert) = alerts.recv() => alert,
                    () = tokio::time::sleep_until(end.unwrap_or(started)), if end.is_some() => return,
                    else => return,
                };
                first.get_or_insert_with(|| started.elapsed());
                *by_rule.entry(alert.rule.to_string()).or_default() += 1;
                if !print(&alert, args.format) {
                    return;
                }
            }
        };
        let report = process.run_until(printing).await?;
        summarise(&site, &by_rule, first, started.elapsed(), report.is_clean(), args.format);
        Ok(ExitCode::SUCCESS)
    })
}

struct Printer(mpsc::Sender<Alert>);

impl AlertObserver for Printer {
    fn durable(&self, alert: &Alert, _timeline: &Timeline) {
        if self.0.try_send(alert.clone()).is_err() {
            tracing::warn!(alert = %alert.id, "standard output is too slow: the alert is kept, but not printed");
        }
    }
}

fn introduce(process: &SiteProcess, folder: &std::path::Path, duration: Option<Duration>) {
    let end = duration.map_or("until Ctrl-C".to_owned(), |d| format!("for {} s", d.as_secs()));
    tell(&format!(
        "Parapet demo, {end}: a camera plays a clip, a detector looks at it, two rules judge what it sees.\n\
         \x20 status       http://{0}/api/v1/status\n\
         \x20 alerts       http://{0}/api/v1/alerts   (a picture with boxes: …/alerts/ID/image?boxes=true)\n\
         \x20 metrics      http://{0}/metrics\n\
         \x20 MQTT 5       {1}, topics parapet/demo/#\n\
         \x20 the site     {2}\n\
         Alerts as they come:",
        process.http,
        process.broker,
        folder.display()
    ));
}

fn print(alert: &Alert, format: Format) -> bool {
    match format {
        Format::Text => say(&text_line(alert)),
        Format::Json => {
            let mut value = serde_json::to_value(alert).unwrap_or_default();
            if let Value::Object(fields) = &mut value {
                fields.insert("type".to_owned(), json!("alert"));
            }
            say(&value.to_string())
        }
    }
}

fn summarise(
    site: &parapet_actors::site::Site,
    by_rule: &BTreeMap<String, u64>,
    first: Option<Duration>,
    ran: Duration,
    clean: bool,
    format: Format,
) {
    let frames: u64 = site.cameras().values().map(|board| board.status().frames_in).sum();
    let models: Vec<_> = site.models().values().map(|board| board.status()).collect();
    let inferences: u64 = models.iter().map(|model| model.inferences).sum();
    let errors = site.links().journal.reported();
    let alerts: u64 = by_rule.values().sum();
    let summary = json!({
        "type": "summary",
        "seconds": ran.as_secs_f64(),
        "frames": frames,
        "inferences": inferences,
        "inference_ms": models.first().map(|model| model.inference_ms),
        "alerts": alerts,
        "alerts_by_rule": by_rule,
        "seconds_to_first_alert": first.map(|first| first.as_secs_f64()),
        "errors": errors,
        "stopped_in_order": clean,
    });
    match format {
        Format::Json => drop(say(&summary.to_string())),
        Format::Text => tell(&format!(
            "Ran {:.1} s: {frames} frames, {inferences} looked at, {alerts} alerts{}, {errors} errors.",
            ran.as_secs_f64(),
            first.map_or(String::new(), |first| format!(" (the first after {:.1} s)", first.as_secs_f64())),
        )),
    }
}
