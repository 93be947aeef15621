//! Plays events to a rule under a virtual clock: the time is that of the events, so the same events give the same alerts.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use jiff::SignedDuration;
use parapet_actors::rule::{LATENESS, program_for};
use parapet_config::{Rule, Secrets, load_rule};
use parapet_contracts::{
    AlertDraft, CameraId, DetectionEvent,
    cloudevent::Event,
    ports::rule::{RuleProgram, RuleStats},
};

use crate::probe::OnnxProbe;

/// A line of a file of events is at most this long.
const LONGEST_LINE: usize = 4 << 20;

/// What a rule made of one event, or of the time after the last.
pub(super) struct Step {
    /// The event; `None` when only time passed.
    pub event: Option<Arc<DetectionEvent>>,
    /// The alerts.
    pub drafts: Vec<AlertDraft>,
    /// Why there are those, or none.
    pub why: String,
}

/// Reads a rule, as a part of its site or alone; `all` cameras are those of the events besides.
pub(super) fn rule(file: &Path, events: &[Arc<DetectionEvent>]) -> anyhow::Result<Arc<Rule>> {
    let mut cameras: Vec<CameraId> = events.iter().map(|event| event.camera.clone()).collect();
    cameras.sort();
    cameras.dedup();
    load_rule(file, &cameras, &OnnxProbe, &Secrets::standard()).map(Arc::new).map_err(|problems| anyhow!("{problems}"))
}

/// The detections of a file of CloudEvents, one a line, and how many events of other types it holds.
pub(super) fn events(file: &Path) -> anyhow::Result<(Vec<Arc<DetectionEvent>>, usize)> {
    let shown = file.display();
    let mut reader = BufReader::new(File::open(file).with_context(|| shown.to_string())?);
    let (mut events, mut others, mut line) = (Vec::new(), 0, Vec::new());
    for number in 1_usize.. {
        line.clear();
        let mut limited = std::io::Read::take(&mut reader, LONGEST_LINE as u64 + 1);
        if limited.read_until(b'\n', &mut line).with_context(|| shown.to_string())? == 0 {
            break;
        }
        if line.len() > LONGEST_LINE {
            bail!("{shown}:{number}: this line is longer than 4 MiB; one event a line is expected");
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match Event::from_json(text).map_err(|error| anyhow!("{shown}:{number}: {error}"))? {
            Event::Detection(event) => events.push(Arc::new(event)),
            Event::Alert(_) | Event::Status(_) => others += 1,
        }
    }
    Ok((events, others))
}

/// Plays the events in their order; then the time goes on by `then`. Each step is given to `see`, until it says `false`.
pub(super) fn play(
    rule: &Arc<Rule>,
    events: &[Arc<DetectionEvent>],
    then: Duration,
    mut see: impl FnMut(Step) -> bool,
) -> anyhow::Result<RuleStats> {
    let mut program = program_for(rule).map_err(anyhow::Error::msg)?;
    for event in events {
        let before = program.stats();
        let drafts = program.on_event(event);
        let why = why(rule, event, program.as_ref(), before);
        if !see(Step { event: Some(Arc::clone(event)), drafts, why }) {
            return Ok(program.stats());
        }
    }
    if let Some(last) = events.iter().map(|event| event.ts).max() {
        let before = program.stats();
        // Events wait for others that long: all of them have their turn.
        let then = SignedDuration::try_from(then).unwrap_or(SignedDuration::MAX).max(LATENESS);
        let end = last.checked_add(then).context("the time after the last event is too long")?;
        let drafts = program.advance(end);
        let why = changes(program.as_ref(), before);
        see(Step { event: None, drafts, why });
    }
    Ok(program.stats())
}

fn why(rule: &Rule, event: &DetectionEvent, program: &dyn RuleProgram, before: RuleStats) -> String {
    if program.stats().events > before.events {
        return changes(program, before);
    }
    if !rule.enabled {
        return "the rule is not enabled".to_owned();
    }
    if !rule.cameras.contains(&event.camera) {
        return format!("{} is no camera of this rule", event.camera);
    }
    format!("what {} sees does not concern this rule", event.model)
}

/// What the counters say of a step.
fn changes(program: &dyn RuleProgram, before: RuleStats) -> String {
    let now = program.stats();
    let mut words = Vec::new();
    let mut count = |more: u64, what: &str| {
        if more > 0 {
            words.push(if more == 1 { what.to_owned() } else { format!("{what} ({more} times)") });
        }
    };
    count(now.restarted - before.restarted, "a clock was set: the rule began anew");
    count(now.late - before.late, "late: not judged");
    count(now.matched - before.matched, "the condition held");
    count(now.held_back - before.held_back, "held back by the cooldown");
    count(now.fired - before.fired, "fired");
    if now.errors > before.errors {
        words.push(format!("could not be judged: {}", program.last_error().unwrap_or_default()));
    }
    if words.is_empty() { "the condition did not hold, or waits for more".to_owned() } else { words.join("; ") }
}
