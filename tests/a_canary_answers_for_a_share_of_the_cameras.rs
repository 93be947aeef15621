//! A second model answers in the place of the first at a share of its cameras: what it sees becomes events of the first one, which say who looked. One request
//! puts it in the first one's place, another one takes it away. One that answers nonsense or can't be loaded is sent back by itself, is told,
//! and stays away after a restart of the site. Real models through the real runtime, made here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use parapet_contracts::{DetectionEvent, ModelId, cloudevent::Event, status::Health};
use parapet_testkit::{RunningSite, SiteFolder, command::parapet, onnx::OnnxModel, site::until_free, wait::until};
use serde_json::{Value, json};
use support::{Listener, PARAPET};

const SOON: Duration = Duration::from_secs(30);
const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;
const COLUMNS: usize = 5 + 2;
const MODEL: &str = "layout: yolov5\nlabels: [hen, fox]\n";
const CAMERAS: [&str; 2] = ["dock", "gate"];

/// A model that sees one thing of this class in every picture; every other number of its answer is `rest`.
fn sees(class: usize, rest: f32) -> Vec<u8> {
    let mut floats = vec![rest; CELLS * COLUMNS];
    let mut row = [32.0, 32.0, 16.0, 16.0, 0.9, 0.0, 0.0];
    row[5 + class] = 0.9;
    floats[7 * COLUMNS..8 * COLUMNS].copy_from_slice(&row);
    OnnxModel::constant(SIZE, &[1, CELLS, COLUMNS], None, &floats).bytes()
}

/// Puts a file in place at once, as a careful copy does.
fn put(folder: &Path, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder.join("models")).unwrap();
    let half = folder.join("models/half");
    fs::write(&half, bytes).unwrap();
    fs::rename(half, folder.join("models").join(name)).unwrap();
}

/// A site with two cameras whose model sees hens, and a canary that `next` says.
fn folder(next: &str) -> SiteFolder {
    let folder = SiteFolder::new("yard");
    put(folder.path(), "hen.onnx", &sees(0, 0.0));
    put(folder.path(), "fox.onnx", &sees(1, 0.0));
    put(folder.path(), "nonsense.onnx", &sees(1, f32::NAN));
    folder.file("models/birds.yaml", &format!("file: models/hen.onnx\n{MODEL}")).file("models/next.yaml", next);
    for camera in CAMERAS {
        folder.file(
            &format!("cameras/{camera}.yaml"),
            "source: test://ball?size=320x240&fps=10\nmodels: [birds]\npicture_faults: []\n",
        );
    }
    folder
}

fn canary(file: &str, more: &str) -> String {
    format!("file: models/{file}\ncanary:\n  of: birds\n  share: 0.5\n{more}{MODEL}")
}

fn model(site: &RunningSite, id: &str) -> Value {
    let models = site.get("/api/v1/models");
    models.as_array().unwrap().iter().find(|model| model["model"] == id).cloned().unwrap_or_default()
}

fn events(listener: &Listener, camera: &str) -> Vec<DetectionEvent> {
    let event = |payload: &[u8]| match Event::from_json(payload).unwrap() {
        Event::Detection(event) => event,
        other => panic!("{other:?}"),
    };
    listener.on(&format!("parapet/yard/cameras/{camera}/detections")).iter().map(|m| event(&m.payload)).collect()
}

/// Waits until the newest events of each camera have this label, and were answered so.
fn next_events(listener: &Listener, wanted: &BTreeMap<&str, (&str, Option<&str>)>) {
    let before = CAMERAS.map(|camera| events(listener, camera).len());
    for (camera, before) in CAMERAS.iter().zip(before) {
        let (label, by) = wanted[camera];
        let good = |event: &DetectionEvent| {
            event.model.as_str() == "birds"
                && event.objects[0].label == label
                && event.answered_by.as_ref().map(ModelId::as_str) == by
        };
        until(&format!("{camera}: {label} by {by:?}"), SOON, || {
            events(listener, camera)[before..].iter().filter(|event| good(event)).count() >= 3
        });
    }
}

