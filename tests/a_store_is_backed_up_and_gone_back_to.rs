//! A backup is made while the site runs, is checked, and brings the site back: by hand, and after the store was damaged, which does not keep
//! the site from starting.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, time::Duration};

use parapet_testkit::{
    RunningSite, SiteFolder,
    command::{Told, parapet},
    site::until_free,
};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

fn site(lines: &str) -> SiteFolder {
    let folder = SiteFolder::with("yard", lines);
    folder.file("streams/doors.yaml", "http: {}\ncolumns: {door: string, open: boolean}\nkey: door\n").file(
        "rules/open.yaml",
        "sql: SELECT door FROM doors WHERE open\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door} is open\"\n",
    );
    folder
}

/// Opens a door, and waits for its alert.
fn alert(site: &RunningSite, door: &str) {
    let answer = site.post("/api/v1/streams/doors", &json!({"door": door, "open": true}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    site.wait_for("the alert", "/api/v1/alerts", MINUTE, |page| doors(page).contains(&format!("{door} is open")));
}

fn doors(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|alert| alert["message"].as_str().unwrap().to_owned()).collect()
}

fn store(folder: &SiteFolder, args: &[&str]) -> Told {
    parapet(PARAPET, &[&["store"], args, &["--config", folder.arg()]].concat())
}

fn good(told: &Told, words: &[&str]) {
    assert_eq!(told.code, Some(0), "{}", told.all());
    for word in words {
        assert!(told.out.contains(word), "{word:?} is not in: {}", told.all());
    }
}

fn refused(told: &Told, words: &[&str]) {
    assert_eq!(told.code, Some(1), "{}", told.all());
    for word in words {
        assert!(told.error().contains(word), "{word:?} is not in: {}", told.all());
    }
}

#[test]
fn a_running_site_is_backed_up_and_a_stopped_one_goes_back() {
    let folder = site("");
    let site = RunningSite::start(PARAPET, &folder);
    alert(&site, "dock");
    refused(&store(&folder, &["verify"]), &["there is no backup in"]);
    good(&store(&folder, &["backup"]), &["backup 1 of"]);
    alert(&site, "gate");
    refused(&store(&folder, &["backup", "--to", "/tmp"]), &["the site runs"]);
    good(&store(&folder, &["backup"]), &["backup 2 of"]);
    good(&store(&folder, &["backups"]), &["backup 1 of", "backup 2 of"]);
    good(&store(&folder, &["verify", "1"]), &["all of it was read: 1 alerts"]);
    good(&store(&folder, &["verify"]), &["all of it was read: 2 alerts"]);
    refused(&store(&folder, &["restore", "--replace"]), &["another process has it open"]);
    assert!(site.metric("parapet_store_log_syncs_total") > Some(0.0));
    assert!(site.metric("parapet_store_flushed_bytes_total") > Some(0.0), "a backup writes what waits in memory");
    assert_eq!(site.metric("parapet_store_writes_stopped"), Some(0.0));
    assert_eq!(site.metric("parapet_store_backups_total{outcome=\"made\"}"), Some(2.0));
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());

    refused(&store(&folder, &["restore", "1"]), &["is not empty", "--replace"]);
    good(
        &store(&folder, &["restore", "1", "--replace"]),
        &["restored to", "1 alerts", "the store that was there is in"],
    );
    good(&store(&folder, &["backup"]), &["backup 3 of"]);
    let site = RunningSite::start(PARAPET, &folder);
    assert_eq!(doors(&site.get("/api/v1/alerts")), ["dock is open"]);
    alert(&site, "yard");
}

#[test]
fn backups_are_made_by_themselves() {
    let folder = site("store: {backups: {path: copies, keep: 1, every: 1m}}\n");
    let site = RunningSite::start(PARAPET, &folder);
    let status =
        site.wait_for("the first backup", "/api/v1/store/backups", MINUTE, |status| status["items"][0]["number"] == 1);
    assert_eq!((&status["running"], &status["last_error"]), (&json!(false), &Value::Null), "{status:#}");
    assert!(folder.path().join("copies/meta/1").exists());
}

#[test]
fn a_damaged_store_is_set_aside_and_told_and_the_site_runs() {
    let folder = site("");
    let running = RunningSite::start(PARAPET, &folder);
    alert(&running, "dock");
    good(&store(&folder, &["backup"]), &[]);
    assert_eq!(running.terminate().code, Some(0));
    until_free(folder.http());
    let place = folder.path().join("data/store");
    fs::write(place.join("CURRENT"), "MANIFEST-nonsense\n").unwrap();

    let running = RunningSite::start(PARAPET, &folder);
    assert_eq!(doors(&running.get("/api/v1/alerts")), [] as [String; 0]);
    let told = running.wait_for("it is told", "/api/v1/errors", MINUTE, |page| {
        page["items"].as_array().unwrap().iter().any(|record| record["actor"] == "store" && record["kind"] == "damaged")
    });
    assert!(told.to_string().contains("store.damaged-"), "{told:#}");
    assert_eq!(running.metric("parapet_store_set_aside_total"), Some(1.0));
    alert(&running, "gate");
    assert_eq!(running.terminate().code, Some(0));
    until_free(folder.http());

    good(&store(&folder, &["restore", "--replace"]), &["1 alerts"]);
    let running = RunningSite::start(PARAPET, &folder);
    assert_eq!(doors(&running.get("/api/v1/alerts")), ["dock is open"]);
}
