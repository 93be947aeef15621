//! `parapet rule conform`: cases in, a report or what came out, in text and in JSON. What fails is no failure of the command.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use parapet_testkit::command::{Told, parapet};
use serde_json::{Value, json};
use support::PARAPET;

/// A case that passes, one that fails, one of each under other options, and one that nobody knows.
fn cases() -> Value {
    let function = |id: &str, tier: u8, args: Value, expect: Value| json!({ "id": id, "level": "function", "tier": tier, "input": { "function": "abs", "args": args }, "expect": expect });
    let rule = |id: &str, options: Value| {
        json!({
            "id": id, "level": "rule", "tier": 1, "sql": "SELECT a FROM demo", "options": options,
            "input": {
                "clock_start": { "$time_ms": 0 },
                "streams": [{ "ddl": "CREATE STREAM demo (a BIGINT, ts BIGINT) WITH (DATASOURCE=\"demo\", TIMESTAMP=\"ts\")" }],
                "events": [
                    { "stream": "demo", "at": { "$time_ms": 10 }, "data": { "a": 1, "ts": 10 } },
                    { "stream": "demo", "at": { "$time_ms": 20 }, "data": { "a": null, "ts": 20 } },
                ],
            },
            "expect": { "emissions": [[{ "a": 1 }], [{}]] },
        })
    };
    json!({ "cases": [
        function("good", 1, json!([-3]), json!({ "value": 3 })),
        function("bad", 2, json!([-3]), json!({ "value": 4 })),
        rule("under all options", json!([{}, { "isEventTime": false }])),
        // The second option sends nulls: a case passes only under all of them.
        rule("under one option", json!([{}, { "sendNilField": true }])),
        json!({ "id": "unknown", "level": "nothing", "tier": 2, "needs": ["nothing"], "expect": { "value": 1 } }),
    ] })
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn conform(arguments: &[&str]) -> Told {
    parapet(PARAPET, &[&["rule", "conform"][..], arguments].concat())
}

fn json_of(told: &Told) -> Value {
    assert_eq!(told.code, Some(0), "{}", told.all());
    serde_json::from_str(&told.out).unwrap_or_else(|e| panic!("{e}: {}", told.all()))
}

#[test]
fn a_report_has_each_level_and_tier_and_every_failing_case() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "cases.json", &cases().to_string());
    let report = json_of(&conform(&[&file, "--format", "json"]));
    let groups = report["groups"].as_array().unwrap();
    let count = |level: &str, tier: u8| {
        let group = groups.iter().find(|group| group["level"] == level && group["tier"] == tier).unwrap();
        ["passed", "failed", "deviating"].map(|key| group[key].as_u64().unwrap())
    };
    assert_eq!((count("function", 1), count("function", 2)), ([1, 0, 0], [0, 1, 0]));
    assert_eq!((count("rule", 1), count("nothing", 2)), ([1, 1, 0], [0, 1, 0]), "`needs` exempts nothing");
    let failing: Vec<&Value> = groups.iter().flat_map(|group| group["failures"].as_array().unwrap()).collect();
    let bad = failing.iter().find(|failure| failure["id"] == "bad").unwrap();
    assert_eq!(**bad, json!({ "id": "bad", "expected": { "value": 4 }, "actual": { "value": 3 } }));
    assert_eq!(failing.len(), 3);

    let text = conform(&[&file]);
    assert_eq!(text.code, Some(0), "a case that fails is no failure of the command: {}", text.all());
    for line in
        ["tier 1: 2 of 3, 66.67 %", "tier 2: 0 of 2, 0.00 %", "bad\n  expected {\"value\":4}\n  actual   {\"value\":3}"]
    {
        assert!(text.out.contains(line), "{line}: {}", text.all());
    }
}

#[test]
fn what_differs_on_purpose_counts_apart_and_not_as_passed() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "cases.json", &cases().to_string());
    let reasons =
        write(folder.path(), "deviations.yaml", "# Why.\nbad: it is meant to\n\"under one option\": nulls: sent\n");
    let report = json_of(&conform(&[&file, "--deviations", &reasons, "--format", "json"]));
    let groups = report["groups"].as_array().unwrap();
    let sum = |key: &str| groups.iter().map(|group| group[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(["passed", "failed", "deviating"].map(sum), [2, 1, 2]);
    let text = conform(&[&file, "--deviations", &reasons]);
    assert!(text.out.contains("tier 1: 2 of 3, 66.67 %"), "the rate is passed ÷ all: {}", text.all());
}

#[test]
fn what_came_out_is_a_line_a_case_and_expectations_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let with = write(folder.path(), "with.json", &cases().to_string());
    let mut bare = cases();
    bare["cases"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|case| drop(case.as_object_mut().unwrap().remove("expect")));
    let without = write(folder.path(), "without.json", &bare.to_string());
    let told = conform(&[&without, "--actual"]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    let lines: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["good", "bad", "under all options", "under one option", "unknown"]);
    assert_eq!(lines[1], json!({ "id": "bad", "actual": { "value": 3 } }));
    assert_eq!(lines[2]["actual"], json!({ "emissions": [[{ "a": 1 }], [{}]] }));
    assert_eq!(told.out, conform(&[&with, "--actual"]).out);
    assert_eq!(told.out, conform(&[&with, "--actual", "--format", "json"]).out);
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_failure() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = conform(&["nowhere.json"]);
    assert_eq!((nowhere.code, nowhere.error().contains("nowhere.json")), (Some(2), true), "{}", nowhere.all());
    let broken = write(folder.path(), "broken.json", "{\"cases\": [");
    assert_eq!(conform(&[&broken]).code, Some(2));
    let none = write(folder.path(), "none.json", "{\"case\": []}");
    let told = conform(&[&none, "--actual"]);
    assert_eq!((told.code, told.error().contains("there is no list of cases")), (Some(2), true), "{}", told.all());
    let cases = write(folder.path(), "cases.json", &cases().to_string());
    let reasons = write(folder.path(), "reasons.yaml", "bad\n");
    let told = conform(&[&cases, "--deviations", &reasons]);
    assert_eq!((told.code, told.error().contains("line 1: expected `id: reason`")), (Some(2), true), "{}", told.all());
}
