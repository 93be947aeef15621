//! Plays what happened to a rule under a virtual clock: the time is that of the events, so the same events give the same alerts.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use jiff::SignedDuration;
use parapet_actors::rule::{LATENESS, Program};
use parapet_config::{LoadedRule, Rule, load_rule};
use parapet_contracts::{
    CameraId, Happening,
    cloudevent::Event,
    ports::rule::{Outcome, RuleProgram, RuleStats},
};

use crate::{probe::OnnxProbe, secrets::without_vault};

/// A line of a file of events is at most this long.
const LONGEST_LINE: usize = 4 << 20;

/// What a rule made of one event, or of the time after the last.
pub(super) struct Step {
    /// The event; `None` when only time passed.
    pub happening: Option<Happening>,
    /// The alerts, and what became of them.
    pub outcomes: Vec<Outcome>,
    /// Why there are those, or none.
    pub why: String,
}

/// Reads a rule, as a part of its site or alone; `all` cameras are those of the events besides.
pub(super) fn rule(file: &Path, events: &[Happening]) -> anyhow::Result<LoadedRule> {
    let mut cameras: Vec<CameraId> = events.iter().filter_map(|event| event.camera().cloned()).collect();
    cameras.sort();
    cameras.dedup();
    load_rule(file, &cameras, &OnnxProbe, &without_vault()).map_err(|problems| anyhow!("{problems}"))
}

/// The events of a file of CloudEvents, one a line.
pub(super) fn events(file: &Path) -> anyhow::Result<Vec<Happening>> {
    let shown = file.display().to_string();
    read(BufReader::new(File::open(file).with_context(|| shown.clone())?), &shown)
}

/// The events of a text of CloudEvents, one a line; errors call it `shown`.
pub(super) fn read(mut reader: impl std::io::BufRead, shown: &str) -> anyhow::Result<Vec<Happening>> {
    let (mut events, mut line) = (Vec::new(), Vec::new());
    for number in 1_usize.. {
        line.clear();
        let mut limited = Read::take(&mut reader, LONGEST_LINE as u64 + 1);
        if limited.read_until(b'\n', &mut line).with_context(|| shown.to_owned())? == 0 {
            break;
        }
        if line.len() > LONGEST_LINE {
            bail!("{shown}:{number}: this line is longer than 4 MiB; one event a line is expected");
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        events.push(match Event::from_json(text).map_err(|error| anyhow!("{shown}:{number}: {error}"))? {
            Event::Detection(event) => Happening::Seen(Arc::new(event)),
            Event::Alert(alert) => Happening::Alert(Arc::from(alert)),
            Event::AlertUpdate(update) => Happening::AlertUpdate(Arc::new(update)),
            Event::Status(status) => Happening::Status(Arc::new(status)),
            Event::Stream(row) => Happening::Row(Arc::new(row)),
            // No rule hears of these.
            Event::Error(_) | Event::Evidence(_) => continue,
        });
    }
    Ok(events)
}

/// Plays the events in their order; then the time goes on by `then`. Each step is given to `see`, until it says `false`.
pub(super) fn play(
    loaded: &LoadedRule,
    events: &[Happening],
    then: Duration,
    mut see: impl FnMut(Step) -> bool,
) -> anyhow::Result<RuleStats> {
    let rule = Arc::new(loaded.rule.clone());
    let mut program = Program::new(Arc::clone(&rule)).map_err(|error| anyhow!("{error}"))?;
    program.set_tables(&loaded.tables);
    let mut newest = None;
    for event in events {
        let before = program.stats();
        // Between two events of a site the time is told: what is due until then comes before the later one.
        let mut outcomes = match newest {
            Some(newest) if event.ts() > newest => idle(&mut program, newest, event.ts()),
            _ => Vec::new(),
        };
        newest = newest.max(Some(event.ts()));
        outcomes.extend(program.hear(event));
        let why = why(&rule, event, &program, before);
        if !see(Step { happening: Some(event.clone()), outcomes, why }) {
            return Ok(program.stats());
        }
    }
    if let Some(last) = newest {
        let before = program.stats();
        // Events wait for others that long: all of them have their turn.
        let then = SignedDuration::try_from(then).unwrap_or(SignedDuration::MAX).max(LATENESS);
        let end = last.checked_add(then).context("the time after the last event is too long")?;
        let outcomes = program.advance(end);
        let why = changes(&program, before);
        see(Step { happening: None, outcomes, why });
    }
    Ok(program.stats())
}

/// How far a site lets time go on while nothing comes: so long behind the clock.
const GRACE: SignedDuration = SignedDuration::from_secs(2);

fn idle(
    program: &mut Program,
    newest: parapet_contracts::Timestamp,
    next: parapet_contracts::Timestamp,
) -> Vec<Outcome> {
    match next.checked_sub(GRACE) {
        Ok(until) if until > newest && program.waits_for_time() => program.advance(until),
        _ => Vec::new(),
    }
}

fn why(rule: &Rule, event: &Happening, program: &Program, before: RuleStats) -> String {
    if program.stats().events > before.events {
        return changes(program, before);
    }
    if !rule.enabled {
        return "the rule is not enabled".to_owned();
    }
    match event {
        Happening::Seen(event) if !rule.cameras.contains(&event.camera) => {
            format!("{} is no camera of this rule", event.camera)
        }
        Happening::Seen(event) => format!("what {} sees does not concern this rule", event.model),
        Happening::Status(_) => "the rule does not read the stream status, or not of this camera".to_owned(),
        Happening::Alert(alert) => format!("the rule does not hear alerts of {}", alert.rule),
        Happening::AlertUpdate(update) => format!("the rule does not hear alerts of {}", update.rule),
        Happening::Row(row) => format!("the rule does not read the stream {}", row.stream),
    }
}

/// What the counters say of a step.
fn changes(program: &Program, before: RuleStats) -> String {
    let now = program.stats();
    let mut words = Vec::new();
    let mut count = |more: u64, what: &str| {
        if more > 0 {
            words.push(if more == 1 { what.to_owned() } else { format!("{what} ({more} times)") });
        }
    };
    count(now.restarted.saturating_sub(before.restarted), "a clock was set: the rule began anew");
    count(now.late.saturating_sub(before.late), "late: not judged");
    count(now.matched.saturating_sub(before.matched), "the condition held");
    count(now.held_back.saturating_sub(before.held_back), "held back: it goes on, or by the cooldown");
    count(now.silenced.saturating_sub(before.silenced), "held back by a maintenance window");
    count(now.fired.saturating_sub(before.fired), "fired");
    count(now.resolved.saturating_sub(before.resolved), "resolved");
    if now.errors > before.errors {
        words.push(format!("could not be judged: {}", program.last_error().unwrap_or_default()));
    }
    let state = program.state();
    if words.is_empty() && state.pending > 0 {
        words.push(format!("pending ({})", state.pending));
    }
    if words.is_empty() { "the condition did not hold, or waits for more".to_owned() } else { words.join("; ") }
}
