//! Numbers and values as text, in the notation that eKuiper's functions produce.

use super::Value;

/// A float in the shortest notation that reads back the same, with an exponent below 1e-4 and from 1e6 on.
///
/// Source of the rule: Go's `%v` for floats, which is what eKuiper's string functions show.
pub fn go_float(f: f64) -> String {
    if f.is_nan() {
        return "NaN".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    if f == 0.0 {
        return "0".into();
    }
    let magnitude = f.abs();
    if (1e-4..1e6).contains(&magnitude) {
        return format!("{f}");
    }
    let text = format!("{f:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Any value as text: what `concat` and its like see. Null is empty text at the top, `<nil>` inside.
pub fn go_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => inner(other),
    }
}

fn inner(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => go_float(*f),
        Value::Str(s) => s.to_string(),
        Value::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
        Value::Time(t) => t.to_string(),
        Value::Duration(ns) => format!("{ns}ns"),
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(inner).collect();
            format!("[{}]", parts.join(" "))
        }
        Value::Object(object) => {
            let parts: Vec<String> = object.iter().map(|(k, v)| format!("{k}:{}", inner(v))).collect();
            format!("map[{}]", parts.join(" "))
        }
    }
}
