//! One detector in the form of every other export: `parapet detect` knows each by itself, and sees what the reference saw.
#![allow(clippy::unwrap_used)]

#[path = "support/exports.rs"]
mod exports;
#[path = "support/oracle.rs"]
mod oracle;

use oracle::{Comparison, shared};
use parapet_testkit::onnx::ending::Ending;

const STREET: Comparison<'static> =
    Comparison { video: "ahmetozlu_vehicle", oracle: "yolox_nano_416", class: None, flags: &[] };

/// Faces that are people.
const PEOPLE: Comparison<'static> =
    Comparison { video: "intel_one-by-one-person", oracle: "yolox_nano_416", class: Some(0), flags: &[] };

fn holds(name: &str, ending: &Ending, comparison: &Comparison<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join(format!("{name}.onnx"));
    let base = std::fs::read(shared("models/yolox_nano_416_v5layout.onnx")).unwrap();
    std::fs::write(&model, ending.of(&base)).unwrap();
    comparison.holds(&model);
}

#[test]
fn indices_of_a_suppression_with_boxes_in_any_form() {
    for form in ["corners", "corners_down", "centres"] {
        holds(&format!("nms_indices_{form}"), &exports::nms_indices(form), &STREET);
    }
}

#[test]
fn counted_boxes_and_boxes_with_scores_beside_labels() {
    holds("efficient_nms", &exports::efficient_nms(), &STREET);
    holds("mmdet", &exports::mmdet(), &STREET);
}

#[test]
fn boxes_labels_and_scores_without_a_batch_from_0_and_from_1() {
    holds("flat", &exports::flat(0.0), &STREET);
    let labels = shared("labels/coco80.txt");
    let pixels = ["--channels", "bgr", "--resize", "letterbox", "--scale", "1"];
    let flags = [&["--layout", "torchvision", "--labels", labels.to_str().unwrap()], &pixels[..]].concat();
    holds("torchvision", &exports::flat(1.0), &Comparison { flags: &flags, ..STREET });
}

#[test]
fn labels_boxes_and_scores_as_pixels_or_fractions_with_names_or_without() {
    holds("labelled", &exports::labelled(false, ["labels", "boxes", "scores"]), &STREET);
    holds("labelled_fractions", &exports::labelled(true, ["labels", "bboxes", "scores"]), &STREET);
    holds("labelled_nameless", &exports::labelled(false, ["9203", "9201", "9202"]), &STREET);
}

#[test]
fn rows_of_six_and_seven_in_their_orders() {
    holds("paddle", &exports::paddle(), &STREET);
    holds("end2end", &exports::end2end(), &STREET);
    holds("yolo_nas_flat", &exports::flat_predictions(), &STREET);
    holds("detection_output", &exports::detection_output(), &STREET);
}

#[test]
fn boxes_and_scores_apart_in_any_form() {
    holds("boxes_scores", &exports::boxes_scores("corners", false), &STREET);
    holds("boxes_scores_fractions", &exports::boxes_scores("corners", true), &STREET);
    holds("boxes_scores_centres", &exports::boxes_scores("centres", true), &STREET);
    holds("boxes_objectness", &exports::boxes_objectness(), &STREET);
    holds("best_class", &exports::best_class(), &STREET);
    let labels = shared("labels/coco80.txt");
    let flags = ["--labels", labels.to_str().unwrap()];
    holds("ssd", &exports::ssd(), &Comparison { flags: &flags, ..STREET });
}

#[test]
fn rows_of_a_grid_or_of_queries() {
    holds("rows", &exports::rows(false), &STREET);
    holds("rows_fractions", &exports::rows(true), &STREET);
    holds("rtdetr_rows", &exports::rtdetr_rows(), &STREET);
}

#[test]
fn raw_heads_of_each_grid_as_one_or_apart() {
    holds("yolox_heads", &exports::yolox_heads(false), &STREET);
    holds("yolox_heads_apart", &exports::yolox_heads(true), &STREET);
}

#[test]
fn face_detectors_that_see_people() {
    holds("yunet", &exports::yunet(), &PEOPLE);
    holds("scrfd", &exports::scrfd(), &PEOPLE);
    holds("retinaface", &exports::retinaface(), &PEOPLE);
}
