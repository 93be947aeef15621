//! Conversions between types, in three degrees of leniency.

use std::sync::Arc;

use base64::Engine as _;

use super::{Instant, Value, Zone, parse_time};
use crate::error::EvalError;

/// How far a conversion may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// The same type; a float with an integral value counts as an integer.
    Strict,
    /// Between integers and floats.
    SameKind,
    /// From text, booleans and null as well.
    All,
}

use Strictness::{All, Strict};

fn refuse(value: &Value, target: &str) -> EvalError {
    EvalError::new(format!("cannot convert {} to {target}", value.shown()))
}

/// Integers written as a person writes them: with a sign, or with the prefixes `0x`, `0o` and `0b`.
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let magnitude = match (lower.get(..2), lower.get(2..)) {
        (Some("0x"), Some(rest)) => i64::from_str_radix(rest, 16),
        (Some("0o"), Some(rest)) => i64::from_str_radix(rest, 8),
        (Some("0b"), Some(rest)) => i64::from_str_radix(rest, 2),
        _ => lower.parse(),
    };
    magnitude.ok().map(|m| if negative { -m } else { m })
}

/// To `bigint`.
pub fn to_int(value: &Value, strictness: Strictness) -> Result<i64, EvalError> {
    match value {
        Value::Int(i) => return Ok(*i),
        Value::Float(f) if strictness != Strict || f.fract() == 0.0 => return Ok(*f as i64),
        Value::Duration(ns) => return Ok(*ns),
        Value::Str(s) if strictness == All => {
            if let Some(i) = parse_int(s) {
                return Ok(i);
            }
        }
        Value::Bool(b) if strictness == All => return Ok(i64::from(*b)),
        Value::Null if strictness == All => return Ok(0),
        _ => {}
    }
    Err(refuse(value, "int"))
}

/// To `float`.
pub fn to_float(value: &Value, strictness: Strictness) -> Result<f64, EvalError> {
    match value {
        Value::Float(f) => return Ok(*f),
        Value::Int(i) if strictness != Strict => return Ok(*i as f64),
        Value::Str(s) if strictness == All => {
            if let Ok(f) = s.parse() {
                return Ok(f);
            }
        }
        Value::Bool(b) if strictness == All => return Ok(if *b { 1.0 } else { 0.0 }),
        Value::Null if strictness == All => return Ok(0.0),
        _ => {}
    }
    Err(refuse(value, "float"))
}

/// To `string`.
pub fn to_text(value: &Value, strictness: Strictness) -> Result<Arc<str>, EvalError> {
    match value {
        Value::Str(s) => return Ok(Arc::clone(s)),
        Value::Bytes(b) => return Ok(Arc::from(String::from_utf8_lossy(b).as_ref())),
        Value::Array(_) | Value::Object(_) => {}
        Value::Float(f) if strictness == All => return Ok(Arc::from(format!("{f}"))),
        other if strictness == All => return Ok(Arc::from(super::go_text(other))),
        _ => {}
    }
    Err(refuse(value, "string"))
}

/// To `boolean`.
pub fn to_bool(value: &Value, strictness: Strictness) -> Result<bool, EvalError> {
    match value {
        Value::Bool(b) => return Ok(*b),
        Value::Int(i) if strictness != Strict => return Ok(*i != 0),
        Value::Float(f) if strictness != Strict => return Ok(*f != 0.0),
        Value::Str(s) if strictness == All => match s.as_ref() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => return Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => return Ok(false),
            _ => {}
        },
        Value::Null if strictness == All => return Ok(false),
        _ => {}
    }
    Err(refuse(value, "boolean"))
}

/// To `bytea`: text is read as base64.
pub fn to_bytes(value: &Value) -> Result<Arc<[u8]>, EvalError> {
    match value {
        Value::Bytes(b) => Ok(Arc::clone(b)),
        Value::Str(s) => base64::engine::general_purpose::STANDARD
            .decode(s.as_bytes())
            .map(Arc::from)
            .map_err(|e| EvalError::new(format!("cannot read \"{s}\" as base64: {e}"))),
        _ => Err(refuse(value, "bytea")),
    }
}

/// To `datetime`: numbers are milliseconds since 1970 in UTC, text is parsed.
pub fn to_time(value: &Value, zone: &Zone) -> Result<Instant, EvalError> {
    match value {
        Value::Time(t) => Ok(t.clone()),
        Value::Int(ms) => Ok(Instant::from_millis(*ms, zone.clone())),
        Value::Float(ms) => Ok(Instant::from_millis(*ms as i64, zone.clone())),
        Value::Str(s) => parse_time(s, "", zone),
        _ => Err(EvalError::new(format!("unsupported type to convert to timestamp: {}", value.shown()))),
    }
}

/// To the type of this name, as far as it can be done; null stays null.
pub fn to_type(value: &Value, target: &str, zone: &Zone) -> Result<Value, EvalError> {
    match target {
        "bigint" => to_int(value, All).map(Value::Int),
        "float" => to_float(value, All).map(Value::Float),
        "string" => to_text(value, All).map(Value::Str),
        "boolean" => to_bool(value, All).map(Value::Bool),
        "bytea" => to_bytes(value).map(Value::Bytes),
        "datetime" => to_time(value, zone).map(Value::Time),
        other => Err(EvalError::new(format!(
            "unknown type \"{other}\": expected one of bigint, float, string, boolean, datetime, bytea"
        ))),
    }
}
