//! The shared cases of conformance, as a ratchet: what passes today passes tomorrow.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use parapet_rule_sql::conform::{Deviations, parse_deviations, run_actual, run_cases};
use serde_json::json;

fn shared_cases() -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/cases.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("the cases of conformance must lie at {}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_shared_cases_pass_but_for_the_listed_deviations() {
    let cases = shared_cases();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deviations.yaml");
    let deviations = parse_deviations(&std::fs::read_to_string(path).unwrap()).unwrap();
    let report = run_cases(&cases, &deviations).unwrap();
    let failed: usize = report.groups.iter().map(|g| g.failed).sum();
    assert_eq!(failed, 0, "{report}");
    let deviating: usize = report.groups.iter().map(|g| g.deviating).sum();
    assert_eq!(deviating, deviations.len(), "a listed deviation passes, or is no case: take it off the list\n{report}");
    for (tier, bar) in [(1, 0.996), (2, 0.988)] {
        let (passed, all) = report.tier(tier);
        assert!(all > 0, "there are no cases of tier {tier}");
        let rate = passed as f64 / all as f64;
        assert!(rate >= bar, "tier {tier}: {passed} of {all} is less than {bar}\n{report}");
    }
}

#[test]
fn what_came_out_is_told_without_reading_what_was_expected() {
    let mut cases = shared_cases();
    let with = run_actual(&cases).unwrap();
    for case in cases["cases"].as_array_mut().unwrap() {
        case.as_object_mut().unwrap().remove("expect");
    }
    let without = run_actual(&cases).unwrap();
    assert_eq!(with.len(), without.len());
    for (a, b) in with.iter().zip(&without) {
        assert_eq!(a, b);
    }
}

/// The places of a JSON value, as pointers.
fn places(json: &serde_json::Value, at: &str, out: &mut Vec<String>) {
    let mut child = |key: &str, value: &serde_json::Value| {
        let path = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        out.push(path.clone());
        places(value, &path, out);
    };
    match json {
        serde_json::Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| child(&i.to_string(), v)),
        serde_json::Value::Object(map) => map.iter().for_each(|(k, v)| child(k, v)),
        _ => {}
    }
}

/// Every case, with something in it replaced by something that does not belong there: times at the end of time,
/// wrong types, nothing at all. Each must still come to an end, and none may bring the run down.
#[test]
fn damaged_cases_come_to_an_end_and_never_panic() {
    let odd = [
        json!(null),
        json!(-1),
        json!(i64::MAX),
        json!(1e300),
        json!(""),
        json!([]),
        json!({}),
        json!({ "$time_ms": i64::MAX }),
        json!({ "$rel_ms": i64::MIN }),
        json!({ "$bytes_b64": "!" }),
        json!({ "$row": {} }),
        json!({ "$groups": [{}] }),
    ];
    let sound = shared_cases();
    let all = sound["cases"].as_array().unwrap().len();
    for round in 0..4_usize {
        let mut damaged = sound.clone();
        for (number, case) in damaged["cases"].as_array_mut().unwrap().iter_mut().enumerate() {
            let mut paths = Vec::new();
            for part in ["input", "options", "sql", "expect"] {
                places(&case[part], &format!("/{part}"), &mut paths);
            }
            for change in 0..=round {
                let pick = (number * 7_919 + round * 104_729 + change * 1_299_709) % paths.len().max(1);
                let value = odd[(number + 5 * round + 3 * change) % odd.len()].clone();
                if let Some(place) = paths.get(pick).and_then(|path| case.pointer_mut(path)) {
                    *place = value;
                }
            }
        }
        let report = run_cases(&damaged, &Deviations::new()).unwrap();
        let judged: usize = report.groups.iter().map(|g| g.passed + g.failed + g.deviating).sum();
        assert_eq!(judged, all);
    }
}
