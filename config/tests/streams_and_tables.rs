//! Streams of other things than cameras, tables, what becomes of alerts: what is accepted, and what is told of mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::TestSite;
use parapet_config::{Action, Sink, StreamSource, UploadKind, diff};
use parapet_contracts::Severity;

const DOORS: &str =
    "mqtt: {topic: site/doors/+}\ncolumns: {door: string, open: boolean, at: time}\ntimestamp: at\nkey: door\n";
const BADGES: &str = "file: tables/badges.csv\ncolumns: {badge: string, name: string, level: integer?}\n";
const BADGES_CSV: &str = "badge,name,level,colour\n4711,\"Ann, B.\",3,red\n0815,Bob,,blue\n";

fn site(files: &[(&str, &str)]) -> TestSite {
    let site = TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\n"),
        ("streams/doors.yaml", DOORS),
        ("tables/badges.yaml", BADGES),
        ("tables/badges.csv", BADGES_CSV),
    ]);
    for (name, text) in files {
        site.write(name, text);
    }
    site
}

#[test]
fn a_stream_and_a_table_are_read_and_rules_join_them() {
    let rule = "sql: |\n  SELECT doors.door, badges.name FROM doors INNER JOIN badges ON badges.badge = doors.door WHERE doors.open\n";
    let loaded = site(&[("rules/r.yaml", rule)]).load().unwrap_or_else(|problems| panic!("{problems}"));
    let stream = &loaded.config.streams["doors"];
    assert_eq!(stream.source, StreamSource::Mqtt { topic: "site/doors/+".to_owned() });
    assert_eq!((stream.timestamp.as_deref(), stream.key.as_deref()), (Some("at"), Some("door")));
    let rows = &loaded.config.tables["badges"].rows;
    assert_eq!(rows[0]["name"], "Ann, B.");
    assert_eq!((&rows[0]["level"], rows[1].get("level"), rows[0].get("colour")), (&3.into(), None, None));
    let reads = &loaded.config.rules["r"].reads;
    assert_eq!((reads.streams.len(), reads.tables.len(), reads.relations.len()), (1, 1, 2));
    assert!(loaded.inputs.iter().any(|path| path.ends_with("tables/badges.csv")), "a change of the rows is noticed");
}

#[test]
fn new_rows_restart_no_rule_and_other_columns_do() {
    let rule = "sql: SELECT doors.door FROM doors INNER JOIN badges ON badges.badge = doors.door\n";
    let site = site(&[("rules/r.yaml", rule)]);
    let before = site.load().unwrap().config;
    site.write("tables/badges.csv", "badge,name\n1,Eve\n");
    let rows = site.load().unwrap().config;
    let changes = diff(&before, &rows);
    assert!(changes.rules.is_empty() && changes.tables.changed.len() == 1, "{changes:?}");
    site.write("tables/badges.yaml", "file: tables/badges.csv\ncolumns: {badge: string}\n");
    assert_eq!(diff(&rows, &site.load().unwrap().config).rules.changed.len(), 1);
}

#[test]
fn mistakes_in_streams_and_tables_are_told_with_their_place() {
    for (name, text, expected) in [
        ("streams/s.yaml", "columns: {a: string}\n", "streams/s.yaml:1:1: it is not said where the messages come from"),
        (
            "streams/s.yaml",
            "http: {}\nmqtt: {topic: a}\ncolumns: {a: string}\n",
            "streams/s.yaml:1:1: `mqtt`, `http` stand together",
        ),
        (
            "streams/s.yaml",
            "mqtt: {topic: a/#/b}\ncolumns: {a: string}\n",
            "streams/s.yaml:1:15: this is no topic that can be subscribed",
        ),
        ("streams/s.yaml", "http: {}\ncolumns: {a: text}\n", "streams/s.yaml:2:14: expected a type: `string`"),
        ("streams/s.yaml", "http: {}\ncolumns: {a-b: string}\n", "streams/s.yaml:2:11: this is no name of a column"),
        (
            "streams/s.yaml",
            "http: {}\ncolumns: {when: string}\ntimestamp: when\n",
            "streams/s.yaml:3:12: the column `when` does not say when it happened",
        ),
        (
            "streams/s.yaml",
            "http: {}\ncolumns: {door: string}\nkey: dor\n",
            "streams/s.yaml:3:6: there is no column `dor`; did you mean `door`?",
        ),
        (
            "streams/s.yaml",
            "file: {path: /elsewhere/x.jsonl}\ncolumns: {a: string}\n",
            "streams/s.yaml:1:14: the file lies neither below the site's folder",
        ),
        (
            "streams/frames.yaml",
            "http: {}\ncolumns: {a: string}\n",
            "streams/frames.yaml:1:1: the stream `frames` can't be declared",
        ),
        ("tables/doors.yaml", BADGES, "tables/doors.yaml:1:1: `doors` is a stream, too"),
        (
            "tables/t.yaml",
            "file: none.csv\ncolumns: {a: string}\n",
            "tables/t.yaml:1:7: the table's file can't be read",
        ),
        (
            "tables/t.yaml",
            "file: tables/badges.csv\ncolumns: {badge: integer, name: boolean}\n",
            "tables/t.yaml:1:7: line 2 of the table: the column `name` is no boolean",
        ),
        (
            "tables/t.yaml",
            "file: tables/badges.csv\ncolumns: {owner: string}\n",
            "tables/t.yaml:1:7: the table's first line does not name the column `owner`",
        ),
    ] {
        let problems = site(&[(name, text)]).load().expect_err(name).to_string();
        assert!(problems.contains(expected), "{text}\n{problems}\nexpected {expected}");
    }
}

