//! Guesses from signatures that exporters write.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use parapet_contracts::ports::inference::{DType, TensorSpec};

use super::*;
use crate::settings::{Channels, Resize};

fn signature(input: &[usize], outputs: &[&[usize]], metadata: &[(&str, &str)]) -> ModelSignature {
    let tensor = |name: &str, shape: &[usize]| TensorSpec {
        name: name.to_owned(),
        dtype: DType::F32,
        shape: shape.iter().map(|d| (*d > 0).then_some(*d)).collect(),
    };
    ModelSignature {
        inputs: vec![tensor("images", input)],
        outputs: outputs.iter().map(|shape| tensor("output0", shape)).collect(),
        metadata: metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

const ULTRALYTICS: [(&str, &str); 5] = [
    ("author", "Ultralytics"),
    ("task", "detect"),
    ("stride", "32"),
    ("imgsz", "[384, 640]"),
    ("names", "{0: 'person', 1: 'forklift'}"),
];

#[test]
fn an_export_by_ultralytics_tells_all_of_it() {
    let found =
        guess(&signature(&[1, 3, 384, 640], &[&[1, 6, 5040]], &ULTRALYTICS), None, &Overrides::default()).unwrap();
    let s = &found.settings;
    assert_eq!((&*s.layout, s.size), ("yolov8", SizePx { width: 640, height: 384 }));
    assert_eq!((s.channels, s.scale, s.resize, s.pad), (Channels::Rgb, 1.0 / 255.0, Resize::LetterboxCentre, 114));
    assert_eq!(s.labels, ["person", "forklift"]);
    assert!(found.findings.iter().all(|f| !f.is_uncertain()), "{:#?}", found.findings);
}

#[test]
fn an_open_input_takes_its_size_from_the_metadata_or_the_number_of_boxes() {
    let found = guess(&signature(&[0, 3, 0, 0], &[&[0, 6, 0]], &ULTRALYTICS), None, &Overrides::default()).unwrap();
    assert_eq!(found.settings.size, SizePx { width: 640, height: 384 });
    let found = guess(&signature(&[1, 3, 0, 0], &[&[1, 84, 3549]], &[]), None, &Overrides::default()).unwrap();
    assert_eq!(found.settings.size, SizePx { width: 416, height: 416 });
    let size = found.findings.iter().find(|f| f.what == "size").unwrap();
    assert!(size.is_uncertain());
}

#[test]
fn three_anchors_a_cell_are_yolov5() {
    let found = guess(&signature(&[1, 3, 640, 640], &[&[1, 25200, 85]], &[]), None, &Overrides::default()).unwrap();
    assert_eq!((&*found.settings.layout, found.settings.channels), ("yolov5", Channels::Rgb));
    assert_eq!(found.settings.labels.len(), 80);
    let heads: [&[usize]; 4] = [&[1, 25200, 85], &[1, 3, 80, 80, 85], &[1, 3, 40, 40, 85], &[1, 3, 20, 20, 85]];
    let found = guess(&signature(&[1, 3, 640, 640], &heads, &[]), None, &Overrides::default()).unwrap();
    assert_eq!(found.settings.layout, "yolov5");
}

#[test]
fn one_class_is_enough() {
    let named = Overrides { labels: Some(vec!["person".into()]), ..Overrides::default() };
    let found = guess(&signature(&[1, 3, 320, 320], &[&[1, 5, 2100]], &[]), None, &named).unwrap();
    assert_eq!((&*found.settings.layout, &*found.settings.labels), ("yolov8", &["person".to_owned()][..]));
    let found = guess(&signature(&[1, 3, 320, 320], &[&[1, 2100, 6]], &[]), None, &named).unwrap();
    assert_eq!(found.settings.layout, "yolox");
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    let refused =
        |signature: &ModelSignature, named: &Overrides| guess(signature, None, named).unwrap_err().to_string();
    let none = Overrides::default();
    let mut segment = ULTRALYTICS;
    segment[1].1 = "segment";
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 38, 8400]], &segment), &none).contains("`segment`"));
    let mut end2end = ULTRALYTICS.to_vec();
    end2end.push(("end2end", "True"));
    assert!(
        refused(&signature(&[1, 3, 640, 640], &[&[1, 300, 57]], &end2end), &none).contains("suppresses doubles itself")
    );
    assert!(refused(&signature(&[4, 3, 640, 640], &[&[4, 84, 8400]], &[]), &none).contains("batch of 1"));
    assert!(refused(&signature(&[1, 1, 640, 640], &[&[1, 84, 8400]], &[]), &none).contains("three channels"));
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 1]], &[]), &none).contains("[1, 1]"));
    let two = Overrides { labels: Some(vec!["a".into(), "b".into()]), ..Overrides::default() };
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 84, 8400]], &[]), &two).contains("2 classes are named"));
    let wrong = Overrides { layout: Some("yolo".into()), ..Overrides::default() };
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 84, 8400]], &[]), &wrong).contains("yolox, yolov5, yolov8"));
}

