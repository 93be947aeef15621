//! An alert has a clip that begins before what it is about and ends after it, cut from the camera's stream as it came. What can't be
//! made is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use parapet_contracts::{
    AlertChange, AlertUpdate,
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaEvent, MediaFrame, MediaPort, MediaSink},
};
use parapet_media_gstreamer::{
    GstMedia,
    simulate::{RtspSimulator, SimOptions},
};
use parapet_testkit::{Mosquitto, RunningSite, SiteFolder, command::parapet, http, shared_data};
use sha2::{Digest as _, Sha256};
use support::{Listener, PARAPET};

const CLIP: &str = "evidence: clip\nclip: {before: 3s, after: 2s}\n";

fn site(camera: &str, broker: u16, rule: &str) -> SiteFolder {
    let site = SiteFolder::with("hall", &format!("bus: {{broker: \"mqtt://127.0.0.1:{broker}\"}}\n"));
    site.copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/door.yaml", &format!("source: {camera}\nfps: 5fps\nmodels: [yolox]\n"))
        .file(
            "rules/somebody.yaml",
            &format!("cameras: [door]\nwhen: [{{label: person, min_score: 0.5}}]\ncooldown: 10m\n{rule}"),
        );
    site
}

#[test]
fn the_clip_of_an_alert_can_be_played_and_its_hash_follows_the_alert() {
    let video = shared_data("videos/intel_one-by-one-person.mp4");
    let camera = RtspSimulator::start(video, &SimOptions::default()).unwrap();
    let broker = Mosquitto::start(&[], &[]);
    let listener = Listener::at(broker.port(), "parapet/hall/#");
    let folder = site(camera.url(), broker.port(), CLIP);
    let site = RunningSite::start(PARAPET, &folder);
    let alerts = site.wait_for("an alert", "/api/v1/alerts", Duration::from_secs(90), |alerts| {
        !alerts["items"].as_array().unwrap().is_empty()
    });
    let id = alerts["items"][0]["id"].as_str().unwrap().to_owned();
    let early = site.ask(&format!("/api/v1/alerts/{id}/clip"));
    assert_eq!(early.status, 404, "its last seconds have not come yet: {}", early.text());
    assert!(early.text().contains("last seconds"), "{}", early.text());

    let told = site.wait_for("the clip", &format!("/api/v1/alerts/{id}/updates"), Duration::from_secs(30), |told| {
        !told["updates"].as_array().unwrap().is_empty()
    });
    let update: AlertUpdate = serde_json::from_value(told["updates"][0].clone()).unwrap();
    assert_eq!((update.change, &update.note), (AlertChange::Evidence, &None), "{told:#}");
    let reference = update.evidence.unwrap();
    let clip = site.ask(&format!("/api/v1/alerts/{id}/clip"));
    assert_eq!(clip.status, 200);
    assert!(clip.head.to_lowercase().contains("content-type: video/mp4"), "{}", clip.head);
    let hash: String = Sha256::digest(&clip.body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((reference.sha256, reference.bytes), (hash, clip.body.len() as u64));
    let file = folder.path().join("data/evidence").join(&reference.path);
    assert_eq!(std::fs::read(&file).unwrap(), clip.body, "the file is where others can mount it");

    // A player asks for parts.
    let part = http::get_part(folder.http(), &format!("/api/v1/alerts/{id}/clip"), "bytes=100-199").unwrap();
    assert_eq!((part.status, &part.body[..]), (206, &clip.body[100..200]));
    assert!(part.head.to_lowercase().contains(&format!("content-range: bytes 100-199/{}", clip.body.len())));

    // Three seconds before, two after, and what lies between the last keyframe and that.
    let seconds = length(&file);
    assert!((4.5..=5.0 + 4.0).contains(&seconds), "{seconds} s");

    // Others hear of it as of everything that becomes of an alert.
    let heard = listener.wait_for("parapet/hall/alerts", Duration::from_secs(10), |all| {
        all.iter().any(|message| {
            String::from_utf8_lossy(&message.payload).contains("\"evidence\"")
                && String::from_utf8_lossy(&message.payload).contains(".mp4")
        })
    });
    assert!(heard.len() >= 2, "the alert and its clip");
    // Nobody has changed a file; then somebody does, takes another away, and leaves one of their own.
    let verify = || parapet(PARAPET, &["evidence", "verify", "--config", folder.arg()]);
    let good = verify();
    assert_eq!(good.code, Some(0), "{}", good.all());
    assert!(
        good.out.contains("1 alerts: 2 files are what was written, 0 were removed and it is told why, 0 are not as they should be; 0 belong to no alert"),
        "{}",
        good.out
    );
    let mut bytes = clip.body.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::rename(file.with_extension("jpg"), file.with_file_name("mine.jpg")).unwrap();
    let bad = verify();
    assert_eq!(bad.code, Some(1), "{}", bad.all());
    for told in [
        "damaged alert",
        "not_found alert",
        "mine.jpg: no alert names it",
        "0 files are what was written, 0 were removed and it is told why, 2 are not as they should be; 1 belong",
    ] {
        assert!(bad.out.contains(told), "{told}: {}", bad.all());
    }
    assert_eq!(site.ask(&format!("/api/v1/alerts/{id}/clip")).status, 503, "what was changed is not shown as evidence");
    assert_eq!(site.metric("parapet_clips_total"), Some(1.0));
    assert!(site.metric("parapet_clip_ring_bytes") > Some(1_000.0));
}

#[test]
fn a_clip_that_a_killed_site_did_not_make_is_told_as_missing() {
    let video = shared_data("videos/intel_one-by-one-person.mp4");
    let camera = RtspSimulator::start(video, &SimOptions::default()).unwrap();
    let broker = Mosquitto::start(&[], &[]);
    let folder = site(camera.url(), broker.port(), "evidence: clip\nclip: {before: 1s, after: 1m}\n");
    let running = RunningSite::start(PARAPET, &folder);
    let alerts = running.wait_for("an alert", "/api/v1/alerts", Duration::from_secs(90), |alerts| {
        !alerts["items"].as_array().unwrap().is_empty()
    });
    let id = alerts["items"][0]["id"].as_str().unwrap().to_owned();
    running.kill();
    let again = RunningSite::start(PARAPET, &folder);
    let told = again.wait_for("it is told", &format!("/api/v1/alerts/{id}/updates"), Duration::from_secs(30), |told| {
        !told["updates"].as_array().unwrap().is_empty()
    });
    let update: AlertUpdate = serde_json::from_value(told["updates"][0].clone()).unwrap();
    assert_eq!((update.change, &update.evidence), (AlertChange::Evidence, &None));
    assert!(update.note.is_some_and(|note| note.contains("the site ended before")), "{told:#}");
    let answer = again.ask(&format!("/api/v1/alerts/{id}/clip"));
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("the site ended before"), "{}", answer.text());
    assert_eq!(again.metric("parapet_clips_missing_total{reason=\"interrupted\"}"), Some(1.0));
    // Told once.
    again.terminate();
    let third = RunningSite::start(PARAPET, &folder);
    let told = third.get(&format!("/api/v1/alerts/{id}/updates"));
    assert_eq!(told["updates"].as_array().unwrap().len(), 1, "{told:#}");
}

