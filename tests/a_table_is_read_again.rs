//! A table whose file changes while the site runs: rules look up in the new rows, with what they hold. One that is broken keeps the
//! old rows, and is told with its file and line.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_testkit::{RunningSite, SiteFolder, wait::until};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// The second time that a badge is shown, with the name that it has then.
const RULE: &str = "\
sql: |
  SELECT gate.badge AS badge, badges.name AS name, acc_count(gate.badge) AS times FROM gate
  INNER JOIN badges ON badges.badge = gate.badge
key: \"{badge} {times}\"
cooldown: 0s
message: \"{name} {times}\"
";

fn messages(site: &RunningSite) -> Vec<String> {
    let page = site.get("/api/v1/alerts");
    let items = page["items"].as_array().unwrap();
    items.iter().rev().map(|alert| alert["message"].as_str().unwrap().to_owned()).collect()
}

fn restarts(site: &RunningSite) -> u64 {
    site.node("rules/badge").unwrap()["restarts"].as_u64().unwrap()
}

#[test]
fn rules_look_up_in_the_new_rows_and_a_broken_table_keeps_the_old_ones() {
    let folder = SiteFolder::new("yard");
    folder
        .file("streams/gate.yaml", "http: {}\ncolumns: {badge: string}\n")
        .file("tables/badges.yaml", "file: tables/badges.csv\ncolumns: {badge: string, name: string, level: integer}\n")
        .file("tables/badges.csv", "badge,name,level\nb1,Ann,1\n")
        .file("rules/badge.yaml", RULE);
    let site = RunningSite::start(PARAPET, &folder);
    let show = |badge: &str| {
        let answer = site.post("/api/v1/streams/gate", &json!({"badge": badge}));
        assert_eq!(answer.status, 202, "{}", answer.text());
    };
    show("b1");
    until("Ann is known", MINUTE, || messages(&site) == ["Ann 1"]);

    folder.file("tables/badges.csv", "badge,name,level\nb1,Bea,1\nb2,Cem,2\n");
    site.wait_for_log("table badges read again", MINUTE);
    show("b1");
    show("b2");
    until("the new rows are used", MINUTE, || messages(&site) == ["Ann 1", "Bea 2", "Cem 3"]);
    assert_eq!(restarts(&site), 0, "the rule has counted on: its actor is the same");

    folder.file("tables/badges.csv", "badge,name,level\nb1,Dag,1\nb2,Eve,second\n");
    let status: Value = site.wait_for("the broken table is told", "/api/v1/status", MINUTE, |status| {
        status.to_string().contains("line 3 of the table")
    });
    let told = status.to_string();
    assert!(told.contains("tables/badges.yaml:1:7: line 3 of the table: the column `level` is no"), "{status:#}");
    show("b1");
    until("the old rows are used", MINUTE, || messages(&site).last().is_some_and(|last| last == "Bea 4"));
    let errors = site.get("/api/v1/errors").to_string();
    assert!(errors.contains("the old configuration stays: tables/badges.yaml:1:7"), "{errors}");

    folder.file("tables/badges.csv", "badge,name,level\nb1,Dag,1\n");
    until("what was mended is used", MINUTE, || {
        show("b1");
        messages(&site).last().is_some_and(|last| last.starts_with("Dag"))
    });
}
