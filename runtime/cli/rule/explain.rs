//! `parapet rule explain`: what a rule reads, keeps and puts out.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use parapet_actors::rule::{LATENESS, compile, conditions};
use parapet_config::{Action, Condition, Rule};
use parapet_contracts::{CameraId, RuleId};
use parapet_rule_sql::plan::{Item, Plan, PlanWindow, PlanWindowKind};

use super::play;
use crate::cli::{WRONG_INPUT, say, tell};

/// Print what a rule reads, keeps and puts out.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The rule's file. One in the `rules` folder of a site is read with its site; any other stands alone.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command. Exit code 2 when the rule can't be used.
///
/// # Errors
/// None: what is wrong with the file is told.
pub fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    match play::rule(&args.file, &[]).and_then(|loaded| explain(&loaded.rule)) {
        Ok(lines) => {
            let _heard = lines.iter().all(|line| say(line));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            tell(&format!("error: {error:#}"));
            Ok(ExitCode::from(WRONG_INPUT))
        }
    }
}

fn explain(rule: &Rule) -> anyhow::Result<Vec<String>> {
    let mut lines = vec![format!("rule {} ({}), {}", rule.id, rule.name, rule.severity)];
    if !rule.enabled {
        lines.push("  is not enabled: it judges nothing".to_owned());
    }
    let cameras: Vec<&str> = rule.cameras.iter().map(CameraId::as_str).collect();
    let hears = if cameras.is_empty() { "every camera of its site".to_owned() } else { cameras.join(", ") };
    let model = rule.model.as_ref().map_or_else(|| "any model".to_owned(), |model| format!("the model {model}"));
    lines.push(format!("  hears      {hears}; {model}"));
    let compiled = compile(rule)?;
    if let Some(conditions) = conditions(rule) {
        classic(rule, conditions, &mut lines);
        lines.push(format!("  means      {}", compiled.sql));
    }
    statement(&compiled.plan, &mut lines);
    if !rule.reads.alerts_of.is_empty() {
        let rules: Vec<&str> = rule.reads.alerts_of.iter().map(RuleId::as_str).collect();
        lines.push(format!("  hears      alerts of {}", rules.join(", ")));
    }
    if !rule.schedule.is_empty() {
        let periods: Vec<String> = rule
            .schedule
            .iter()
            .map(|period| format!("{:?} from {} to {}", period.days, period.from, period.to))
            .collect();
        lines.push(format!("  awake      {}", periods.join("; ")));
    }
    alerting(rule, &mut lines);
    if let Some(message) = &rule.message {
        lines.push(format!("  message    {message}"));
    }
    Ok(lines)
}

/// What becomes of what the statement puts out.
fn alerting(rule: &Rule, lines: &mut Vec<String>) {
    let says = &rule.alerting;
    let apart = says.key.as_deref().unwrap_or("{camera}");
    lines.push(format!("  apart by   {apart}"));
    if !rule.held_for.is_zero() {
        lines.push(format!("  held for   {:?}: until then it is pending", rule.held_for));
    }
    match says.resolve_after {
        Some(after) => {
            lines.push(format!("  goes on    until the condition has not held for {after:?}; then it is resolved"));
            if let Some(every) = says.remind_every {
                lines.push(format!("  reminds    every {every:?}, until somebody acknowledges it"));
            }
            for step in &says.escalate {
                lines.push(format!("  escalates  to {} after {:?}, unless acknowledged", step.severity, step.after));
            }
        }
        None => lines.push("  goes on    not: an alert has no length".to_owned()),
    }
    lines.push(format!("  cooldown   {:?} after an alert", rule.cooldown));
    if !says.maintenance.is_empty() {
        lines.push(format!("  silent     in {} maintenance windows", says.maintenance.len()));
    }
    lines.push(format!("  evidence   {}", if says.picture { "the picture" } else { "none" }));
    for action in &says.actions {
        lines.push(match action {
            Action::Mqtt { topic } => format!("  sends      to the topic {topic}"),
            Action::Uploader(id) => format!("  sends      to the uploader {id}"),
        });
    }
    if let Some(title) = &says.title {
        lines.push(format!("  title      {title}"));
    }
}

