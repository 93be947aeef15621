//! Whether what came out is what was expected.

use serde_json::Value as Json;

use super::text;

/// How far two floats may differ, relative to their size: the last digits of transcendental functions.
const TOLERANCE: f64 = 1e-12;

/// Compares the outcome of a case with its expectation.
pub(super) fn matches(case: &Json, actual: &Json) -> bool {
    let Some(expected) = case.get("expect") else { return false };
    let unordered = case.get("unordered").and_then(Json::as_bool).unwrap_or(false);
    if text(case, "level") == "parse" && expected.get("ok").is_some() {
        // The tree is a hint for those who read the case.
        return expected.get("ok") == actual.get("ok");
    }
    if text(case, "level") == "function" && expected.get("valid").is_some() {
        return expected.get("valid") == actual.get("valid");
    }
    if let (Some(expected), Some(actual)) = (expected.get("emissions"), actual.get("emissions")) {
        return same(&trimmed(expected), &trimmed(actual), unordered);
    }
    if text(case, "level") == "function" && unordered && is_choice(expected, actual) {
        return true;
    }
    same(expected, actual, unordered)
}

/// Trailing emissions without rows say nothing.
fn trimmed(emissions: &Json) -> Json {
    let mut list = emissions.as_array().cloned().unwrap_or_default();
    while list.last().and_then(Json::as_array).is_some_and(Vec::is_empty) {
        list.pop();
    }
    Json::Array(list)
}

/// A shuffled array is expected as the list of all its orders.
fn is_choice(expected: &Json, actual: &Json) -> bool {
    let (Some(Json::Array(choices)), Some(actual @ Json::Array(_))) = (expected.get("value"), actual.get("value"))
    else {
        return false;
    };
    choices.len() > 1 && choices.iter().all(|c| same(c, actual, true)) && choices.iter().any(|c| same(c, actual, false))
}

/// Whether two outcomes are the same: numbers by value, errors by being errors, lists perhaps in any order.
pub(super) fn same(expected: &Json, actual: &Json, unordered: bool) -> bool {
    match (expected, actual) {
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1e-300),
                _ => false,
            },
        },
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            if !unordered {
                return a.iter().zip(b).all(|(x, y)| same(x, y, false));
            }
            let mut rest: Vec<&Json> = b.iter().collect();
            a.iter().all(|x| match rest.iter().position(|y| same(x, y, true)) {
                Some(found) => {
                    rest.swap_remove(found);
                    true
                }
                None => false,
            })
        }
        (Json::Object(a), Json::Object(b)) => {
            let is_error = |key: &str| matches!(key, "error" | "$error");
            a.len() == b.len()
                && a.iter().all(|(key, x)| match b.get(key) {
                    Some(y) => (is_error(key) && x.is_string() && y.is_string()) || same(x, y, unordered),
                    None => false,
                })
        }
        (Json::Array(_), _) | (_, Json::Array(_)) => false,
        _ => expected == actual,
    }
}
