//! Arithmetic, rounding, logarithms, angles and bits.

use super::check::{Arg, is_bool, is_text, is_unit, wrong_type};
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::Expr;
use crate::error::EvalError;
use crate::value::{Strictness, Value, go_text, to_float, to_int};

const ONE: Check = Check::Types(&[Arg::Number]);
const TWO: Check = Check::Types(&[Arg::Number, Arg::Number]);
const INTS: Check = Check::Types(&[Arg::Int, Arg::Int]);

macro_rules! real {
    ($name:literal, $f:expr) => {
        Function::scalar($name, ONE, Nulls::Null, |_, a| Ok(finite($f(float(a, 0)?))))
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("abs", ONE, Nulls::Null, abs),
    real!("acos", f64::acos),
    real!("asin", f64::asin),
    real!("atan", f64::atan),
    Function::scalar("atan2", TWO, Nulls::Null, |_, a| Ok(finite(float(a, 0)?.atan2(float(a, 1)?)))),
    Function::scalar("bitand", INTS, Nulls::Null, |_, a| bits(a, |x, y| x & y)),
    Function::scalar("bitor", INTS, Nulls::Null, |_, a| bits(a, |x, y| x | y)),
    Function::scalar("bitxor", INTS, Nulls::Null, |_, a| bits(a, |x, y| x ^ y)),
    Function::scalar("bitnot", Check::Types(&[Arg::Int]), Nulls::Null, bitnot),
    Function::scalar("ceil", ONE, Nulls::Null, |_, a| Ok(Value::Float(float(a, 0)?.ceil()))),
    Function::scalar("ceiling", ONE, Nulls::Null, |_, a| Ok(Value::Float(float(a, 0)?.ceil()))),
    Function::scalar("conv", Check::Types(&[Arg::Any, Arg::Int, Arg::Int]), Nulls::Null, conv),
    real!("cos", f64::cos),
    real!("cosh", f64::cosh),
    Function::scalar("cot", ONE, Nulls::Null, cot),
    real!("degrees", f64::to_degrees),
    real!("exp", f64::exp),
    Function::scalar("floor", ONE, Nulls::Null, |_, a| Ok(Value::Float(float(a, 0)?.floor()))),
    Function::scalar("ln", ONE, Nulls::Null, |_, a| logarithm(a, f64::ln)),
    Function::scalar("log", Check::By(check_log), Nulls::Null, log),
    Function::scalar("mod", TWO, Nulls::Null, |_, a| Ok(Value::Float(float(a, 0)? % float(a, 1)?))),
    Function::scalar("pi", Check::Count(0, 0), Nulls::Pass, |_, _| Ok(Value::Float(std::f64::consts::PI))),
    Function::scalar("pow", TWO, Nulls::Null, power),
    Function::scalar("power", TWO, Nulls::Null, power),
    real!("radians", f64::to_radians),
    Function::scalar("rand", Check::Count(0, 0), Nulls::Pass, |env, _| {
        Ok(Value::Float((env.next_random() >> 11) as f64 / (1_u64 << 53) as f64))
    }),
    Function::scalar("round", Check::By(check_round), Nulls::Null, round),
    Function::scalar("sign", ONE, Nulls::Null, sign),
    real!("sin", f64::sin),
    real!("sinh", f64::sinh),
    Function::scalar("sqrt", ONE, Nulls::Null, sqrt),
    real!("tan", f64::tan),
    real!("tanh", f64::tanh),
];

fn float(args: &[Value], at: usize) -> Result<f64, EvalError> {
    to_float(arg(args, at), Strictness::SameKind)
}

/// A result that is no number is null.
fn finite(f: f64) -> Value {
    if f.is_nan() { Value::Null } else { Value::Float(f) }
}

fn abs(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    match arg(args, 0) {
        Value::Int(i) => Ok(Value::Int(i.wrapping_abs())),
        Value::Float(f) => Ok(Value::Float(f.abs())),
        other => fail(format!("only float and int are supported, but found {}", other.shown())),
    }
}

fn power(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    Ok(Value::Float(float(args, 0)?.powf(float(args, 1)?)))
}

fn bits(args: &[Value], op: fn(i64, i64) -> i64) -> Result<Value, EvalError> {
    let operand = |at: usize, name: &str| {
        to_int(arg(args, at), Strictness::Strict).map_err(|_| {
            EvalError::new(format!("Expect int type for the {name} operand but got {}", go_text(arg(args, at))))
        })
    };
    Ok(Value::Int(op(operand(0, "first")?, operand(1, "second")?)))
}

fn bitnot(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    match to_int(arg(args, 0), Strictness::Strict) {
        Ok(i) => Ok(Value::Int(!i)),
        Err(_) => fail(format!("Expect int type for operand but got {}", go_text(arg(args, 0)))),
    }
}

fn cot(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let x = float(args, 0)?;
    if x == 0.0 {
        return fail("the cotangent of 0 is not defined");
    }
    Ok(finite(1.0 / x.tan()))
}

fn logarithm(args: &[Value], f: fn(f64) -> f64) -> Result<Value, EvalError> {
    let x = float(args, 0)?;
    if x < 0.0 {
        return fail(format!("The argument must be a strictly positive number but got {}", go_text(arg(args, 0))));
    }
    Ok(finite(f(x)))
}

fn log(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if args.len() == 1 {
        return logarithm(args, f64::log10);
    }
    let (base, x) = (float(args, 0)?, float(args, 1)?);
    if base <= 0.0 || x < 0.0 {
        return fail("the base and the argument of a logarithm must be positive");
    }
    Ok(finite(x.ln() / base.ln()))
}

fn check_log(args: &[Expr]) -> Result<(), String> {
    if args.is_empty() || args.len() > 2 {
        return Err("Expect 1 or 2 arguments only".into());
    }
    numbers(args)
}

fn check_round(args: &[Expr]) -> Result<(), String> {
    check_log(args)
}

fn numbers(args: &[Expr]) -> Result<(), String> {
    for (i, e) in args.iter().enumerate() {
        if is_text(e) || is_unit(e) || is_bool(e) {
            return Err(wrong_type(i, "number - float or int"));
        }
    }
    Ok(())
}

/// `round(x[, places])`: halves away from zero; negative places round to tens, hundreds, …
fn round(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if args.is_empty() || args.len() > 2 {
        return fail("Expect 1 or 2 arguments only");
    }
    let x = float(args, 0)?;
    if args.len() == 1 {
        return Ok(Value::Float(x.round()));
    }
    let places = to_int(arg(args, 1), Strictness::SameKind)?;
    let places = i32::try_from(places.clamp(-300, 300)).unwrap_or(0);
    let scale = 10_f64.powi(places.abs());
    let rounded = if places < 0 { (x / scale).round() * scale } else { (x * scale).round() / scale };
    Ok(Value::Float(if rounded.is_finite() { rounded } else { x }))
}

fn sign(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let x = float(args, 0)?;
    Ok(Value::Int(if x > 0.0 {
        1
    } else if x < 0.0 {
        -1
    } else {
        0
    }))
}

fn sqrt(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let x = float(args, 0)?;
    if x < 0.0 {
        return fail(format!("The argument must be a positive number but got {}", go_text(arg(args, 0))));
    }
    Ok(finite(x.sqrt()))
}

/// `conv(text, from, to)` between bases 2 to 36, as MySQL does it: digits up to the first that is none in the base; a
/// negative base reads or writes signed numbers.
fn conv(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let text = go_text(arg(args, 0));
    let base = |at: usize| -> Result<(u32, bool), EvalError> {
        let b = to_int(arg(args, at), Strictness::Strict)?;
        let size = u32::try_from(b.unsigned_abs()).unwrap_or(0);
        if (2..=36).contains(&size) { Ok((size, b < 0)) } else { fail(format!("the base {b} is not within 2 to 36")) }
    };
    let ((from, signed_in), (to, signed_out)) = (base(1)?, base(2)?);
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut magnitude = 0_u64;
    for digit in digits.chars().map_while(|c| c.to_digit(from)) {
        magnitude = magnitude.saturating_mul(u64::from(from)).saturating_add(u64::from(digit));
    }
    if signed_in {
        let most = if negative { 1_u64 << 63 } else { i64::MAX as u64 };
        magnitude = magnitude.min(most);
    }
    let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
    let (minus, mut rest) = if signed_out && (bits as i64) < 0 { (true, bits.wrapping_neg()) } else { (false, bits) };
    let mut out = Vec::new();
    loop {
        let digit = u32::try_from(rest % u64::from(to)).unwrap_or(0);
        out.push(char::from_digit(digit, to).unwrap_or('0').to_ascii_uppercase());
        rest /= u64::from(to);
        if rest == 0 {
            break;
        }
    }
    if minus {
        out.push('-');
    }
    Ok(Value::from(out.into_iter().rev().collect::<String>()))
}
