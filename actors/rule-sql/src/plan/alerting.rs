//! The clauses that make alerts, compiled.

use super::PlanWindowKind;
use super::compile::Compiler;
use super::{PlanWindow, start};
use crate::alerting::{Hold, MAX_PARTIALS, Stage};
use crate::ast::{AlertClause, Expr, ExprKind, Keep, Select, Sequence};
use crate::error::SqlError;
use crate::expr::Node;

/// What makes an alert of a statement.
#[derive(Debug, Clone)]
pub struct PlanAlert {
    /// What is waited for.
    pub source: AlertSource,
    /// What alerts are kept apart by.
    pub per: Vec<Node>,
    /// How long it must hold, where it lasts; a moment has none.
    pub hold: Option<Hold>,
    /// What a row must say so that it no longer holds; without it, every row for which WHERE does not hold says so.
    pub resolve_when: Option<Node>,
}

/// What an alert waits for.
#[derive(Debug, Clone)]
pub enum AlertSource {
    /// A condition that holds: WHERE, or what is left of a window.
    Condition,
    /// One thing after another.
    Sequence(PlanSequence),
    /// Silence of so many milliseconds.
    Absence(i64),
}

/// A sequence.
#[derive(Debug, Clone)]
pub struct PlanSequence {
    /// The steps; the first begins.
    pub stages: Vec<Stage<Node>>,
    /// For each step that has a row: the number under which it is read, where it has a name.
    pub numbers: Vec<Option<usize>>,
    /// Which of several beginnings counts.
    pub keep: Keep,
}

impl PlanAlert {
    /// What it waits for, what it keeps and when it is over, in words.
    pub fn explained(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.source {
            AlertSource::Condition => {}
            AlertSource::Sequence(sequence) => {
                let absent = sequence.stages.iter().filter(|stage| stage.absent).count();
                let keep = match sequence.keep {
                    Keep::First => "the first beginning",
                    Keep::Last => "the last beginning",
                    Keep::Each => "each beginning",
                };
                let steps = sequence.stages.len();
                lines.push(format!("waits for {steps} steps, {absent} of which must not come; {keep} counts"));
                lines.push(format!(
                    "keeps {MAX_PARTIALS} partial matches of a key at most; the oldest go, and are counted"
                ));
            }
            AlertSource::Absence(length) => lines.push(format!("fires after {} of silence", shown(*length))),
        }
        if let Some(hold) = &self.hold {
            let gaps = if hold.forgiving { "; shorter gaps are forgiven" } else { "" };
            lines.push(format!("fires when it has held for {}", shown(hold.duration)));
            lines.push(format!("silence of more than {} ends it{gaps}", shown(hold.silence)));
            lines.push(format!("over {} after it has ended", shown(hold.resolve_after)));
        }
        lines.push(match self.per.len() {
            0 => "one alert at a time".to_owned(),
            1 => "one alert at a time for each value of PER".to_owned(),
            n => format!("one alert at a time for each combination of {n} values of PER"),
        });
        lines
    }
}

/// A length of time for people.
fn shown(millis: i64) -> String {
    match millis {
        ms if ms % 60_000 == 0 && ms > 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

pub(super) fn plan<'a>(
    select: &'a Select,
    group_by: &[Node],
    window: Option<&PlanWindow>,
    compiler: &mut Compiler<'a>,
) -> Result<Option<PlanAlert>, SqlError> {
    let none = AlertClause::default();
    let clause = match (&select.alert, &select.sequence) {
        (Some(clause), _) => clause,
        (None, Some(_)) => &none,
        (None, None) => return Ok(None),
    };
    let source = match (&select.sequence, clause.absent) {
        (Some(sequence), _) => AlertSource::Sequence(plan_sequence(sequence, compiler)?),
        (None, Some(length)) => AlertSource::Absence(length),
        (None, None) => AlertSource::Condition,
    };
    let mut per = Vec::new();
    if let Some(alert) = &select.alert {
        for key in &alert.per {
            per.push(compiler.expr(key)?);
        }
    }
    if per.is_empty() && window.is_some() {
        per = group_by.to_vec();
    }
    let resolve_when = match &select.alert {
        Some(AlertClause { resolve_when: Some(when), .. }) => Some(compiler.expr(when)?),
        _ => None,
    };
    for (node, expr) in per.iter().zip(&clause.per) {
        if compiler.aggregates(node) {
            return Err(SqlError::at(expr.pos, "aggregate functions are not allowed in PER"));
        }
    }
    let between = match window.map(|window| &window.kind) {
        Some(PlanWindowKind::Tumbling { length, .. }) => *length,
        Some(PlanWindowKind::Hopping { interval, .. }) => *interval,
        _ => 0,
    };
    let hold = Hold::new(clause.hold.unwrap_or(0), clause.gaps, clause.resolve_after.unwrap_or(0), between);
    let hold = clause.lasts(select.sequence.is_some()).then_some(hold);
    Ok(Some(PlanAlert { source, per, hold, resolve_when }))
}

fn plan_sequence<'a>(sequence: &'a Sequence, compiler: &mut Compiler<'a>) -> Result<PlanSequence, SqlError> {
    let (mut stages, mut numbers, mut guards): (Vec<Stage<Node>>, Vec<Option<usize>>, Vec<Node>) = Default::default();
    for step in &sequence.steps {
        let condition = compiler.expr(&step.condition)?;
        if step.negated && step.within.is_none() {
            guards.push(condition);
            continue;
        }
        stages.push(Stage {
            condition,
            absent: step.negated,
            guards: std::mem::take(&mut guards),
            within: step.within.unwrap_or(0),
            own_time: step.within.is_some(),
        });
        numbers.push(step.name.as_ref().and_then(|name| compiler.step_number(name)));
    }
    // A step without a time of its own has that of the next which has one.
    let mut within = 0;
    for stage in stages.iter_mut().rev() {
        if stage.own_time {
            within = stage.within;
        }
        stage.within = within;
    }
    if stages.len() < 2 {
        return Err(SqlError::at(start(), "a sequence has two steps or more"));
    }
    let waits = stages.iter().any(|stage| stage.absent);
    let looks_back = sequence.steps.iter().any(|step| names_a_step(&step.condition, sequence));
    let keep = sequence.keep.unwrap_or(match (waits, looks_back) {
        (true, _) => Keep::First,
        (false, true) => Keep::Each,
        (false, false) => Keep::Last,
    });
    Ok(PlanSequence { stages, numbers, keep })
}

/// Whether a condition looks at the row of a step.
fn names_a_step(condition: &Expr, sequence: &Sequence) -> bool {
    let mut found = false;
    condition.walk(&mut |e| {
        if let ExprKind::Field { stream: Some(stream), .. } = &e.kind {
            found |= sequence.steps.iter().any(|step| step.name.as_ref() == Some(stream));
        }
        !found
    });
    found
}
