//! Rules as statements: what is accepted, and what the person who wrote one is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::TestSite;
use parapet_config::{Environment, Files, RuleBody, Secrets, load_rule};
use parapet_contracts::CameraId;

fn site(rule: &str) -> TestSite {
    TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
        ("rules/r.yaml", rule),
    ])
}

#[test]
fn a_statement_stands_instead_of_when_and_hears_all_cameras_unless_told() {
    let sql = "SELECT camera, count(*) AS seen FROM detections GROUP BY tumblingwindow(ss, 10), camera";
    let loaded = site(&format!("sql: {sql}\nmessage: \"{{seen}} at {{camera}}\"\n")).load().unwrap();
    let rule = &loaded.config.rules["r"];
    assert_eq!(rule.body, RuleBody::Sql(sql.to_owned()));
    assert_eq!(rule.cameras.len(), 2);
    let one = site(&format!("cameras: [yard]\nsql: {sql}\n")).load().unwrap();
    assert_eq!(one.config.rules["r"].cameras, [CameraId::new("yard").unwrap()]);
}

#[test]
fn mistakes_in_a_statement_are_told_with_their_place_in_the_file() {
    for (rule, expected) in [
        (
            "name: X\nsql: |\n  SELECT camera, count(*) AS seen\n  FROM detektions\n  GROUP BY tumblingwindow(ss, 10)\n",
            "rules/r.yaml:4:8: stream detektions is not known; did you mean \"detections\"?",
        ),
        (
            "sql: |-\n\n    SELECT cammera FROM detections\n",
            "rules/r.yaml:3:12: unknown field cammera; did you mean \"camera\"?",
        ),
        (
            "sql: SELECT cont(*) FROM detections\n",
            "rules/r.yaml:1:13: function cont not found; did you mean \"count\"?",
        ),
        (
            "sql: \"SELECT cont(*) FROM detections\"\n",
            "rules/r.yaml:1:14: function cont not found; did you mean \"count\"?",
        ),
        (
            "sql: >\n  SELECT camera\n  FORM detections\n",
            "rules/r.yaml:2:3: line 1, column 15 of the statement: found \"FORM\", expected FROM; did you mean \"FROM\"?",
        ),
        (
            "sql: SELECT label FROM detections\nmessage: \"{lable}\"\n",
            "rules/r.yaml:2:10: `{lable}` stands for nothing in a message; did you mean `label`? Known words: `label`, `camera`, `rule`, `count`, `score`",
        ),
        (
            "cameras: [gate]\nwhen: [{label: person}]\nsql: SELECT label FROM detections\n",
            "rules/r.yaml:3:1: `when` and `sql` stand together; a rule has one of them: remove the other",
        ),
        (
            "sql: SELECT label FROM detections\nzone: dock\n",
            "rules/r.yaml:2:1: `zone` does not go with `sql`; use the column `track.zones` in the statement",
        ),
        (
            "cameras: [gate]\nseverity: info\n",
            "rules/r.yaml:1:1: the key `when` is missing; expected a list of mappings (`- key: value`), or `sql`",
        ),
    ] {
        let told = site(rule).errors().join("\n");
        assert_eq!(told, expected, "{rule}");
    }
}

#[test]
fn a_statement_that_came_out_of_a_reference_is_not_quoted() {
    let site = site("sql: ${file:statement}\n");
    site.write("statement", "SELECT hunter2 FROM detections");
    assert_eq!(
        site.error(),
        "rules/r.yaml:1:6: the statement has an error (not shown, as `${…}` stands in it); write the statement out"
    );
}

#[test]
fn a_test_beside_a_rule_is_no_rule() {
    let site = site("sql: SELECT label FROM detections\n");
    site.write("rules/r.test.yaml", "tests: []\n");
    let loaded = site.load().unwrap();
    assert_eq!((loaded.config.rules.len(), loaded.warnings), (1, Vec::new()));
}

#[test]
fn a_rule_file_can_be_read_by_itself() {
    let secrets = Secrets::new(vec![Box::new(Environment), Box::new(Files)]);
    let folder = tempfile::tempdir().unwrap();
    let read = |text: &str| {
        let file = folder.path().join("crowd.yaml");
        std::fs::write(&file, text).unwrap();
        load_rule(&file, &[CameraId::new("yard").unwrap()], &common::Probe(None), &secrets)
    };
    let rule = read("cameras: [gate]\nwhen: [{label: person}]\nmodel: people\n").unwrap().rule;
    assert_eq!((rule.id.as_str(), rule.cameras.len()), ("crowd", 1));
    assert_eq!(read("sql: SELECT label FROM detections\n").unwrap().rule.cameras.len(), 1, "those that are told");
    let error = read("cameras: [gate]\nwhen: [{label: person}]\nzone: dock\n").unwrap_err().to_string();
    assert!(error.contains("crowd.yaml:3:7: zones by name"), "{error}");
    let site = site("sql: SELECT label FROM detections\n");
    let rule = load_rule(&site.dir().join("rules/r.yaml"), &[], &common::Probe(None), &secrets).unwrap().rule;
    assert_eq!(rule.cameras.len(), 2, "within a site it is the site's");
}
