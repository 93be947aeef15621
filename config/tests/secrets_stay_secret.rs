//! The value of a secret is in no message, no `Debug` and no JSON: neither where it is right nor where it makes a value wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::TestSite;
use parapet_config::{FileKind, schema};
use serde_json::{Value, json};

const CANARY: &str = "canary-7f3a";

/// What a reference may stand for: right for some keys, wrong for others, in several ways.
const VALUES: [&str; 9] = [
    "canary-7f3a",
    "rtsp://user:canary-7f3a@host/1",
    "rtsp://canary-7f3a:99999/",
    "https://canary-7f3a/?password=x",
    "mqtt://user:canary-7f3a@host",
    "/canary-7f3a/x.mp4",
    "test://canary-7f3a",
    "{canary-7f3a} 5 bananas",
    "canary-7f3a://x",
];

/// Every value of a schema that is no mapping, as a file with `leaf` in its place.
fn files_with(part: &Value, leaf: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    let branches = part.get("anyOf").and_then(Value::as_array);
    if let Some(branches) = branches {
        out.extend(branches.iter().flat_map(|branch| files_with(branch, leaf)));
    }
    for (name, property) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
        out.extend(files_with(property, leaf).into_iter().map(|inner| json!({ name: inner })));
    }
    if let Some(items) = part.get("items") {
        out.extend(files_with(items, leaf).into_iter().map(|inner| json!([inner])));
    }
    if let Some(others) = part.get("additionalProperties").filter(|others| others.is_object()) {
        out.extend(files_with(others, leaf).into_iter().map(|inner| json!({ "default": inner })));
    }
    if out.is_empty() {
        out.push(leaf.clone());
    }
    out
}

