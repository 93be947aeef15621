//! Operators on values.

use std::cmp::Ordering;

use crate::ast::Op;
use crate::error::EvalError;
use crate::value::{Value, to_time};

fn invalid(a: &Value, op: Op, b: &Value) -> EvalError {
    EvalError::new(format!("invalid operation {} {} {}", a.shown(), op.symbol(), b.shown()))
}

fn zero() -> EvalError {
    EvalError::new("divided by zero")
}

/// How two values compare; `None` when they cannot be compared. A time on the left reads the right side as a time.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Some(a.partial_cmp(b).unwrap_or(Ordering::Less)),
        (Value::Int(a), Value::Float(b)) => Some((*a as f64).partial_cmp(b).unwrap_or(Ordering::Less)),
        (Value::Float(a), Value::Int(b)) => Some(a.partial_cmp(&(*b as f64)).unwrap_or(Ordering::Less)),
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b) | Value::Int(b)) => Some(a.cmp(b)),
        (Value::Time(a), b) => to_time(b, &a.zone).ok().map(|b| a.nanos.cmp(&b.nanos)),
        _ => None,
    }
}

/// Whether a condition holds. Null holds not; anything but a boolean is an error.
pub(crate) fn truth(value: &Value) -> Result<bool, EvalError> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::Null => Ok(false),
        other => Err(EvalError::new(format!("a condition must be true or false, but is {}", other.shown()))),
    }
}

/// A comparison of two values of one plain type; `None` for all else.
fn plain(op: Op, a: &Value, b: &Value) -> Option<bool> {
    fn holds<T: PartialOrd>(op: Op, a: &T, b: &T) -> Option<bool> {
        Some(match op {
            Op::Eq => a == b,
            Op::Ne => a != b,
            Op::Lt => a < b,
            Op::Le => a <= b,
            Op::Gt => a > b,
            Op::Ge => a >= b,
            _ => return None,
        })
    }
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => holds(op, a, b),
        (Value::Int(a), Value::Int(b)) => holds(op, a, b),
        (Value::Float(a), Value::Float(b)) => holds(op, a, b),
        _ => None,
    }
}

/// `a op b`. With null on either side, a comparison is false and arithmetic is null.
pub(super) fn binary(op: Op, a: &Value, b: &Value) -> Result<Value, EvalError> {
    if let Some(holds) = plain(op, a, b) {
        return Ok(Value::Bool(holds));
    }
    if let Value::Array(_) | Value::Object(_) = a {
        return Err(EvalError::new(format!("{} is an invalid operation for {}", op.symbol(), a.type_name())));
    }
    if a.is_null() || b.is_null() {
        return Ok(if op.precedence() == 3 { Value::Bool(false) } else { Value::Null });
    }
    match op {
        Op::And | Op::Or => match (a, b) {
            (Value::Bool(a), Value::Bool(b)) => Ok(Value::Bool(if op == Op::And { *a && *b } else { *a || *b })),
            _ => Err(invalid(a, op, b)),
        },
        Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge => relation(op, a, b),
        _ => arithmetic(op, a, b),
    }
}

fn relation(op: Op, a: &Value, b: &Value) -> Result<Value, EvalError> {
    // A number that is no number is not equal to itself, and not less either.
    if let (Value::Float(x), _) | (_, Value::Float(x)) = (a, b)
        && x.is_nan()
    {
        return Ok(Value::Bool(op == Op::Ne));
    }
    let ordered = !matches!(op, Op::Eq | Op::Ne);
    if ordered && matches!(a, Value::Bool(_)) {
        return Err(invalid(a, op, b));
    }
    let order = compare(a, b).ok_or_else(|| invalid(a, op, b))?;
    Ok(Value::Bool(match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn arithmetic(op: Op, a: &Value, b: &Value) -> Result<Value, EvalError> {
    let floats = |x: f64, y: f64| {
        Ok(Value::Float(match op {
            Op::Add => x + y,
            Op::Sub => x - y,
            Op::Mul => x * y,
            Op::Div if y == 0.0 => return Err(zero()),
            Op::Mod if y == 0.0 => return Err(zero()),
            Op::Div => x / y,
            Op::Mod => x % y,
            _ => return Err(invalid(a, op, b)),
        }))
    };
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => Ok(Value::Int(match op {
            Op::Add => x.wrapping_add(*y),
            Op::Sub => x.wrapping_sub(*y),
            Op::Mul => x.wrapping_mul(*y),
            Op::Div | Op::Mod if *y == 0 => return Err(zero()),
            Op::Div => x.wrapping_div(*y),
            Op::Mod => x.wrapping_rem(*y),
            Op::BitAnd => x & y,
            Op::BitOr => x | y,
            _ => x ^ y,
        })),
        (Value::Float(x), Value::Float(y)) => floats(*x, *y),
        (Value::Int(x), Value::Float(y)) => floats(*x as f64, *y),
        (Value::Float(x), Value::Int(y)) => floats(*x, *y as f64),
        (Value::Bool(x), Value::Bool(y)) => Ok(Value::Bool(match op {
            Op::BitAnd => x & y,
            Op::BitOr => x | y,
            Op::BitXor => x ^ y,
            _ => return Err(invalid(a, op, b)),
        })),
        // Times differ by milliseconds, and move by them.
        (Value::Time(x), Value::Time(y)) if op == Op::Sub => Ok(Value::Int(x.millis() - y.millis())),
        (Value::Duration(x), Value::Duration(y)) if op == Op::Add => Ok(Value::Duration(x.wrapping_add(*y))),
        (Value::Duration(x), Value::Duration(y)) if op == Op::Sub => Ok(Value::Duration(x.wrapping_sub(*y))),
        _ => Err(invalid(a, op, b)),
    }
}

/// `a = b` inside IN: values that cannot be compared are an error, as for `=`.
pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, EvalError> {
    Ok(matches!(binary(Op::Eq, a, b)?, Value::Bool(true)))
}

/// `a BETWEEN low AND high`.
pub(super) fn between(a: &Value, low: &Value, high: &Value) -> Result<Option<bool>, EvalError> {
    if let Value::Array(_) | Value::Object(_) = a {
        return Err(EvalError::new(format!("BETWEEN is an invalid operation for {}", a.type_name())));
    }
    if a.is_null() || low.is_null() || high.is_null() {
        return Ok(None);
    }
    let ordered = |b: &Value| {
        compare(a, b)
            .ok_or_else(|| EvalError::new(format!("between operator cannot compare {} and {}", a.shown(), b.shown())))
    };
    let (above, below) = (ordered(low)?.is_ge(), ordered(high)?.is_le());
    Ok(Some(above && below))
}

/// The place of an index in something of this length; negative ones count from the end.
pub(super) fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index.checked_add(length)? } else { index }).ok()
}
