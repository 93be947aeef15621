//! Objects. Where fields become a list, they come in the order of their names.

use std::sync::Arc;

use super::check::{Arg, at_least};
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::Expr;
use crate::error::EvalError;
use crate::value::{Object, Strictness, Value, go_text, to_text};

const ONE: Check = Check::Count(1, 1);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("keys", ONE, Nulls::Null, |_, a| {
        Ok(Value::array(object(a, 0)?.iter().map(|(k, _)| Value::Str(Arc::clone(k))).collect()))
    }),
    Function::scalar("values", ONE, Nulls::Null, |_, a| {
        Ok(Value::array(object(a, 0)?.iter().map(|(_, v)| v.clone()).collect()))
    }),
    Function::scalar("items", ONE, Nulls::Null, |_, a| {
        let object = object(a, 0)?;
        if object.is_empty() {
            return Ok(Value::Null);
        }
        Ok(Value::array(object.iter().map(|(k, v)| Value::array(vec![Value::Str(Arc::clone(k)), v.clone()])).collect()))
    }),
    Function::scalar("object", Check::Count(2, 2), Nulls::Null, from_lists),
    Function::scalar("zip", ONE, Nulls::Null, zip),
    Function::scalar("object_concat", Check::By(|a| at_least(a, 2)), Nulls::Pass, object_concat),
    Function::scalar("object_construct", Check::By(check_construct), Nulls::Pass, object_construct),
    Function::scalar("erase", Check::By(|a| at_least(a, 2)), Nulls::Null, erase),
    Function::scalar("object_pick", Check::By(|a| at_least(a, 2)), Nulls::Pass, object_pick),
    Function::scalar("object_size", ONE, Nulls::Zero, |_, a| {
        Ok(Value::Int(i64::try_from(object(a, 0)?.len()).unwrap_or(i64::MAX)))
    }),
    Function::scalar("obj_to_kvpair_array", ONE, Nulls::Null, |_, a| {
        let pair = |k: &Arc<str>, v: &Value| {
            let fields = [(Arc::from("key"), Value::Str(Arc::clone(k))), (Arc::from("value"), v.clone())];
            Value::object(fields.into_iter().collect())
        };
        Ok(Value::array(object(a, 0)?.iter().map(|(k, v)| pair(k, v)).collect()))
    }),
];

fn object(args: &[Value], at: usize) -> Result<&Object, EvalError> {
    match arg(args, at) {
        Value::Object(object) => Ok(object),
        other => fail(format!("the argument should be an object, got {}", other.shown())),
    }
}

fn from_lists(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (Some(keys), Some(values)) = (arg(args, 0).as_array(), arg(args, 1).as_array()) else {
        return fail("the arguments should be an array of names and an array of values");
    };
    if keys.len() != values.len() {
        return fail("the length of the arguments should be same");
    }
    let mut out = Object::new();
    for (key, value) in keys.iter().zip(values) {
        match key {
            Value::Str(key) => out.set(Arc::clone(key), value.clone()),
            _ => return fail("first argument should be an array of strings"),
        }
    }
    Ok(if out.is_empty() { Value::Null } else { Value::object(out) })
}

fn zip(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let Some(pairs) = arg(args, 0).as_array() else { return fail("the argument should be an array of pairs") };
    let mut out = Object::new();
    for pair in pairs {
        match pair {
            Value::Null => {}
            Value::Array(pair) => match pair.as_slice() {
                [Value::Str(key), value] => out.set(Arc::clone(key), value.clone()),
                [_, _] => return fail("the first element in the list item should be string"),
                _ => return fail("each argument should be a pair"),
            },
            _ => return fail("each argument should be a pair"),
        }
    }
    Ok(if pairs.is_empty() { Value::Null } else { Value::object(out) })
}

fn object_concat(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut out = Object::new();
    for (i, value) in args.iter().enumerate() {
        if !value.is_null() {
            out.merge(object(args, i)?);
        }
    }
    Ok(Value::object(out))
}

fn check_construct(args: &[Expr]) -> Result<(), String> {
    if !args.len().is_multiple_of(2) {
        return Err("the args must be key value pairs".into());
    }
    (0..args.len()).step_by(2).try_for_each(|i| Arg::Text.require(args, i))
}

fn object_construct(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let mut out = Object::new();
    for pair in args.chunks(2) {
        let [key, value] = pair else { return fail("the args must be key value pairs") };
        if key.is_null() {
            continue;
        }
        let name = to_text(key, Strictness::SameKind)
            .map_err(|_| EvalError::new(format!("key {} is not a string", go_text(key))))?;
        out.set(name, value.clone());
    }
    Ok(Value::object(out))
}

fn erase(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if args.len() != 2 {
        return fail(format!("the argument number should be 2, got {}", args.len()));
    }
    let mut out = object(args, 0)?.clone();
    match arg(args, 1) {
        Value::Str(key) => {
            out.remove(key);
        }
        Value::Array(keys) => {
            for key in keys.iter() {
                out.remove(&to_text(key, Strictness::All)?);
            }
        }
        _ => return fail("the argument should be slice or string"),
    }
    Ok(Value::object(out))
}

/// Keeps the fields named by the paths; `a.b` reaches into objects. What is no path is passed over.
fn object_pick(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if arg(args, 0).is_null() {
        return Ok(Value::Null);
    }
    let source = object(args, 0)?;
    let mut out = Object::new();
    for path in args.iter().skip(1) {
        match path {
            Value::Str(path) => pick(source, &mut out, path),
            Value::Array(paths) => {
                for path in paths.iter().filter_map(Value::as_str) {
                    pick(source, &mut out, path);
                }
            }
            _ => {}
        }
    }
    Ok(Value::object(out))
}

fn pick(source: &Object, out: &mut Object, path: &str) {
    if let Some(value) = source.get(path) {
        out.set(path, value.clone());
        return;
    }
    let Some((head, rest)) = path.split_once('.') else { return };
    let Some(inner) = source.get(head).and_then(Value::as_object) else { return };
    let mut picked = out.get(head).and_then(Value::as_object).cloned().unwrap_or_default();
    pick(inner, &mut picked, rest);
    if !picked.is_empty() {
        out.set(head, Value::object(picked));
    }
}
