//! The sentence of an alert, from a template and the row that was put out.

use parapet_config::Rule;
use parapet_contracts::{CameraId, Object as Seen};
use parapet_rule_sql::value::{Object, Value, go_text};

use crate::rule::classic::labels_of;

/// Fills the template in; a plain sentence when the rule has none. What is not there is left out.
pub(super) fn message(rule: &Rule, row: &Object, camera: &CameraId, objects: &[Seen]) -> String {
    let Some(template) = &rule.message else { return plain(rule, row, camera) };
    let mut out = String::new();
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, next)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        out.push_str(&word(name, rule, row, camera, objects));
        rest = next;
    }
    out.push_str(rest);
    out
}

/// A field of the row, else one of the words that every rule has.
fn word(name: &str, rule: &Rule, row: &Object, camera: &CameraId, objects: &[Seen]) -> String {
    let mut path = name.split('.');
    let first = path.next().and_then(|head| row.find(head)).cloned();
    if let Some(value) = first {
        return shown(&path.fold(value, |value, step| {
            value.as_object().and_then(|object| object.find(step)).cloned().unwrap_or(Value::Null)
        }));
    }
    match name {
        "camera" => camera.to_string(),
        "rule" => rule.name.clone(),
        "label" => labels_of(objects),
        "count" => objects.len().to_string(),
        "score" => format!("{:.2}", objects.iter().map(|object| object.score).fold(0.0, f32::max)),
        _ => String::new(),
    }
}

fn plain(rule: &Rule, row: &Object, camera: &CameraId) -> String {
    let fields = row.iter().filter(|(name, value)| name.as_ref() != "camera" && !value.is_null());
    let fields: Vec<String> = fields.take(8).map(|(name, value)| format!("{name} {}", shown(value))).collect();
    match fields.is_empty() {
        true => format!("{} at {camera}", rule.name),
        false => format!("{}: {} at {camera}", rule.name, fields.join(", ")),
    }
}

/// A value for people: numbers with at most two decimals.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Float(number) => {
            let text = format!("{number:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Value::Array(_) | Value::Object(_) => value.to_json().to_string(),
        other => go_text(other),
    }
}
