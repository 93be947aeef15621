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

const SIZE: SizePx = SizePx { width: 64, height: 64 };

type Tensor = (&'static str, Vec<usize>, Vec<f32>);

/// A detector of classes a, b and c (or `face`) whose declared outputs are those tensors.
fn detector(layout: &str, outputs: &[Tensor]) -> Detector {
    let spec = |name: &str, shape: &[usize]| TensorSpec {
        name: name.into(),
        dtype: DType::F32,
        shape: shape.iter().map(|d| Some(*d)).collect(),
    };
    let signature = ModelSignature {
        inputs: vec![spec("images", &[1, 3, 64, 64])],
        outputs: outputs.iter().map(|(name, shape, _)| spec(name, shape)).collect(),
        metadata: BTreeMap::new(),
    };
    let labels: &[&str] = match layout {
        "face" => &["face"],
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

#[test]
fn efficient_nms_counts_what_it_found_and_its_classes_begin_at_0() {
    let outputs = [
        ("num_dets", vec![1, 1], vec![2.0]),
        ("det_boxes", vec![1, 3, 4], three(false)),
        ("det_scores", vec![1, 3], vec![0.9, 0.2, 0.8]),
        ("det_classes", vec![1, 3], vec![2.0, 0.0, 1.0]),
    ];
    sees("efficient_nms", &outputs, &[("c", 0.9, BOX)]);
    let lies = [("num_dets", vec![1, 1], vec![9.0]), outputs[1].clone(), outputs[2].clone(), outputs[3].clone()];
    assert_eq!(decode("efficient_nms", &lies).unwrap_err().reason, Reason::WrongShape);
}

#[test]
fn mmdet_has_scores_beside_boxes_and_labels_apart() {
    let outputs = [("dets", vec![1, 3, 5], three(true)), ("labels", vec![1, 3], vec![1.0, 0.0, 7.0])];
    let refused = sees("mmdet", &outputs, &[("b", 0.9, BOX)]);
    assert_eq!(refused, [Refused { reason: Reason::BadClass, count: 1 }]);
}

#[test]
fn torchvision_has_no_batch_and_a_background() {
    let outputs = [
        ("boxes", vec![3, 4], three(false)),
        ("labels", vec![3], vec![3.0, 1.0, 0.0]),
        ("scores", vec![3], vec![0.9, 0.2, 0.8]),
    ];
    let refused = sees("torchvision", &outputs, &[("c", 0.9, BOX)]);
    assert_eq!(refused, [Refused { reason: Reason::BadClass, count: 1 }], "the background is no object");
}

#[test]
fn paddle_puts_class_and_score_first() {
    let [x1, y1, x2, y2] = BOX;
    let rows = vec![1.0, 0.9, x1, y1, x2, y2, -1.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 5.0, 5.0];
    let outputs = [("multiclass_nms3_0.tmp_0", vec![3, 6], rows), ("multiclass_nms3_0.tmp_2", vec![1], vec![2.0])];
    sees("paddle", &outputs, &[("b", 0.9, BOX)]);
}

#[test]
fn end_to_end_rows_keep_what_the_model_kept_and_count_classes_without_a_name() {
    // Two of a class overlap wholly but for a row: the model meant both.
    let rows = vec![
        8.0, 16.0, 24.0, 48.0, 0.9, 1.0, 8.0, 17.0, 24.0, 48.0, 0.8, 1.0, 1.0, 1.0, 9.0, 9.0, 0.7, 3.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0,
    ];
    let refused =
        sees("end2end", &[("output0", vec![1, 4, 6], rows)], &[("b", 0.9, BOX), ("b", 0.8, [8.0, 17.0, 24.0, 48.0])]);
    assert_eq!(refused, [Refused { reason: Reason::BadClass, count: 1 }]);
}

#[test]
fn rows_of_seven_are_read_and_none_is_an_answer() {
    let rows = vec![0.0, 8.0, 16.0, 24.0, 48.0, 2.0, 0.6];
    sees("n7", &[("detections", vec![1, 7], rows)], &[("c", 0.6, BOX)]);
    sees("n7", &[("detections", vec![0, 7], vec![])], &[]);
}

#[test]
fn tensorflows_boxes_are_fractions_top_first_and_classes_count_from_one() {
    let outputs = |count: f32| -> Vec<Tensor> {
        vec![
            ("detection_boxes", vec![1, 2, 4], vec![0.25, 0.125, 0.75, 0.375, 0.0, 0.0, 0.5, 0.5]),
            ("detection_classes", vec![1, 2], vec![2.0, 1.0]),
            ("detection_scores", vec![1, 2], vec![0.9, 0.8]),
            ("num_detections", vec![1], vec![count]),
        ]
    };
    sees("tfod", &outputs(1.0), &[("b", 0.9, BOX)]);
    sees("tfod", &outputs(2.0), &[("b", 0.9, BOX), ("a", 0.8, [0.0, 0.0, 32.0, 32.0])]);
    assert_eq!(decode("tfod", &outputs(3.0)).unwrap_err().reason, Reason::WrongShape);
    assert_eq!(decode("tfod", &outputs(f32::NAN)).unwrap_err().reason, Reason::WrongShape);
}

/// Heads in which one cell of one stride has something: one bin holds all the weight of each side.
fn heads(strides: &[usize], at: (usize, usize), class: usize, bins: [usize; 4]) -> Vec<Tensor> {
    let mut scores: Vec<Tensor> = Vec::new();
    let mut distances: Vec<Tensor> = Vec::new();
    for (level, stride) in strides.iter().enumerate() {
        let cells = (64usize / stride).pow(2);
        let (mut s, mut d) = (vec![0.0; cells * 3], vec![0.0; cells * 32]);
        if level == at.0 {
            s[at.1 * 3 + class] = 0.75;
            bins.iter().enumerate().for_each(|(side, bin)| d[at.1 * 32 + side * 8 + bin] = 50.0);
        }
        scores.push(("cls", vec![1, cells, 3], s));
        distances.push(("dis", vec![1, cells, 32], d));
    }
    scores.into_iter().chain(distances).collect()
}

#[test]
fn nanodet_and_picodet_measure_sides_from_the_middle_of_a_cell() {
    // Stride 16, second cell of the second row: its middle is at 24, 24; NanoDet means the middle of its pixels. The lower
    // edge is beyond the picture.
    let want = [("c", 0.75, [7.5, 23.5, 39.5, 64.0])];
    sees("nanodet", &heads(&[8, 16, 32], (1, 5), 2, [1, 0, 1, 3]), &want);
    let want = [("c", 0.75, [8.0, 24.0, 40.0, 64.0])];
    sees("picodet", &heads(&[8, 16, 32, 64], (1, 5), 2, [1, 0, 1, 3]), &want);
}

#[test]
fn nanodet_plus_measures_sides_from_the_corner_of_a_cell() {
    let mut data = vec![0.0; 85 * 35];
    // Behind 64 cells of stride 8, the sixth of stride 16: its corner is at 16, 16.
    let row = &mut data[69 * 35..70 * 35];
    row[0] = 0.5;
    [0, 0, 1, 2].iter().enumerate().for_each(|(side, bin)| row[3 + side * 8 + bin] = 50.0);
    sees("nanodet_plus", &[("output", vec![1, 85, 35], data)], &[("a", 0.5, [16.0, 16.0, 32.0, 48.0])]);
}

#[test]
fn fastestdet_reads_one_grid() {
    let (rows, columns) = (4, 4);
    let mut data = vec![0.0f32; 8 * rows * columns];
    let mut put = |channel: usize, value: f32| data[channel * 16 + 6] = value;
    // Cell 2, 1, no offset; a sigmoid of 0 is half of the input.
    put(0, 0.8);
    put(6, 0.9);
    let score = 0.8f32.powf(0.6) * 0.9f32.powf(0.4);
    sees("fastestdet", &[("758", vec![1, 8, rows, columns], data)], &[("b", score, [16.0, 0.0, 48.0, 32.0])]);
}

#[test]
fn transposed_yolov8_is_read_by_rows() {
    let rows = vec![16.0, 32.0, 16.0, 32.0, 0.1, 0.2, 0.7, 16.0, 32.0, 16.0, 32.0, 0.1, 0.2, 0.6];
    sees("yolov8_rows", &[("output0", vec![1, 2, 7], rows)], &[("c", 0.7, BOX)]);
}

#[test]
fn rtdetr_is_read_by_names() {
    let outputs: Vec<Tensor> = vec![
        ("scores", vec![1, 2], vec![0.9, 0.1]),
        ("labels", vec![1, 2], vec![1.0, 0.0]),
        ("boxes", vec![1, 2, 4], vec![8.0, 16.0, 24.0, 48.0, 0.0, 0.0, 9.0, 9.0]),
    ];
    sees("rtdetr", &outputs, &[("b", 0.9, BOX)]);
}

#[test]
fn detr_takes_a_softmax_with_nothing_or_a_sigmoid() {
    let boxes: Tensor = ("pred_boxes", vec![1, 2, 4], vec![0.25, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5]);
    // The second query sees nothing: the last logit.
    let logits: Tensor = ("logits", vec![1, 2, 4], vec![0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0]);
    let probability = 3f32.exp() / (3f32.exp() + 3.0);
    sees("detr", &[logits, boxes.clone()], &[("b", probability, BOX)]);
    let logits: Tensor = ("logits", vec![1, 2, 3], vec![-9.0, -9.0, 2.0, -9.0, -9.0, -9.0]);
    sees("detr_sigmoid", &[boxes, logits], &[("c", 1.0 / (1.0 + (-2f32).exp()), BOX)]);
}

#[test]
fn boxes_and_scores_apart_may_lie_either_way() {
    let boxes: Tensor = ("boxes", vec![1, 2, 4], vec![8.0, 16.0, 24.0, 48.0, 0.0, 0.0, 4.0, 4.0]);
    let rows: Tensor = ("scores", vec![1, 2, 3], vec![0.1, 0.8, 0.0, 0.0, 0.0, 0.2]);
    let columns: Tensor = ("scores", vec![1, 3, 2], vec![0.1, 0.0, 0.8, 0.0, 0.0, 0.2]);
    sees("boxes_scores", &[boxes.clone(), rows], &[("b", 0.8, BOX)]);
    sees("boxes_scores", &[columns, boxes], &[("b", 0.8, BOX)]);
}

#[test]
fn faces_are_the_second_score_and_fractions() {
    let outputs: Vec<Tensor> = vec![
        ("scores", vec![1, 2, 2], vec![0.1, 0.9, 0.99, 0.01]),
        ("boxes", vec![1, 2, 4], vec![0.125, 0.25, 0.375, 0.75, 0.0, 0.0, 1.0, 1.0]),
    ];
    sees("face", &outputs, &[("face", 0.9, BOX)]);
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
        let good = filled(layout.name(), &[0.5]);
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
