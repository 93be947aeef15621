//! `parapet capacity`: measures this machine with the cameras and models of a site's files, and tells how many more fit, and what is the limit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_testkit::{
    SiteFolder,
    command::{Told, parapet, parapet_command, tell},
    shared_data,
};
use serde_json::Value;
use support::PARAPET;

fn capacity(folder: &SiteFolder, format: &str) -> Told {
    let mut command = parapet_command(PARAPET);
    command.args(["capacity", "--config", folder.arg(), "--for", "4s", "--format", format]);
    tell(&mut command, Duration::from_secs(180))
}

fn site() -> SiteFolder {
    let folder = SiteFolder::with("yard", &format!("media: [\"{}\"]\n", shared_data("videos").display()));
    let video = shared_data("videos/azure_perimeterdemo720.mp4");
    folder.file("models/coco.yaml", &format!("file: \"{}\"\n", shared_data("models/nanodet_m_320.onnx").display()));
    for camera in ["gate", "yard"] {
        let text = format!("source: \"{}\"\nfps: 5fps\nmodels: [coco]\n", video.display());
        folder.file(&format!("cameras/{camera}.yaml"), &text);
    }
    folder.file("cameras/ball.yaml", "source: test://ball?size=320x240&fps=10\nfps: 2fps\nmodels: [coco]\n");
    folder.file("cameras/away.yaml", "source: rtsp://127.0.0.1:9/none\nmodels: [coco]\n");
    folder
}

#[test]
fn each_kind_of_camera_is_measured_and_what_can_not_be_is_told() {
    let folder = site();
    let told = capacity(&folder, "json");
    assert_eq!(told.code, Some(0), "{}", told.all());
    let report: Value = serde_json::from_str(&told.out).unwrap();
    let kinds = report["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 2, "{report:#}");
    let film = kinds.iter().find(|kind| kind["cameras"].as_array().unwrap().len() == 2).unwrap();
    let name = film["kind"].as_str().unwrap();
    assert!(name.contains("1280×720 H.264") && name.contains("5 fps to coco"), "{name}");
    let wanted = film["wanted_fps"].as_f64().unwrap();
    // The machine may be too busy to play it in real time.
    assert!((0.2..=6.0).contains(&wanted), "{wanted}");
    assert!(film["decode_cores"].as_f64().unwrap() < film["cores"].as_f64().unwrap(), "a look costs something: {film}");
    let limits = ["processors", "slots", "latency", "memory"];
    assert!(limits.contains(&film["limit"].as_str().unwrap()), "{film}");

    let model = &report["models"][0];
    assert_eq!((model["model"].as_str(), model["slots"].as_u64()), (Some("coco"), Some(1)));
    assert!(model["look_ms"].as_f64().unwrap() > 0.0 && model["looks_per_second"].as_f64().unwrap() > 0.0);
    assert!(report["machine"]["cores"].as_f64().unwrap() >= 1.0);
    assert!(report["assumptions"].as_array().unwrap().len() >= 3);
    let missing = report["not_measured"].as_array().unwrap();
    assert!(missing.len() == 1 && missing[0]["actor"] == "cameras/away", "{missing:?}");
    assert!(!folder.path().join("store").exists(), "it writes nothing");
}

#[test]
fn people_read_a_table_with_its_assumptions() {
    let folder = SiteFolder::new("yard");
    folder.file("models/none.yaml", "kind: null\n");
    folder.file("cameras/ball.yaml", "source: test://ball?size=320x240&fps=10\nmodels: [none]\n");
    let told = capacity(&folder, "text");
    assert_eq!(told.code, Some(0), "{}", told.all());
    for part in
        ["320×240", "every frame to none", "what stops the next", "model none: 1 slots", "- what others use now"]
    {
        assert!(told.out.contains(part), "{part:?} is missing: {}", told.all());
    }
}

#[test]
fn a_site_without_cameras_and_a_time_without_a_unit_are_told() {
    let folder = SiteFolder::new("yard");
    let told = capacity(&folder, "text");
    assert_eq!(told.code, Some(2), "{}", told.all());
    assert!(told.error().contains("no camera that is enabled"), "{}", told.all());
    let told = parapet(PARAPET, &["capacity", "--config", folder.arg(), "--for", "60"]);
    assert_eq!(told.code, Some(2), "{}", told.all());
    assert!(told.err.contains("a time from 1s to 1h is wanted"), "{}", told.all());
}
