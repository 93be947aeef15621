//! `parapet detect` sees on real videos what the reference saw: at least 95 of 100 boxes of a score of 0.4 and more, with the
//! same class and an overlap of 0.7.
#![allow(clippy::unwrap_used)]

#[path = "support/oracle.rs"]
mod oracle;

use std::path::Path;

use oracle::{Comparison, shared};

fn matches(model: &Path, video: &str) {
    matches_oracle(model, video, "yolox_nano_416");
}

fn matches_oracle(model: &Path, video: &str, oracle: &str) {
    Comparison { video, oracle, class: None, flags: &[] }.holds(model);
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