#[test]
fn a_source_that_is_not_encoded_has_no_clip_and_that_is_told() {
    let folder = SiteFolder::new("hall");
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/door.yaml", "source: test://ball\nmodels: [none]\n")
        .file(
            "rules/alive.yaml",
            "cameras: all\nsql: SELECT camera FROM status WHERE health = 'online' AND camera = 'door'\nmessage: \"{camera} is there\"\nevidence: clip\nclip: {before: 1s, after: 1s}\n",
        );
    let site = RunningSite::start(PARAPET, &folder);
    let alerts = site.wait_for("an alert", "/api/v1/alerts", Duration::from_secs(30), |alerts| {
        !alerts["items"].as_array().unwrap().is_empty()
    });
    let path = format!("/api/v1/alerts/{}/updates", alerts["items"][0]["id"].as_str().unwrap());
    let told = site
        .wait_for("it is told", &path, Duration::from_secs(30), |told| !told["updates"].as_array().unwrap().is_empty());
    let note = told["updates"][0]["note"].as_str().unwrap();
    assert!(note.contains("no frame that a clip can begin with"), "{note}");
    assert!(alerts["items"][0]["evidence"]["bytes"].as_u64() > Some(500), "its picture is there: {alerts:#}");
    let journal = site.get("/api/v1/errors");
    assert!(journal["items"].as_array().unwrap().iter().any(|record| record["actor"] == "clips"), "{journal:#}");
}

/// Reads a video with the project's own decoder, and gives the time of its last frame in seconds.
fn length(path: &std::path::Path) -> f64 {
    struct Watch(Mutex<f64>, mpsc::Sender<MediaEvent>);
    impl MediaSink for Watch {
        fn frame(&self, frame: MediaFrame) {
            *self.0.lock().unwrap() = frame.pts;
        }
        fn event(&self, event: MediaEvent) {
            // Whoever waits has heard the end already.
            self.1.send(event).unwrap_or_default();
        }
    }
    let (told, events) = mpsc::channel();
    let watch = Arc::new(Watch(Mutex::default(), told));
    let source = SourceSpec::new(Location::File { path: path.to_owned(), pace: Pace::Fast, repeat: false });
    let _stream = GstMedia::new().unwrap().open(&source, Arc::clone(&watch) as _).unwrap();
    loop {
        match events.recv_timeout(Duration::from_secs(60)).unwrap() {
            MediaEvent::Ended => break,
            MediaEvent::Failed(error) => panic!("{error}"),
            MediaEvent::Format(_) | MediaEvent::Warning(_) => {}
        }
    }
    *watch.0.lock().unwrap()
}
