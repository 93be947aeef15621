//! Arrays.

use std::cmp::Ordering;

use super::check::Arg;
use super::numbers::{count, extreme};
use super::{Check, Env, Function, Kind, Nulls, arg, fail, find};
use crate::ast::{Expr, ExprKind};
use crate::error::{EvalError, Pos};
use crate::value::{Object, Seen, Strictness, Value, to_int};

const ONE: Check = Check::Count(1, 1);
const TWO: Check = Check::Count(2, 2);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("array_create", Check::Count(0, usize::MAX), Nulls::Pass, array_create),
    Function::scalar("array_position", TWO, Nulls::Pass, |_, a| position(a, false)),
    Function::scalar("array_last_position", TWO, Nulls::Pass, |_, a| position(a, true)),
    Function::scalar("element_at", TWO, Nulls::Null, element_at),
    Function::scalar("array_contains", TWO, Nulls::Pass, array_contains),
    Function::scalar("array_contains_any", TWO, Nulls::False, |_, a| {
        let (first, second) = (items(a, 0)?, Seen::of(items(a, 1)?));
        Ok(Value::Bool(first.iter().any(|v| second.has(v))))
    }),
    Function::scalar("array_remove", TWO, Nulls::Pass, |_, a| {
        if arg(a, 0).is_null() {
            return Ok(Value::Null);
        }
        Ok(Value::array(items(a, 0)?.iter().filter(|v| *v != arg(a, 1)).cloned().collect()))
    }),
    Function::scalar("array_intersect", TWO, Nulls::Null, |_, a| {
        let (first, second) = (Seen::of(items(a, 0)?), items(a, 1)?);
        Ok(distinct(second.iter().filter(|v| first.has(v))))
    }),
    Function::scalar("array_concat", Check::Count(1, usize::MAX), Nulls::Pass, |_, a| concatenated(a)),
    Function::scalar("array_avg", ONE, Nulls::Null, array_avg),
    Function::scalar("array_union", TWO, Nulls::Pass, |_, a| {
        let list = |at: usize| if arg(a, at).is_null() { Ok(&[] as &[Value]) } else { items(a, at) };
        Ok(distinct(list(0)?.iter().chain(list(1)?)))
    }),
    Function::scalar("array_except", TWO, Nulls::Null, |_, a| {
        let (first, second) = (items(a, 0)?, Seen::of(items(a, 1)?));
        Ok(distinct(first.iter().filter(|v| !second.has(v))))
    }),
    Function::scalar("array_distinct", ONE, Nulls::Null, |_, a| Ok(distinct(items(a, 0)?.iter()))),
    Function::scalar("array_max", ONE, Nulls::Null, |_, a| extreme(items(a, 0)?, true)),
    Function::scalar("array_min", ONE, Nulls::Null, |_, a| extreme(items(a, 0)?, false)),
    Function::scalar("array_cardinality", ONE, Nulls::Zero, |_, a| Ok(Value::Int(count(items(a, 0)?)))),
    Function::scalar("cardinality", ONE, Nulls::Zero, |_, a| {
        Ok(Value::Int(arg(a, 0).as_array().map_or(0, |v| i64::try_from(v.len()).unwrap_or(i64::MAX))))
    }),
    Function::scalar("array_flatten", ONE, Nulls::Null, array_flatten),
    Function::scalar("array_map", TWO, Nulls::Null, array_map),
    Function::scalar("array_join", Check::Count(2, 3), Nulls::Null, array_join),
    Function::scalar("array_shuffle", ONE, Nulls::Null, array_shuffle),
    Function::scalar("array_sort", ONE, Nulls::Null, array_sort),
    Function::scalar("kvpair_array_to_obj", ONE, Nulls::Null, kvpair_array_to_obj),
    Function::scalar("repeat", TWO, Nulls::Null, repeat),
    Function::scalar("sequence", Check::Optional(2, &[Arg::Any, Arg::Any, Arg::Any]), Nulls::Null, sequence),
];

/// The longest array that a function makes.
const MAX_ITEMS: i64 = 1 << 20;

const ORDINALS: [&str; 3] = ["first", "second", "third"];

fn items(args: &[Value], at: usize) -> Result<&[Value], EvalError> {
    match arg(args, at) {
        Value::Array(items) => Ok(items),
        _ => fail(format!("{} argument should be array of interface{{}}", ORDINALS.get(at).unwrap_or(&"an"))),
    }
}

fn string(args: &[Value], at: usize) -> Result<&str, EvalError> {
    match arg(args, at) {
        Value::Str(s) => Ok(s),
        _ => fail(format!("{} argument should be string", ORDINALS.get(at).unwrap_or(&"an"))),
    }
}

fn int(args: &[Value], at: usize) -> Result<i64, EvalError> {
    to_int(arg(args, at), Strictness::Strict)
        .map_err(|_| EvalError::new(format!("{} argument should be int", ORDINALS.get(at).unwrap_or(&"an"))))
}

fn distinct<'a>(items: impl Iterator<Item = &'a Value>) -> Value {
    let mut seen = Seen::default();
    Value::array(items.filter(|item| seen.add(item)).cloned().collect())
}

/// All arrays as one; one that is null is as good as empty.
pub(super) fn concatenated(args: &[Value]) -> Result<Value, EvalError> {
    let mut out = Vec::new();
    for (at, array) in args.iter().enumerate() {
        if !array.is_null() {
            out.extend(items(args, at)?.iter().cloned());
        }
    }
    Ok(Value::array(out))
}

