//! The stages of a statement, as plain functions from rows to rows.
//!
//! Rows that belong together (a window, a join) travel as a [`Set`]. Each stage can fail on a row; then the whole set
//! fails with the name of the stage, as in the language this is compatible with.

mod join;
mod order;
mod project;

pub(crate) use join::join;
pub(crate) use order::order;
pub(crate) use project::{project_row, project_set};

use crate::error::EvalError;
use crate::expr::{Frame, Shared, Tuple, WindowRange, truth};
use crate::plan::Plan;
use crate::value::{Value, go_text};

/// Rows that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) rows: Rows,
    pub(crate) range: Option<WindowRange>,
}

/// Loose rows, or rows in groups.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Loose(Vec<Tuple>),
    Grouped(Vec<Vec<Tuple>>),
}

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        match &self.rows {
            Rows::Loose(tuples) => tuples.is_empty(),
            Rows::Grouped(groups) => groups.is_empty(),
        }
    }
}

/// Puts the stage before the reason.
pub(crate) fn in_stage(stage: &str) -> impl Fn(EvalError) -> EvalError + '_ {
    move |e| EvalError::new(format!("run {stage} error: {e}"))
}

/// WHERE on one row.
pub(crate) fn accepts(plan: &Plan, shared: &Shared<'_>, tuple: &Tuple) -> Result<bool, EvalError> {
    let Some(filter) = &plan.filter else { return Ok(true) };
    Frame::row(shared, tuple, None).eval(filter).and_then(|v| truth(&v)).map_err(in_stage("Where"))
}

/// WHERE on a set: the rows for which it holds. An aggregate in it is taken over all rows of the set.
pub(crate) fn filter(plan: &Plan, shared: &Shared<'_>, set: Set) -> Result<Set, EvalError> {
    let Some(filter) = &plan.filter else { return Ok(set) };
    let range = set.range;
    let Rows::Loose(tuples) = set.rows else { return Ok(set) };
    let mut kept = Vec::new();
    for (i, tuple) in tuples.iter().enumerate() {
        let value = if plan.filter_aggregates {
            // The row itself goes first, so that columns are its own; the aggregate does not mind the order.
            let mut around = vec![tuple.clone()];
            around.extend(tuples.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, t)| t.clone()));
            Frame::group(shared, &around, range).eval(filter)
        } else {
            Frame::row(shared, tuple, range).eval(filter)
        };
        if value.and_then(|v| truth(&v)).map_err(in_stage("Where"))? {
            kept.push(tuple.clone());
        }
    }
    Ok(Set { rows: Rows::Loose(kept), range })
}

/// GROUP BY: groups in the order in which their first rows come.
pub(crate) fn group(plan: &Plan, shared: &Shared<'_>, set: Set) -> Result<Set, EvalError> {
    let range = set.range;
    let tuples = match set.rows {
        Rows::Loose(tuples) if !plan.group_by.is_empty() => tuples,
        rows => return Ok(Set { rows, range }),
    };
    let mut keys: Vec<String> = Vec::new();
    let mut groups: Vec<Vec<Tuple>> = Vec::new();
    for tuple in tuples {
        let key = key(&plan.group_by, &Frame::row(shared, &tuple, range)).map_err(in_stage("Group By"))?;
        match keys.iter().position(|k| *k == key).and_then(|i| groups.get_mut(i)) {
            Some(group) => group.push(tuple),
            None => {
                keys.push(key);
                groups.push(vec![tuple]);
            }
        }
    }
    Ok(Set { rows: Rows::Grouped(groups), range })
}

/// The values of some expressions as one text: equal texts, equal keys.
pub(crate) fn key(nodes: &[crate::expr::Node], frame: &Frame<'_>) -> Result<String, EvalError> {
    let mut key = String::new();
    for node in nodes {
        let value = frame.eval(node)?;
        key.push(match value {
            Value::Null => '0',
            Value::Str(_) => 's',
            _ => 'v',
        });
        key.push_str(&go_text(&value));
        key.push('\u{1f}');
    }
    Ok(key)
}

/// HAVING: the groups for which it holds; loose rows are one group, also when there are none, so that silence can be
/// asked for. `None`: it holds nowhere.
pub(crate) fn having(plan: &Plan, shared: &Shared<'_>, set: Set) -> Result<Option<Set>, EvalError> {
    let Some(having) = &plan.having else { return Ok(Some(set)) };
    let range = set.range;
    let holds = |tuples: &[Tuple]| {
        Frame::group(shared, tuples, range).eval(having).and_then(|v| truth(&v)).map_err(in_stage("Having"))
    };
    let rows = match set.rows {
        Rows::Loose(tuples) if holds(&tuples)? => Rows::Loose(tuples),
        Rows::Loose(_) => return Ok(None),
        Rows::Grouped(groups) => {
            let mut kept = Vec::new();
            for group in groups {
                if holds(&group)? {
                    kept.push(group);
                }
            }
            if kept.is_empty() {
                return Ok(None);
            }
            Rows::Grouped(kept)
        }
    };
    Ok(Some(Set { rows, range }))
}
