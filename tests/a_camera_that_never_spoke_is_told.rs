//! A camera whose server is not there when the site starts, and never comes: a rule that waits for silence tells it, with its name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_testkit::{RunningSite, SiteFolder, mosquitto::free_port};
use support::PARAPET;

#[test]
fn a_camera_that_was_never_heard_is_an_alert_after_the_time_since_the_sites_start() {
    let folder = SiteFolder::new("yard");
    let nobody = format!("source: rtsp://127.0.0.1:{}/none\n", free_port());
    folder.file("cameras/gate.yaml", &nobody).file("cameras/spare.yaml", &format!("{nobody}enabled: false\n")).file(
        "rules/silent.yaml",
        "sql: SELECT camera FROM frames ABSENT 3s PER camera\nseverity: critical\nevidence: none\n\
             message: \"{camera} brings nothing\"\n",
    );
    let site = RunningSite::start(PARAPET, &folder);
    let page = site.wait_for("the silence", "/api/v1/alerts", Duration::from_secs(60), |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    let alert = &page["items"][0];
    assert_eq!((alert["camera"].as_str(), alert["message"].as_str()), (Some("gate"), Some("gate brings nothing")));
    let [since, ts] = ["since", "ts"].map(|key| alert[key].as_str().unwrap().parse().unwrap());
    let silent = parapet_contracts::Timestamp::duration_since(ts, since).as_secs_f64();
    assert!((silent - 3.0).abs() < 0.01, "{silent} s: {alert:#}");
    let rules = site.get("/api/v1/rules");
    assert_eq!(rules[0]["status"]["fired"], 1, "the camera that is not enabled is not expected: {rules:#}");
}
