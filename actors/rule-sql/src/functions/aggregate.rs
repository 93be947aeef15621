//! Aggregates. Every argument is an array with that argument's value for each row of the group.

use std::sync::Arc;

use super::check::Arg;
use super::numbers::{count, extreme, first_valid, floats, mean, sum};
use super::{Check, Env, Function, arg, fail};
use crate::error::EvalError;
use crate::value::{Object, Seen, Strictness, Value, to_float};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::aggregate("avg", Check::Types(&[Arg::Number]), avg),
    Function::aggregate("count", Check::Count(1, 1), |_, a| column(a, 0).map(|c| Value::Int(count(c)))),
    Function::aggregate("max", Check::Types(&[Arg::Number]), |_, a| extreme(column(a, 0)?, true)),
    Function::aggregate("min", Check::Types(&[Arg::Number]), |_, a| extreme(column(a, 0)?, false)),
    Function::aggregate("sum", Check::Types(&[Arg::Number]), |_, a| sum(column(a, 0)?)),
    Function::aggregate("collect", Check::Count(1, 1), |_, a| Ok(arg(a, 0).clone())),
    Function::aggregate("merge_agg", Check::Count(1, 1), merge_agg),
    Function::aggregate("agg_by_key", Check::Count(1, 1), agg_by_key),
    Function::aggregate("deduplicate", Check::Types(&[Arg::Any, Arg::StrictBool]), deduplicate),
    Function::aggregate("stddev", Check::Types(&[Arg::Number]), |_, a| spread(a, false, true)),
    Function::aggregate("stddevs", Check::Types(&[Arg::Number]), |_, a| spread(a, true, true)),
    Function::aggregate("var", Check::Types(&[Arg::Number]), |_, a| spread(a, false, false)),
    Function::aggregate("vars", Check::Types(&[Arg::Number]), |_, a| spread(a, true, false)),
    Function::aggregate("percentile", Check::Types(&[Arg::Number, Arg::Number]), |_, a| percentile(a, true)),
    Function::aggregate("percentile_cont", Check::Types(&[Arg::Number, Arg::Number]), |_, a| percentile(a, true)),
    Function::aggregate("percentile_disc", Check::Types(&[Arg::Number, Arg::Number]), |_, a| percentile(a, false)),
    Function::aggregate("median", Check::Types(&[Arg::Number]), median),
    Function::aggregate("last_value", Check::Types(&[Arg::Any, Arg::StrictBool]), last_value),
    Function::aggregate("first_value", Check::Types(&[Arg::Any, Arg::StrictBool]), first_value),
];

fn column(args: &[Value], at: usize) -> Result<&[Value], EvalError> {
    match arg(args, at) {
        Value::Array(items) => Ok(items),
        other => fail(format!("argument {} of an aggregate must be a column but is {}", at + 1, other.shown())),
    }
}

fn avg(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let items = column(args, 0)?;
    Ok(mean(&sum(items)?, count(items)))
}

/// Null of no rows; of rows that are no objects, an object without fields.
fn merge_agg(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let rows = column(args, 0)?;
    let mut merged = Object::new();
    for object in rows.iter().filter_map(Value::as_object) {
        merged.merge(object);
    }
    Ok(if rows.is_empty() { Value::Null } else { Value::object(merged) })
}

fn agg_by_key(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut lists: Vec<(Arc<str>, Vec<Value>)> = Vec::new();
    for object in column(args, 0)?.iter().filter_map(Value::as_object) {
        for (name, value) in object.iter() {
            match lists.iter_mut().find(|(n, _)| n == name) {
                Some((_, list)) => list.push(value.clone()),
                None => lists.push((Arc::clone(name), vec![value.clone()])),
            }
        }
    }
    Ok(Value::object(lists.into_iter().map(|(n, l)| (n, Value::array(l))).collect()))
}

