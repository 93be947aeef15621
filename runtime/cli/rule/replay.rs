//! `parapet rule replay`: a rule and recorded events, without a site and without a clock.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;
use clap::Args;
use parapet_config::units::parse_duration;
use parapet_contracts::{
    CameraId, Happening, Timestamp,
    ports::rule::{Outcome, RuleStats},
};
use serde_json::{Value, json};

use super::{
    play::{self, Step, play},
    recorded,
};
use crate::cli::{WRONG_INPUT, client::SiteAddress, follow::Format, say, tell};

/// Play recorded events to a rule, and print its alerts.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The rule's file. One in the `rules` folder of a site is read with its site; any other stands alone.
    #[arg(long, value_name = "FILE")]
    rule: PathBuf,
    /// The events: CloudEvents, one a line.
    #[arg(long, value_name = "FILE.jsonl", required_unless_present = "from", conflicts_with = "from")]
    events: Option<PathBuf>,
    /// Instead of a file, what the site has recorded since then, such as 2026-11-23T08:00:00Z: of the running one, or, when
    /// it is stopped, of that in the folder `--config`.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Up to then; now when absent.
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<Timestamp>,
    #[command(flatten)]
    site: SiteAddress,
    /// Let the time go on for so long after the last event, so that windows close.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    then: Duration,
    /// Print for each event what the rule made of it.
    #[arg(long)]
    trace: bool,
    /// How to print: lines for people, or a JSON object for each alert (and each event, with `--trace`).
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a duration such as `10s` is wanted".to_owned())
}

/// Runs the command. Exit code 0, whether or not the rule fired; 2 when the rule or the events can't be used.
///
/// # Errors
/// None: what is wrong with the input is told.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    match replay(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            tell(&format!("error: {error:#}"));
            Ok(ExitCode::from(WRONG_INPUT))
        }
    }
}

fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let events = match (&args.events, args.from) {
        (Some(file), _) => play::events(file)?,
        (None, Some(from)) => {
            let to = args.to.unwrap_or_else(Timestamp::now);
            if to <= from {
                bail!("--to must be later than --from: nothing is within {from} and {to}");
            }
            recorded::events(&args.site, from..to)?
        }
        (None, None) => bail!("give --events FILE.jsonl, or --from TIME"),
    };
    if events.is_empty() {
        bail!("there are no events to play");
    }
    let loaded = play::rule(&args.rule, &events)?;
    let mut heard = true;
    let stats = play(&loaded, &events, args.then, |step| {
        heard = lines(&step, args.trace, args.format).iter().all(|line| say(line));
        heard
    })?;
    if heard {
        tell(&summary(events.len(), stats));
    }
    Ok(())
}

/// What an event is about, in a few words.
pub(super) fn about(event: &Happening) -> String {
    match event {
        Happening::Seen(event) => format!("{} frame {}", event.camera, event.frame),
        Happening::Status(event) => {
            format!("{} {}", event.camera.as_ref().map_or("site", CameraId::as_str), event.health.as_str())
        }
        Happening::Alert(alert) => format!("alert of {}", alert.rule),
        Happening::AlertUpdate(update) => format!("alert of {} {}", update.rule, update.change.as_str()),
        Happening::Row(row) => format!("{} {}", row.stream, Value::Object(row.data.clone())),
    }
}

fn lines(step: &Step, trace: bool, format: Format) -> Vec<String> {
    let mut lines = Vec::new();
    if trace {
        lines.push(match format {
            Format::Json => traced(step).to_string(),
            Format::Text => match &step.happening {
                Some(event) => format!("{} {}: {}", event.ts(), about(event), step.why),
                None => format!("after the last event: {}", step.why),
            },
        });
    }
    lines.extend(step.outcomes.iter().map(|outcome| match format {
        Format::Json => outcome_json(outcome).to_string(),
        Format::Text => outcome_line(outcome),
    }));
    lines
}

fn traced(step: &Step) -> Value {
    match &step.happening {
        Some(event) => {
            let mut line = json!({ "event": event.id(), "ts": event.ts(), "about": about(event), "why": step.why });
            if let Happening::Seen(event) = event {
                line["camera"] = json!(event.camera);
                line["frame"] = json!(event.frame);
            }
            line
        }
        None => json!({ "event": null, "why": step.why }),
    }
}

/// What a rule said, in one line for people.
pub(super) fn outcome_line(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Fired(draft) => {
            let camera = draft.camera.as_ref().map_or("–", CameraId::as_str);
            format!("{} {camera} ALERT {} (since {})", draft.ts, draft.message, draft.since)
        }
        Outcome::Changed(change) => format!("{} {} {}", change.at, change.key, change.change.as_str()),
    }
}

fn outcome_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Fired(draft) => json!({
            "alert": draft.message,
            "id": draft.id,
            "key": draft.key,
            "ts": draft.ts,
            "camera": draft.camera,
            "frame": draft.event.as_ref().map(|event| event.frame),
            "since": draft.since,
            "severity": draft.severity,
            "event": draft.cause,
            "objects": draft.objects,
        }),
        Outcome::Changed(change) => json!({
            "change": change.change,
            "id": change.alert,
            "key": change.key,
            "ts": change.at,
            "severity": change.severity,
        }),
    }
}

/// Why there are as many alerts as there are.
fn summary(events: usize, stats: RuleStats) -> String {
    let heard = usize::try_from(stats.events).unwrap_or(usize::MAX);
    let mut words = format!(
        "{} alerts from {events} events: {} not of this rule's streams, cameras or model, condition held {} times, held back {} times, {} late, {} errors",
        stats.fired,
        events.saturating_sub(heard),
        stats.matched,
        stats.held_back,
        stats.late,
        stats.errors
    );
    for (count, what) in [(stats.resolved, "resolved"), (stats.silenced, "silenced"), (stats.restarted, "began anew")] {
        if count > 0 {
            words.push_str(&format!(", {what} {count} times"));
        }
    }
    words
}
