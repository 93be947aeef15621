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

/// A site of two cameras, `gate` with zones and a line, `yard` with none.
fn drawn(rule: &str) -> TestSite {
    TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        (
            "cameras/gate.yaml",
            "source: test://ball\nmodels: [people]\nzones: {dock: [[0, 0], [1, 0], [1, 1]]}\n\
             lines: {kerb: [[0, 0.5], [1, 0.5]]}\n",
        ),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
        ("streams/doors.yaml", "http: {}\ncolumns: {camera: string, door: string, zones: string}\n"),
        ("rules/r.yaml", rule),
    ])
}

#[test]
fn names_that_are_nowhere_in_the_site_are_told_with_their_place() {
    for (rule, expected) in [
        (
            "sql: |\n  SELECT camera FROM detections\n  WHERE in_zone(track, 'dokc')\n",
            "rules/r.yaml:3:24: there is no zone `dokc` in `gate`, `yard`; did you mean `dock`? Known zones: `dock`",
        ),
        (
            "sql: SELECT camera FROM detections WHERE crossed(track, 'kreb', 'left')\n",
            "rules/r.yaml:1:57: there is no line `kreb` in `gate`, `yard`; did you mean `kerb`? Known lines: `kerb`",
        ),
        (
            "cameras: [yard]\nsql: SELECT camera FROM detections WHERE dwell(track, 'dock') > 10s\n",
            "rules/r.yaml:2:55: there is no zone `dock` in `yard`; `gate` has it, and this rule does not listen to it: see \
             `cameras`",
        ),
        (
            "cameras: [yard]\nsql: SELECT camera FROM detections WHERE in_zone(track, 'ramp')\n",
            "rules/r.yaml:2:57: there is no zone `ramp` in `yard`; the cameras that this rule listens to have no `zones`",
        ),
        (
            "sql: SELECT camera FROM frames WHERE seen(things, 'person', 0.5, 'dick') > 1\n",
            "rules/r.yaml:1:66: there is no zone `dick` in `gate`, `yard`; did you mean `dock`? Known zones: `dock`",
        ),
        (
            "sql: SELECT label FROM detections AS d WHERE d.camera = 'gaet'\n",
            "rules/r.yaml:1:57: there is no camera `gaet`; did you mean `gate`? Known cameras: `gate`, `yard`",
        ),
        (
            "cameras: [gate]\nsql: SELECT label FROM detections WHERE camera IN ('gate', 'yard')\n",
            "rules/r.yaml:2:60: this rule does not listen to the camera `yard`; add `yard` to `cameras`, or take it out of the \
             statement",
        ),
        (
            "sql: SELECT label FROM detections WHERE model = 'peeple'\n",
            "rules/r.yaml:1:49: there is no model `peeple`; did you mean `people`? Known models: `people`",
        ),
        (
            "sql: SELECT camera FROM detections WHERE attributes->helmet->label = 'none'\n",
            "rules/r.yaml:1:42: there is no model `helmet`; Known models: `people`",
        ),
        (
            "sql: SELECT camera FROM detections INNER JOIN dors_latest ON door = label\n",
            "rules/r.yaml:1:47: stream dors_latest is not known; see docs/rules.md",
        ),
    ] {
        assert_eq!(drawn(rule).errors().join("\n"), expected, "{rule}");
    }
}

#[test]
fn names_that_are_there_or_are_not_those_of_cameras_are_left_alone() {
    for rule in [
        "sql: SELECT camera FROM detections WHERE in_zone(track, 'dock') AND crossed(track, 'kerb')\n",
        "sql: SELECT camera FROM detections WHERE camera = 'gate' OR model = 'people'\n",
        // A stream of the site's own may call its columns what it likes.
        "sql: SELECT door FROM doors WHERE camera = 'the old one' AND zones = 'north'\n",
        "sql: SELECT d.door FROM detections AS s, doors AS d WHERE s.camera = 'gate' AND d.camera = 'x' PER s.camera\n",
    ] {
        assert_eq!(drawn(rule).load().map(|_| ()).map_err(|e| e.to_string()), Ok(()), "{rule}");
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
