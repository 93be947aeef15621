//! Functions by name: once, step by step, or by their checks of arguments alone.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{codec, failed, text};
use crate::ast::{Expr, ExprKind, Unit, Wildcard};
use crate::error::{EvalError, Pos};
use crate::functions::analytic::{Hits, Memory};
use crate::functions::{self, Env, Function, Kind};
use crate::value::{Value, Zone, go_text};

pub(super) fn run(case: &Json) -> Json {
    let Some(input) = case.get("input") else { return failed("there is no input") };
    let name = text(input, "function");
    let Some(function) = functions::find(name) else { return failed(&format!("function {name} not found")) };
    match text(case, "stage") {
        "validate" => validate(function, input),
        "stateful_sequence" => sequence(function, input),
        _ => {
            let args: Vec<Value> =
                input.get("args").and_then(Json::as_array).into_iter().flatten().map(codec::value).collect();
            outcome(call(function, &args))
        }
    }
}

fn outcome(result: Result<Value, EvalError>) -> Json {
    match result {
        Ok(value) => json!({ "value": codec::encode(&value) }),
        Err(e) => failed(&e.to_string()),
    }
}

fn call(function: &Function, args: &[Value]) -> Result<Value, EvalError> {
    let env = Env::new("rule0", 0, Zone::UTC);
    match function.kind {
        Kind::Analytic => Memory::default().step(function.name, "", args, true, 1),
        Kind::Rows => match args.first() {
            Some(rows @ Value::Array(_)) => Ok(rows.clone()),
            _ => Err(EvalError::new(format!("the argument of {} should be an array", function.name))),
        },
        _ => function.call_directly(&env, args),
    }
}

fn validate(function: &Function, input: &Json) -> Json {
    let args: Option<Vec<Expr>> =
        input.get("args_ast").and_then(Json::as_array).into_iter().flatten().map(expr).collect();
    let Some(args) = args else { return failed("an argument is of an unknown kind") };
    match function.validate(&args) {
        Ok(()) => json!({ "valid": true }),
        // The text of the error is part of the expectation only in some cases.
        Err(e) => json!({ "valid": false, "error": e }),
    }
}

fn expr(json: &Json) -> Option<Expr> {
    let value = json.get("Val");
    let name = |key: &str| json.get(key).and_then(Json::as_str).map(Arc::from);
    let stream = name("StreamName").filter(|s: &Arc<str>| !s.is_empty() && !s.starts_with('$'));
    let kind = match text(json, "node") {
        "StringLiteral" => ExprKind::Str(Arc::from(value?.as_str()?)),
        "IntegerLiteral" => ExprKind::Int(value?.as_i64()?),
        "NumberLiteral" => ExprKind::Number(value?.as_f64()?),
        "BooleanLiteral" => ExprKind::Bool(value?.as_bool()?),
        "TimeLiteral" => ExprKind::Unit(Unit::Second),
        "FieldRef" => ExprKind::Field { stream, name: name("Name")? },
        "MetaRef" => ExprKind::Meta { stream, name: name("Name")? },
        "Wildcard" => ExprKind::Wildcard(Wildcard::default()),
        // A call or an operation: of no type that could be known before.
        _ => ExprKind::Field { stream: None, name: Arc::from("expression") },
    };
    Some(Expr { kind, pos: Pos::default() })
}

fn sequence(function: &Function, input: &Json) -> Json {
    let mut memory = Memory::default();
    let mut hits = Hits::default();
    let mut steps = Vec::new();
    for step in input.get("steps").and_then(Json::as_array).into_iter().flatten() {
        if step.get("hit").is_some() {
            let told = if function.name.ends_with("time") { hits.time } else { hits.count };
            steps.push(json!({ "value": told }));
            if step.get("hit").and_then(Json::as_bool) == Some(true) {
                hits.hit(codec::millis(step.get("event_time")).unwrap_or(0));
            }
            continue;
        }
        let args: Vec<Value> =
            step.get("args").and_then(Json::as_array).into_iter().flatten().map(codec::value).collect();
        let result = if function.kind == Kind::Columns {
            changed_cols(&mut memory, &args)
        } else if function.kind == Kind::Analytic {
            let when = step.get("when").and_then(Json::as_bool).unwrap_or(true);
            memory.step(function.name, text(step, "partition"), &args, when, usize::MAX)
        } else {
            call(function, &args)
        };
        steps.push(outcome(result));
    }
    json!({ "steps": steps })
}

/// `(prefix, ignore nulls, values…, the names of all arguments)`
fn changed_cols(memory: &mut Memory, args: &[Value]) -> Result<Value, EvalError> {
    let fail = |message: String| Err(EvalError::new(message));
    let Some((Value::Array(names), values)) = args.split_last() else {
        return fail(format!(
            "the last arg is not the key list but got {}",
            args.last().map(go_text).unwrap_or_default()
        ));
    };
    if values.len() <= 2 {
        return fail(format!("expect more than two args but got {}", values.len()));
    }
    let (Some(Value::Str(prefix)), Some(ignore)) = (values.first(), values.get(1)) else {
        return fail(format!("first arg is not a string but got {}", values.first().map(go_text).unwrap_or_default()));
    };
    let Value::Bool(ignore) = ignore else {
        return fail(format!("second arg is not a bool but got {}", go_text(ignore)));
    };
    if names.len() != values.len() {
        return fail(format!("the length of keys {} does not match the args {}", names.len(), values.len() - 2));
    }
    let columns: Vec<(Arc<str>, Value)> =
        names.iter().zip(values).skip(2).map(|(n, v)| (Arc::from(go_text(n)), v.clone())).collect();
    let changed = memory.changed_cols(prefix, *ignore, &columns);
    Ok(if changed.is_empty() { Value::Null } else { Value::object(changed) })
}