fn classic(rule: &Rule, conditions: &[Condition], lines: &mut Vec<String>) {
    for condition in conditions {
        let labels = condition.labels.join(" or ");
        lines.push(format!(
            "  wants      {} × {labels} with a score of {} or more",
            condition.min_count, condition.min_score
        ));
    }
    if let Some(zone) = &rule.zone {
        let name = zone.name.as_deref().unwrap_or("a polygon of its own");
        lines.push(format!("  where      the bottom centre of the box lies in {name}"));
    }
}

fn statement(plan: &Plan, lines: &mut Vec<String>) {
    for (number, source) in plan.sources.iter().enumerate() {
        let columns: Vec<&str> =
            plan.columns.iter().filter(|c| c.source.is_none_or(|s| s == number)).map(|c| c.name.as_ref()).collect();
        let columns = if plan.reads_all { "every column".to_owned() } else { columns.join(", ") };
        let known_as = if source.name == source.known_as { String::new() } else { format!(" as {}", source.known_as) };
        lines.push(format!("  reads      {}{known_as}: {columns}", source.name));
    }
    for join in &plan.joins {
        lines.push(format!("  joins      {:?} {}", join.kind, plan.sources.get(join.source).map_or("", |s| &s.name)));
    }
    if plan.filter.is_some() {
        lines.push("  filters    rows by WHERE".to_owned());
    }
    for call in &plan.analytics {
        lines.push(format!("  remembers  {} for each of its partitions", call.name));
    }
    match &plan.window {
        Some(found) => {
            lines.push(format!("  window     {}", window(found)));
            lines.push(match &plan.folding {
                Some(folding) => format!(
                    "  keeps      of each group its first row and {} results, not its rows; past 100000 groups new ones are refused, \
                     and counted",
                    folding.calls.len()
                ),
                None => "  keeps      the rows of open windows, 100000 at most; the oldest go, and are counted".to_owned(),
            });
        }
        None if plan.judges_rows_alone() => lines.push("  keeps      no rows: each is judged alone".to_owned()),
        None => lines.push("  keeps      what it remembers, and no rows".to_owned()),
    }
    for line in plan.alert.iter().flat_map(parapet_rule_sql::plan::PlanAlert::explained) {
        lines.push(format!("  alert      {line}"));
    }
    if !plan.judges_rows_alone() {
        lines.push(format!("  order      by event time; an event waits {} ms for earlier ones", LATENESS.as_millis()));
    }
    if !plan.group_by.is_empty() {
        lines.push(format!("  groups     by {} of its expressions", plan.group_by.len()));
    }
    if plan.having.is_some() {
        lines.push("  filters    groups by HAVING".to_owned());
    }
    let fields: Vec<String> = plan.output.items.iter().map(field).collect();
    lines.push(format!("  puts out   {}", fields.join(", ")));
}

fn field(item: &Item) -> String {
    match item {
        Item::All(_) => "every column".to_owned(),
        Item::Columns(_) => "columns that are named at run time".to_owned(),
        Item::Named { name, .. } => name.to_string(),
    }
}

fn window(window: &PlanWindow) -> String {
    let shape = match &window.kind {
        PlanWindowKind::Tumbling { length, .. } => format!("tumbling, {length} ms: at its end"),
        PlanWindowKind::Hopping { length, interval, .. } => format!("hopping, {length} ms: every {interval} ms"),
        PlanWindowKind::Sliding { length, delay } => format!("sliding, {length} ms: {delay} ms after each row"),
        PlanWindowKind::Session { length, timeout, .. } => {
            format!("session: after {timeout} ms of silence, or {length} ms")
        }
        PlanWindowKind::Count { length, interval } => format!("{length} rows: every {interval} rows"),
        PlanWindowKind::State { .. } => "from one condition to another".to_owned(),
    };
    let filter = if window.filter.is_some() { "; its FILTER lets rows in" } else { "" };
    let when = if window.when.is_some() { "; its WHEN triggers it" } else { "" };
    format!("{shape}{filter}{when}")
}
