//! One answer for each family, in tensors as its exporter writes them; and answers that no model should give.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use parapet_contracts::ports::inference::{DType, ModelSignature, TensorData, TensorSpec, TensorView};
use proptest::prelude::*;

use super::*;
use crate::{
    Channels, Decoded, Detector, ModelSettings, Placement, Reading, Reason, Refused, Region, Resize,
    refusal::DecodeError,
};

mod faces;
mod found;
mod grids;
mod raw;

const SIZE: SizePx = SizePx { width: 64, height: 64 };

type Tensor = (&'static str, Vec<usize>, Vec<f32>);

/// A detector of classes a, b and c (or `face`) whose declared outputs are those tensors.
fn detector(layout: &str, outputs: &[Tensor]) -> Detector {
    let spec = |name: &str, shape: &[usize]| TensorSpec {
        name: name.into(),
        dtype: if name == "selected_indices" { DType::I64 } else { DType::F32 },
        shape: shape.iter().map(|d| Some(*d)).collect(),
    };
    let signature = ModelSignature {
        inputs: vec![spec("images", &[1, 3, 64, 64])],
        outputs: outputs.iter().map(|(name, shape, _)| spec(name, shape)).collect(),
        metadata: BTreeMap::new(),
    };
    let labels: &[&str] = match layout {
        "face" | "retinaface" | "scrfd" | "yunet" => &["face"],
        "embedding" => &[],
        _ => &["a", "b", "c"],
    };
    let settings = ModelSettings {
        layout: layout.into(),
        size: SIZE,
        channels: Channels::Rgb,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        resize: Resize::Stretch,
        pad: 114,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        min_score: 0.3,
        label_scores: BTreeMap::new(),
        iou: 0.45,
        class_agnostic: false,
        max_detections: 300,
    };
    Detector::new(settings, &signature).unwrap()
}

/// A picture of the input's own size: pixels are the same in both.
fn placement() -> Placement {
    Placement::new((64, 64), Region::whole(64, 64), SIZE, Resize::Stretch)
}

fn decode(layout: &str, outputs: &[Tensor]) -> Result<Decoded, DecodeError> {
    let views: Vec<_> =
        outputs.iter().map(|(_, shape, data)| TensorView { shape, data: TensorData::F32(data) }).collect();
    detector(layout, outputs).decode(&placement(), &views)
}

/// Exactly these objects: label, score, box.
#[track_caller]
fn sees(layout: &str, outputs: &[Tensor], want: &[(&str, f32, [f32; 4])]) -> Vec<Refused> {
    let decoded = decode(layout, outputs).unwrap();
    assert_eq!(decoded.objects.len(), want.len(), "{layout}: {:?}", decoded.objects);
    for (got, (label, score, bbox)) in decoded.objects.iter().zip(want) {
        let edges = <[f32; 4]>::from(got.bbox);
        let near = edges.iter().zip(bbox).all(|(a, b)| (a - b).abs() < 1e-2);
        assert!(got.label == *label && (got.score - score).abs() < 1e-3 && near, "{layout}: {got:?}");
    }
    decoded.refused
}

const BOX: [f32; 4] = [8.0, 16.0, 24.0, 48.0];

/// [`BOX`], then one with a score that is too low, and what is no box behind them.
fn three(scores: bool) -> Vec<f32> {
    let [x1, y1, x2, y2] = BOX;
    let rows = [(0.9, [x1, y1, x2, y2]), (0.2, [0.0, 0.0, 9.0, 9.0]), (0.8, [0.0, 0.0, 5.0, 5.0])];
    rows.into_iter().flat_map(|(score, b)| b.into_iter().chain(scores.then_some(score))).collect()
}

fn read(layout: &str, values: Vec<f32>) -> Result<Reading, DecodeError> {
    let output: Tensor = ("output", vec![1, values.len()], values);
    let view = TensorView { shape: &output.1.clone(), data: TensorData::F32(&output.2.clone()) };
    detector(layout, &[output]).read(&placement(), &[view])
}

#[test]
fn a_classifier_gives_probabilities_best_first_and_one_object_as_large_as_the_crop() {
    for values in [vec![0.2, 0.7, 0.1], vec![0.2f32.ln() + 5.0, 0.7f32.ln() + 5.0, 0.1f32.ln() + 5.0]] {
        let Reading::Classes(classes) = read("classifier", values.clone()).unwrap() else { panic!("classes") };
        let labels: Vec<_> = classes.iter().map(|c| &*c.label).collect();
        assert_eq!(labels, ["b", "a", "c"]);
        assert!((classes[0].score - 0.7).abs() < 1e-4);
        sees("classifier", &[("output", vec![1, 3], values)], &[("b", 0.7, [0.0, 0.0, 64.0, 64.0])]);
    }
    assert_eq!(read("classifier", vec![0.0, f32::NAN, 1.0]).unwrap_err().reason, Reason::NotFinite);
}

#[test]
fn an_embedding_is_a_direction_and_no_object() {
    assert_eq!(read("embedding", vec![3.0, 0.0, 4.0]).unwrap(), Reading::Vector(vec![0.6, 0.0, 0.8]));
    assert_eq!(read("embedding", vec![0.0; 3]).unwrap_err().reason, Reason::NotFinite);
    assert_eq!(read("embedding", vec![f32::INFINITY; 3]).unwrap_err().reason, Reason::NotFinite);
    let error = decode("embedding", &[("output", vec![1, 3], vec![1.0; 3])]).unwrap_err();
    assert!(error.text.contains("vector of 3 numbers"), "{error}");
}

/// Tensors of the shapes that each layout has, for an input of 64 × 64 and three classes.
fn shapes(layout: &str) -> Vec<(&'static str, Vec<usize>)> {
    let head = |strides: &[usize]| {
        let of = |name, columns| strides.iter().map(move |s| (name, vec![1, (64usize / s).pow(2), columns]));
        of("cls", 3).chain(of("dis", 32)).collect()
    };
    let planes = |strides: &[usize], channels: &[usize]| {
        let of = |s: &usize| channels.iter().map(|c| ("head", vec![1, *c, 64 / s, 64 / s])).collect::<Vec<_>>();
        strides.iter().flat_map(of).collect()
    };
    let rows = |cells: &[usize], columns: &[usize]| {
        let of = |n: &usize| columns.iter().map(|c| ("rows", vec![1, *n, *c])).collect::<Vec<_>>();
        cells.iter().flat_map(of).collect()
    };
    match layout {
        "yolox" | "yolov5" => vec![("output", vec![1, 84, 8])],
        "yolov8" => vec![("output", vec![1, 7, 84])],
        "yolov8_rows" => vec![("output", vec![1, 84, 7])],
        "end2end" => vec![("output", vec![1, 9, 6])],
        "n7" => vec![("output", vec![9, 7])],
        "tfod" => vec![("boxes", vec![1, 9, 4]), ("classes", vec![1, 9]), ("scores", vec![1, 9])],
        "efficient_nms" => vec![
            ("num_dets", vec![1, 1]),
            ("det_boxes", vec![1, 9, 4]),
            ("det_scores", vec![1, 9]),
            ("det_classes", vec![1, 9]),
        ],
        "mmdet" => vec![("dets", vec![1, 9, 5]), ("labels", vec![1, 9])],
        "torchvision" => vec![("boxes", vec![9, 4]), ("labels", vec![9]), ("scores", vec![9])],
        "paddle" => vec![("boxes", vec![9, 6]), ("count", vec![1])],
        "nanodet" => head(&[8, 16, 32]),
        "picodet" => head(&[8, 16, 32, 64]),
        "nanodet_plus" => vec![("output", vec![1, 85, 35])],
        "fastestdet" => vec![("output", vec![1, 8, 4, 4])],
        "rtdetr" => vec![("labels", vec![1, 9]), ("boxes", vec![1, 9, 4]), ("scores", vec![1, 9])],
        "detr" => vec![("logits", vec![1, 9, 4]), ("boxes", vec![1, 9, 4])],
        "detr_sigmoid" | "boxes_scores" => vec![("scores", vec![1, 9, 3]), ("boxes", vec![1, 9, 4])],
        "face" => vec![("scores", vec![1, 9, 2]), ("boxes", vec![1, 9, 4])],
        "ssd" => vec![("scores", vec![1, 9, 4]), ("boxes", vec![1, 9, 4])],
        "best_class" => vec![("boxes", vec![1, 9, 4]), ("class_idx", vec![1, 9]), ("scores", vec![1, 9])],
        "nms_indices" => {
            vec![("selected_indices", vec![9, 3]), ("boxes", vec![1, 84, 4]), ("scores", vec![1, 3, 84])]
        }
        "detection_output" => vec![("detection_out", vec![1, 1, 9, 7])],
        "rtdetr_rows" => vec![("output0", vec![1, 9, 7])],
        "yolox_heads" => planes(&[8, 16, 32], &[8]),
        "yolov5_heads" | "yolov7_heads" => [8, 4, 2].map(|side| ("head", vec![1, 3, side, side, 8])).to_vec(),
        "yolov3_heads" => planes(&[8, 16, 32], &[24]),
        "yolov3_tiny_heads" => planes(&[16, 32], &[24]),
        "yolov2" => planes(&[32], &[40]),
        "yolov8_heads" => planes(&[8, 16, 32], &[64, 3]),
        "centernet" => vec![("hm", vec![1, 3, 16, 16]), ("wh", vec![1, 2, 16, 16]), ("reg", vec![1, 2, 16, 16])],
        "retinaface" => vec![("loc", vec![1, 168, 4]), ("conf", vec![1, 168, 2]), ("landms", vec![1, 168, 10])],
        "scrfd" => rows(&[128, 32, 8], &[1, 4, 10]),
        "yunet" => rows(&[64, 16, 4], &[1, 1, 4, 10]),
        other => panic!("shapes of {other} are wanted here"),
    }
}

fn filled(layout: &str, numbers: &[f32]) -> Vec<Tensor> {
    let mut endless = numbers.iter().copied().cycle();
    let fill = |(name, shape): (&'static str, Vec<usize>)| {
        let data = endless.by_ref().take(shape.iter().product()).collect();
        (name, shape, data)
    };
    shapes(layout).into_iter().map(fill).collect()
}

#[test]
fn every_layout_refuses_outputs_that_are_not_its_own() {
    for layout in LAYOUTS {
        let good = filled(layout.name(), &[1.0]);
        let detector = detector(layout.name(), &good);
        let view = |shape, data| TensorView { shape, data: TensorData::F32(data) };
        let all: Vec<_> = good.iter().map(|(_, shape, data)| view(shape, data)).collect();
        assert!(detector.decode(&placement(), &all).is_ok(), "{}", layout.name());
        let odd = [0.5f32; 55];
        for wrong in [view(&[1, 5, 11], &odd), view(&[55], &odd), view(&[1, 5, 10], &odd), view(&[], &odd[..1])] {
            for i in 0..all.len() {
                let mut outputs = all.clone();
                outputs[i] = wrong;
                let error = detector.decode(&placement(), &outputs).unwrap_err();
                assert_eq!(error.reason, Reason::WrongShape, "{}: {error}", layout.name());
            }
        }
        assert_eq!(detector.decode(&placement(), &all[1..]).unwrap_err().reason, Reason::WrongShape);
    }
}

proptest! {
    #[test]
    fn no_answer_makes_any_layout_panic_or_say_nonsense(
        numbers in prop::collection::vec(
            prop_oneof![
                4 => 0.0f32..1.0,
                3 => -100.0f32..100.0,
                1 => any::<f32>(),
                1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -0.0]),
            ],
            61..200,
        ),
    ) {
        for layout in LAYOUTS {
            let Ok(decoded) = decode(layout.name(), &filled(layout.name(), &numbers)) else { continue };
            for object in &decoded.objects {
                let b = object.bbox;
                prop_assert!(b.is_finite() && b.x1 >= 0.0 && b.y1 >= 0.0 && b.x2 <= 64.0 && b.y2 <= 64.0 && b.area() > 0.0);
                prop_assert!((0.3..=1.0).contains(&object.score) && !object.label.is_empty());
            }
        }
        for layout in ["classifier", "embedding"] {
            let values = if layout == "classifier" { numbers[..3].to_vec() } else { numbers.clone() };
            match read(layout, values) {
                Ok(Reading::Classes(classes)) => {
                    prop_assert!(classes.iter().all(|c| (0.0..=1.0).contains(&c.score)));
                }
                Ok(Reading::Vector(vector)) => {
                    let length: f32 = vector.iter().map(|v| v * v).sum();
                    prop_assert!((length - 1.0).abs() < 1e-3);
                }
                Ok(Reading::Objects(_)) => prop_assert!(false, "no objects are meant"),
                Err(_) => {}
            }
        }
    }
}
