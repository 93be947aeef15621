//! `parapet detect` with input that can't be used: what a person reads, the exit code, and an empty standard output.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use parapet_testkit::onnx::{Elements, OnnxModel, Value};

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
    // What people take for a model.
    for (bytes, what) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"[..], "`git lfs pull`"),
        (b"<!doctype html><html><body>404", "download it anew"),
        (b"PK\x03\x04archive/data.pkl", "export the model to ONNX"),
        (b"", "an empty file"),
    ] {
        std::fs::write(&cut, bytes).unwrap();
        let told = refused(&detect(&cut, &picture(), &[]));
        assert!(told.contains("cut.onnx: not an ONNX model but ") && told.contains(what), "{told}");
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
    assert!(told.contains("tomorrow.onnx") && told.contains("opset") && told.contains("use a newer one"), "{told}");
    // `ir_version` 99: the number that comes last counts.
    let tomorrow = with_more(folder.path(), "tomorrow.onnx", &[8, 99]);
    let told = refused(&detect(&tomorrow, &picture(), &[]));
    assert!(told.contains("IR version: 99") && told.contains("use a newer one"), "{told}");
    assert!(!told.contains("onnxruntime_src"), "nobody reads the runtime's source code: {told}");
}

/// A model of 64 × 64 pixels that always gives the same numbers.
fn made(folder: &Path, dims: &[usize], change: &dyn Fn(&mut OnnxModel)) -> PathBuf {
    let mut model = OnnxModel::constant(64, dims, None, &vec![0.0; dims.iter().product()]);
    change(&mut model);
    let path = folder.join("made.onnx");
    std::fs::write(&path, model.bytes()).unwrap();
    path
}

#[test]
fn a_model_of_no_family_or_with_inputs_that_nothing_is_known_to_fill() {
    let folder = tempfile::tempdir().unwrap();
    let told = |dims: &[usize], change: &dyn Fn(&mut OnnxModel)| {
        let told = refused(&detect(&made(folder.path(), dims, change), &picture(), &[]));
        assert!(told.contains("made.onnx"), "{told}");
        told
    };
    let yolo = &[1, 84, 84];
    let image = |elements, dims: &[usize]| Value::new("images", elements, dims);
    let more = Value::new("other", Elements::F32, &[1, 3, 64, 64]);
    let cases: [(String, &[&str]); 7] = [
        (
            told(&[1, 17, 3], &|_| ()),
            &["`output` [1, 17, 3]", "no layout that is known", "name the layout", "yolox, yolov5"],
        ),
        (told(&[1, 17, 3, 9, 2], &|_| ()), &["[1, 17, 3, 9, 2]", "in this shape", "export the model anew"]),
        (told(yolo, &|model| model.inputs.push(more.clone())), &["2 inputs", "one picture is wanted"]),
        (
            told(yolo, &|model| model.inputs[0] = image(Elements::I32, &[1, 3, 64, 64])),
            &["holds I32", "floats", "export it"],
        ),
        (told(yolo, &|model| model.inputs[0] = image(Elements::F32, &[1, 1, 64, 64])), &["[1, 3, height, width]"]),
        (told(yolo, &|model| model.inputs[0] = image(Elements::F32, &[4, 3, 64, 64])), &["a batch of 1"]),
        (told(yolo, &|model| model.nodes[0].0 = "EfficientNMS_TRT"), &["EfficientNMS_TRT", "TensorRT", "without it"]),
    ];
    for (told, parts) in cases {
        for part in parts {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    }
    let two = told(&[1, 84, 85], &|model| model.metadata.push(("names".into(), "{0: 'a', 1: 'b'}".into())));
    assert!(two.contains("2 classes are named") && two.contains("metadata"), "{two}");
}

#[test]
fn a_model_whose_dimensions_are_all_open_is_used_and_told_to_be_uncertain() {
    let folder = tempfile::tempdir().unwrap();
    let open = |model: &mut OnnxModel| {
        model.inputs[0] = Value::open("images", Elements::F32, 4);
        model.outputs[0] = Value::open("output", Elements::F32, 3);
    };
    // The runtime finds out what the output's shape is; the size of the input stays a guess.
    let output = detect(&made(folder.path(), &[1, 84, 2100], &open), &picture(), &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("320x320") && told.contains("uncertain: size"), "{told}");
    // Boxes that are not as many as the size has cells, which somebody named.
    let model = made(folder.path(), &[1, 84, 85], &open);
    let output = detect(&model, &picture(), &["--layout", "yolox", "--size", "320"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("layout yolox wants [1, 2100, 85]") && told.contains("gave [1, 84, 85]"), "{told}");
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
