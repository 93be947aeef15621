//! The stages of a statement, as plain functions from rows to rows.
//!
//! Rows that belong together (a window, a join) travel as a [`Set`]. Each stage can fail on a row; then the whole set
//! fails with the name of the stage, as in the language this is compatible with.

mod join;
mod keyed;
mod order;
mod project;
mod recall;

pub(crate) use join::join;
pub(crate) use keyed::{project_keyed, readable_key};
pub(crate) use order::order;
pub(crate) use project::{project_row, project_set};
pub(crate) use recall::{Memories, Place, failed};

use std::collections::HashMap;

use crate::error::EvalError;
use crate::expr::{Frame, Row, Shared, Tuple, WindowRange, truth};
use crate::plan::Plan;
use crate::value::{Value, go_text};

/// Rows that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) rows: Rows,
    pub(crate) range: Option<WindowRange>,
    /// What analytic calls say of loose rows as a whole, by the numbers of the calls.
    pub(crate) recalled: Vec<Value>,
    /// The same of each loose row, where there are calls about each.
    pub(crate) each: Vec<Vec<Value>>,
}

/// Loose rows, or rows in groups.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Loose(Vec<Tuple>),
    Grouped(Vec<Group>),
}

/// The rows of a group; or the first alone, and the results of the aggregates into which all were folded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) tuples: Vec<Tuple>,
    pub(crate) folded: Vec<Result<Value, EvalError>>,
    /// What analytic calls say of it, by the numbers of the calls.
    pub(crate) recalled: Vec<Value>,
}

impl Group {
    pub(crate) fn of(tuples: Vec<Tuple>) -> Self {
        Self { tuples, ..Self::default() }
    }

    pub(crate) fn frame<'a>(&'a self, shared: &'a Shared<'a>, range: Option<WindowRange>) -> Frame<'a> {
        Frame::folded(shared, &self.tuples, &self.folded, range).recalling(&self.recalled)
    }
}

impl Set {
    pub(crate) fn of(rows: Rows, range: Option<WindowRange>) -> Self {
        Self { rows, range, recalled: Vec::new(), each: Vec::new() }
    }

    /// What analytic calls say of the loose row at this place.
    pub(crate) fn recalled_of(&self, place: usize) -> &[Value] {
        self.each.get(place).unwrap_or(&self.recalled)
    }

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

/// WHERE on one row that is no tuple yet.
pub(crate) fn accepts_bare(plan: &Plan, shared: &Shared<'_>, row: &Row) -> Result<bool, EvalError> {
    let Some(filter) = &plan.filter else { return Ok(true) };
    Frame::bare(shared, row).eval(filter).and_then(|v| truth(&v)).map_err(in_stage("Where"))
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
    Ok(Set::of(Rows::Loose(kept), range))
}

/// GROUP BY: groups in the order in which their first rows come.
pub(crate) fn group(plan: &Plan, shared: &Shared<'_>, set: Set) -> Result<Set, EvalError> {
    let range = set.range;
    let tuples = match set.rows {
        Rows::Loose(tuples) if !plan.group_by.is_empty() => tuples,
        rows => return Ok(Set::of(rows, range)),
    };
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for tuple in tuples {
        let key = key(&plan.group_by, &Frame::row(shared, &tuple, range)).map_err(in_stage("Group By"))?;
        let number = *numbers.entry(key).or_insert(groups.len());
        match groups.get_mut(number) {
            Some(group) => group.tuples.push(tuple),
            None => groups.push(Group::of(vec![tuple])),
        }
    }
    Ok(Set::of(Rows::Grouped(groups), range))
}

/// The values of some expressions as one text: equal texts, equal keys.
pub(crate) fn key(nodes: &[crate::expr::Node], frame: &Frame<'_>) -> Result<String, EvalError> {
    let mut key = String::new();
    write_key(nodes, frame, &mut key)?;
    Ok(key)
}

/// As [`key`], into a text that is there already.
pub(crate) fn write_key(nodes: &[crate::expr::Node], frame: &Frame<'_>, key: &mut String) -> Result<(), EvalError> {
    for node in nodes {
        match frame.view(node)?.as_ref() {
            Value::Null => key.push('0'),
            Value::Str(text) => {
                key.push('s');
                key.push_str(text);
            }
            value => {
                key.push('v');
                key.push_str(&go_text(value));
            }
        }
        key.push('\u{1f}');
    }
    Ok(())
}

/// HAVING: the groups for which it holds; loose rows are one group, also when there are none, so that silence can be
/// asked for. `None`: it holds nowhere.
pub(crate) fn having(plan: &Plan, shared: &Shared<'_>, set: Set) -> Result<Option<Set>, EvalError> {
    let Some(having) = &plan.having else { return Ok(Some(set)) };
    let range = set.range;
    let holds = |tuples: &[Tuple]| {
        let group = Frame::group(shared, tuples, range).recalling(&set.recalled);
        group.eval(having).and_then(|v| truth(&v)).map_err(in_stage("Having"))
    };
    let rows = match set.rows {
        Rows::Loose(tuples) if holds(&tuples)? => Rows::Loose(tuples),
        Rows::Loose(_) => return Ok(None),
        Rows::Grouped(groups) => {
            let mut kept = Vec::new();
            for group in groups {
                let value = group.frame(shared, range).eval(having);
                if value.and_then(|v| truth(&v)).map_err(in_stage("Having"))? {
                    kept.push(group);
                }
            }
            if kept.is_empty() {
                return Ok(None);
            }
            Rows::Grouped(kept)
        }
    };
    Ok(Some(Set { rows, ..set }))
}
