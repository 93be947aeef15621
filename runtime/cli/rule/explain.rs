//! `parapet rule explain`: what a rule reads, keeps and puts out.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use parapet_actors::rule::LATENESS;
use parapet_config::{Condition, Rule, RuleBody, streams};
use parapet_contracts::CameraId;
use parapet_rule_sql::{
    parse_select,
    plan::{Item, Mode, Plan, PlanWindow, PlanWindowKind},
};

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
    match play::rule(&args.file, &[]).and_then(|rule| explain(&rule)) {
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
    match &rule.body {
        RuleBody::Classic(conditions) => classic(rule, conditions, &mut lines),
        RuleBody::Sql(sql) => {
            let plan = parse_select(sql).and_then(|select| Plan::new(&select, &streams::catalog(), Mode::Rule))?;
            statement(&plan, &mut lines);
        }
    }
    if !rule.schedule.is_empty() {
        let periods: Vec<String> = rule
            .schedule
            .iter()
            .map(|period| format!("{:?} from {} to {}", period.days, period.from, period.to))
            .collect();
        lines.push(format!("  awake      {}", periods.join("; ")));
    }
    lines.push(format!("  cooldown   {:?} for each camera", rule.cooldown));
    if let Some(message) = &rule.message {
        lines.push(format!("  message    {message}"));
    }
    Ok(lines)
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
    lines.push(format!("  held for   {:?}", rule.held_for));
    lines.push("  keeps      for each camera: since when it holds, and the last alert".to_owned());
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
