//! Many cameras in one process: each of them is seen, none starves, and what they cost is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{RunningSite, SiteFolder, shared_data};
use support::PARAPET;

const SOON: Duration = Duration::from_secs(60);

/// Frames that the model took of each camera.
fn taken(site: &RunningSite) -> BTreeMap<String, u64> {
    let models = site.get("/api/v1/models");
    let feeds = models[0]["cameras"].as_array().unwrap();
    feeds.iter().map(|feed| (feed["camera"].as_str().unwrap().to_owned(), feed["taken"].as_u64().unwrap())).collect()
}

/// A number of `/proc/PID/status`: `Threads`, or kilobytes.
fn process(site: &RunningSite, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn sixteen_files_and_a_null_model() {
    let folder = SiteFolder::new("yard");
    std::fs::create_dir_all(folder.path().join("media")).unwrap();
    folder
        .copy(&shared_data("videos/intel_one-by-one-person.mp4"), "media/film.mp4")
        .file("models/none.yaml", "kind: null\n");
    let ids: Vec<String> = (0..16).map(|n| format!("camera-{n:02}")).collect();
    for id in &ids {
        folder.file(&format!("cameras/{id}.yaml"), "source: media/film.mp4\nrepeat: true\nfps: 5fps\nmodels: [none]\n");
    }
    let site = RunningSite::start(PARAPET, &folder);
    site.wait_for("all are live", "/api/v1/cameras", SOON, |cameras| {
        let cameras = cameras.as_array().unwrap();
        cameras.len() == 16 && cameras.iter().all(|camera| camera["status"]["state"] == "live")
    });

    // Ten seconds of all of them.
    let (before, from) = (taken(&site), Instant::now());
    let camera = &ids[0];
    site.wait_for("fifty frames", "/api/v1/models", SOON, |_| taken(&site)[camera] >= before[camera] + 50);
    let (after, seconds) = (taken(&site), from.elapsed().as_secs_f64());
    let came: Vec<u64> = ids.iter().map(|id| after[id] - before[id]).collect();
    let (least, most) = (*came.iter().min().unwrap(), *came.iter().max().unwrap());
    let (threads, kilobytes) = (process(&site, "Threads"), process(&site, "VmRSS"));
    eprintln!(
        "16 cameras: {least} to {most} frames each in {seconds:.1} s; {threads} threads, {} MiB",
        kilobytes / 1024
    );
    assert!(least * 10 >= most * 8, "one starves: {came:?}");
    assert!(least as f64 >= 0.8 * 5.0 * seconds, "5 a second are wanted: {came:?} in {seconds:.1} s");
    assert!(threads < 20 * 16, "{threads} threads");
    assert!(kilobytes < (200 + 16 * 40) * 1024, "{kilobytes} kB");

    let status = site.get("/api/v1/status");
    for camera in status["cameras"].as_array().unwrap() {
        assert_eq!(
            (&camera["status"]["reconnects"], &camera["status"]["last_error"]),
            (&0.into(), &serde_json::Value::Null)
        );
        assert!(camera["status"]["last_frame_age_s"].as_f64().unwrap() < 2.0, "{camera:#}");
    }
    assert_eq!(site.get("/api/v1/errors")["items"], serde_json::json!([]));
    let told = site.terminate();
    assert!(told.code == Some(0) && told.took < Duration::from_secs(10), "{}", told.all());
}

#[test]
fn two_rtsp_cameras_and_a_real_model() {
    let cars = RtspSimulator::start(shared_data("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    let people =
        RtspSimulator::start(shared_data("videos/intel_one-by-one-person.mp4"), &SimOptions::default()).unwrap();
    let folder = SiteFolder::new("yard");
    folder
        .copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/street.yaml", &format!("source: {}\nfps: 5fps\nmodels: [yolox]\n", cars.url()))
        .file("cameras/room.yaml", &format!("source: {}\nfps: 5fps\nmodels: [yolox]\n", people.url()))
        .file("rules/car.yaml", "cameras: [street]\nwhen: [{label: car, min_score: 0.4}]\n");
    let site = RunningSite::start(PARAPET, &folder);
    site.wait_for("both are looked at", "/api/v1/models", SOON, |_| {
        let taken = taken(&site);
        ["street", "room"].iter().all(|id| taken.get(*id).is_some_and(|taken| *taken > 15))
    });
    let taken = taken(&site);
    assert!(taken["street"].abs_diff(taken["room"]) <= 15, "one starves: {taken:?}");
    let models = site.get("/api/v1/models");
    assert!(models[0]["failures"] == 0 && models[0]["objects"].as_u64() > Some(20), "{models:#}");
    // What is seen on the street is told of the street.
    let alerts =
        site.wait_for("a car", "/api/v1/alerts", SOON, |alerts| !alerts["items"].as_array().unwrap().is_empty());
    assert_eq!((&alerts["items"][0]["camera"], &alerts["items"][0]["width"]), (&"street".into(), &640.into()));
    assert_eq!(site.get("/api/v1/errors")["items"], serde_json::json!([]));
    assert_eq!(site.terminate().code, Some(0));
}
