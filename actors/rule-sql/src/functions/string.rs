//! Texts. Lengths and positions count characters.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use super::check::{Arg, at_least, is_bool, is_float, is_text, is_unit, wrong_type};
use super::{Check, Env, Function, Nulls, arg, fail};
use crate::ast::{Expr, ExprKind};
use crate::error::EvalError;
use crate::value::{Strictness, Value, go_text, to_float, to_int};

const ONE: Check = Check::Types(&[Arg::Text]);
const TWO: Check = Check::Types(&[Arg::Text, Arg::Text]);
const PAD: Check = Check::Types(&[Arg::Text, Arg::Int]);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::scalar("concat", Check::All(1, Arg::Text), Nulls::Pass, |_, a| {
        if a.iter().any(|v| matches!(v, Value::Array(_)))
            && a.iter().all(|v| matches!(v, Value::Array(_) | Value::Null))
        {
            return super::array::concatenated(a);
        }
        Ok(Value::from(a.iter().map(go_text).collect::<String>()))
    }),
    Function::scalar("endswith", TWO, Nulls::False, |_, a| Ok(Value::Bool(text(a, 0).ends_with(&text(a, 1))))),
    Function::scalar("startswith", TWO, Nulls::False, |_, a| Ok(Value::Bool(text(a, 0).starts_with(&text(a, 1))))),
    Function::scalar("indexof", TWO, Nulls::Pass, indexof),
    Function::scalar("length", Check::Count(1, 1), Nulls::Zero, length),
    Function::scalar("lower", ONE, Nulls::Null, |_, a| Ok(Value::from(text(a, 0).to_lowercase()))),
    Function::scalar("upper", ONE, Nulls::Null, |_, a| Ok(Value::from(text(a, 0).to_uppercase()))),
    Function::scalar("lpad", PAD, Nulls::Null, |_, a| Ok(Value::from(padding(a)? + &text(a, 0)))),
    Function::scalar("rpad", PAD, Nulls::Null, |_, a| Ok(Value::from(text(a, 0) + &padding(a)?))),
    Function::scalar("ltrim", ONE, Nulls::Null, |_, a| Ok(Value::from(text(a, 0).trim_start()))),
    Function::scalar("rtrim", ONE, Nulls::Null, |_, a| Ok(Value::from(text(a, 0).trim_end()))),
    Function::scalar("trim", ONE, Nulls::Null, |_, a| Ok(Value::from(text(a, 0).trim()))),
    Function::scalar("numbytes", ONE, Nulls::Zero, |_, a| Ok(Value::Int(size(text(a, 0).len())))),
    Function::scalar("regexp_matches", TWO, Nulls::False, |_, a| {
        with_regex(&text(a, 1), |re| Value::Bool(re.is_match(&text(a, 0))))
    }),
    Function::scalar("regexp_replace", Check::Types(&[Arg::Text, Arg::Text, Arg::Text]), Nulls::Null, |_, a| {
        with_regex(&text(a, 1), |re| Value::from(re.replace_all(&text(a, 0), text(a, 2).as_str()).into_owned()))
    }),
    Function::scalar("regexp_substr", TWO, Nulls::Null, |_, a| {
        with_regex(&text(a, 1), |re| Value::from(re.find(&text(a, 0)).map_or("", |m| m.as_str())))
    }),
    Function::scalar("regexp_substring", TWO, Nulls::Null, |_, a| {
        with_regex(&text(a, 1), |re| Value::from(re.find(&text(a, 0)).map_or("", |m| m.as_str())))
    }),
    Function::scalar("reverse", ONE, Nulls::Null, |_, a| Ok(Value::from(text(a, 0).chars().rev().collect::<String>()))),
    Function::scalar("substring", Check::By(check_substring), Nulls::Null, substring),
    Function::scalar("split_value", Check::By(check_split), Nulls::Null, split_value),
    Function::scalar("format", Check::By(check_format), Nulls::Null, format_number),
];

fn text(args: &[Value], at: usize) -> String {
    go_text(arg(args, at))
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The longest padding: enough for any label, too short to exhaust memory.
const MAX_PADDING: i64 = 1 << 20;

fn padding(args: &[Value]) -> Result<String, EvalError> {
    let n = to_int(arg(args, 1), Strictness::Strict)?;
    if !(0..=MAX_PADDING).contains(&n) {
        return fail(format!("the padding must be between 0 and {MAX_PADDING}, not {n}"));
    }
    Ok(" ".repeat(usize::try_from(n).unwrap_or(0)))
}

/// Compiles a pattern once; a rule's patterns are few, so that the store stays small.
fn with_regex(pattern: &str, run: impl FnOnce(&Regex) -> Value) -> Result<Value, EvalError> {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(re) = compiled.get(pattern) {
            return Ok(run(re));
        }
        let re = Regex::new(pattern).map_err(|e| EvalError::new(format!("invalid pattern \"{pattern}\": {e}")))?;
        let result = run(&re);
        if compiled.len() >= 256 {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), re);
        Ok(result)
    })
}

