//! `parapet detect` with input that can't be used: what a person reads, the exit code, and an empty standard output.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path.canonicalize().unwrap()
}

fn detect(model: &Path, input: &Path, more: &[&str]) -> Output {
    command(model, input, more).output().unwrap()
}

fn command(model: &Path, input: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parapet"));
    command.arg("detect").arg("--model").arg(model).arg("--input").arg(input).args(more);
    command
}

/// What stands in the last line of standard error, after a refusal with exit code 2.
fn refused(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(output.stdout.is_empty(), "standard output holds JSON lines alone");
    assert!(!told.contains("panicked"), "{told}");
    let last = told.lines().last().unwrap().to_owned();
    assert!(last.starts_with("error: "), "{told}");
    last
}

fn model() -> PathBuf {
    shared("models/yolox_nano_416.onnx")
}

fn picture() -> PathBuf {
    shared("oracle/exact_yolox_nano_416/frame.png")
}

#[test]
fn a_missing_or_damaged_model() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.onnx");
    let told = refused(&detect(&absent, &picture(), &[]));
    assert!(told.contains("absent.onnx") && told.contains("No such file"), "{told}");

    let whole = std::fs::read(model()).unwrap();
    let cut = folder.path().join("cut.onnx");
    for bytes in [&b"hello"[..], &[], &whole[..whole.len() / 3]] {
        std::fs::write(&cut, bytes).unwrap();
        let told = refused(&detect(&cut, &picture(), &[]));
        assert!(told.contains("cut.onnx") && told.contains("not an ONNX model"), "{told}");
    }
    let told = refused(&detect(folder.path(), &picture(), &[]));
    assert!(told.contains("is a folder"), "{told}");
}

#[test]
fn a_video_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("film.mp4");
    let told = refused(&detect(&model(), &input, &[]));
    assert!(told.contains("film.mp4") && told.contains("No such file"), "{told}");
    std::fs::write(&input, "").unwrap();
    let told = refused(&detect(&model(), &input, &[]));
    assert!(told.contains("film.mp4") && told.contains("empty"), "{told}");
    std::fs::write(&input, "this is no video\n".repeat(100)).unwrap();
    let told = refused(&detect(&model(), &input, &[]));
    assert!(told.contains("film.mp4") && told.contains("no video"), "{told}");
    // A picture whose second half is missing.
    let whole = std::fs::read(picture()).unwrap();
    std::fs::write(&input, &whole[..whole.len() / 2]).unwrap();
    let told = refused(&detect(&model(), &input, &[]));
    assert!(told.contains("film.mp4") && told.contains("can't be decoded"), "{told}");
}

#[test]
fn settings_that_do_not_fit() {
    let person = shared("labels/person.txt");
    let told = refused(&detect(&model(), &picture(), &["--labels", &person.to_string_lossy()]));
    assert!(told.contains("1 classes are named") && told.contains("80"), "{told}");
    let told = refused(&detect(&model(), &picture(), &["--labels", "/absent.txt"]));
    assert!(told.contains("/absent.txt"), "{told}");
    let told = refused(&detect(&model(), &picture(), &["--layout", "yolo"]));
    assert!(told.contains("`yolo`") && told.contains("yolox, yolov5, yolov8"), "{told}");
    let told = refused(&detect(&model(), &picture(), &["--size", "640"]));
    assert!(told.contains("416x416, not 640x640"), "{told}");
    let told = refused(&detect(&shared("models/osnet_x0_25_256x128.onnx"), &picture(), &[]));
    assert!(told.contains("gives a vector"), "{told}");
    for flags in [["--every", "0"], ["--min-score", "1.5"], ["--channels", "gbr"], ["--device", "tpu"]] {
        let output = detect(&model(), &picture(), &flags);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(flags[0]) && told.contains(flags[1]), "{told}");
    }
}

/// A model with more fields behind it: a protobuf message goes on where it ended, and messages within it are merged.
fn with_more(folder: &Path, name: &str, more: &[u8]) -> PathBuf {
    let mut bytes = std::fs::read(model()).unwrap();
    bytes.extend_from_slice(more);
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A field of protobuf that holds bytes: its number, its length, and they.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn weights_that_are_not_beside_the_model_and_an_opset_of_tomorrow() {
    let folder = tempfile::tempdir().unwrap();
    // `initializer` of the graph: one of one float whose `external_data` says `location: weights.bin`.
    let location = [field(1, b"location"), field(2, b"weights.bin")].concat();
    let tensor = [&[8, 1, 16, 1][..], &field(8, b"spare"), &field(13, &location), &[14 << 3, 1]].concat();
    let external = with_more(folder.path(), "external.onnx", &field(7, &field(5, &tensor)));
    let told = refused(&detect(&external, &picture(), &[]));
    assert!(told.contains("external.onnx") && told.contains("`weights.bin`"), "{told}");
    // `opset_import` with version 99.
    let tomorrow = with_more(folder.path(), "tomorrow.onnx", &field(8, &[16, 99]));
    let told = refused(&detect(&tomorrow, &picture(), &[]));
    assert!(told.contains("tomorrow.onnx") && told.contains("opset"), "{told}");
}

#[test]
fn a_model_file_with_an_error_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nano.yaml");
    std::fs::write(&file, format!("file: {}\nlayuot: yolox\n", model().display())).unwrap();
    let told = refused(&detect(&file, &picture(), &[]));
    assert!(told.contains("nano.yaml:2:1") && told.contains("did you mean `layout`"), "{told}");
}

#[test]
fn a_runtime_that_is_missing_is_told_with_the_way_to_get_it() {
    let output =
        command(&model(), &picture(), &[]).env("ORT_DYLIB_PATH", "/absent/libonnxruntime.so").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in ["/absent/libonnxruntime.so", "script/bootstrap", "ORT_DYLIB_PATH"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn what_is_guessed_is_told_and_a_picture_has_one_line() {
    let output = detect(&model(), &picture(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    for part in ["layout", "yolox", "93 %", "channels", "bgr", "85 %", "the file doesn't show it"] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    let lines: Vec<serde_json::Value> =
        std::str::from_utf8(&output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["frame"], &lines[0]["t"]), (1, &0.into(), &0.0.into()));
    assert_eq!(lines[0]["detections"][0]["label"], "person");
    // Nothing is so sure.
    let output = detect(&model(), &picture(), &["--min-score", "0.99"]);
    assert_eq!(output.stdout, b"{\"frame\":0,\"t\":0.0,\"detections\":[]}\n");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut child = command(&model(), &shared("videos/ahmetozlu_vehicle.mp4"), &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("{\"frame\":0,"), "{first}");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("error") && !told.contains("panicked"), "{told}");
}
