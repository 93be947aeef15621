//! Shared by aggregates and arrays: sums and extremes of lists of numbers or texts, nulls left out.

use serde::{Deserialize, Serialize};

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

/// A sum in progress, of the type of the first value: integers if that is one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sum {
    /// Null before the first value.
    pub(super) total: Value,
}

impl Sum {
    /// One value more; nulls are left out.
    pub(super) fn add(&mut self, item: &Value) -> Result<(), EvalError> {
        self.total = match (&self.total, item) {
            (_, Value::Null) => return Ok(()),
            (Value::Null, Value::Int(i)) => Value::Int(*i),
            (Value::Null, Value::Float(f)) => Value::Float(0.0 + f),
            (Value::Null, other) => return fail(format!("found invalid arg {}", other.shown())),
            (Value::Int(total), item) => {
                let i = to_int(item, Strictness::SameKind).map_err(|_| expected("int", item))?;
                Value::Int(total.wrapping_add(i))
            }
            (Value::Float(total), item) => {
                Value::Float(total + to_float(item, Strictness::SameKind).map_err(|_| expected("float", item))?)
            }
            _ => return Ok(()),
        };
        Ok(())
    }
}

/// The sum, of the type of the first value.
pub(super) fn sum(items: &[Value]) -> Result<Value, EvalError> {
    let mut sum = Sum::default();
    items.iter().try_for_each(|item| sum.add(item))?;
    Ok(sum.total)
}

/// An average: of integers it is one, as in the language this is compatible with.
pub(super) fn mean(total: &Value, count: i64) -> Value {
    match total {
        Value::Int(total) => Value::Int(total / count.max(1)),
        Value::Float(total) => Value::Float(total / count as f64),
        _ => Value::Null,
    }
}

/// The largest (or smallest) value so far, of the type of the first: numbers, texts or times.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Extreme {
    pub(super) largest: bool,
    /// Null before the first value.
    pub(super) best: Value,
}

impl Extreme {
    /// One value more; nulls are left out.
    pub(super) fn add(&mut self, item: &Value) -> Result<(), EvalError> {
        let largest = self.largest;
        let better = |greater: bool, equal: bool| (greater == largest && !equal).then(|| item.clone());
        let next = match (&self.best, item) {
            (_, Value::Null) => None,
            (Value::Null, Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Time(_)) => Some(item.clone()),
            (Value::Null, other) => return fail(format!("unsupported data type {}", other.type_name())),
            (Value::Int(a), item) => {
                let b = to_int(item, Strictness::SameKind).map_err(|_| expected("int", item))?;
                (((b > *a) == largest) && *a != b).then_some(Value::Int(b))
            }
            (Value::Float(a), item) => {
                let b = to_float(item, Strictness::SameKind).map_err(|_| expected("float", item))?;
                (((b > *a) == largest) && *a != b).then_some(Value::Float(b))
            }
            (Value::Str(a), Value::Str(b)) => better(b > a, a == b),
            (Value::Str(_), other) => return Err(expected("string", other)),
            (Value::Time(a), Value::Time(b)) => better(b.nanos > a.nanos, a.nanos == b.nanos),
            (Value::Time(_), other) => return Err(expected("datetime", other)),
            _ => None,
        };
        if let Some(next) = next {
            self.best = next;
        }
        Ok(())
    }
}

/// The largest (or smallest) value.
pub(super) fn extreme(items: &[Value], largest: bool) -> Result<Value, EvalError> {
    let mut extreme = Extreme { largest, best: Value::Null };
    items.iter().try_for_each(|item| extreme.add(item))?;
    Ok(extreme.best)
}
