//! An uploader: alerts go from the store's outbox into a file, each once, also when the process is killed on the way.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{collections::BTreeSet, fs, time::Duration};

use parapet_testkit::{RunningSite, SiteFolder, wait::until};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// The demo's clip, detector and vehicle rule, with an uploader.
fn site() -> SiteFolder {
    let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/demo/assets");
    let site = SiteFolder::new("yard");
    site.copy(&assets.join("scout.onnx"), "models/scout.onnx")
        .copy(&assets.join("walkway.mp4"), "media/walkway.mp4")
        .file("models/scout.yaml", "file: models/scout.onnx\nmin_score: 0.5\n")
        .file("cameras/yard.yaml", "source: media/walkway.mp4\nrepeat: true\nfps: 5fps\nmodels: [scout]\n")
        .file(
            "rules/anything.yaml",
            "cameras: [yard]\nwhen: [{label: [person, vehicle], min_score: 0.5}]\ncooldown: 1s\nseverity: info\n",
        )
        .file("uploaders/archive.yaml", "what: [alerts]\nsink: {file: {path: data/alerts.jsonl}}\n");
    site
}

/// The ids in the uploader's file, in its order.
fn uploaded(site: &SiteFolder) -> Vec<String> {
    let text = fs::read_to_string(site.path().join("data/alerts.jsonl")).unwrap_or_default();
    let whole_lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    whole_lines.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids that the store has, oldest first.
fn stored(site: &RunningSite) -> Vec<String> {
    let page = site.get("/api/v1/alerts?limit=500");
    page["items"].as_array().unwrap().iter().rev().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn alerts_arrive_in_order_and_none_is_lost_when_the_process_is_killed() {
    let folder = site();
    let running = RunningSite::start(PARAPET, &folder);
    until("three alerts are uploaded", MINUTE, || uploaded(&folder).len() >= 3);
    running.kill();

    let again = RunningSite::start(PARAPET, &folder);
    let before = uploaded(&folder).len();
    until("two more alerts are uploaded", MINUTE, || uploaded(&folder).len() >= before + 2);
    let waiting = |status: &serde_json::Value| {
        let archive = status.as_array().unwrap().iter().find(|out| out["id"] == "archive").unwrap().clone();
        archive["waiting"] == 0 && archive["status"]["state"] == "up_to_date"
    };
    again.wait_for("the uploader says that it is up to date", "/api/v1/uploaders", MINUTE, waiting);
    let stored = stored(&again);
    until("each stored alert is in the file", MINUTE, || {
        let ids: BTreeSet<String> = uploaded(&folder).into_iter().collect();
        stored.iter().all(|id| ids.contains(id))
    });
    let mut once = Vec::new();
    for id in uploaded(&folder) {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    assert_eq!(once[..stored.len()], stored, "in the order in which they became durable, repeats aside");
    assert!(again.terminate().all().contains("stopped"), "an orderly end");
}
