//! `parapet detect` sees on real videos what the reference saw: at least 95 of 100 boxes of a score of 0.4 and more, with the
//! same class and an overlap of 0.7.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use parapet_contracts::BBox;
use serde_json::Value;

fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path.canonicalize().unwrap()
}

/// Class and box of each thing, by frame; and the time of each frame.
type Seen = BTreeMap<u64, (f64, Vec<(u64, BBox)>)>;

fn bbox(value: &Value) -> BBox {
    let edges: Vec<f32> = value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    BBox::from(<[f32; 4]>::try_from(edges).unwrap())
}

fn detect(model: &Path, video: &Path, every: u64) -> Seen {
    let output = Command::new(env!("CARGO_BIN_EXE_parapet"))
        .args(["detect", "--every", &every.to_string(), "--model"])
        .arg(model)
        .arg("--input")
        .arg(video)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("standard output holds JSON lines alone");
            let things = line["detections"].as_array().unwrap().iter();
            let things = things.map(|d| (d["class"].as_u64().unwrap(), bbox(&d["box"]))).collect();
            (line["frame"].as_u64().unwrap(), (line["t"].as_f64().unwrap(), things))
        })
        .collect()
}

fn matches(model: &Path, video: &str) {
    matches_oracle(model, video, "yolox_nano_416");
}

fn matches_oracle(model: &Path, video: &str, oracle: &str) {
    let oracle: Value =
        serde_json::from_slice(&std::fs::read(shared(&format!("oracle/{video}.{oracle}.json"))).unwrap()).unwrap();
    let seen = detect(model, &shared(&format!("videos/{video}.mp4")), oracle["frame_step"].as_u64().unwrap());
    let frames = oracle["frames"].as_array().unwrap();
    assert_eq!(seen.len(), frames.len(), "one line for each examined frame");
    let (mut wanted, mut found) = (0, 0);
    for frame in frames {
        let (t, things) = &seen[&frame["i"].as_u64().unwrap()];
        assert!((t - frame["t"].as_f64().unwrap()).abs() < 1e-3, "frame {} is at {t} s", frame["i"]);
        let mut left = things.clone();
        for want in frame["d"].as_array().unwrap().iter().filter(|d| d["s"].as_f64().unwrap() >= 0.4) {
            wanted += 1;
            let (class, want) = (want["c"].as_u64().unwrap(), bbox(&want["b"]));
            if let Some(at) = left.iter().position(|(c, b)| *c == class && b.iou(&want) >= 0.7) {
                left.swap_remove(at);
                found += 1;
            }
        }
    }
    eprintln!("{video}: {found} of {wanted}");
    assert!(wanted > 100, "the reference has something to find");
    assert!(found * 100 >= wanted * 95, "{video}: {found} of {wanted} boxes were found");
}

const VIDEOS: [&str; 3] = ["ahmetozlu_vehicle", "intel_one-by-one-person", "azure_perimeterdemo720"];

#[test]
fn the_raw_model_is_known_by_itself() {
    for video in VIDEOS {
        matches(&shared("models/yolox_nano_416.onnx"), video);
    }
}

/// A model file names what an .onnx file never shows.
fn derived(layout: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nano.yaml");
    let onnx = shared(&format!("models/yolox_nano_416_{}layout.onnx", layout.trim_start_matches("yolo")));
    let text = format!(
        "file: {}\nlayout: {layout}\ninput:\n  channels: bgr\n  scale: 1\n  resize: letterbox\n  pad: 114\n",
        onnx.display()
    );
    std::fs::write(&file, text).unwrap();
    for video in VIDEOS {
        matches(&file, video);
    }
}

#[test]
fn the_layout_of_yolov5_is_read_with_a_model_file() {
    derived("yolov5");
}

#[test]
fn the_layout_of_yolov8_is_read_with_a_model_file() {
    derived("yolov8");
}

#[test]
fn a_derived_model_is_guessed_by_how_its_graph_makes_boxes() {
    for model in [
        "yolox_nano_416_v5layout.onnx",
        "yolox_nano_416_v8layout.onnx",
        "yolox_nano_416_nms_n7.onnx",
        "yolox_nano_416_tfod_u8.onnx",
    ] {
        matches(&shared("models").join(model), "ahmetozlu_vehicle");
    }
}

#[test]
fn fastestdet_is_known_by_itself() {
    matches_oracle(&shared("models/fastestdet_352.onnx"), "ahmetozlu_vehicle", "fastestdet_352");
}