/// Named outputs, as several of them need.
fn with_outputs(inputs: &[(&str, &[usize])], outputs: &[(&str, &[usize])]) -> ModelSignature {
    let tensor = |(name, shape): &(&str, &[usize])| TensorSpec {
        name: (*name).to_owned(),
        dtype: if shape.len() == 2 && *name == "orig_target_sizes" { DType::I64 } else { DType::F32 },
        shape: shape.iter().map(|d| (*d > 0).then_some(*d)).collect(),
    };
    ModelSignature {
        inputs: inputs.iter().map(tensor).collect(),
        outputs: outputs.iter().map(tensor).collect(),
        metadata: BTreeMap::new(),
    }
}

#[test]
fn families_are_told_apart_by_number_names_and_shapes_of_their_outputs() {
    let image: (&str, &[usize]) = ("images", &[1, 3, 320, 320]);
    let fixed = |outputs: &[(&str, &[usize])]| with_outputs(&[image], outputs);
    let cases: Vec<(&str, ModelSignature)> = vec![
        ("n7", fixed(&[("output", &[0, 7])])),
        ("end2end", fixed(&[("output0", &[1, 300, 6])])),
        ("yolov8_rows", fixed(&[("output0", &[1, 2100, 84])])),
        ("nanodet_plus", fixed(&[("output", &[1, 2125, 112])])),
        ("fastestdet", fixed(&[("758", &[1, 85, 20, 20])])),
        (
            "tfod",
            fixed(&[
                ("detection_boxes", &[1, 100, 4]),
                ("detection_classes", &[1, 100]),
                ("detection_scores", &[1, 100]),
            ]),
        ),
        (
            "rtdetr",
            with_outputs(
                &[image, ("orig_target_sizes", &[1, 2])],
                &[("labels", &[1, 300]), ("boxes", &[1, 300, 4]), ("scores", &[1, 300])],
            ),
        ),
        ("detr", fixed(&[("logits", &[1, 100, 92]), ("pred_boxes", &[1, 100, 4])])),
        ("detr_sigmoid", fixed(&[("dets", &[1, 300, 4]), ("labels", &[1, 300, 91])])),
        ("boxes_scores", fixed(&[("boxes", &[1, 2100, 4]), ("scores", &[1, 2100, 80])])),
        ("boxes_scores", fixed(&[("boxes", &[1, 2100, 1, 4]), ("confs", &[1, 2100, 80])])),
        ("efficient_nms", fixed(&[("num", &[1, 1]), ("b", &[1, 100, 4]), ("score", &[1, 100]), ("label", &[1, 100])])),
        ("best_class", fixed(&[("boxes", &[1, 2100, 4]), ("scores", &[1, 2100]), ("class_idx", &[1, 2100])])),
        ("boxes_scores", fixed(&[("boxes", &[1, 2100, 4]), ("obj", &[1, 2100, 1]), ("cls", &[1, 2100, 80])])),
        ("mmdet", fixed(&[("dets", &[0, 5]), ("labels", &[0])])),
        ("torchvision", fixed(&[("boxes", &[0, 4]), ("labels", &[0]), ("scores", &[0])])),
        ("rtdetr", fixed(&[("boxes", &[0, 4]), ("pred_classes", &[0]), ("scores", &[0])])),
        ("rtdetr", fixed(&[("boxes", &[1, 100, 4]), ("labels", &[1, 100]), ("scores", &[1, 100])])),
        ("rtdetr_rows", fixed(&[("output0", &[1, 300, 84])])),
        ("detection_output", fixed(&[("detection_out", &[1, 1, 200, 7])])),
        ("nms_indices", fixed(&[("selected_indices", &[0, 3]), ("boxes", &[1, 2100, 4]), ("scores", &[1, 80, 2100])])),
        ("yolov5_heads", fixed(&[("a", &[1, 3, 40, 40, 85]), ("b", &[1, 3, 20, 20, 85]), ("c", &[1, 3, 10, 10, 85])])),
        ("yolov5_heads", fixed(&[("a", &[1, 255, 40, 40]), ("b", &[1, 255, 20, 20]), ("c", &[1, 255, 10, 10])])),
        ("yolox_heads", fixed(&[("a", &[1, 85, 40, 40]), ("b", &[1, 85, 20, 20]), ("c", &[1, 85, 10, 10])])),
        ("yolov8_heads", fixed(&[("a", &[1, 144, 40, 40]), ("b", &[1, 144, 20, 20]), ("c", &[1, 144, 10, 10])])),
        ("yolov3_tiny_heads", fixed(&[("a", &[1, 255, 10, 10]), ("b", &[1, 255, 20, 20])])),
        ("yolov2", fixed(&[("grid", &[1, 125, 10, 10])])),
        ("centernet", fixed(&[("hm", &[1, 80, 80, 80]), ("wh", &[1, 2, 80, 80]), ("reg", &[1, 2, 80, 80])])),
        ("retinaface", fixed(&[("loc", &[1, 4200, 4]), ("conf", &[1, 4200, 2]), ("landms", &[1, 4200, 10])])),
        ("face", fixed(&[("scores", &[1, 4420, 2]), ("boxes", &[1, 4420, 4])])),
        ("classifier", fixed(&[("logits", &[1, 1000])])),
        ("embedding", fixed(&[("features", &[1, 512, 1, 1])])),
    ];
    for (layout, signature) in cases {
        let found = guess(&signature, None, &Overrides::default()).unwrap();
        assert_eq!(found.settings.layout, layout, "{:?}", found.findings);
        crate::Detector::new(found.settings, &signature).unwrap();
    }
}

