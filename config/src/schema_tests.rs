//! The schema, the walk along it and the types behind it agree, and agree with an independent validator.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    formats,
    raw::{RawCamera, RawModel, RawRule, RawSite, RawStream, RawTable, RawUploader},
    schema::{FileKind, schema},
    walk, yaml,
};

/// The keywords that the walk knows.
const KEYWORDS: [&str; 25] = [
    "$schema",
    "title",
    "description",
    "type",
    "properties",
    "additionalProperties",
    "required",
    "items",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "format",
    "pattern",
    "examples",
    "default",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minItems",
    "maxItems",
    "minLength",
    "x-min",
    "x-max",
    "deprecated",
];

fn every_part(part: &Value, visit: &mut dyn FnMut(&Value)) {
    visit(part);
    for list in ["oneOf", "anyOf"] {
        part.get(list).and_then(Value::as_array).into_iter().flatten().for_each(|p| every_part(p, visit));
    }
    for one in ["items", "additionalProperties"] {
        part.get(one).filter(|p| p.is_object()).into_iter().for_each(|p| every_part(p, visit));
    }
    part.get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|p| p.values())
        .for_each(|p| every_part(p, visit));
}

#[test]
fn the_schemas_use_only_what_the_walk_knows_and_every_key_is_documented() {
    for kind in FileKind::ALL {
        every_part(schema(kind), &mut |part| {
            for keyword in part.as_object().expect("a schema is an object").keys() {
                assert!(KEYWORDS.contains(&keyword.as_str()), "{}: {keyword} in {part}", kind.name());
            }
            if let Some(format) = part.get("format") {
                assert!(formats::format(format.as_str().unwrap()).is_some(), "{format}");
            }
            if let Some(properties) = part.get("properties") {
                assert_eq!(part["additionalProperties"], false, "unknown keys must be errors: {part}");
                for (name, property) in properties.as_object().unwrap() {
                    assert!(property.get("description").is_some(), "{}: `{name}` is not documented", kind.name());
                }
            }
        });
    }
}

#[test]
fn the_defaults_and_examples_of_the_schema_fit_it() {
    for kind in FileKind::ALL {
        every_part(schema(kind), &mut |part| {
            let examples = part.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
            for value in part.get("default").into_iter().chain(&examples) {
                // Examples of secrets are references; they are resolved before the walk.
                let node = yaml::parse("f", format!("k: {value}\n").as_bytes()).unwrap();
                let (_, problems) = walk::walk("f", part, node.child("k".into()).unwrap(), &[]);
                assert_eq!(problems, [], "{}: {value}", kind.name());
            }
        });
    }
}

/// Values of every sort, right and wrong, for a schema.
fn values(part: &Value) -> BoxedStrategy<Value> {
    let mut right: Vec<BoxedStrategy<Value>> = Vec::new();
    let any_of = part.get("anyOf").or(part.get("oneOf")).and_then(Value::as_array).cloned().unwrap_or_default();
    right.extend(any_of.iter().map(values));
    right.extend(
        part.get("enum").and_then(Value::as_array).cloned().map(|choices| prop::sample::select(choices).boxed()),
    );
    right.extend(part.get("const").cloned().map(|value| Just(value).boxed()));
    let examples: Vec<Value> = ["default", "examples"]
        .iter()
        .filter_map(|k| part.get(*k))
        .flat_map(|v| v.as_array().cloned().unwrap_or_else(|| vec![v.clone()]))
        .collect();
    if !examples.is_empty() {
        right.push(prop::sample::select(examples).boxed());
    }
    if let Some(properties) = part.get("properties").and_then(Value::as_object) {
        let required: Vec<Value> = part.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let each: Vec<BoxedStrategy<Option<(String, Value)>>> = properties
            .iter()
            .map(|(name, property)| {
                let chance = if required.contains(&json!(name)) { 0.95 } else { 0.2 };
                let name = name.clone();
                prop::option::weighted(chance, values(property).prop_map(move |value| (name.clone(), value))).boxed()
            })
            .collect();
        let object = each.prop_map(|entries| Value::Object(entries.into_iter().flatten().collect()));
        right.push(object.clone().boxed());
        right.push(object.boxed());
    }
    if let Some(items) = part.get("items") {
        right.push(prop::collection::vec(values(items), 0..5).prop_map(Value::Array).boxed());
    }
    if let Some(others) = part.get("additionalProperties").filter(|p| p.is_object()) {
        right.push(prop::collection::btree_map("[a-z]{1,4}", values(others), 0..3).prop_map(|map| json!(map)).boxed());
    }
    let right = if right.is_empty() { Just(json!("x")).boxed() } else { prop::strategy::Union::new(right).boxed() };
    let wrong = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        (-2_i64..300).prop_map(|n| json!(n)),
        (-20_i64..20).prop_map(|n| json!(n as f64 / 8.0)),
        prop::sample::select(vec![
            "",
            "5s",
            "5",
            "0.5",
            "x",
            "a b",
            "20MiB",
            "5fps",
            "24:00",
            "07:30",
            "cpu",
            "cuda:1",
            "127.0.0.1:1",
            "all",
            "null"
        ])
        .prop_map(|t| json!(t)),
        Just(json!([])),
        Just(json!([1])),
        Just(json!({})),
        Just(json!({ "nope": 1 })),
    ];
    prop_oneof![8 => right, 1 => wrong].boxed()
}

fn understood(kind: FileKind, value: Value) -> Result<(), serde_json::Error> {
    match kind {
        FileKind::Site => serde_json::from_value::<RawSite>(value).map(drop),
        FileKind::Camera => serde_json::from_value::<RawCamera>(value).map(drop),
        FileKind::Model => serde_json::from_value::<RawModel>(value).map(drop),
        FileKind::Rule => serde_json::from_value::<RawRule>(value).map(drop),
        FileKind::Uploader => serde_json::from_value::<RawUploader>(value).map(drop),
        FileKind::Stream => serde_json::from_value::<RawStream>(value).map(drop),
        FileKind::Table => serde_json::from_value::<RawTable>(value).map(drop),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// What the walk takes, an editor's validator takes, too, and the types understand. What the walk refuses, the validator
    /// refuses, or it is a form that JSON Schema can't say (`format`, `x-min`, `x-max`).
    #[test]
    fn the_walk_agrees_with_an_independent_validator((kind, value) in prop::sample::select(FileKind::ALL.to_vec()).prop_flat_map(|kind| (Just(kind), values(schema(kind))))) {
        let node = yaml::parse("f", value.to_string().as_bytes()).map_err(|p| TestCaseError::fail(format!("{p:?}")))?;
        let (walked, problems) = walk::walk("f", schema(kind), &node, &[]);
        let validator = jsonschema::validator_for(schema(kind)).unwrap();
        if !value.is_object() {
            return Ok(());
        }
        if problems.is_empty() {
            let errors: Vec<String> = validator.iter_errors(&value).map(|e| format!("{} {e}", e.instance_path())).collect();
            prop_assert!(errors.is_empty(), "the validator refuses {value}: {errors:?}");
            prop_assert!(understood(kind, walked.clone()).is_ok(), "{walked} is not understood: {:?}", understood(kind, walked.clone()));
        } else if validator.is_valid(&value) {
            for problem in problems {
                let by_form = formats::EXPECTED.iter().any(|expected| problem.message.contains(expected));
                prop_assert!(by_form, "only the walk refuses {value}: {problem}");
            }
        }
    }
}