#[test]
fn what_becomes_of_alerts_is_checked() {
    let pager = "what: [named]\nsink: {http: {url: \"https://pager.example.org/x\", headers: {authorization: \"Bearer ${env:TOKEN}\"}}}\n";
    let rule = "sql: SELECT door FROM doors WHERE open\nkey: \"{door}\"\ntitle: \"Door {door}\"\nresolve_after: 10s\nremind_every: 5m\n\
                escalate: [{after: 20m}, {after: 10m, severity: warning}]\nactions: [{mqtt: site/horn}, {uploader: pager}]\nevidence: none\n";
    let maintenance = "site: {id: yard}\nmaintenance: [{days: [sun], from: \"06:00\", to: \"08:00\"}]\n";
    let site = site(&[("uploaders/pager.yaml", pager), ("rules/r.yaml", rule), ("site.yaml", maintenance)]);
    let loaded = site.load_with(&[("TOKEN", "canary-7f3a")]).unwrap_or_else(|problems| panic!("{problems}"));
    let says = &loaded.config.rules["r"].alerting;
    assert_eq!(says.resolve_after, Some(Duration::from_secs(10)));
    let steps: Vec<(u64, Severity)> = says.escalate.iter().map(|step| (step.after.as_secs(), step.severity)).collect();
    assert_eq!(steps, [(600, Severity::Warning), (1200, Severity::Critical)], "in the order of their times");
    assert_eq!(says.actions.len(), 2);
    assert!(matches!(&says.actions[1], Action::Uploader(id) if id.as_str() == "pager"));
    assert_eq!((says.maintenance.len(), says.picture), (1, false));
    let uploader = &loaded.config.uploaders["pager"];
    assert_eq!(uploader.what, [UploadKind::Named]);
    assert!(matches!(&uploader.sink, Sink::Http(http) if http.headers.len() == 1));
    assert!(!format!("{:?}", loaded.config).contains("canary-7f3a"));

    for (text, expected) in [
        (
            "sql: SELECT door FROM doors\nremind_every: 5m\n",
            "rules/r.yaml:2:1: `remind_every` is about alerts that go on",
        ),
        (
            "sql: SELECT door FROM doors\nkey: \"{dor}\"\n",
            "rules/r.yaml:2:6: `{dor}` stands for nothing in a key; did you mean `door`?",
        ),
        (
            "sql: SELECT door FROM doors\nactions: [{uploader: nobody}]\n",
            "rules/r.yaml:2:22: there is no uploader `nobody`",
        ),
        ("sql: SELECT door FROM doors\nactions: [{mqtt: a/+}]\n", "rules/r.yaml:2:18: this is no topic to publish on"),
        (
            "sql: SELECT door FROM doors\nactions: [{mqtt: a, uploader: b}]\n",
            "rules/r.yaml:2:11: an action has one of `mqtt` and `uploader`",
        ),
        (
            "sql: SELECT door FROM doors\nalerts_of: [q]\n",
            "rules/r.yaml:2:1: the statement does not read the stream `alerts`",
        ),
        ("sql: SELECT door FROM door\n", "rules/r.yaml:1:23: stream door is not known; did you mean \"doors\"?"),
    ] {
        let problems = self::site(&[("rules/r.yaml", text)]).load().expect_err(text).to_string();
        assert!(problems.contains(expected), "{problems}\nexpected {expected}");
    }
}

#[test]
fn rules_hear_each_other_but_in_no_circle() {
    let plain = "cameras: [gate]\nwhen: [{label: person}]\n";
    let hears = "sql: SELECT message FROM alerts WHERE state = 'raised'\n";
    let loaded = site(&[("rules/a.yaml", plain), ("rules/b.yaml", hears), ("rules/c.yaml", hears)]).load().unwrap();
    let of = |id: &str| loaded.config.rules[id].reads.alerts_of.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (of("b"), of("c"), of("a")),
        (vec!["a".to_owned()], vec!["a".to_owned()], vec![]),
        "those that hear none"
    );
    let named = |ids: &str| format!("{hears}alerts_of: [{ids}]\n");
    let chain = site(&[("rules/a.yaml", plain), ("rules/b.yaml", &named("a")), ("rules/c.yaml", &named("b"))]);
    assert!(chain.load().is_ok(), "one after the other");
    let circle = site(&[("rules/a.yaml", &named("b")), ("rules/b.yaml", &named("a"))]).load().unwrap_err().to_string();
    assert!(circle.contains("rules/a.yaml:2:12: the rules `a`, `b` hear each other in a circle"), "{circle}");
    let own = site(&[("rules/a.yaml", &named("a"))]).load().unwrap_err().to_string();
    assert!(own.contains("the rule hears its own alerts"), "{own}");
}

#[test]
fn a_statement_over_a_broken_stream_is_not_told_twice() {
    let site = site(&[
        ("streams/doors.yaml", "http: {}\ncolumns: {door: text}\n"),
        ("rules/r.yaml", "sql: SELECT door FROM doors\n"),
    ]);
    let problems = site.load().unwrap_err();
    assert_eq!(problems.list.len(), 1, "{problems}");
}
