//! One file, one actor: what changes in the folder of a running site is done within 2 s, and to that actor alone. A file with an
//! error changes nothing that runs, and is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use parapet_testkit::{RunningSite, SiteFolder, command::parapet, wait::until};
use serde_json::Value;
use support::PARAPET;

/// The promise, from the change of the file to its effect.
const TOLD: Duration = Duration::from_secs(2);
/// What a slow machine may add to it here.
const GRACE: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(20);

const BALL: &str = "source: test://ball?size=320x240&fps=10\nmodels: [none]\n";
const SMPTE: &str = "source: test://smpte?size=320x240&fps=10\nmodels: [none]\n";
const RULE: &str = "cameras: [gate]\nwhen: [{label: person}]\n";

fn files() -> SiteFolder {
    let site = SiteFolder::new("yard");
    site.file("models/none.yaml", "kind: null\n")
        .file("cameras/gate.yaml", BALL)
        .file("cameras/yard.yaml", BALL)
        .file("rules/intruder.yaml", RULE);
    site
}

fn live(site: &RunningSite, id: &str) {
    site.wait_for("the camera is live", &format!("/api/v1/cameras/{id}"), SOON, |camera| {
        camera["status"]["state"] == "live"
    });
}

/// What identifies the life of an actor: since when it runs, and how often it was restarted.
fn life(site: &RunningSite, path: &str) -> (Value, Value, Value) {
    let node = site.node(path).unwrap_or_else(|| panic!("no actor {path}"));
    (node["state"].clone(), node["restarts"].clone(), node["since"].clone())
}

const OTHERS: [&str; 6] = ["store", "alerts", "bus/alerts", "models/none/slot-0", "cameras/yard", "http"];

fn lives(site: &RunningSite) -> Vec<(Value, Value, Value)> {
    OTHERS.iter().map(|path| life(site, path)).collect()
}

fn frames(site: &RunningSite, id: &str) -> u64 {
    site.get(&format!("/api/v1/cameras/{id}"))["status"]["frames_in"].as_u64().unwrap()
}

