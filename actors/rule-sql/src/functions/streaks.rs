//! Changes to a value, and how long a condition has held, row by row: `change_to`, `change_capture`,
//! `consecutive_count`, `consecutive_start`.

use super::analytic::State;
use super::check::Arg;
use super::{Check, Function, Kind, arg, fail};
use crate::error::EvalError;
use crate::value::{Value, go_text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::engine("change_capture", Kind::Analytic, Check::Optional(2, &[Arg::Any, Arg::Any, Arg::Any, Arg::Bool])),
    Function::engine("change_to", Kind::Analytic, Check::Optional(1, &[Arg::Any, Arg::Any, Arg::Bool])),
    Function::engine("consecutive_count", Kind::Analytic, Check::Types(&[Arg::Bool])),
    Function::engine("consecutive_start", Kind::Analytic, Check::Types(&[Arg::Bool, Arg::Any])),
];

/// One event; `None`: the function is none of these.
pub(super) fn step(state: &mut State, name: &str, args: &[Value], when: bool) -> Option<Result<Value, EvalError>> {
    Some(match name {
        "change_capture" => {
            let changed = when && changed_to(state, arg(args, 1), args.get(2), arg(args, 3));
            if changed {
                state.kept = arg(args, 0).clone();
            }
            Ok(state.kept.clone())
        }
        "change_to" => Ok(Value::Bool(when && changed_to(state, arg(args, 0), args.get(1), arg(args, 2)))),
        "consecutive_count" | "consecutive_start" => holds(arg(args, 0)).map(|holds| {
            if when {
                consecutive(state, holds, arg(args, 1));
            }
            if name == "consecutive_count" { Value::Int(state.count) } else { state.kept.clone() }
        }),
        _ => return None,
    })
}

/// Whether the value differs from the one before, and is the wanted one.
fn changed_to(state: &mut State, value: &Value, wanted: Option<&Value>, ignore_null: &Value) -> bool {
    if value.is_null() && *ignore_null == Value::Bool(true) {
        return false;
    }
    let changed = state.values.front() != Some(value);
    state.values.clear();
    state.values.push_back(value.clone());
    changed && wanted.is_none_or(|wanted| wanted == value)
}

fn holds(value: &Value) -> Result<bool, EvalError> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        Value::Null => Ok(false),
        other => fail(format!("the condition is not a bool but {}", go_text(other))),
    }
}

fn consecutive(state: &mut State, holds: bool, value: &Value) {
    if !holds {
        (state.count, state.kept) = (0, Value::Null);
        return;
    }
    if state.count == 0 {
        state.kept = value.clone();
    }
    state.count += 1;
}
