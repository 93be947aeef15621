//! Fault: the site is killed in the middle of a window, and while an alert goes on. What was counted before counts, nothing is told twice;
//! a rule whose file has changed begins anew. Messages of a stream drive it; their times are their own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_testkit::{RunningSite, SiteFolder, site::until_free, wait::until};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);
const COUNTED: &str = "\
sql: |
  SELECT door, count(*) AS times FROM doors GROUP BY tumblingwindow(mi, 10), door HAVING count(*) >= 3
key: \"{door}\"
cooldown: 0s
message: \"{door} {times} times\"
";

fn folder() -> SiteFolder {
    let folder = SiteFolder::new("yard");
    folder
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string, open: boolean, at: time}\ntimestamp: at\nkey: door\n")
        .file("rules/counted.yaml", COUNTED)
        .file(
            "rules/open.yaml",
            "sql: SELECT door FROM doors WHERE open\nkey: \"{door}\"\nresolve_after: 0s\ncooldown: 0s\nmessage: \"{door} is open\"\n",
        );
    folder
}

fn push(site: &RunningSite, second: u32, open: bool) {
    let at = format!("2026-01-05T12:00:{second:02}Z");
    let answer = site.post("/api/v1/streams/doors", &json!({"door": "dock", "open": open, "at": at}));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn told(site: &RunningSite, rule: &str) -> Vec<String> {
    let page = site.get(&format!("/api/v1/alerts?rule={rule}"));
    page["items"].as_array().unwrap().iter().map(|alert| alert["message"].as_str().unwrap().to_owned()).collect()
}

fn rule(site: &RunningSite, id: &str) -> Value {
    site.get("/api/v1/rules").as_array().unwrap().iter().find(|rule| rule["id"] == id).unwrap()["status"].clone()
}

fn heard(site: &RunningSite, events: u64) {
    until("both rules have heard", MINUTE, || ["counted", "open"].iter().all(|id| rule(site, id)["events"] == events));
}

#[test]
fn a_killed_site_loses_no_window_and_tells_nothing_twice() {
    let folder = folder();
    let site = RunningSite::start(PARAPET, &folder);
    push(&site, 1, true);
    push(&site, 2, true);
    heard(&site, 2);
    until("the door is an alert", MINUTE, || told(&site, "open") == ["dock is open"]);
    // The log and what was written down are the system's once they were written: a kill takes nothing of them. What is not
    // written down yet is in the log.
    until("both messages are in the log", MINUTE, || {
        let log = site.ask("/api/v1/events?from=2026-01-05T12:00:00Z&to=2026-01-05T12:01:00Z").text();
        log.lines().count() == 2
    });
    until("what was heard is written down once", MINUTE, || {
        site.metric("parapet_rule_checkpoint_seconds_count").is_some_and(|count| count >= 2.0)
    });
    site.kill();
    until_free(folder.http());

    let site = RunningSite::start(PARAPET, &folder);
    push(&site, 3, true);
    // Time goes on: the window ends.
    let answer =
        site.post("/api/v1/streams/doors", &json!({"door": "dock", "open": true, "at": "2026-01-05T12:11:30Z"}));
    assert_eq!(answer.status, 202);
    until("the window is whole", MINUTE, || told(&site, "counted") == ["dock 3 times"]);
    assert_eq!(told(&site, "open"), ["dock is open"], "it goes on, and is not told again");
    site.kill();
    until_free(folder.http());

    // Nothing is told again by a start alone; the alert that goes on is resolved by the one who comes after.
    let site = RunningSite::start(PARAPET, &folder);
    let answer =
        site.post("/api/v1/streams/doors", &json!({"door": "dock", "open": false, "at": "2026-01-05T12:11:40Z"}));
    assert_eq!(answer.status, 202);
    until("the alert of before is resolved", MINUTE, || rule(&site, "open")["resolved"] == 1);
    let id = site.get("/api/v1/alerts?rule=open")["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&format!("/api/v1/alerts/{id}/updates"))["state"], "resolved");
    assert_eq!((told(&site, "counted").len(), told(&site, "open").len()), (1, 1));
    assert_eq!(site.terminate().code, Some(0));

    // A rule that was changed begins anew: the two of before do not count.
    let site = RunningSite::start(PARAPET, &folder);
    for second in [1, 2] {
        let at = format!("2026-01-05T12:12:{second:02}Z");
        assert_eq!(site.post("/api/v1/streams/doors", &json!({"door": "dock", "open": false, "at": at})).status, 202);
    }
    until("it has heard both", MINUTE, || {
        rule(&site, "counted")["state"]["rows"].as_u64().unwrap_or(0)
            + rule(&site, "counted")["state"]["waiting"].as_u64().unwrap_or(0)
            >= 2
    });
    folder.file("rules/counted.yaml", &format!("name: Counted\n{COUNTED}"));
    until("it has begun anew", MINUTE, || {
        let rules = site.get("/api/v1/rules");
        let counted = rules.as_array().unwrap().iter().find(|rule| rule["id"] == "counted").unwrap();
        counted["name"] == "Counted" && counted["status"]["events"] == 0
    });
    for at in ["2026-01-05T12:12:03Z", "2026-01-05T12:21:30Z"] {
        assert_eq!(site.post("/api/v1/streams/doors", &json!({"door": "dock", "open": false, "at": at})).status, 202);
    }
    until("the window has ended", MINUTE, || {
        rule(&site, "counted")["state"]["watermark_lag_ms"].as_i64().is_some_and(|lag| lag <= 2_000)
            && rule(&site, "counted")["events"] == 2
    });
    assert_eq!(told(&site, "counted").len(), 1, "one of its window is no alert");
}
