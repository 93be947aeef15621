//! Conversions, encodings, and what belongs nowhere else.

use base64::Engine as _;

use super::check::{Arg, is_bool, is_float, is_number, is_text, is_unit, wrong_type};
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::{Expr, ExprKind};
use crate::error::EvalError;
use crate::value::{Strictness, Value, go_text, to_float, to_int, to_text, to_type};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("cast", Check::By(check_cast), Nulls::Null, |env, a| {
        to_type(arg(a, 0), &go_text(arg(a, 1)), &env.zone)
    }),
    Function::scalar("coalesce", Check::Count(1, usize::MAX), Nulls::Pass, |_, a| {
        Ok(a.iter().find(|v| !v.is_null()).cloned().unwrap_or(Value::Null))
    }),
    Function::scalar("isnull", Check::Count(1, 1), Nulls::Pass, |_, a| Ok(Value::Bool(arg(a, 0).is_null()))),
    Function::scalar("to_json", Check::Count(1, 1), Nulls::Pass, |_, a| {
        Ok(Value::from(arg(a, 0).to_json().to_string()))
    }),
    Function::scalar("parse_json", Check::Types(&[Arg::Text]), Nulls::Pass, parse_json),
    Function::scalar("chr", Check::By(check_chr), Nulls::Null, chr),
    Function::scalar("encode", Check::By(check_encoding), Nulls::Null, encode),
    Function::scalar("decode", Check::By(check_encoding), Nulls::Null, decode),
    Function::scalar("trunc", Check::Types(&[Arg::Number, Arg::Int]), Nulls::Null, trunc),
    Function::scalar("hex2dec", Check::Types(&[Arg::Text]), Nulls::Null, hex2dec),
    Function::scalar("dec2hex", Check::Count(1, 1), Nulls::Null, |_, a| {
        let i = to_int(arg(a, 0), Strictness::Strict)?;
        let sign = if i < 0 { "-" } else { "" };
        Ok(Value::from(format!("0x{sign}{:x}", i.unsigned_abs())))
    }),
    // A rule does not sleep: the value is passed on at once, and the delay only checked.
    Function::scalar("delay", Check::Types(&[Arg::Number, Arg::Any]), Nulls::Null, |_, a| {
        to_int(arg(a, 0), Strictness::SameKind)?;
        Ok(arg(a, 1).clone())
    }),
    Function::scalar("get_keyed_state", Check::By(check_keyed), Nulls::Null, get_keyed_state),
    Function::scalar("newuuid", Check::Count(0, 0), Nulls::Pass, newuuid),
    Function::scalar("rule_id", Check::Count(0, 0), Nulls::Pass, |env, _| Ok(env.rule_id.clone())),
    Function::scalar("rule_start", Check::Count(0, 0), Nulls::Pass, |env, _| Ok(Value::Int(env.rule_start))),
    Function::scalar("meta", Check::By(check_meta), Nulls::Pass, |_, a| Ok(arg(a, 0).clone())),
    Function::scalar("mqtt", Check::By(check_mqtt), Nulls::Null, |_, a| Ok(arg(a, 0).clone())),
];

const TYPES: [&str; 6] = ["bigint", "float", "string", "boolean", "datetime", "bytea"];

fn check_type_name(args: &[Expr], at: usize) -> Result<(), String> {
    Arg::Text.require(args, at)?;
    match args.get(at).map(|e| &e.kind) {
        Some(ExprKind::Str(name)) if !TYPES.contains(&name.as_ref()) => {
            Err(format!("Expect one of following value for the 2nd parameter: {}.", TYPES.join(", ")))
        }
        _ => Ok(()),
    }
}

fn check_cast(args: &[Expr]) -> Result<(), String> {
    Check::Count(2, 2).run(args)?;
    check_type_name(args, 1)
}

fn check_keyed(args: &[Expr]) -> Result<(), String> {
    Check::Count(3, 3).run(args)?;
    check_type_name(args, 1)
}

fn get_keyed_state(env: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if args.len() != 3 {
        return fail(format!(
            "get_keyed_state takes a key, a type and a default, but there are {} arguments",
            args.len()
        ));
    }
    let Value::Str(key) = arg(args, 0) else { return fail(format!("key {} is not a string", go_text(arg(args, 0)))) };
    match env.keyed.get(key.as_ref()) {
        Some(value) => to_type(value, &go_text(arg(args, 1)), &env.zone),
        None => Ok(arg(args, 2).clone()),
    }
}

