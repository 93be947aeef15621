//! `overload` in a model's file: what it declares, and what is wrong with it.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::TestSite;
use parapet_config::{OverloadStep, Priority};
use parapet_contracts::ModelId;

fn site(people: &str, small: &str) -> TestSite {
    TestSite::new(&[
        ("models/p.onnx", "x"),
        ("models/people.yaml", &format!("file: models/p.onnx\n{people}")),
        ("models/people-small.yaml", &format!("file: models/p.onnx\n{small}")),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\npriority: high\nseen_within: 200ms\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
    ])
}

#[test]
fn steps_and_priorities_are_understood() {
    let policy = "overload: {steps: [lower_rate, lighter_model: people-small, shed_low_priority], recover_after: 1m}\n";
    let config = site(policy, "").load().unwrap().config;
    let policy = config.models["people"].overload.clone().unwrap();
    let small = ModelId::new("people-small").unwrap();
    let steps = [OverloadStep::LowerRate, OverloadStep::LighterModel(small.clone()), OverloadStep::ShedLowPriority];
    assert_eq!((policy.steps.as_slice(), policy.lighter()), (&steps[..], Some(&small)));
    assert_eq!((policy.lowest_fps, policy.recover_after), (1.0, Duration::from_secs(60)));
    let (gate, yard) = (&config.cameras["gate"], &config.cameras["yard"]);
    assert_eq!((gate.priority, gate.seen_within), (Priority::High, Some(Duration::from_millis(200))));
    assert_eq!((yard.priority, yard.seen_within), (Priority::Normal, None));
    assert_eq!(config.models["people"].seen_within, Duration::from_millis(500));
}

#[test]
fn a_lighter_model_that_is_none_is_told_with_its_place() {
    let error = site("overload:\n  steps:\n    - lighter_model: people-smal\n", "").error();
    assert!(error.starts_with("models/people.yaml:4:22: there is no model `people-smal`"), "{error}");
    assert!(error.contains("did you mean `people-small`?"), "{error}");
}

#[test]
fn models_that_stand_in_for_each_other_are_refused() {
    let to = |other: &str| format!("overload: {{steps: [lighter_model: {other}]}}\n");
    let itself = site(&to("people"), "").error();
    assert!(itself.contains("`people` stands in for this model, which stands in for it"), "{itself}");
    let each_other = site(&to("people-small"), &to("people")).errors();
    assert_eq!(each_other.len(), 2, "{each_other:?}");
}

#[test]
fn a_step_that_stands_twice_or_is_none_is_refused() {
    let twice = site("overload: {steps: [lower_rate, lower_rate]}\n", "").error();
    assert!(twice.contains("this step stands twice"), "{twice}");
    let none = site("overload: {steps: [lower_the_rate]}\n", "").errors();
    assert!(none[0].starts_with("models/people.yaml:2:"), "{none:?}");
    assert!(site("overload: {steps: []}\n", "").error().contains("models/people.yaml:2:"));
}

#[test]
fn a_lighter_model_with_fewer_labels_is_warned_of() {
    let policy = "labels: [person, bus]\noverload: {steps: [lighter_model: people-small]}\n";
    let loaded = site(policy, "").load().unwrap();
    let warning = loaded.warnings.first().map(ToString::to_string).unwrap_or_default();
    assert!(warning.contains("`people-small` has no label `bus`"), "{warning}");
}