/// A file of a kind that is right, to put a value into.
fn right(kind: FileKind) -> Value {
    match kind {
        FileKind::Site => json!({ "site": { "id": "yard" } }),
        FileKind::Camera => {
            json!({ "source": "rtsp://host/1", "username": "u", "password": "p", "models": ["people"] })
        }
        FileKind::Model => json!({ "file": "people.onnx", "labels": ["person", "car"] }),
        FileKind::Rule => json!({ "cameras": ["gate"], "when": [{ "label": "person" }] }),
        FileKind::Uploader => json!({ "sink": { "file": { "path": "out" } } }),
        FileKind::Stream => json!({ "http": {}, "columns": { "door": "string" } }),
        FileKind::Table => json!({ "file": "badges.csv", "columns": { "badge": "string" } }),
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn site(kind: FileKind, part: Value) -> TestSite {
    let site = TestSite::new(&[
        ("people.onnx", "x"),
        ("models/people.yaml", "file: people.onnx\nlabels: [person, car]\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\n"),
        // Sources outside, labels and zones that are missing: messages that list what there is.
        ("cameras/other.yaml", "source: /elsewhere/x.mp4\nmodels: [people, nobody]\n"),
        ("rules/other.yaml", "cameras: [gate]\nwhen: [{label: nothing}]\nzone: nowhere\n"),
    ]);
    let name = match kind {
        FileKind::Site => "site.yaml",
        FileKind::Camera => "cameras/gate.yaml",
        FileKind::Model => "models/people.yaml",
        FileKind::Rule => "rules/r.yaml",
        FileKind::Uploader => "uploaders/u.yaml",
        FileKind::Stream => "streams/s.yaml",
        FileKind::Table => "tables/t.yaml",
    };
    let mut file = right(kind);
    merge(&mut file, part);
    // JSON is YAML.
    site.write(name, file.to_string());
    site
}

fn assert_silent(site: &TestSite, value: &'static str, what: &str) {
    let problems = site.load_with(&[("X", value)]).expect_err("the site has other errors");
    let texts = [
        problems.to_string(),
        format!("{problems:?}"),
        serde_json::to_string(&problems.list).unwrap(),
        serde_json::to_string(&problems.warnings).unwrap(),
    ];
    for text in texts {
        // Paths of files to watch are no message, and are shown to nobody.
        let text = text.split("inputs: [").next().unwrap();
        assert!(!text.contains(CANARY), "{what} = {value:?} shows the secret:\n{text}");
    }
}

#[test]
fn no_key_of_any_file_shows_what_a_reference_stands_for() {
    let mut tried = 0;
    for kind in FileKind::ALL {
        for part in files_with(schema(kind), &json!("${env:X}")) {
            let site = site(kind, part.clone());
            for value in VALUES {
                assert_silent(&site, value, &part.to_string());
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn a_password_that_stands_in_the_file_is_not_quoted_either() {
    let error = |name: &str, text: &str| {
        let site = TestSite::new(&[]);
        site.write(name, text);
        let problems = site.load().expect_err(text);
        let text = format!("{problems} {problems:?} {}", serde_json::to_string(&problems.list).unwrap());
        assert!(!text.contains("7766554433"), "{text}");
        text
    };
    for value in [
        "7766554433",
        "[7766554433]",
        "{a: 7766554433}",
        "\"7766554433",
        "7766554433.5",
        "!x 7766554433",
        "\"a${7766554433}\"",
        "\"${7766554433:x}\"",
        "\"${7766554433\"",
    ] {
        error("cameras/c.yaml", &format!("source: rtsp://host/1\nusername: u\npassword: {value}\n"));
        error(
            "site.yaml",
            &format!("site: {{id: yard}}\nbus:\n  broker: mqtt://host\n  username: u\n  password: {value}\n"),
        );
    }
    for address in ["rtsp://u:7766554433@host/1", "rtsp://7766554433@host/1", "http://u:7766554433@/"] {
        assert!(error("cameras/c.yaml", &format!("source: {address}\n")).contains("cameras/c.yaml:1:9"));
    }
    error("site.yaml", "site: {id: yard}\nbus: {broker: \"mqtts://u:7766554433@host\"}\n");
    error("site.yaml", "site: {id: yard}\ntelemetry: {otlp: \"http://u:7766554433@host\"}\n");
}

#[test]
fn a_secret_that_is_right_is_in_no_debug_output() {
    let site = TestSite::new(&[(
        "cameras/c.yaml",
        "source: rtsp://host/1\nusername: ${env:X}\npassword: plain-canary-7f3a\n",
    )]);
    site.write(
        "site.yaml",
        "site: {id: yard}\nbus: {broker: mqtt://127.0.0.1, username: \"${env:X}\", password: \"${file:secret}\"}\n",
    );
    site.write("secret", "canary-7f3a\n");
    let loaded = site.load_with(&[("X", "canary-7f3a")]).unwrap();
    let camera = loaded.config.cameras["c"].source.credentials.clone().unwrap();
    assert_eq!((camera.username.expose(), camera.password.expose()), ("canary-7f3a", "plain-canary-7f3a"));
    assert!(!format!("{loaded:?} {loaded:#?}").contains(CANARY));
}

#[test]
fn the_schema_holds_no_value_of_a_secret_and_a_reference_without_a_value_names_itself() {
    let error =
        TestSite::new(&[("cameras/c.yaml", "source: rtsp://host/1\nusername: u\npassword: ${env:GATE}\n")]).error();
    assert_eq!(
        error,
        "cameras/c.yaml:3:11: `${env:GATE}` has no value: this environment variable is not set; set it for the process that runs the site"
    );
    let empty = TestSite::new(&[
        ("cameras/c.yaml", "source: rtsp://host/1\nusername: u\npassword: ${file:nothing}\n"),
        ("nothing", "\n"),
    ])
    .error();
    assert_eq!(empty, "cameras/c.yaml:3:11: `${file:nothing}` is empty; give it a value");
    assert_eq!(common::standard(), ["env", "file"]);
}
