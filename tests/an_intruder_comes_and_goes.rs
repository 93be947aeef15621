//! The perimeter at real speed: somebody comes, is hidden for almost four seconds, comes back and leaves. The intruder rule, whose
//! alerts are over when nobody was seen for five seconds, fires once, with a frame that shows the person, and resolves; and a replay
//! of what the site has recorded says the same.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_contracts::{Alert, AlertChange, Timestamp};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{RunningSite, SiteFolder, command::parapet, shared_data, wait::until};
use support::PARAPET;

/// Seconds of the video from the first sight of the person to the last.
const THERE: f64 = 68.3 - 57.9;
/// The delay of the rule.
const RESOLVE_AFTER: f64 = 5.0;

const RULE: &str = "\
name: Intruder
sql: |
  SELECT camera, score FROM detections WHERE label = 'person'
  PER camera RESOLVE AFTER 5s
cooldown: 0s
severity: critical
message: \"somebody is at {camera}\"
";

#[test]
fn the_intruder_rule_fires_once_with_the_person_in_its_picture_and_resolves() {
    let video = shared_data("videos/azure_perimeterdemo720.mp4");
    let camera = RtspSimulator::start(video, &SimOptions::default()).unwrap();
    let folder = SiteFolder::new("yard");
    folder
        .copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/perimeter.yaml", &format!("source: {}\nfps: 10fps\nmodels: [yolox]\n", camera.url()))
        .file("rules/intruder.yaml", RULE);
    let began = Timestamp::now();
    let site = RunningSite::start(PARAPET, &folder);

    let page = site.wait_for("the intruder", "/api/v1/alerts", Duration::from_secs(150), |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    });
    let alert: Alert = serde_json::from_value(page["items"][0].clone()).unwrap();
    assert_eq!((alert.rule.as_str(), alert.message.as_str()), ("intruder", "somebody is at perimeter"));
    assert!(!alert.objects.is_empty() && alert.objects.iter().all(|object| object.label == "person"), "{alert:#?}");
    let evidence = alert.evidence.as_ref().expect("a picture");
    let picture = std::fs::read(folder.path().join("data/evidence").join(&evidence.path)).unwrap();
    let picture = image::load_from_memory(&picture).unwrap();
    assert_eq!((picture.width(), picture.height()), (1280, 720));

    let story = format!("/api/v1/alerts/{}/updates", alert.id);
    let story = site.wait_for("it is over", &story, Duration::from_secs(120), |story| story["state"] == "resolved");
    let updates: Vec<parapet_contracts::AlertUpdate> = serde_json::from_value(story["updates"].clone()).unwrap();
    assert_eq!(updates.iter().map(|update| update.change).collect::<Vec<_>>(), [AlertChange::Resolved]);
    let lasted = updates[0].ts.duration_since(alert.since).as_secs_f64();
    let tolerance = 1.5;
    assert!((lasted - THERE - RESOLVE_AFTER).abs() < tolerance, "it lasted {lasted} s");
    let page = site.get("/api/v1/alerts");
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "once: {page:#}");

    // The frame shows the person: an object of the event that was recorded, at the place that the alert says.
    let (from, to) = (began.to_string(), Timestamp::now().to_string());
    let recorded = site.ask(&format!("/api/v1/events?from={from}&to={to}")).text();
    let event = recorded.lines().find(|line| line.contains(&alert.event.to_string())).expect("the event is recorded");
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let objects: Vec<parapet_contracts::Object> = serde_json::from_value(event["data"]["objects"].clone()).unwrap();
    assert!(alert.objects.iter().all(|object| objects.contains(object)), "{event:#}");

    // A replay of the running site's own log, and of the stopped site's store.
    let rule = folder.path().join("rules/intruder.yaml");
    let replay = || {
        let arguments = ["rule", "replay", "--rule", rule.to_str().unwrap(), "--config", folder.arg(), "--from", &from];
        let told = parapet(PARAPET, &[&arguments[..], &["--to", &to, "--then", "30s", "--format", "json"]].concat());
        assert_eq!(told.code, Some(0), "{}", told.all());
        told.out
    };
    let running = replay();
    let lines: Vec<serde_json::Value> = running.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{running}");
    assert_eq!(
        (lines[0]["id"].as_str(), lines[1]["change"].as_str()),
        (Some(&*alert.id.to_string()), Some("resolved"))
    );
    assert_eq!(site.terminate().code, Some(0));
    until("the store is free", Duration::from_secs(30), || replay() == running);
}
