//! `parapet model inspect` and `parapet model try`: what a person reads, and a video that others can play.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/exports.rs"]
mod exports;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use parapet_testkit::onnx::ending::Ending;

fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path.canonicalize().unwrap()
}

fn model(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parapet")).arg("model").args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn inspect_tells_what_it_found_what_it_would_do_and_how_sure_it_is() {
    for (name, parts) in [
        (
            "yolox_nano_416.onnx",
            &["`images` F32 [1, 3, 416, 416]", "opset", "Conv", "yolox ", "93 %", "sure enough"][..],
        ),
        ("yolox_nano_416_tfod_u8.onnx", &["tfod", "97 %", "the model takes bytes", "uncertain: labels"]),
        ("nanodet_m_320.onnx", &["nanodet", "95 %", "stretch", "mean, std", "objects with boxes"]),
        ("vww_person_96.onnx", &["classifier", "2 numbers after a softmax", "one class", "uncertain: labels"]),
        ("osnet_x0_25_256x128.onnx", &["embedding", "a vector", "128x256"]),
    ] {
        let output = model(&["inspect", text(&shared("models").join(name))]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for part in parts {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    }
}

/// The shared detector in the form of other exports: what is found, what would be done, and how sure that is.
#[test]
fn inspect_knows_other_exports_and_says_what_no_file_shows() {
    let folder = tempfile::tempdir().unwrap();
    let base = std::fs::read(shared("models/yolox_nano_416_v5layout.onnx")).unwrap();
    let cases: [(&str, Ending, &[&str]); 6] = [
        (
            "nms_indices",
            exports::nms_indices("corners"),
            &["`selected_indices` I64 [?, 3]", "93 %", "taken as fractions"],
        ),
        ("rtdetr", exports::flat(0.0), &["85 %", "counts them from 0", "uncertain: labels"]),
        ("best_class", exports::best_class(), &["88 %", "before suppression"]),
        ("yolox_heads", exports::yolox_heads(false), &["90 %", "objectness and 80 classes"]),
        ("scrfd", exports::scrfd(), &["92 %", "face", "objects with boxes"]),
        ("retinaface", exports::retinaface(), &["92 %", "7098 priors", "face"]),
    ];
    for (layout, end, parts) in cases {
        let path = folder.path().join("other.onnx");
        std::fs::write(&path, end.of(&base)).unwrap();
        let output = model(&["inspect", text(&path)]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains(&format!("layout    {layout} ")), "{layout}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    }
}

#[test]
fn inspect_tells_what_was_found_of_a_model_that_cannot_be_used() {
    let onnx = shared("models/yolox_nano_416.onnx");
    let output = model(&["inspect", text(&onnx), "--labels", text(&shared("labels/person.txt"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("[1, 3549, 85]"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("1 classes are named") && told.contains("80"), "{told}");
    let output = model(&["inspect", text(&onnx), "--layout", "tfod"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("tfod is boxes"), "{told}");
    let output = model(&["inspect", "/absent.onnx"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("/absent.onnx"), "{told}");
}

#[test]
fn try_writes_a_video_in_which_the_model_sees_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("boxes.mp4");
    let onnx = shared("models/yolox_nano_416.onnx");
    let clip = shared("videos/ahmetozlu_vehicle.mp4");
    let output = model(&["try", text(&onnx), "--input", text(&clip), "--out", text(&out), "--every", "30"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("boxes.mp4: 9 pictures with ") && !told.contains(" 0 objects"), "{told}");
    // It can be read back, frame for frame.
    let read = Command::new(env!("CARGO_BIN_EXE_parapet"))
        .args(["detect", "--model", text(&onnx), "--input", text(&out)])
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(lines.lines().count(), 9, "{lines}");
    assert!(lines.contains("\"label\":\"car\""), "{lines}");
}

#[test]
fn try_never_overwrites_what_it_reads_and_says_where_it_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    std::fs::copy(shared("videos/ahmetozlu_vehicle.mp4"), &clip).unwrap();
    let onnx = shared("models/yolox_nano_416.onnx");
    let output = model(&["try", text(&onnx), "--input", text(&clip), "--out", text(&clip)]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("overwrite"), "{told}");
    let absent = folder.path().join("absent/boxes.mp4");
    let args = ["try", text(&onnx), "--input", text(&clip), "--out", text(&absent), "--every", "200"];
    let output = model(&args);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("absent/boxes.mp4"), "{told}");
}