/// Does something to the folder and waits until `seen`; returns how long that took.
fn until_seen<T>(what: &str, change: impl FnOnce() -> T, seen: impl Fn() -> bool) -> Duration {
    change();
    let started = Instant::now();
    while !seen() {
        assert!(started.elapsed() < TOLD + GRACE, "not within 2 s (and {GRACE:?}): {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

#[test]
fn files_that_are_added_edited_and_deleted() {
    let folder = files();
    let site = RunningSite::start(PARAPET, &folder);
    live(&site, "gate");
    live(&site, "yard");
    let before = lives(&site);
    let mut took = Vec::new();

    // A camera is added.
    let added = || site.node("cameras/dock").is_some_and(|node| node["state"] == "running");
    took.push(until_seen("a camera is added", || folder.file("cameras/dock.yaml", SMPTE), added));
    live(&site, "dock");
    site.wait_for("its frames reach the model", "/api/v1/models", SOON, |models| {
        models[0]["cameras"]
            .as_array()
            .unwrap()
            .iter()
            .any(|feed| feed["camera"] == "dock" && feed["taken"].as_u64() > Some(0))
    });

    // A camera is edited: it alone is another one.
    let old = life(&site, "cameras/gate");
    let edited = || site.get("/api/v1/cameras/gate")["name"] == "North gate" && life(&site, "cameras/gate") != old;
    took.push(until_seen(
        "a camera is edited",
        || folder.file("cameras/gate.yaml", &format!("name: North gate\n{BALL}")),
        edited,
    ));
    live(&site, "gate");

    // A rule is edited, another added.
    let old = life(&site, "rules/intruder");
    let edited = || site.get("/api/v1/rules")[0]["severity"] == "critical" && life(&site, "rules/intruder") != old;
    took.push(until_seen(
        "a rule is edited",
        || folder.file("rules/intruder.yaml", &format!("{RULE}severity: critical\n")),
        edited,
    ));
    let gate = life(&site, "cameras/gate");
    let added = || site.node("rules/second").is_some_and(|node| node["state"] == "running");
    took.push(until_seen("a rule is added", || folder.file("rules/second.yaml", RULE), added));

    // They are deleted.
    took.push(until_seen(
        "a rule is deleted",
        || folder.delete("rules/second.yaml"),
        || site.node("rules/second").is_none(),
    ));
    let gone = || site.node("cameras/dock").is_none() && site.ask("/api/v1/cameras/dock").status == 404;
    took.push(until_seen("a camera is deleted", || folder.delete("cameras/dock.yaml"), gone));
    site.wait_for("nobody waits for its frames", "/api/v1/models", SOON, |models| {
        models[0]["cameras"].as_array().unwrap().iter().all(|feed| feed["camera"] != "dock")
    });

    // Nobody else noticed: every other actor lives the life that it had, and is at work.
    assert_eq!(lives(&site), before);
    assert_eq!(life(&site, "cameras/gate"), gate, "a rule's file is no business of a camera");
    let (then, looked) = (frames(&site, "yard"), site.metric("parapet_model_inferences_total").unwrap());
    site.wait_for("frames come", "/api/v1/cameras/yard", SOON, |c| {
        c["status"]["frames_in"].as_u64().unwrap() > then + 5
    });
    assert!(site.metric("parapet_model_inferences_total").unwrap() > looked);
    assert_eq!(site.get("/api/v1/errors")["items"], serde_json::json!([]));
    assert!(took.iter().filter(|took| **took > TOLD).count() <= 1, "more than one took more than 2 s: {took:?}");
    assert_eq!(site.terminate().code, Some(0));
}

#[test]
fn a_file_with_an_error_changes_nothing_and_is_told_until_it_is_mended() {
    let folder = files();
    let site = RunningSite::start(PARAPET, &folder);
    live(&site, "gate");
    let all = || [lives(&site), vec![life(&site, "cameras/gate"), life(&site, "rules/intruder")]].concat();
    let before = all();

    // Two files are wrong; a third that would be right is not taken in half.
    let refused = || site.get("/api/v1/status")["refused_configuration"].as_array().unwrap().clone();
    until_seen(
        "both errors are told",
        || {
            folder.file("cameras/gate.yaml", "source: test://ball\nfsp: 5fps\n");
            folder.file("rules/intruder.yaml", "cameras: [gaet]\nwhen: [{label: person}]\n");
        },
        || refused().len() == 2,
    );
    let told = [
        "cameras/gate.yaml:2:1: unknown key `fsp`; did you mean `fps`?",
        "rules/intruder.yaml:1:11: there is no camera `gaet`; did you mean `gate`?",
    ];
    let status = parapet(PARAPET, &["status", "--config", folder.arg(), "--url", &format!("http://{}", folder.http())]);
    assert_eq!(status.code, Some(0), "{}", status.all());
    let journal = site.wait_for("the journal has both", "/api/v1/errors?actor=site", SOON, |journal| {
        journal["items"].as_array().unwrap().len() == 2
    });
    for text in told {
        let start = text.split(';').next().unwrap();
        assert!(refused().iter().any(|line| line.as_str().unwrap().starts_with(start)), "{start}\n{:#?}", refused());
        assert!(status.out.contains(start), "{start}\n{}", status.all());
        site.wait_for_log(start, SOON);
        assert!(journal.to_string().contains(start), "{start}\n{journal:#}");
    }
    assert!(status.out.contains("the files on the disk have errors"), "{}", status.all());
    assert_eq!(all(), before, "everything runs on");
    let then = frames(&site, "gate");
    site.wait_for("frames come", "/api/v1/cameras/gate", SOON, |c| {
        c["status"]["frames_in"].as_u64().unwrap() > then + 5
    });

    // One is mended: the other's error is left, and still nothing has changed.
    until_seen("one error is left", || folder.file("rules/intruder.yaml", RULE), || refused().len() == 1);
    assert_eq!(all(), before);
    // The other is mended, to what runs: nothing has changed at all.
    until_seen("no error is left", || folder.file("cameras/gate.yaml", BALL), || refused().is_empty());
    assert_eq!(all(), before);
    let status = parapet(PARAPET, &["status", "--config", folder.arg()]);
    assert!(!status.out.contains("have errors"), "{}", status.all());
}

/// As Kubernetes mounts a ConfigMap: the files are links through `..data`, which is replaced at once.
#[test]
fn a_swap_of_symbolic_links() {
    let folder = SiteFolder::new("yard");
    folder.file("models/none.yaml", "kind: null\n").file("cameras/yard.yaml", BALL);
    let real = |version: &str, text: &str| folder.file(&format!("cameras/..{version}/gate.yaml"), text);
    let cameras = folder.path().join("cameras");
    real("v1", BALL);
    symlink("..v1", cameras.join("..data")).unwrap();
    symlink("..data/gate.yaml", cameras.join("gate.yaml")).unwrap();
    let site = RunningSite::start(PARAPET, &folder);
    live(&site, "gate");
    live(&site, "yard");
    let (yard, gate) = (life(&site, "cameras/yard"), life(&site, "cameras/gate"));

    real("v2", &format!("name: The second\n{BALL}"));
    let swap = || {
        symlink("..v2", cameras.join("..data_tmp")).unwrap();
        std::fs::rename(cameras.join("..data_tmp"), cameras.join("..data")).unwrap();
    };
    until_seen("the swap is seen", swap, || site.get("/api/v1/cameras/gate")["name"] == "The second");
    // The file counts a moment before its actor has gone and come.
    until("the camera is started anew", SOON, || life(&site, "cameras/gate") != gate);
    live(&site, "gate");
    assert_eq!(life(&site, "cameras/yard"), yard);
    assert_eq!(site.get("/api/v1/site")["cameras"], serde_json::json!(["gate", "yard"]), "`..v1` is no camera");
}
