//! A camera is recorded as its stream comes: in files that can be played, found by time, in parts; a kill loses what was being gathered, and
//! halves of files are removed and told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use parapet_contracts::{
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaEvent, MediaFrame, MediaPort, MediaSink},
};
use parapet_media_gstreamer::{
    GstMedia,
    simulate::{RtspSimulator, SimOptions},
};
use parapet_testkit::{RunningSite, SiteFolder, command::parapet, http, shared_data, site::until_free};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

fn site(camera: &str, record: &str) -> SiteFolder {
    let folder = SiteFolder::new("hall");
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/door.yaml", &format!("source: {camera}\nfps: 2fps\nmodels: [none]\n{record}\n"));
    folder
}

/// The segments of the last hour, once there are so many.
fn segments(site: &RunningSite, count: usize) -> Vec<Value> {
    let page = site.wait_for("segments", "/api/v1/cameras/door/recordings", MINUTE, |page| {
        page["items"].as_array().unwrap().len() >= count
    });
    page["items"].as_array().unwrap().clone()
}

#[test]
fn a_camera_is_recorded_and_found_by_time() {
    let camera =
        RtspSimulator::start(shared_data("videos/intel_one-by-one-person.mp4"), &SimOptions::default()).unwrap();
    let folder = site(camera.url(), "record: {segment: 2s}");
    let site = RunningSite::start(PARAPET, &folder);
    let found = segments(&site, 3);
    for pair in found.windows(2) {
        assert!(pair[0]["until"].as_str() <= pair[1]["from"].as_str(), "{found:#?}");
    }
    let name = found[0]["name"].as_str().unwrap();
    let path = format!("/api/v1/cameras/door/recordings/{name}");
    let whole = site.ask(&path);
    assert_eq!((whole.status, whole.body.len() as u64), (200, found[0]["bytes"].as_u64().unwrap()));
    assert!(whole.head.to_lowercase().contains("content-type: video/mp4"), "{}", whole.head);
    let part = http::get_part(folder.http(), &path, "bytes=100-199").unwrap();
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[100..200]));
    let day = &name[..10];
    let file = folder.path().join("data/recordings/door").join(day).join(name);
    let seconds = length(&file);
    assert!((1.5..=10.0).contains(&seconds), "{seconds} s");

    // By time: the second one alone lies within its own time.
    let (from, to) = (found[1]["from"].as_str().unwrap(), found[1]["until"].as_str().unwrap());
    let one = site.get(&format!("/api/v1/cameras/door/recordings?from={from}&to={to}"));
    assert_eq!(one["items"].as_array().unwrap().len(), 1, "{one:#}");
    assert_eq!(one["items"][0]["name"], found[1]["name"]);
    let first = site.get("/api/v1/cameras/door/recordings?limit=1");
    let second =
        site.get(&format!("/api/v1/cameras/door/recordings?limit=1&after={}", first["next"].as_str().unwrap()));
    assert_eq!(second["items"][0]["name"], found[1]["name"]);
    assert_eq!(site.ask("/api/v1/cameras/nobody/recordings").status, 404);
    assert_eq!(site.ask("/api/v1/cameras/door/recordings/..%2F..%2Fsite.yaml").status, 404);
    let cameras = site.get("/api/v1/cameras");
    assert_eq!(cameras[0]["recording"]["state"], json!("recording"), "{cameras:#}");
    assert!(site.metric("parapet_recording_segments_total{camera=\"door\"}") >= Some(3.0));

    let out = folder.path().join("out.mp4");
    let told = parapet(
        PARAPET,
        &[
            "recording",
            "export",
            "door",
            "--from",
            found[0]["from"].as_str().unwrap(),
            "--to",
            found[2]["until"].as_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
            "--config",
            folder.arg(),
        ],
    );
    assert_eq!(told.code, Some(0), "{}", told.all());
    let joined = length(&out);
    assert!(joined > 2.0 * seconds && joined < 30.0, "{joined} s of three segments, the first of {seconds} s");
    // The first is held; what else was recorded until then is deleted, and the audit log says so.
    let (from, to) = (found[0]["from"].as_str().unwrap(), found[0]["until"].as_str().unwrap());
    let hold = [
        "evidence",
        "hold",
        "--camera",
        "door",
        "--from",
        from,
        "--until",
        to,
        "--why",
        "case 7",
        "--config",
        folder.arg(),
    ];
    assert_eq!(parapet(PARAPET, &hold).code, Some(0));
    let until = found[2]["until"].as_str().unwrap();
    let delete = ["recording", "delete", "door", "--from", from, "--to", until, "--config", folder.arg()];
    let would = parapet(PARAPET, &delete);
    assert!(would.out.contains("2 segments") && would.out.contains("1 are held"), "{}", would.all());
    assert_eq!(site.ask(&path).status, 200);
    let told = parapet(PARAPET, &[&delete[..], &["--why", "on request", "--yes"]].concat());
    assert!(told.out.contains("deleted 2 segments") && told.out.contains("1 are held and stay"), "{}", told.all());
    let left = site.get(&format!("/api/v1/cameras/door/recordings?from={from}&to={until}"));
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left:#}");
    let audit = parapet(PARAPET, &["evidence", "audit", "--config", folder.arg()]);
    assert!(audit.out.contains("2 files") && audit.out.contains("on request"), "{}", audit.all());

    let list = parapet(PARAPET, &["recording", "list", "door", "--config", folder.arg()]);
    assert!(list.out.contains(name), "{}", list.all());
}

#[test]
fn a_killed_site_leaves_nothing_half_and_says_so() {
    let camera =
        RtspSimulator::start(shared_data("videos/intel_one-by-one-person.mp4"), &SimOptions::default()).unwrap();
    let folder = site(camera.url(), "record: {segment: 2s}");
    let running = RunningSite::start(PARAPET, &folder);
    let before = segments(&running, 2);
    running.kill();
    until_free(folder.http());
    let name = before[0]["name"].as_str().unwrap();
    let half = folder.path().join("data/recordings/door").join(&name[..10]).join(format!("{name}.part"));
    std::fs::write(&half, "half of a segment").unwrap();

    let running = RunningSite::start(PARAPET, &folder);
    running.wait_for("it is told", "/api/v1/errors", MINUTE, |page| {
        page["items"].as_array().unwrap().iter().any(|r| r["actor"] == "archivist" && r["kind"] == "interrupted")
    });
    assert!(!half.exists());
    let after = segments(&running, before.len() + 1);
    assert_eq!(after[..before.len()], before[..], "what was written is there");
}

#[test]
fn what_is_not_encoded_is_not_recorded_and_that_is_told() {
    let folder = site("test://ball", "record: {}");
    let site = RunningSite::start(PARAPET, &folder);
    let page = site.get("/api/v1/cameras/door/recordings");
    assert_eq!((&page["items"], &page["status"]["state"]), (&json!([]), &json!("idle")), "{page:#}");
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
        match events.recv_timeout(MINUTE).unwrap() {
            MediaEvent::Ended => break,
            MediaEvent::Failed(error) => panic!("{error}"),
            MediaEvent::Format(_) | MediaEvent::Warning(_) => {}
        }
    }
    *watch.0.lock().unwrap()
}
