//! Fault 17: a model returns NaN, wrong shapes, or 100,000 boxes. It is checked, refused and counted: no NaN in any event.
//! Real models through the real runtime, made here to say what they say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    path::Path,
    process::{Command, Output},
};

use parapet_testkit::onnx::{Elements, OnnxModel, Value};

const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;
const COLUMNS: usize = 5 + 2;

/// What is in each row of an answer, in the layout of YOLOv5.
fn answer(rows: usize, row: impl Fn(usize) -> [f32; COLUMNS]) -> Vec<f32> {
    (0..rows).flat_map(row).collect()
}

fn detect(model: &OnnxModel, layout: &str, folder: &Path) -> Output {
    let (file, labels, picture) = (folder.join("m.onnx"), folder.join("labels.txt"), folder.join("grey.png"));
    std::fs::write(&file, model.bytes()).unwrap();
    std::fs::write(&labels, "hen\nfox\n").unwrap();
    image::GrayImage::from_pixel(128, 128, image::Luma([90])).save(&picture).unwrap();
    Command::new(env!("CARGO_BIN_EXE_parapet"))
        .args(["detect", "--layout", layout, "--model"])
        .arg(&file)
        .arg("--labels")
        .arg(&labels)
        .arg("--input")
        .arg(&picture)
        .output()
        .unwrap()
}

struct Seen {
    line: serde_json::Value,
    text: String,
    told: String,
    code: Option<i32>,
}

fn seen(output: &Output) -> Seen {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{told}");
    assert!(!told.contains("panicked"), "{told}");
    Seen { line: serde_json::from_str(&text).unwrap(), text, told, code: output.status.code() }
}

fn constant(rows: usize, floats: &[f32]) -> OnnxModel {
    OnnxModel::constant(SIZE, &[1, rows, COLUMNS], None, floats)
}

const GOOD: [f32; COLUMNS] = [32.0, 32.0, 16.0, 16.0, 0.9, 0.1, 0.8];

#[test]
fn boxes_that_are_no_numbers_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize| match i {
        7 => GOOD,
        i if i % 3 == 0 => [f32::NAN; COLUMNS],
        i if i % 3 == 1 => [f32::INFINITY, 32.0, 16.0, 16.0, 0.9, 0.1, 0.8],
        _ => [32.0, 32.0, 16.0, 16.0, 0.9, 0.1, f32::NAN],
    };
    let seen = seen(&detect(&constant(CELLS, &answer(CELLS, row)), "yolov5", folder.path()));
    assert_eq!(seen.code, Some(0), "{}", seen.told);
    let things = seen.line["detections"].as_array().unwrap();
    assert_eq!(things.len(), 1, "{}", seen.text);
    assert_eq!((&things[0]["label"], &things[0]["class"]), (&"fox".into(), &1.into()));
    assert_eq!(things[0]["box"], serde_json::json!([48.0, 48.0, 80.0, 80.0]));
    assert!(seen.told.contains(&format!("{} not_finite", CELLS - 1)), "{}", seen.told);
}

#[test]
fn every_layout_survives_an_answer_of_nothing_but_nan_or_infinity() {
    for layout in ["yolox", "yolov5", "yolov8"] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let folder = tempfile::tempdir().unwrap();
            let dims = if layout == "yolov8" { [1, COLUMNS - 1, CELLS] } else { [1, CELLS, COLUMNS] };
            let floats = vec![value; dims[1] * dims[2]];
            let seen = seen(&detect(&OnnxModel::constant(SIZE, &dims, None, &floats), layout, folder.path()));
            assert_eq!(seen.line["detections"], serde_json::json!([]), "{layout} of {value}: {}", seen.told);
            assert_eq!(seen.code, Some(0));
            // A score of −∞ is a low score.
            let refused = seen.told.contains("refused boxes: ");
            assert_eq!(refused, value != f32::NEG_INFINITY, "{layout} of {value}: {}", seen.told);
        }
    }
}

#[test]
fn an_answer_with_absurdly_many_boxes_is_refused_as_a_whole() {
    for (rows, part) in [(100_001, "100001 boxes; at most 100000"), (40_000, "more than 30000 boxes")] {
        let folder = tempfile::tempdir().unwrap();
        let seen = seen(&detect(&constant(rows, &answer(rows, |_| GOOD)), "yolov5", folder.path()));
        assert_eq!(seen.line["detections"], serde_json::json!([]));
        assert!(seen.line["error"].as_str().unwrap().contains(part), "{}", seen.text);
        assert_eq!(seen.code, Some(1));
        assert!(seen.told.contains("error: ") && seen.told.contains(part), "{}", seen.told);
    }
}

#[test]
fn an_answer_of_another_shape_than_was_declared_is_refused_as_a_whole() {
    for dims in
        [vec![1, 3, COLUMNS], vec![1, CELLS, 3], vec![CELLS, COLUMNS], vec![2, CELLS, COLUMNS], vec![1, 0, COLUMNS]]
    {
        let folder = tempfile::tempdir().unwrap();
        let declared = Value::open("output", Elements::F32, dims.len());
        let floats = vec![0.9; dims.iter().product()];
        let output = detect(&OnnxModel::constant(SIZE, &dims, Some(declared), &floats), "yolox", folder.path());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !told.contains("panicked"), "{dims:?}: {told}");
        assert!(told.contains("yolox"), "{dims:?}: {told}");
        // When the shape is seen in the file it is refused before anything runs.
        if let Some(line) = String::from_utf8_lossy(&output.stdout).lines().next() {
            assert!(line.contains("\"detections\":[],\"error\":"), "{line}");
        }
    }
}
