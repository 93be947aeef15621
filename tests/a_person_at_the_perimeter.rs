//! The whole way on real input: an RTSP camera shows a parking place, a detector looks, a rule waits for people. The alert comes while
//! the person is there and not before, and everything that tells of it agrees: HTTP, command, evidence, MQTT, metrics, journal.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_contracts::{Alert, DetectionEvent, cloudevent::Event};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{Mosquitto, RunningSite, SiteFolder, command::parapet, shared_data};
use sha2::{Digest as _, Sha256};
use support::{Listener, PARAPET};

/// The video is shown so many times as fast as it was recorded.
const SPEED: f64 = 2.0;
/// Seconds of the video in which a person is seen.
const PERSON: [(f64, f64); 2] = [(57.9, 58.7), (62.3, 68.3)];
/// Seconds of the video by which a frame may seem off: the first frame that was looked at need not be the first of the video.
const TOLERANCE: f64 = 0.6;

fn site(camera: &str, broker: u16) -> SiteFolder {
    let model = shared_data("models/yolox_nano_416.onnx");
    let site = SiteFolder::with(
        "yard",
        &format!("bus: {{broker: \"mqtt://127.0.0.1:{broker}\"}}\ntelemetry: {{level: info}}\n"),
    );
    site.copy(&model, "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/perimeter.yaml", &format!("source: {camera}\nfps: 10fps\nmodels: [yolox]\n"))
        .file(
            "rules/intruder.yaml",
            "cameras: [perimeter]\nwhen: [{label: person, min_score: 0.4}]\ncooldown: 1s\nseverity: critical\n",
        );
    site
}

