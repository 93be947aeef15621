//! `parapet rule replay`: a rule and recorded events, without a site and without a clock.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;
use clap::Args;
use parapet_config::units::parse_duration;
use parapet_contracts::{AlertDraft, ports::rule::RuleStats};
use serde_json::{Value, json};

use super::play::{self, Step, play};
use crate::cli::{WRONG_INPUT, follow::Format, say, tell};

/// Play recorded events to a rule, and print its alerts.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The rule's file. One in the `rules` folder of a site is read with its site; any other stands alone.
    #[arg(long, value_name = "FILE")]
    rule: PathBuf,
    /// The events: CloudEvents of detections, one a line.
    #[arg(long, value_name = "FILE.jsonl")]
    events: PathBuf,
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
    let (events, others) = play::events(&args.events)?;
    if events.is_empty() {
        bail!("{} holds no detections ({others} other events)", args.events.display());
    }
    let rule = play::rule(&args.rule, &events)?;
    let mut heard = true;
    let stats = play(&rule, &events, args.then, |step| {
        heard = lines(&step, args.trace, args.format).iter().all(|line| say(line));
        heard
    })?;
    if heard {
        tell(&summary(events.len(), others, stats));
    }
    Ok(())
}

fn lines(step: &Step, trace: bool, format: Format) -> Vec<String> {
    let mut lines = Vec::new();
    if trace {
        lines.push(match format {
            Format::Json => traced(step).to_string(),
            Format::Text => match &step.event {
                Some(event) => {
                    format!("{} {} frame {}: {}", event.ts, event.camera, event.frame, step.why)
                }
                None => format!("after the last event: {}", step.why),
            },
        });
    }
    lines.extend(step.drafts.iter().map(|draft| match format {
        Format::Json => alert(draft).to_string(),
        Format::Text => {
            format!("{} {} ALERT {} (since {})", draft.event.ts, draft.event.camera, draft.message, draft.since)
        }
    }));
    lines
}

fn traced(step: &Step) -> Value {
    match &step.event {
        Some(event) => json!({
            "event": event.id, "ts": event.ts, "camera": event.camera, "frame": event.frame, "why": step.why,
        }),
        None => json!({ "event": null, "why": step.why }),
    }
}

fn alert(draft: &AlertDraft) -> Value {
    json!({
        "alert": draft.message,
        "ts": draft.event.ts,
        "camera": draft.event.camera,
        "frame": draft.event.frame,
        "since": draft.since,
        "event": draft.event.id,
        "objects": draft.objects,
    })
}

/// Why there are as many alerts as there are.
fn summary(events: usize, others: usize, stats: RuleStats) -> String {
    let heard = usize::try_from(stats.events).unwrap_or(usize::MAX);
    let mut words = format!(
        "{} alerts from {events} events: {} not of this rule's cameras or model, condition held {} times, held back by the cooldown {} times, {} late, {} errors",
        stats.fired,
        events.saturating_sub(heard),
        stats.matched,
        stats.held_back,
        stats.late,
        stats.errors
    );
    if stats.restarted > 0 {
        words.push_str(&format!(", began anew {} times", stats.restarted));
    }
    if others > 0 {
        words.push_str(&format!("; {others} events of other types were skipped"));
    }
    words
}