/// For each of three strides these columns, as rows of `each` boxes a cell; `rank` 2 is without a batch.
fn grids(each: usize, columns: &[usize], rank: usize) -> ModelSignature {
    let of = |side: usize| columns.iter().map(move |c| [1, side * side * each, *c]);
    let shapes: Vec<[usize; 3]> = [40, 20, 10].into_iter().flat_map(of).collect();
    let outputs: Vec<(&str, &[usize])> = shapes.iter().map(|shape| ("448", &shape[3 - rank..])).collect();
    with_outputs(&[("input.1", &[1, 3, 320, 320])], &outputs)
}

#[test]
fn face_detectors_are_known_by_what_they_have_for_each_stride_and_know_their_label() {
    let cases =
        [("scrfd", grids(2, &[1, 4], 2)), ("scrfd", grids(2, &[1, 4, 10], 3)), ("yunet", grids(1, &[1, 1, 4, 10], 3))];
    for (layout, signature) in cases {
        let found = guess(&signature, None, &Overrides::default()).unwrap();
        assert_eq!((&*found.settings.layout, &found.settings.labels[..]), (layout, &["face".to_owned()][..]));
        assert_eq!((found.settings.resize, found.settings.pad), (Resize::Letterbox, 0), "{layout}");
        assert!(found.findings.iter().all(|f| !f.is_uncertain()), "{:#?}", found.findings);
    }
}