fn parse_json(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if arg(args, 0).is_null() {
        return Ok(Value::Null);
    }
    let text = to_text(arg(args, 0), Strictness::SameKind)?;
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => Ok(Value::from_json(&json)),
        Err(e) => fail(format!("fail to parse json: {e}")),
    }
}

fn check_chr(args: &[Expr]) -> Result<(), String> {
    Check::Count(1, 1).run(args)?;
    match args.first() {
        Some(e) if is_float(e) || is_unit(e) || is_bool(e) => Err(wrong_type(0, "int")),
        _ => Ok(()),
    }
}

fn chr(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if let Value::Str(s) = arg(args, 0) {
        return if s.chars().count() == 1 { Ok(Value::Str(s.clone())) } else { fail("a single character is expected") };
    }
    let code = to_int(arg(args, 0), Strictness::SameKind)?;
    match u32::try_from(code).ok().and_then(char::from_u32) {
        Some(c) => Ok(Value::from(c.to_string())),
        None => fail(format!("{code} is no character")),
    }
}

fn check_encoding(args: &[Expr]) -> Result<(), String> {
    Check::Count(2, 2).run(args)?;
    Arg::Text.require(args, 0)?;
    match args.get(1) {
        Some(Expr { kind: ExprKind::Str(name), .. }) if name.as_ref() == "base64" => Ok(()),
        Some(e) if is_text(e) => Err("Only base64 is supported for the 2nd parameter.".into()),
        _ => Err(wrong_type(1, "string")),
    }
}

fn base64_only(args: &[Value]) -> Result<(), EvalError> {
    if go_text(arg(args, 1)).eq_ignore_ascii_case("base64") { Ok(()) } else { fail("Only base64 is supported.") }
}

fn encode(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    base64_only(args)?;
    let engine = base64::engine::general_purpose::STANDARD;
    match arg(args, 0) {
        Value::Str(s) => Ok(Value::from(engine.encode(s.as_bytes()))),
        Value::Bytes(b) => Ok(Value::from(engine.encode(b))),
        _ => fail("Only string type can be encoded."),
    }
}

fn decode(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    base64_only(args)?;
    match arg(args, 0) {
        Value::Str(_) => crate::value::to_bytes(arg(args, 0)).map(Value::Bytes),
        _ => fail("Only string type can be decoded."),
    }
}

/// Keeps so many places, rounding the last.
fn trunc(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let x = to_float(arg(args, 0), Strictness::SameKind)?;
    let places = to_int(arg(args, 1), Strictness::Strict)?;
    let scale = 10_f64.powi(i32::try_from(places.clamp(-300, 300)).unwrap_or(0));
    let kept = (x * scale).round() / scale;
    Ok(Value::Float(if kept.is_finite() { kept } else { x }))
}

fn hex2dec(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let Value::Str(text) = arg(args, 0) else { return fail("please input a hexadecimal string") };
    match i64::from_str_radix(text.trim_start_matches("0x"), 16) {
        Ok(i) => Ok(Value::Int(i)),
        Err(_) => fail(format!("invalid hexadecimal value: {text}")),
    }
}

/// A random UUID (version 4) from the engine's own sequence.
fn newuuid(env: &Env, _: &[Value]) -> Result<Value, EvalError> {
    let (a, b) = (env.next_random(), env.next_random());
    let (version, variant) = ((a & 0x0fff) | 0x4000, (b >> 48 & 0x3fff) | 0x8000);
    Ok(Value::from(format!(
        "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        b & 0xffff_ffff_ffff
    )))
}

fn check_meta(args: &[Expr]) -> Result<(), String> {
    Check::Count(1, 1).run(args)?;
    let mut at = args.first();
    while let Some(e) = at {
        match &e.kind {
            ExprKind::Meta { .. } => return Ok(()),
            ExprKind::Arrow(inner, _) | ExprKind::Index(inner, _) => at = Some(inner),
            _ => break,
        }
    }
    Err(wrong_type(0, "meta reference"))
}

fn check_mqtt(args: &[Expr]) -> Result<(), String> {
    Check::Count(1, 1).run(args)?;
    match args.first() {
        Some(e) if is_number(e) || is_unit(e) || is_bool(e) || is_text(e) => Err(wrong_type(0, "meta reference")),
        Some(Expr { kind: ExprKind::Meta { name, .. }, .. })
            if !["topic", "messageid"].iter().any(|n| name.eq_ignore_ascii_case(n)) =>
        {
            Err("Parameter of mqtt function can be only topic or messageid.".into())
        }
        _ => Ok(()),
    }
}
