//! What a schema expects, in words.

use serde_json::Value;

use crate::{formats, schema, units, words};

/// `a duration such as …`, `a number from 0 to 1`, `one of …`, `a list or a text`.
pub(crate) fn phrase(part: &Value) -> String {
    let branches = schema::branches(part);
    if !branches.is_empty() {
        return branches.iter().map(phrase).collect::<Vec<_>>().join(" or ");
    }
    let choices: Vec<&str> = schema::choices(part).into_iter().filter_map(Value::as_str).collect();
    match choices.as_slice() {
        [] => {}
        [only] => return format!("`{only}`"),
        several => return format!("one of {}", words::list(several)),
    }
    if let Some(format) = part.get("format").and_then(Value::as_str).and_then(formats::format) {
        return format!("{}{}", format.expected, span_bounds(part));
    }
    match schema::types(part).first() {
        Some(&"integer") => format!("a whole number{}", bounds(part)),
        Some(&"number") => format!("a number{}", bounds(part)),
        Some(&"boolean") => "`true` or `false`".to_owned(),
        Some(&"array") => match part.get("items") {
            Some(items) if items.get("properties").is_some() => "a list of mappings (`- key: value`)".to_owned(),
            Some(items) if items.get("items").is_some() => {
                "a list of corners such as `[[0.1, 0.5], [0.9, 0.5], [0.5, 1]]`".to_owned()
            }
            Some(items) => format!("a list (`[…]`), each item {}", phrase(items)),
            None => "a list (`[…]`)".to_owned(),
        },
        Some(&"object") => "a mapping (indented `key: value` lines)".to_owned(),
        _ => "a text".to_owned(),
    }
}

/// The phrase with an example of the whole line.
pub(crate) fn with_example(name: &str, part: &Value) -> String {
    let example = part.get("examples").and_then(|examples| examples.get(0));
    match example.filter(|example| !example.is_object()) {
        Some(Value::String(text)) => format!("{}, for example `{name}: {text}`", phrase(part)),
        Some(other) => format!("{}, for example `{name}: {other}`", phrase(part)),
        None => phrase(part),
    }
}

/// How many items a list may have.
pub(crate) fn counted(part: &Value) -> String {
    let count = |name: &str| part.get(name).and_then(Value::as_u64);
    let what = if part.get("items").is_some_and(|items| items.get("items").is_some()) { "corners" } else { "items" };
    match (count("minItems"), count("maxItems")) {
        (Some(min), Some(max)) if min == max => format!("exactly {min} {what}"),
        (Some(min), Some(max)) => format!("{min} to {max} {what}"),
        (Some(1), None) => "at least one item".to_owned(),
        (Some(min), None) => format!("at least {min} {what}"),
        (None, Some(max)) => format!("at most {max} {what}"),
        (None, None) => what.to_owned(),
    }
}

/// The format of a schema, or of the first of its branches that has one.
pub(crate) fn format_name(part: &Value) -> &str {
    let own = part.get("format").and_then(Value::as_str);
    own.or_else(|| schema::branches(part).iter().find_map(|branch| branch.get("format").and_then(Value::as_str)))
        .unwrap_or("")
}

/// The types that a schema or one of its branches takes.
pub(crate) fn all_types(part: &Value) -> Vec<&str> {
    let mut types = schema::types(part);
    types.extend(schema::branches(part).iter().flat_map(schema::types));
    types
}

/// True when a text with a unit lies within `x-min` and `x-max`, or the schema has none.
pub(crate) fn within(part: &Value, text: &str) -> bool {
    let bound = |name: &str| part.get(name).and_then(Value::as_str).and_then(amount);
    match amount(text) {
        Some(amount) => {
            bound("x-min").is_none_or(|min| amount >= min) && bound("x-max").is_none_or(|max| amount <= max)
        }
        None => true,
    }
}

/// A value with a unit as a plain number, to compare it with another of the same unit.
fn amount(text: &str) -> Option<f64> {
    let duration = units::parse_duration(text).map(|d| d.as_secs_f64());
    duration.or_else(|| units::parse_size(text).map(|bytes| bytes as f64)).or_else(|| units::parse_rate(text))
}

fn bounds(part: &Value) -> String {
    let bound = |name: &str| part.get(name).filter(|bound| bound.is_number());
    match (bound("minimum"), bound("maximum"), bound("exclusiveMinimum")) {
        (Some(min), Some(max), _) => format!(" from {min} to {max}"),
        (Some(min), None, _) => format!(" of at least {min}"),
        (None, Some(max), _) => format!(" of at most {max}"),
        (None, None, Some(min)) => format!(" above {min}"),
        (None, None, None) => String::new(),
    }
}

fn span_bounds(part: &Value) -> String {
    let bound = |name: &str| part.get(name).and_then(Value::as_str);
    match (bound("x-min"), bound("x-max")) {
        (Some(min), Some(max)) => format!(" (`{min}` to `{max}`)"),
        (Some(min), None) => format!(" (`{min}` or more)"),
        (None, Some(max)) => format!(" (`{max}` or less)"),
        (None, None) => String::new(),
    }
}
