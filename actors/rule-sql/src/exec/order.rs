//! ORDER BY.

use std::cmp::Ordering;

use super::{Rows, Set, in_stage};
use crate::error::EvalError;
use crate::expr::{Frame, Shared, compare};
use crate::plan::Plan;
use crate::value::Value;

/// The kind of values of one key; a mixture cannot be sorted.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Int(_) | Value::Float(_) => "number",
        other => other.type_name(),
    }
}

/// Sorts rows or groups. Nulls come last in either direction; equals keep their order.
pub(crate) fn order(plan: &Plan, shared: &Shared<'_>, set: Set) -> Result<Set, EvalError> {
    if plan.order_by.is_empty() {
        return Ok(set);
    }
    let range = set.range;
    let rows = match set.rows {
        Rows::Loose(tuples) => {
            let keys = tuples
                .iter()
                .map(|t| keys(plan, &Frame::row(shared, t, range).recalling(&set.recalled)))
                .collect::<Result<Vec<_>, _>>();
            Rows::Loose(sorted(plan, tuples, keys.map_err(in_stage("Order By"))?)?)
        }
        Rows::Grouped(groups) => {
            let keys = groups.iter().map(|g| keys(plan, &g.frame(shared, range))).collect::<Result<Vec<_>, _>>();
            Rows::Grouped(sorted(plan, groups, keys.map_err(in_stage("Order By"))?)?)
        }
    };
    Ok(Set { rows, ..set })
}

fn keys(plan: &Plan, frame: &Frame<'_>) -> Result<Vec<Value>, EvalError> {
    plan.order_by.iter().map(|key| frame.eval(&key.node)).collect()
}

fn sorted<T>(plan: &Plan, items: Vec<T>, keys: Vec<Vec<Value>>) -> Result<Vec<T>, EvalError> {
    for column in 0..plan.order_by.len() {
        let mut kinds = keys.iter().filter_map(|k| k.get(column)).filter(|v| !v.is_null()).map(kind);
        if let Some(first) = kinds.next()
            && let Some(other) = kinds.find(|k| *k != first)
        {
            let message = format!("incompatible types for comparison: {first} and {other}");
            return Err(in_stage("Order By")(EvalError::new(message)));
        }
    }
    let mut paired: Vec<(Vec<Value>, T)> = keys.into_iter().zip(items).collect();
    paired.sort_by(|(a, _), (b, _)| {
        for ((x, y), key) in a.iter().zip(b).zip(&plan.order_by) {
            let order = match (x.is_null(), y.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (false, false) => compare(x, y).unwrap_or(Ordering::Equal),
            };
            let order = if key.descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    });
    Ok(paired.into_iter().map(|(_, item)| item).collect())
}
