//! SELECT: from rows to what is put out.

use std::sync::Arc;

use super::{Rows, Set, in_stage};
use crate::error::EvalError;
use crate::expr::{Frame, Shared, Tuple};
use crate::plan::{Item, Plan};
use crate::value::{Object, Value};

/// What one row gives: one object, or several where an item gives rows. `recalled` is what analytic calls say of it.
pub(crate) fn project_row(
    plan: &Plan,
    shared: &Shared<'_>,
    tuple: &Tuple,
    recalled: &[Value],
    send_null: bool,
) -> Result<Vec<Object>, EvalError> {
    let frame = Frame::row(shared, tuple, None).recalling(recalled);
    let object = one(plan, &frame, send_null).map_err(in_stage("Select"))?;
    let mut out = expand(plan, object)?;
    out.truncate(plan.output.limit.unwrap_or(usize::MAX));
    Ok(out)
}

/// What a set gives: one object a row, a group, or (when the statement aggregates) all of it.
pub(crate) fn project_set(
    plan: &Plan,
    shared: &Shared<'_>,
    set: &Set,
    send_null: bool,
) -> Result<Vec<Object>, EvalError> {
    let mut objects = Vec::new();
    let mut put = |frame: Frame<'_>| -> Result<(), EvalError> {
        let object = one(plan, &frame, send_null).map_err(in_stage("Select"))?;
        objects.extend(expand(plan, object)?);
        Ok(())
    };
    let number = |i: usize| i64::try_from(i + 1).unwrap_or(i64::MAX);
    match &set.rows {
        Rows::Loose(tuples) if plan.output.aggregate => {
            put(Frame::group(shared, tuples, set.range).recalling(&set.recalled))?;
        }
        Rows::Loose(tuples) => {
            for (i, tuple) in tuples.iter().enumerate() {
                put(Frame::row(shared, tuple, set.range).recalling(set.recalled_of(i)).numbered(number(i)))?;
            }
        }
        Rows::Grouped(groups) => {
            for (i, group) in groups.iter().enumerate() {
                put(group.frame(shared, set.range).numbered(number(i)))?;
            }
        }
    }
    objects.truncate(plan.output.limit.unwrap_or(usize::MAX));
    Ok(objects)
}

pub(super) fn one(plan: &Plan, frame: &Frame<'_>, send_null: bool) -> Result<Object, EvalError> {
    let mut out = Object::new();
    for item in &plan.output.items {
        match item {
            Item::All(all) => {
                let fields = all.eval(frame)?;
                if send_null || fields.iter().all(|(_, v)| !v.is_null()) {
                    out.merge(&fields);
                } else {
                    for (name, value) in fields.iter().filter(|(_, v)| !v.is_null()) {
                        out.set(Arc::clone(name), value.clone());
                    }
                }
            }
            Item::Named { name, node, visible } => {
                let value = frame.eval(node)?;
                // What is replaced by a null is not put out under its old value either.
                if *visible && (send_null || !value.is_null()) {
                    out.set(Arc::clone(name), value);
                }
            }
            Item::Columns(node) => {
                if let Value::Object(columns) = frame.eval(node)? {
                    for (name, value) in columns.iter().filter(|(_, v)| send_null || !v.is_null()) {
                        out.set(Arc::clone(name), value.clone());
                    }
                }
            }
        }
    }
    Ok(out)
}

/// One object for each element of the item that gives rows; an element that is an object gives its fields.
pub(super) fn expand(plan: &Plan, object: Object) -> Result<Vec<Object>, EvalError> {
    let Some(name) = &plan.output.rows else { return Ok(vec![object]) };
    let mut rest = object;
    let elements = match rest.remove(name) {
        Some(Value::Array(elements)) => elements,
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(other) => {
            return Err(EvalError::new(format!("the argument for unnest should be array, not {}", other.shown())));
        }
    };
    let make = |element: &Value| {
        let mut row = rest.clone();
        match element {
            Value::Object(fields) => row.merge(fields),
            other => row.set(Arc::clone(name), other.clone()),
        }
        row
    };
    Ok(elements.iter().map(make).collect())
}
