//! Shared by aggregates and arrays: sums and extremes of lists of numbers or texts, nulls left out.

use super::fail;
use crate::error::EvalError;
use crate::value::{Strictness, Value, to_float, to_int};

/// The first value that is not null.
pub(super) fn first_valid(items: &[Value]) -> &Value {
    items.iter().find(|v| !v.is_null()).unwrap_or(&Value::Null)
}

/// How many values are not null.
pub(super) fn count(items: &[Value]) -> i64 {
    i64::try_from(items.iter().filter(|v| !v.is_null()).count()).unwrap_or(i64::MAX)
}

/// All values that are not null, as floats.
pub(super) fn floats(items: &[Value]) -> Result<Vec<f64>, EvalError> {
    items.iter().filter(|v| !v.is_null()).map(|v| to_float(v, Strictness::SameKind)).collect()
}

fn expected(name: &str, found: &Value) -> EvalError {
    EvalError::new(format!("requires {name} but found {}", found.shown()))
}

/// The sum, of the type of the first value: integers if that is one.
pub(super) fn sum(items: &[Value]) -> Result<Value, EvalError> {
    match first_valid(items) {
        Value::Null => Ok(Value::Null),
        Value::Int(_) => {
            let mut total = 0_i64;
            for item in items.iter().filter(|v| !v.is_null()) {
                let i = to_int(item, Strictness::SameKind).map_err(|_| expected("int", item))?;
                total = total.wrapping_add(i);
            }
            Ok(Value::Int(total))
        }
        Value::Float(_) => {
            let mut total = 0.0;
            for item in items.iter().filter(|v| !v.is_null()) {
                total += to_float(item, Strictness::SameKind).map_err(|_| expected("float", item))?;
            }
            Ok(Value::Float(total))
        }
        other => fail(format!("found invalid arg {}", other.shown())),
    }
}

/// The largest (or smallest) value, of the type of the first: numbers, texts or times.
pub(super) fn extreme(items: &[Value], largest: bool) -> Result<Value, EvalError> {
    let mut best: Option<Value> = None;
    let first = first_valid(items);
    for item in items.iter().filter(|v| !v.is_null()) {
        let item = match first {
            Value::Int(_) => Value::Int(to_int(item, Strictness::SameKind).map_err(|_| expected("int", item))?),
            Value::Float(_) => Value::Float(to_float(item, Strictness::SameKind).map_err(|_| expected("float", item))?),
            Value::Str(_) => match item {
                Value::Str(_) => item.clone(),
                other => return Err(expected("string", other)),
            },
            Value::Time(_) => match item {
                Value::Time(_) => item.clone(),
                other => return Err(expected("datetime", other)),
            },
            other => return fail(format!("unsupported data type {}", other.type_name())),
        };
        let better = match (&best, &item) {
            (None, _) => true,
            (Some(Value::Int(a)), Value::Int(b)) => (b > a) == largest && a != b,
            (Some(Value::Float(a)), Value::Float(b)) => (b > a) == largest && a != b,
            (Some(Value::Str(a)), Value::Str(b)) => (b > a) == largest && a != b,
            (Some(Value::Time(a)), Value::Time(b)) => (b.nanos > a.nanos) == largest && a.nanos != b.nanos,
            _ => false,
        };
        if better {
            best = Some(item);
        }
    }
    Ok(best.unwrap_or(Value::Null))
}
