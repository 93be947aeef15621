//! A second model looks at a share of the frames that the first one has looked at: its agreement is told, its findings become no event, and
//! one command puts it in the first one's place, another one takes it away. Real models through the real runtime, made here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, time::Duration};

use parapet_contracts::cloudevent::Event;
use parapet_testkit::{RunningSite, SiteFolder, command::parapet, onnx::OnnxModel};
use serde_json::Value;
use support::{Listener, PARAPET};

const SOON: Duration = Duration::from_secs(30);
const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;
const COLUMNS: usize = 5 + 2;
const TOPIC: &str = "parapet/yard/cameras/gate/detections";
const MODEL: &str = "layout: yolov5\nlabels: [hen, fox]\n";

/// A row that says: a thing of this class, this many pixels from the left.
fn thing(class: usize, left: f32, objectness: f32) -> [f32; COLUMNS] {
    let mut row = [left, 32.0, 16.0, 16.0, objectness, 0.0, 0.0];
    row[5 + class] = 1.0;
    row
}

fn sees(things: &[[f32; COLUMNS]]) -> Vec<u8> {
    let mut floats = vec![0.0; CELLS * COLUMNS];
    for (index, row) in things.iter().enumerate() {
        floats[index * COLUMNS..(index + 1) * COLUMNS].copy_from_slice(row);
    }
    OnnxModel::constant(SIZE, &[1, CELLS, COLUMNS], None, &floats).bytes()
}

/// A site whose model sees a hen, and whose shadow sees it a bit beside, more surely, and a fox as well.
fn site() -> (SiteFolder, RunningSite, Listener) {
    let folder = SiteFolder::new("yard");
    fs::create_dir_all(folder.path().join("models")).unwrap();
    fs::write(folder.path().join("models/old.onnx"), sees(&[thing(0, 16.0, 0.6)])).unwrap();
    fs::write(folder.path().join("models/new.onnx"), sees(&[thing(0, 18.0, 0.9), thing(1, 48.0, 0.8)])).unwrap();
    folder
        .file("models/birds.yaml", &format!("file: models/old.onnx\n{MODEL}"))
        .file("models/next.yaml", &format!("file: models/new.onnx\nshadow:\n  of: birds\n  share: 0.5\n{MODEL}"))
        .file("cameras/gate.yaml", "source: test://ball?size=320x240&fps=10\nmodels: [birds]\n");
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "parapet/#");
    (folder, site, listener)
}

fn model(site: &RunningSite, id: &str) -> Value {
    site.get("/api/v1/models")
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["model"] == id)
        .cloned()
        .unwrap_or_default()
}

fn events(listener: &Listener) -> Vec<(String, Vec<String>)> {
    let event = |payload: &[u8]| match Event::from_json(payload).unwrap() {
        Event::Detection(event) => {
            (event.model.to_string(), event.objects.iter().map(|object| object.label.clone()).collect())
        }
        other => panic!("{other:?}"),
    };
    listener.on(TOPIC).iter().map(|message| event(&message.payload)).collect()
}

#[test]
fn a_shadow_is_compared_and_promoted_by_one_command() {
    let (folder, site, listener) = site();
    site.wait_for("frames are compared", "/api/v1/models", SOON, |models| {
        models.as_array().unwrap().iter().any(|model| model["shadow"]["compared"].as_u64() >= Some(10))
    });
    let shadow = model(&site, "next")["shadow"].clone();
    let count = |key: &str| shadow[key].as_u64().unwrap();
    assert_eq!(
        (count("matched"), count("missed"), count("extra")),
        (count("compared"), 0, count("compared")),
        "{shadow:#}"
    );
    assert_eq!((&shadow["of"], &shadow["share"], &shadow["agreement"]), (&"birds".into(), &0.5.into(), &0.5.into()));
    assert!((shadow["score_difference"].as_f64().unwrap() - 0.3).abs() < 1e-3, "{shadow:#}");
    let (all, shown) = (model(&site, "birds")["inferences"].as_u64().unwrap(), count("compared") + count("skipped"));
    assert!(shown <= all / 2 + 1, "half of {all} frames, and {shown} were shown");
    assert!(site.metric("parapet_shadow_objects_total{model=\"next\",of=\"birds\",outcome=\"extra\"}") >= Some(10.0));
    assert!(model(&site, "birds")["shadow"].is_null());
    // What it sees goes nowhere.
    assert!(
        events(&listener).iter().all(|(model, labels)| model == "birds" && labels == &["hen"]),
        "{:?}",
        events(&listener)
    );

    let told = parapet(PARAPET, &["model", "shadow", "next", "--url", &format!("http://{}", folder.http())]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    for part in ["next, a shadow of birds", "50.0 % of its frames", "agreement 50.0 %", "+0.300"] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }

    let told = parapet(PARAPET, &["model", "promote", "next", "--config", folder.arg()]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    assert!(!folder.path().join("models/next.yaml").exists());
    let text = fs::read_to_string(folder.path().join("models/birds.yaml")).unwrap();
    assert_eq!(text, format!("file: models/new.onnx\n{MODEL}"));
    let foxes =
        || events(&listener).iter().any(|(model, labels)| model == "birds" && labels.contains(&"fox".to_owned()));
    parapet_testkit::wait::until("the new model's findings are events", SOON, foxes);
    assert!(model(&site, "next").is_null());
    assert_eq!(site.terminate().code, Some(0));
}

#[test]
fn a_shadow_is_dropped_by_one_command_and_a_camera_cannot_use_one() {
    let (folder, site, _listener) = site();
    let told = parapet(PARAPET, &["model", "drop", "birds", "--config", folder.arg()]);
    assert!(told.error().contains("no shadow or canary `birds`: there are next"), "{}", told.all());
    folder.file("cameras/dock.yaml", "source: test://ball\nmodels: [next]\n");
    let told = parapet(PARAPET, &["check", "--config", folder.arg()]);
    assert!(told.all().contains("`next` is a shadow: it is compared, and not used"), "{}", told.all());
    folder.delete("cameras/dock.yaml");

    let told = parapet(PARAPET, &["model", "drop", "next", "--config", folder.arg()]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    parapet_testkit::wait::until("the shadow is gone", SOON, || model(&site, "next").is_null());
    let before = model(&site, "birds")["inferences"].as_u64();
    parapet_testkit::wait::until("the model goes on", SOON, || model(&site, "birds")["inferences"].as_u64() > before);
    assert_eq!(site.terminate().code, Some(0));
}
