//! `parapet rule replay --from --to`: what a running site has recorded, and what a stopped one's store holds, to the edges of the
//! stretch; and what is told of a stretch without events, of one that ends before it begins, of a rule that is not there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_testkit::{
    RunningSite, SiteFolder,
    command::{Told, parapet},
    site::until_free,
    wait::until,
};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

fn at(second: u32) -> String {
    format!("2026-01-05T12:00:{second:02}Z")
}

/// Replays the site's rule, or another, over a stretch.
fn replay(folder: &SiteFolder, rule: &str, from: &str, to: &str) -> Told {
    let rule = folder.path().join("rules").join(rule);
    let arguments = ["rule", "replay", "--format", "json", "--rule", rule.to_str().unwrap(), "--config", folder.arg()];
    parapet(PARAPET, &[&arguments[..], &["--from", from, "--to", to]].concat())
}

/// The seconds of the alerts that a replay told.
fn seconds(told: &Told) -> Vec<String> {
    assert_eq!(told.code, Some(0), "{}", told.all());
    let lines = told.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["ts"].as_str().unwrap()[17..19].to_owned()).collect()
}

/// All that is asked of a site, running or stopped: the answers are the same.
fn edges(folder: &SiteFolder) {
    let open = |from: &str, to: &str| replay(folder, "open.yaml", from, to);
    assert_eq!(seconds(&open(&at(0), &at(59))), ["10", "20", "30"]);
    assert_eq!(seconds(&open(&at(10), &at(30))), ["10", "20"], "the beginning is within, the end is not");
    assert_eq!(seconds(&open("2026-01-05T12:00:20Z", "2026-01-05T12:00:20.001Z")), ["20"]);
    for (from, to, why) in [
        (at(40), at(59), "there are no events to play"),
        ("2020-01-01T00:00:00Z".to_owned(), "2020-01-02T00:00:00Z".to_owned(), "there are no events to play"),
        (at(30), at(30), "--to must be later than --from"),
        (at(30), at(10), "--to must be later than --from"),
    ] {
        let told = open(&from, &to);
        assert_eq!((told.code, told.error().contains(why)), (Some(2), true), "{from} to {to}: {}", told.all());
    }
    let nobody = replay(folder, "nobody.yaml", &at(0), &at(59));
    assert_eq!((nobody.code, nobody.err.contains("the site has no such rule")), (Some(2), true), "{}", nobody.all());
    let no_time = open("yesterday", &at(59));
    assert_eq!((no_time.code, no_time.err.contains("--from")), (Some(2), true), "{}", no_time.all());
}

#[test]
fn a_stretch_has_its_first_moment_and_not_its_last_running_or_stopped() {
    let folder = SiteFolder::new("yard");
    folder
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string, at: time}\ntimestamp: at\n")
        .file("rules/open.yaml", "sql: SELECT door FROM doors\ncooldown: 0s\nmessage: \"{door}\"\n");
    let site = RunningSite::start(PARAPET, &folder);
    for second in [10, 20, 30] {
        let answer = site.post("/api/v1/streams/doors", &json!({"door": "dock", "at": at(second)}));
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    until("all are in the log", MINUTE, || {
        site.ask(&format!("/api/v1/events?from={}&to={}", at(0), at(59))).text().lines().count() == 3
    });
    edges(&folder);
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());
    edges(&folder);

    let elsewhere = SiteFolder::new("other");
    elsewhere.file("rules/open.yaml", "sql: SELECT camera FROM frames\nmessage: x\n");
    let told = replay(&elsewhere, "open.yaml", &at(0), &at(59));
    assert_eq!((told.code, told.error().contains("there is no store in")), (Some(2), true), "{}", told.all());
}
