//! What was seen in a frame: counted by label, score and place.

use super::{Check, Env, Function, Nulls, arg, fail};
use crate::error::EvalError;
use crate::value::{Object, Strictness, Value, to_float};

pub(super) const FUNCTIONS: &[Function] = &[Function::scalar("seen", Check::Count(2, 4), Nulls::Pass, seen)];

/// `seen(things, 'person')`, `seen(things, array_create('car', 'truck'), 0.6, 'dock')`: how many of the things have one of
/// these labels, at least this score, and stand in this zone.
fn seen(_: &Env, args: &[Value]) -> Result<Value, EvalError> {
    let things = match arg(args, 0) {
        Value::Null => return Ok(Value::Int(0)),
        Value::Array(things) => things,
        other => return fail(format!("things are a list, and not {}", other.shown())),
    };
    let labels = match arg(args, 1) {
        label @ Value::Str(_) => std::slice::from_ref(label),
        Value::Array(labels) => labels.as_slice(),
        other => return fail(format!("a label or a list of labels is expected, and not {}", other.shown())),
    };
    let least = match arg(args, 2) {
        Value::Null => 0.0,
        score => to_float(score, Strictness::SameKind)?,
    };
    let zone = match arg(args, 3) {
        Value::Null => None,
        zone @ Value::Str(_) => Some(zone),
        other => return fail(format!("the name of a zone is expected, and not {}", other.shown())),
    };
    let counts = |thing: &Object| {
        let score = thing.find("score").map_or(Ok(0.0), |score| to_float(score, Strictness::SameKind));
        let label = thing.find("label").unwrap_or(&Value::Null);
        let inside = zone
            .is_none_or(|zone| thing.find("zones").and_then(Value::as_array).is_some_and(|zones| zones.contains(zone)));
        score.is_ok_and(|score| score >= least) && labels.contains(label) && inside
    };
    let count = things.iter().filter_map(Value::as_object).filter(|thing| counts(thing)).count();
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_by_label_score_and_zone() {
        let things = Value::from_json(&serde_json::json!([
            {"label": "person", "score": 0.9, "zones": ["dock"]},
            {"label": "person", "score": 0.5, "zones": []},
            {"label": "car", "score": 0.6},
        ]));
        let env = Env::new("r", 0, crate::value::Zone::UTC);
        let count = |rest: serde_json::Value| {
            let rest = rest.as_array().into_iter().flatten().map(Value::from_json);
            seen(&env, &std::iter::once(things.clone()).chain(rest).collect::<Vec<_>>())
        };
        for (args, expected) in [
            (serde_json::json!(["person"]), 2),
            (serde_json::json!(["person", 0.5]), 2),
            (serde_json::json!(["person", 0.51]), 1),
            (serde_json::json!([["person", "car"], 0.6]), 2),
            (serde_json::json!(["person", 0, "dock"]), 1),
            (serde_json::json!(["car", 0, "dock"]), 0),
        ] {
            assert_eq!(count(args.clone()), Ok(Value::Int(expected)), "{args}");
        }
        assert!(count(serde_json::json!([7])).is_err());
    }
}