/// Of the numbers in it; null when there is none.
fn array_avg(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let numbers = items(args, 0)?.iter().filter_map(|item| match item {
        Value::Int(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        _ => None,
    });
    let (count, total) = numbers.fold((0_u32, 0.0), |(count, total), number| (count + 1, total + number));
    Ok(if count == 0 { Value::Null } else { Value::Float(total / f64::from(count)) })
}

fn array_create(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let present: Vec<Value> = args.iter().filter(|v| !v.is_null()).cloned().collect();
    Ok(if present.is_empty() { Value::Null } else { Value::array(present) })
}

fn position(args: &[Value], last: bool) -> Result<Value, EvalError> {
    if arg(args, 0).is_null() {
        return Ok(Value::Int(-1));
    }
    let (list, wanted) = (items(args, 0)?, arg(args, 1));
    let found = if last { list.iter().rposition(|v| v == wanted) } else { list.iter().position(|v| v == wanted) };
    Ok(Value::Int(found.and_then(|i| i64::try_from(i).ok()).unwrap_or(-1)))
}

fn element_at(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    match arg(args, 0) {
        Value::Array(list) => {
            let index = to_int(arg(args, 1), Strictness::Strict)?;
            let place = if index < 0 { index + i64::try_from(list.len()).unwrap_or(i64::MAX) } else { index };
            match usize::try_from(place).ok().and_then(|i| list.get(i)) {
                Some(found) => Ok(found.clone()),
                None => fail("index out of range"),
            }
        }
        Value::Object(object) => match arg(args, 1) {
            Value::Str(key) => Ok(object.get(key).cloned().unwrap_or(Value::Null)),
            _ => fail("second argument should be string"),
        },
        _ => fail("first argument should be []interface{} or map[string]interface{}"),
    }
}

fn array_contains(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if arg(args, 0).is_null() {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(items(args, 0)?.contains(arg(args, 1))))
}

fn array_flatten(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut out = Vec::new();
    for item in items(args, 0)? {
        match item {
            Value::Array(inner) => out.extend(inner.iter().cloned()),
            other => out.push(other.clone()),
        }
    }
    Ok(Value::array(out))
}

fn array_map(env: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (name, list) = (string(args, 0)?, items(args, 1)?);
    let Some(function) = find(name) else { return fail(format!("unknown built-in function: {name}.")) };
    if function.kind != Kind::Scalar || function.name == "array_map" {
        return fail("first argument should be a scalar function.");
    }
    let any = Expr { kind: ExprKind::Field { stream: None, name: "item".into() }, pos: Pos::default() };
    if function.validate(&[any]).is_err() {
        return fail(format!("validate {name} arguments failed"));
    }
    list.iter().map(|v| function.call(env, std::slice::from_ref(v))).collect::<Result<_, _>>().map(Value::array)
}

fn array_join(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (list, separator) = (items(args, 0)?, string(args, 1)?);
    let replacement = if args.len() > 2 { string(args, 2)? } else { "" };
    let mut parts = Vec::new();
    for item in list {
        match item {
            Value::Null if replacement.is_empty() => {}
            Value::Null => parts.push(replacement),
            Value::Str(s) => parts.push(s),
            _ => return fail("array elements should be string"),
        }
    }
    Ok(Value::from(parts.join(separator)))
}

fn array_shuffle(env: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut out = items(args, 0)?.to_vec();
    // Fisher and Yates, from the end.
    for i in (1..out.len()).rev() {
        let j = env.next_random() % (i as u64 + 1);
        out.swap(i, usize::try_from(j).unwrap_or(0));
    }
    Ok(Value::array(out))
}

/// Numbers before texts before everything else.
fn array_sort(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut out = items(args, 0)?.to_vec();
    let rank = |v: &Value| match v {
        Value::Int(_) | Value::Float(_) => 0,
        Value::Str(_) => 1,
        _ => 2,
    };
    let number = |v: &Value| match v {
        Value::Int(i) => *i as f64,
        Value::Float(f) => *f,
        _ => 0.0,
    };
    out.sort_by(|a, b| {
        rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
            (Value::Str(a), Value::Str(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            _ if rank(a) == 0 => number(a).total_cmp(&number(b)),
            _ => Ordering::Equal,
        })
    });
    Ok(Value::array(out))
}

fn kvpair_array_to_obj(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut object = Object::new();
    for item in items(args, 0)? {
        let pair = item.as_object().and_then(|o| Some((o.get("key")?, o.get("value")?)));
        match pair {
            Some((Value::Str(key), value)) => object.set(key.clone(), value.clone()),
            _ => return fail("array item should be key-value pair"),
        }
    }
    Ok(Value::object(object))
}

fn repeat(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let n = int(args, 1)?;
    if !(0..=MAX_ITEMS).contains(&n) {
        return fail(format!("second argument should be between 0 and {MAX_ITEMS}"));
    }
    Ok(Value::array(vec![arg(args, 0).clone(); usize::try_from(n).unwrap_or(0)]))
}

fn sequence(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (start, stop) = (int(args, 0)?, int(args, 1)?);
    let step = match args.get(2) {
        Some(_) => int(args, 2)?,
        None if start < stop => 1,
        None => -1,
    };
    if step == 0 {
        return fail("invalid step: should not be zero");
    }
    let span = i128::from(stop) - i128::from(start);
    let last = span / i128::from(step);
    if last < 0 || span.signum() * i128::from(step).signum() < 0 {
        return Ok(Value::array(Vec::new()));
    }
    if last >= i128::from(MAX_ITEMS) {
        return fail(format!("the sequence has more than {MAX_ITEMS} items"));
    }
    let last = i64::try_from(last).unwrap_or(0);
    Ok(Value::array((0..=last).map(|i| Value::Int(start.wrapping_add(i.wrapping_mul(step)))).collect()))
}
