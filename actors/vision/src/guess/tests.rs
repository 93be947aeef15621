//! Guesses from signatures that exporters write.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

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
        refused(&signature(&[1, 3, 640, 640], &[&[1, 300, 6]], &end2end), &none).contains("suppresses doubles itself")
    );
    assert!(refused(&signature(&[4, 3, 640, 640], &[&[4, 84, 8400]], &[]), &none).contains("batch of 1"));
    assert!(refused(&signature(&[1, 1, 640, 640], &[&[1, 84, 8400]], &[]), &none).contains("three channels"));
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 1000]], &[]), &none).contains("[1, 1000]"));
    let two = Overrides { labels: Some(vec!["a".into(), "b".into()]), ..Overrides::default() };
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 84, 8400]], &[]), &two).contains("2 classes are named"));
    let wrong = Overrides { layout: Some("yolo".into()), ..Overrides::default() };
    assert!(refused(&signature(&[1, 3, 640, 640], &[&[1, 84, 8400]], &[]), &wrong).contains("yolox, yolov5, yolov8"));
}