#[test]
fn an_alert_is_raised_while_a_person_is_there_and_everything_that_tells_of_it_agrees() {
    let video = shared_data("videos/azure_perimeterdemo720.mp4");
    let camera = RtspSimulator::start(video, &SimOptions { speed: SPEED, ..SimOptions::default() }).unwrap();
    let broker = Mosquitto::start(&[], &[]);
    let listener = Listener::at(broker.port(), "parapet/yard/#");
    let folder = site(camera.url(), broker.port());
    let site = RunningSite::start(PARAPET, &folder);

    // Until the person has gone for good.
    let detections = "parapet/yard/cameras/perimeter/detections";
    let first = event(&listener.wait_for(detections, Duration::from_secs(30), |all| !all.is_empty())[0].payload);
    let in_video = |event: &DetectionEvent| SPEED * event.ts.duration_since(first.ts).as_secs_f64();
    listener.wait_for(detections, Duration::from_secs(90), |all| {
        all.last().is_some_and(|last| in_video(&event(&last.payload)) > PERSON[1].1 + 2.0)
    });

    let events: Vec<DetectionEvent> = listener.on(detections).iter().map(|m| event(&m.payload)).collect();
    let newest_first = site.get("/api/v1/alerts?limit=500");
    let alerts: Vec<Alert> = serde_json::from_value(newest_first["items"].clone()).unwrap();
    assert!(newest_first["next"].is_null());

    // While the person is there, and at no other time.
    assert!(!alerts.is_empty(), "no alert:\n{}", site.log());
    for alert in &alerts {
        let at = SPEED * alert.ts.duration_since(first.ts).as_secs_f64();
        let there = PERSON.iter().any(|(from, to)| (from - TOLERANCE..to + TOLERANCE).contains(&at));
        assert!(there, "an alert at {at:.2} s of the video: {alert:#?}");
        assert_eq!(
            (alert.rule.as_str(), alert.camera.as_ref().unwrap().as_str(), alert.model.as_ref().unwrap().as_str()),
            ("intruder", "perimeter", "yolox")
        );
        assert!(alert.objects.iter().all(|o| o.label == "person" && o.score >= 0.4), "{alert:#?}");
        assert_eq!((alert.width, alert.height), (1280, 720));
        assert!(alert.raised_at > alert.ts, "raised before it was seen");
        assert!(alert.raised_at.duration_since(alert.ts).as_secs_f64() < 5.0, "late: {alert:#?}");
    }
    let second = alerts.iter().filter(|a| SPEED * a.ts.duration_since(first.ts).as_secs_f64() > 60.0).count();
    assert!(second >= 1, "no alert at 62.3–68.3 s: {alerts:#?}");

    // Each alert goes back to an event that was published, with the same objects; every event of its frame's camera is well formed.
    assert!(events.len() > 100, "{} detection events in 35 s", events.len());
    assert!(events.windows(2).all(|pair| pair[0].ts < pair[1].ts && pair[0].frame < pair[1].frame), "in order");
    for alert in &alerts {
        let event = events.iter().find(|event| event.id == alert.event).expect("the alert's event was published");
        assert_eq!(
            (event.ts, Some(event.frame), Some(event.camera.clone())),
            (alert.ts, alert.frame, alert.camera.clone())
        );
        assert!(alert.objects.iter().all(|object| event.objects.contains(object)));
    }

    // MQTT: each alert once or more, equal to what HTTP says.
    listener.wait_for("parapet/yard/alerts", Duration::from_secs(10), |all| all.len() >= alerts.len());
    for message in listener.on("parapet/yard/alerts") {
        assert_eq!(message.content_type.as_deref(), Some("application/cloudevents+json"));
        let Event::Alert(published) = Event::from_json(&message.payload).unwrap() else {
            panic!("no alert: {message:?}")
        };
        assert!(alerts.contains(&published), "published, but not kept: {published:#?}");
    }
    assert_eq!(listener.on("parapet/yard/alerts").len(), alerts.len(), "nothing broke, so nothing was sent twice");

    // Evidence: the picture of the alert, as a file and over HTTP.
    for alert in &alerts {
        let evidence = alert.evidence.as_ref().expect("an alert has a picture");
        let file = std::fs::read(folder.path().join("data/evidence").join(&evidence.path)).unwrap();
        assert_eq!(file.len() as u64, evidence.bytes);
        assert_eq!(format!("{:x}", Sha256::digest(&file)), evidence.sha256);
        let image = site.ask(&format!("/api/v1/alerts/{}/image", alert.id));
        assert!(image.head.contains("content-type: image/jpeg"), "{}", image.head);
        assert_eq!(image.body, file);
        let picture = image::load_from_memory(&file).unwrap();
        assert_eq!((picture.width(), picture.height()), (1280, 720));
        let boxes = site.ask(&format!("/api/v1/alerts/{}/image?boxes=true", alert.id));
        assert_ne!(boxes.body, file, "boxes are drawn when asked for");
        assert_eq!(image::load_from_memory(&boxes.body).unwrap().width(), 1280);
    }

    // The command says the same, oldest first.
    let told = parapet(PARAPET, &["alerts", "--config", folder.arg(), "--format", "json", "--limit", "500"]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    let lines: Vec<Alert> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, alerts.iter().rev().cloned().collect::<Vec<_>>());

    // Metrics and status agree.
    assert_eq!(site.metric("parapet_alerts_total"), Some(alerts.len() as f64));
    let status = site.get("/api/v1/status");
    assert_eq!(status["store"]["alerts"], alerts.len());
    assert_eq!(status["rules"][0]["status"]["fired"], alerts.len());
    let seen = status["models"][0]["inferences"].as_u64().unwrap();
    assert!(seen >= events.len() as u64 && site.metric("parapet_model_inferences_total").unwrap() >= seen as f64);
    assert!(status["models"][0]["description"].as_str().unwrap().contains("yolox"), "{:#}", status["models"]);
    assert_eq!(status["cameras"][0]["status"]["state"], "live");

    // Nothing went wrong on the way.
    let errors = site.get("/api/v1/errors");
    assert_eq!(errors["items"], serde_json::json!([]), "{errors:#}");
    let ended = site.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}

fn event(payload: &[u8]) -> DetectionEvent {
    match Event::from_json(payload).unwrap() {
        Event::Detection(event) => event,
        other => panic!("no detection event: {other:?}"),
    }
}