/// `(rows, keys, all)`: the rows whose key comes for the first time; or, unless `all`, the last row if its key is new.
fn deduplicate(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (rows, keys) = (column(args, 0)?, column(args, 1)?);
    let Value::Bool(all) = first_valid(column(args, 2)?) else {
        return fail("the last argument of deduplicate must be a boolean");
    };
    let mut seen = Seen::default();
    let mut kept = Vec::new();
    let mut last_is_new = false;
    for (row, key) in rows.iter().zip(keys) {
        last_is_new = seen.add(key);
        if last_is_new {
            kept.push(row.clone());
        }
    }
    Ok(match (all, last_is_new) {
        (true, _) => Value::array(kept),
        (false, true) => kept.pop().unwrap_or(Value::Null),
        (false, false) => Value::Null,
    })
}

/// Variance or its root, of the population or of a sample.
fn spread(args: &[Value], sample: bool, root: bool) -> Result<Value, EvalError> {
    let numbers = floats(column(args, 0)?)?;
    let n = numbers.len() as f64;
    if numbers.is_empty() {
        return Ok(Value::Null);
    }
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
    let divisor = if sample { n - 1.0 } else { n };
    let variance = squares / divisor;
    Ok(Value::Float(if root { variance.sqrt() } else { variance }))
}

/// `cont` is the mean of the two values around the rank, as eKuiper's statistics library has it, not an interpolation.
fn percentile(args: &[Value], continuous: bool) -> Result<Value, EvalError> {
    if args.len() != 2 {
        return fail(format!("Expect 2 arguments but found {}.", args.len()));
    }
    let mut numbers = floats(column(args, 0)?)?;
    let percent = match first_valid(column(args, 1)?) {
        Value::Null => 100.0,
        p => to_float(p, Strictness::SameKind)? * 100.0,
    };
    if numbers.is_empty() {
        return Ok(Value::Null);
    }
    if !(0.0..=100.0).contains(&percent) {
        return fail("a percentile lies between 0 and 1");
    }
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len();
    let at = |i: usize| numbers.get(i.min(n - 1)).copied().unwrap_or(f64::NAN);
    if !continuous {
        // Nearest rank.
        let rank = (n as f64 * percent / 100.0).ceil() as usize;
        return Ok(Value::Float(at(rank.max(1) - 1)));
    }
    if n == 1 {
        return Ok(Value::Float(at(0)));
    }
    let index = percent / 100.0 * n as f64;
    let whole = index.floor() as usize;
    if whole == 0 {
        return fail("the percentile lies below the first value");
    }
    Ok(Value::Float(if index.fract() == 0.0 { at(whole - 1) } else { (at(whole - 1) + at(whole)) / 2.0 }))
}

fn median(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let items = column(args, 0)?;
    let mut numbers = floats(items)?;
    if numbers.is_empty() {
        return Ok(Value::Int(0));
    }
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let at = |i: usize| numbers.get(i).copied().unwrap_or(f64::NAN);
    let value = if numbers.len() % 2 == 1 { at(middle) } else { (at(middle - 1) + at(middle)) / 2.0 };
    // Of integers, the one in the middle is an integer still.
    let integers = items.iter().all(|v| matches!(v, Value::Int(_) | Value::Null));
    Ok(if integers && numbers.len() % 2 == 1 { Value::Int(value as i64) } else { Value::Float(value) })
}

fn skip_nulls(args: &[Value]) -> Result<bool, EvalError> {
    match first_valid(column(args, 1)?) {
        Value::Bool(b) => Ok(*b),
        other => fail(format!("the second parameter requires bool but found {}", other.shown())),
    }
}

fn last_value(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let items = column(args, 0)?;
    if items.is_empty() {
        return Ok(Value::Null);
    }
    let found = if skip_nulls(args)? { items.iter().rev().find(|v| !v.is_null()) } else { items.last() };
    Ok(found.cloned().unwrap_or(Value::Null))
}

fn first_value(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let items = column(args, 0)?;
    if items.is_empty() {
        return Ok(Value::Null);
    }
    let found = if skip_nulls(args)? { items.iter().find(|v| !v.is_null()) } else { items.first() };
    Ok(found.cloned().unwrap_or(Value::Null))
}
