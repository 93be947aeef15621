//! A camera with a substream: the models look at the small pictures, and an alert shows the large one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{path::Path, process::Command, time::Duration};

use parapet_contracts::Alert;
use parapet_testkit::{RunningSite, SiteFolder, command::tell, shared_data};
use support::PARAPET;

/// Somebody comes after a few seconds and stays; the same in two sizes.
fn clip(folder: &Path, name: &str, (width, height): (u32, u32)) {
    let text = format!(
        "filesrc location={} ! qtdemux ! h264parse ! avdec_h264 ! videoscale ! videorate ! video/x-raw,width={width},height={height},framerate=10/1 \
         ! identity eos-after=190 ! videoconvert ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=10 threads=1 ! h264parse ! mp4mux ! filesink location={}",
        shared_data("videos/intel_one-by-one-person.mp4").display(),
        folder.join(name).display()
    );
    let told = tell(Command::new("gst-launch-1.0").arg("-q").args(text.split_whitespace()), Duration::from_secs(120));
    assert_eq!(told.code, Some(0), "the clip was not made: {}", told.all());
}

#[test]
fn an_alert_of_the_substream_shows_the_picture_of_the_main_stream() {
    let site = SiteFolder::with("yard", "media: [media]\n");
    site.copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file(
            "cameras/gate.yaml",
            "source: media/main.mp4\nsubstream: media/sub.mp4\nfps: 5fps\nmodels: [yolox]\nrepeat: true\n",
        )
        .file("rules/somebody.yaml", "cameras: [gate]\nwhen: [{label: person, min_score: 0.5}]\ncooldown: 2s\n");
    std::fs::create_dir_all(site.path().join("media")).unwrap();
    clip(&site.path().join("media"), "main.mp4", (768, 432));
    clip(&site.path().join("media"), "sub.mp4", (384, 216));
    let running = RunningSite::start(PARAPET, &site);
    assert!(running.node("cameras/gate.main").is_some(), "the main stream has an actor of its own");
    // The first alert may come before the main stream is decoded frame by frame.
    let alerts = running.wait_for("alerts", "/api/v1/alerts", Duration::from_secs(90), |alerts| {
        alerts["items"].as_array().unwrap().len() >= 3
    });
    let alerts: Vec<Alert> = serde_json::from_value(alerts["items"].clone()).unwrap();
    assert!(alerts.iter().all(|alert| (alert.width, alert.height) == (384, 216)), "boxes are the substream's");
    let sizes: Vec<_> = alerts
        .iter()
        .map(|alert| {
            let path = site.path().join("data/evidence").join(&alert.evidence.as_ref().unwrap().path);
            size_of_jpeg(&std::fs::read(path).unwrap())
        })
        .collect();
    assert!(sizes.contains(&(768, 432)), "{sizes:?}");
    let camera = running.get("/api/v1/cameras/gate");
    assert_eq!((&camera["status"]["format"]["width"], &camera["main"]["format"]["width"]), (&384.into(), &768.into()));
    assert!(running.metric("parapet_camera_main_frames_total{camera=\"gate\"}") > Some(0.0));

    // Without its main stream the camera goes on, with its own pictures.
    site.file(
        "cameras/gate.yaml",
        "source: media/gone.mp4\nsubstream: media/sub.mp4\nfps: 5fps\nmodels: [yolox]\nrepeat: true\n",
    );
    running.wait_for("the main stream is away", "/api/v1/errors", Duration::from_secs(30), |told| {
        told["items"].as_array().unwrap().iter().any(|record| record["actor"] == "cameras/gate.main")
    });
    running.wait_for("detection goes on", "/api/v1/cameras/gate", Duration::from_secs(30), |told| {
        told["status"]["state"] == "live"
    });
}

/// Width and height, out of the frame header.
fn size_of_jpeg(bytes: &[u8]) -> (u16, u16) {
    let mut at = 2;
    loop {
        let (marker, length) = (bytes[at + 1], usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])));
        if (0xc0..=0xc2).contains(&marker) {
            let side = |from: usize| u16::from_be_bytes([bytes[at + from], bytes[at + from + 1]]);
            return (side(7), side(5));
        }
        at += 2 + length;
    }
}