fn indexof(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    if arg(args, 0).is_null() || arg(args, 1).is_null() {
        return Ok(Value::Int(-1));
    }
    let (haystack, needle) = (text(args, 0), text(args, 1));
    let found = haystack.find(&needle).and_then(|byte| haystack.get(..byte)).map(|before| before.chars().count());
    Ok(Value::Int(found.map_or(-1, size)))
}

fn length(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    Ok(Value::Int(size(match arg(args, 0) {
        Value::Array(items) => items.len(),
        Value::Object(object) => object.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Null => 0,
        other => go_text(other).chars().count(),
    })))
}

fn substring(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let chars: Vec<char> = text(args, 0).chars().collect();
    let place = |at: usize, name: &str| -> Result<usize, EvalError> {
        let i = to_int(arg(args, at), Strictness::Strict)?;
        usize::try_from(i).map_err(|_| EvalError::new(format!("{name} index must be a positive number")))
    };
    let start = place(1, "start")?;
    let end = if args.len() > 2 { place(2, "end")? } else { usize::MAX };
    if start > end {
        return fail("start index must be smaller than end index");
    }
    let part = chars.get(start..end.min(chars.len()).max(start.min(chars.len()))).unwrap_or(&[]);
    Ok(Value::from(part.iter().collect::<String>()))
}

fn check_substring(args: &[Expr]) -> Result<(), String> {
    if args.len() != 2 && args.len() != 3 {
        return Err("the arguments for substring should be 2 or 3".into());
    }
    Arg::Text.require(args, 0)?;
    Arg::Int.require(args, 1)?;
    Arg::Int.require(args, 2)?;
    let literal = |at: usize| match args.get(at).map(|e| &e.kind) {
        Some(ExprKind::Int(i)) => Some(*i),
        _ => None,
    };
    if literal(1).is_some_and(|i| i < 0) {
        return Err("The start index should not be a negative integer.".into());
    }
    if let (Some(start), Some(end)) = (literal(1), literal(2))
        && end < start
    {
        return Err("The end index should be larger than start index.".into());
    }
    Ok(())
}

/// `split_value(text, separator, index)`: a negative index counts from the end.
fn split_value(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let (whole, separator) = (text(args, 0), text(args, 1));
    let parts: Vec<&str> = if separator.is_empty() {
        whole.split("").filter(|p| !p.is_empty()).collect()
    } else {
        whole.split(&separator).collect()
    };
    let index = to_int(arg(args, 2), Strictness::Strict)?;
    let place = if index < 0 { index + size(parts.len()) } else { index };
    match usize::try_from(place).ok().and_then(|i| parts.get(i)) {
        Some(part) => Ok(Value::from(*part)),
        None => fail(format!("{index} out of index array (size = {})", parts.len())),
    }
}

fn check_split(args: &[Expr]) -> Result<(), String> {
    if args.len() != 3 {
        return Err("the arguments for split_value should be 3".into());
    }
    Arg::Text.require(args, 0)?;
    Arg::Text.require(args, 1)?;
    match args.get(2) {
        Some(e) if is_float(e) || is_unit(e) || is_bool(e) || is_text(e) => Err(wrong_type(2, "int")),
        Some(Expr { kind: ExprKind::Int(i), .. }) if *i < 0 => {
            Err("The index should not be a negative integer.".into())
        }
        _ => Ok(()),
    }
}

/// `format(number, places[, locale])`: with a locale, thousands are grouped.
fn format_number(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let x = to_float(arg(args, 0), Strictness::SameKind)?;
    let places = to_int(arg(args, 1), Strictness::Strict)?;
    let Some(places) = usize::try_from(places).ok().filter(|p| *p <= 100) else {
        return fail("the decimal places must be between 0 and 100");
    };
    let plain = format!("{x:.places$}");
    let Some(locale) = args.get(2) else { return Ok(Value::from(plain)) };
    let (group, point) = match go_text(locale).to_ascii_lowercase().split(['_', '-']).next() {
        Some("de" | "es" | "it" | "nl" | "pt" | "da" | "id" | "tr") => ('.', ','),
        Some("fr" | "cs" | "pl" | "ru" | "sv" | "nb" | "fi" | "uk") => ('\u{a0}', ','),
        _ => (',', '.'),
    };
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(group);
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push(point);
        out.push_str(fraction);
    }
    Ok(Value::from(out))
}

fn check_format(args: &[Expr]) -> Result<(), String> {
    at_least(args, 2)?;
    // A column fits as well: only literals of another type are refused.
    Arg::Number.require(args, 0)?;
    match args.get(1) {
        Some(e) if is_text(e) || is_float(e) || is_bool(e) || is_unit(e) => return Err(wrong_type(1, "integer")),
        _ => {}
    }
    match args.get(2) {
        Some(_) => Arg::StrictText.require(args, 2),
        None => Ok(()),
    }
}