#[test]
fn heads_with_leaky_units_are_darknets_and_named_classes_tell_one_layout_from_another() {
    let planes = |channels: usize| {
        let shapes = [[1, channels, 40, 40], [1, channels, 20, 20], [1, channels, 10, 10]];
        let outputs: Vec<(&str, &[usize])> = shapes.iter().map(|shape| ("head", &shape[..])).collect();
        with_outputs(&[("images", &[1, 3, 320, 320])], &outputs)
    };
    let leaky = OnnxSummary { ops: BTreeMap::from([("LeakyRelu".into(), 20)]), ..OnnxSummary::default() };
    let found = guess(&planes(255), Some(&leaky), &Overrides::default()).unwrap();
    assert_eq!((&*found.settings.layout, found.settings.pad), ("yolov3_heads", 128));
    for (classes, layout) in [(1, "yolov5_heads"), (13, "yolox_heads")] {
        let labels = (0..classes).map(|c| format!("class {c}")).collect();
        let named = Overrides { labels: Some(labels), ..Overrides::default() };
        assert_eq!(guess(&planes(18), None, &named).unwrap().settings.layout, layout);
    }
    let unsure = guess(&planes(18), None, &Overrides::default()).unwrap();
    assert!(unsure.findings.iter().any(|f| f.what == "layout" && f.is_uncertain()), "{:#?}", unsure.findings);
}

/// What the graph has says what shapes don't: an SSD's labels begin at 1 and a YOLO's at 0.
#[test]
fn the_graph_tells_what_labels_are_counted_from() {
    let signature = with_outputs(
        &[("images", &[1, 3, 320, 320])],
        &[("bboxes", &[1, 100, 4]), ("labels", &[1, 100]), ("scores", &[1, 100])],
    );
    let with = |ops: &[&str], stem: &[&str]| OnnxSummary {
        ops: ops.iter().map(|op| ((*op).to_owned(), 1)).collect(),
        stem: stem.iter().map(|op| (*op).to_owned()).collect(),
        ..OnnxSummary::default()
    };
    let layout = |summary: &OnnxSummary| {
        let found = guess(&signature, Some(summary), &Overrides::default()).unwrap();
        (found.settings.layout, found.settings.labels.len(), found.settings.channels)
    };
    assert_eq!(layout(&with(&["NonMaxSuppression"], &[])), ("torchvision".into(), 90, Channels::Rgb));
    assert_eq!(layout(&with(&["NonMaxSuppression"], &["Slice", "Concat"])), ("rtdetr".into(), 80, Channels::Bgr));
    assert_eq!(layout(&with(&["TopK"], &[])), ("rtdetr".into(), 80, Channels::Rgb));
}

#[test]
fn an_input_that_nothing_is_known_to_fill_is_refused() {
    let signature = with_outputs(&[("images", &[1, 3, 320, 320]), ("noise", &[1, 2])], &[("output", &[1, 84, 2100])]);
    let told = guess(&signature, None, &Overrides::default()).unwrap_err().to_string();
    assert!(told.contains("`noise` [1, 2]"), "{told}");
}

#[test]
fn a_model_whose_shapes_are_all_open_wants_its_layout_named() {
    let signature = signature(&[0, 3, 0, 0], &[&[0, 0, 0]], &[]);
    let told = guess(&signature, None, &Overrides::default()).unwrap_err().to_string();
    assert!(told.contains("only known at run time: name the layout"), "{told}");
    let named = Overrides { layout: Some("yolov8".into()), ..Overrides::default() };
    let told = guess(&signature, None, &named).unwrap_err().to_string();
    assert!(told.contains("name the labels"), "{told}");
}

#[test]
fn a_softmax_over_scores_has_a_background_and_one_over_bins_of_boxes_has_none() {
    let signature =
        with_outputs(&[("images", &[1, 3, 320, 320])], &[("boxes", &[1, 2100, 4]), ("scores", &[1, 2100, 21])]);
    let with = |boxes: &str, scores: &str| OnnxSummary {
        tails: [boxes, scores].map(|op| BTreeSet::from([op.to_owned()])).to_vec(),
        ..OnnxSummary::default()
    };
    let layout =
        |summary: &OnnxSummary| guess(&signature, Some(summary), &Overrides::default()).unwrap().settings.layout;
    assert_eq!(layout(&with("Mul", "Softmax")), "ssd");
    assert_eq!(layout(&with("Softmax", "Sigmoid")), "boxes_scores");
}