/// The camera that the canary looks at.
fn chosen(site: &RunningSite) -> String {
    let cameras = model(site, "next")["canary"]["cameras"].clone();
    assert_eq!(cameras.as_array().map(Vec::len), Some(1), "half of two: {cameras}");
    cameras[0].as_str().unwrap().to_owned()
}

fn everywhere(label: &'static str) -> BTreeMap<&'static str, (&'static str, Option<&'static str>)> {
    CAMERAS.map(|camera| (camera, (label, None))).into()
}

#[test]
fn a_canary_answers_for_its_camera_and_is_promoted_or_dropped_by_one_request() {
    let folder = folder(&canary("fox.onnx", ""));
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    let own = chosen(&site);
    let mut wanted = everywhere("hen");
    *wanted.get_mut(own.as_str()).unwrap() = ("fox", Some("next"));
    next_events(&listener, &wanted);

    // A camera is looked at by one of the two alone, and its tracks go on under the first one's name.
    let told = model(&site, "next");
    assert_eq!((&told["canary"]["state"], &told["canary"]["failures"]), (&"answering".into(), &0.into()), "{told:#}");
    assert_eq!(
        (&told["cameras"][0]["camera"], &told["cameras"][0]["stands_in_for"]),
        (&own.as_str().into(), &"birds".into())
    );
    let first = model(&site, "birds");
    let feed = first["cameras"].as_array().unwrap().iter().find(|feed| feed["camera"] == own.as_str()).unwrap().clone();
    assert!(feed["passed_on"].as_u64() > Some(0), "{feed:#}");
    assert!(events(&listener, &own).iter().any(|event| event.objects[0].track.is_some()));
    assert!(site.metric("parapet_canary_looks_total{model=\"next\",of=\"birds\",outcome=\"answered\"}") >= Some(3.0));
    let told = parapet(PARAPET, &["model", "canary", "next", "--url", &format!("http://{}", folder.http())]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    for part in ["next, a canary of birds, at 50.0 % of its cameras: it answers", &own, "1.00 a frame seen by next"] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let both = parapet(PARAPET, &["check", "--config", folder.arg()]);
    assert_eq!(both.code, Some(0), "{}", both.all());

    let refused = site.post("/api/v1/models/birds/promote", &json!({}));
    assert_eq!((refused.status, refused.json()["code"].as_str()), (404, Some("not_found")), "{}", refused.text());
    let done = site.post("/api/v1/models/next/promote", &json!({}));
    assert_eq!(done.status, 200, "{}", done.text());
    next_events(&listener, &everywhere("fox"));
    assert!(model(&site, "next").is_null() && !folder.path().join("models/next.yaml").exists());

    // Another one, which is dropped.
    folder.file("models/next.yaml", &canary("hen.onnx", ""));
    let mut wanted = everywhere("fox");
    *wanted.get_mut(own.as_str()).unwrap() = ("hen", Some("next"));
    next_events(&listener, &wanted);
    let done = site.post("/api/v1/models/next/drop", &json!({}));
    assert_eq!(done.status, 200, "{}", done.text());
    next_events(&listener, &everywhere("fox"));
    assert_eq!(site.terminate().code, Some(0));
}

#[test]
fn a_canary_that_answers_nonsense_is_sent_back_by_itself_and_stays_away() {
    let folder = folder(&canary("nonsense.onnx", "  most_failures: 2\n"));
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    let sent_back = |models: &Value| models.as_array().unwrap().iter().any(|m| m["canary"]["state"] == "sent_back");
    site.wait_for("it is sent back", "/api/v1/models", SOON, sent_back);
    let told = model(&site, "next")["canary"].clone();
    assert!(
        told["sent_back"]["why"].as_str().unwrap().contains("3 of its last 3 looks had answers that can't be"),
        "{told:#}"
    );
    next_events(&listener, &everywhere("hen"));
    let seen: Vec<DetectionEvent> = CAMERAS.iter().flat_map(|camera| events(&listener, camera)).collect();
    let by_canary = seen.iter().filter(|event| event.answered_by.is_some()).count();
    assert!(by_canary <= 3, "the third was the last that it answered: {by_canary}");

    site.wait_for("that is journalled", "/api/v1/errors?actor=models/next", SOON, |journal| {
        journal.to_string().contains("the canary is sent back, birds looks at all of its cameras again")
    });
    let status = listener.wait_for("parapet/yard/models/next/status", SOON, |messages| !messages.is_empty());
    let Event::Status(status) = Event::from_json(&status[0].payload).unwrap() else { panic!("{status:?}") };
    assert_eq!((status.health, status.model.as_ref().map(ModelId::as_str)), (Health::Failed, Some("next")));
    until("its slots are gone", SOON, || site.node("models/next").is_none());
    let shown = parapet(PARAPET, &["status", "--url", &format!("http://{}", folder.http())]);
    assert!(shown.out.contains("CANARY SENT BACK: 3 of its last 3 looks"), "{}", shown.out);
    let refused = site.post("/api/v1/models/next/promote", &json!({}));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(site.metric("parapet_canary_sent_back_total{model=\"next\",of=\"birds\"}"), Some(1.0));

    // Also after a restart it is not tried again.
    assert_eq!(site.terminate().code, Some(0));
    until_free(folder.http());
    let site = RunningSite::start(PARAPET, &folder);
    let told = model(&site, "next");
    assert_eq!((&told["canary"]["state"], &told["inferences"]), (&"sent_back".into(), &0.into()), "{told:#}");
    assert!(site.node("models/next").is_none());
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    next_events(&listener, &everywhere("hen"));

    // Until its file changes.
    folder.file("models/next.yaml", &canary("fox.onnx", ""));
    let answers = |models: &Value| models.as_array().unwrap().iter().any(|m| m["canary"]["state"] == "answering");
    site.wait_for("a mended one is tried", "/api/v1/models", SOON, answers);
    let mut wanted = everywhere("hen");
    let own = chosen(&site);
    *wanted.get_mut(own.as_str()).unwrap() = ("fox", Some("next"));
    next_events(&listener, &wanted);
    assert_eq!(site.terminate().code, Some(0));
}

#[test]
fn a_canary_that_cannot_be_loaded_gets_no_frame_and_files_that_make_no_sense_are_refused() {
    let folder = folder(&(canary("fox.onnx", "") + "slots: [{device: cuda}]\n"));
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    site.wait_for("it is sent back", "/api/v1/models", SOON, |models| {
        let why = |model: &Value| model["canary"]["sent_back"]["why"].as_str().map(str::to_owned);
        models.as_array().unwrap().iter().filter_map(why).any(|why| why.contains("it can't be loaded: device cuda:0"))
    });
    next_events(&listener, &everywhere("hen"));
    assert!(model(&site, "birds")["cameras"].as_array().unwrap().iter().all(|feed| feed["passed_on"] == 0));
    assert_eq!(site.terminate().code, Some(0));

    for (text, said) in [
        (canary("fox.onnx", "").replace("of: birds", "of: next"), "this model can't be its own canary"),
        (canary("fox.onnx", "").replace("of: birds", "of: bird"), "did you mean `birds`"),
        (canary("fox.onnx", "") + "after: birds\n", "`canary` does not go with `after`"),
        (canary("fox.onnx", "  share: 1.5\n").replace("  share: 0.5\n", ""), "expected a number of at most 1"),
    ] {
        folder.file("models/next.yaml", &text);
        let told = parapet(PARAPET, &["check", "--config", folder.arg()]);
        assert!(told.code == Some(2) && told.all().contains(said), "{said}: {}", told.all());
    }
    folder.file("models/next.yaml", &canary("fox.onnx", "")).file("models/other.yaml", &canary("fox.onnx", ""));
    let told = parapet(PARAPET, &["check", "--config", folder.arg()]);
    assert!(told.all().contains("`birds` has a canary already: next"), "{}", told.all());
    folder.delete("models/other.yaml");
    folder.file("cameras/gate.yaml", "source: test://ball\nmodels: [next]\n");
    let told = parapet(PARAPET, &["check", "--config", folder.arg()]);
    assert!(told.all().contains("`next` is a canary: it looks in the place of another model"), "{}", told.all());
}
