//! The shared cases of conformance, as a ratchet: what passes today passes tomorrow.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use parapet_rule_sql::conform::{parse_deviations, run_actual, run_cases};

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
