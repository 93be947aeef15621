//! What no answer of a model may do: make a decoder panic, or put a number into an event that is none.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use parapet_contracts::{
    Picture, PixelFormat,
    picture::Colorimetry,
    ports::inference::{DType, ModelSignature, TensorSpec},
};
use proptest::prelude::*;

use super::*;
use crate::{
    Channels, Decoded, Detector, ModelSettings, Placement, Reason, Refused, Region, Resize, refusal::DecodeError,
};

const SIZE: SizePx = SizePx { width: 64, height: 32 };
const CLASSES: usize = 3;
/// Layouts of one matrix, which these tests try; `families` tries the others.
const YOLO: [&str; 3] = ["yolox", "yolov5", "yolov8"];

fn detector(layout: &str, min_score: f32) -> Detector {
    let (rows, columns) = if layout == "yolov8" { (Some(4 + CLASSES), None) } else { (None, Some(5 + CLASSES)) };
    let signature = ModelSignature {
        inputs: vec![TensorSpec { name: "i".into(), dtype: DType::F32, shape: [1, 3, 32, 64].map(Some).to_vec() }],
        outputs: vec![TensorSpec { name: "o".into(), dtype: DType::F32, shape: vec![Some(1), rows, columns] }],
        metadata: BTreeMap::new(),
    };
    let settings = ModelSettings {
        layout: layout.into(),
        size: SIZE,
        channels: Channels::Bgr,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        resize: Resize::Letterbox,
        pad: 114,
        labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        min_score,
        label_scores: BTreeMap::from([("c".to_owned(), 0.9)]),
        iou: 0.45,
        class_agnostic: false,
        max_detections: 300,
    };
    Detector::new(settings, &signature).unwrap()
}

fn placement() -> Placement {
    Placement::new((128, 64), Region::whole(128, 64), SIZE, Resize::Letterbox)
}

/// Boxes of the layouts with decoded boxes: centre, size, score, class.
fn answer(layout: &str, boxes: &[([f32; 4], f32, usize)]) -> (Vec<usize>, Vec<f32>) {
    let n = boxes.len();
    if layout == "yolov8" {
        let mut data = vec![0.0; (4 + CLASSES) * n];
        for (i, (b, score, class)) in boxes.iter().enumerate() {
            (0..4).for_each(|k| data[k * n + i] = b[k]);
            data[(4 + class) * n + i] = *score;
        }
        (vec![1, 4 + CLASSES, n], data)
    } else {
        let mut data = Vec::new();
        for (b, score, class) in boxes {
            data.extend_from_slice(b);
            data.push(*score);
            data.extend((0..CLASSES).map(|c| if c == *class { 1.0 } else { 0.0 }));
        }
        (vec![1, n, 5 + CLASSES], data)
    }
}

fn decode(layout: &str, boxes: &[([f32; 4], f32, usize)]) -> Result<Decoded, DecodeError> {
    let (shape, data) = answer(layout, boxes);
    detector(layout, 0.25).decode(&placement(), &[TensorView { shape: &shape, data: TensorData::F32(&data) }])
}

#[test]
fn each_reason_is_counted_and_the_rest_is_kept() {
    for layout in ["yolov5", "yolov8"] {
        let good = ([20.0, 10.0, 8.0, 6.0], 0.8, 1);
        let boxes = [
            good,
            ([f32::NAN, 10.0, 8.0, 6.0], 0.8, 1),
            ([20.0, 10.0, f32::INFINITY, 6.0], 0.8, 1),
            ([20.0, 10.0, 8.0, 6.0], f32::NAN, 1),
            ([20.0, 10.0, 8.0, 6.0], 7.0, 1),
            ([20.0, 10.0, -8.0, 6.0], 0.8, 1),
            ([20.0, 10.0, 1e9, 6.0], 0.8, 1),
            ([500.0, 10.0, 8.0, 6.0], 0.8, 1),
            ([20.0, 10.0, 8.0, 6.0], 0.2, 1),
            ([40.0, 10.0, 8.0, 6.0], 0.8, 2), // below the label's own minimum
        ];
        let decoded = decode(layout, &boxes).unwrap();
        assert_eq!(decoded.objects.len(), 1, "{layout}");
        assert_eq!(<[f32; 4]>::from(decoded.objects[0].bbox), [32.0, 14.0, 48.0, 26.0]);
        assert_eq!((&*decoded.objects[0].label, decoded.objects[0].class), ("b", 1));
        let want = [(Reason::NotFinite, 3), (Reason::BadScore, 1), (Reason::BadBox, 2), (Reason::Outside, 1)];
        assert_eq!(decoded.refused, want.map(|(reason, count)| Refused { reason, count }), "{layout}");
    }
}

#[test]
fn absurd_counts_are_refused_as_a_whole() {
    for layout in ["yolov5", "yolov8"] {
        let sure = ([20.0, 10.0, 8.0, 6.0], 0.9, 0);
        let error = decode(layout, &vec![sure; 100_001]).unwrap_err();
        assert_eq!(error.reason, Reason::TooMany, "{error}");
        let error = decode(layout, &vec![sure; 30_001]).unwrap_err();
        assert_eq!(error.reason, Reason::TooMany, "{error}");
        assert_eq!(decode(layout, &vec![sure; 30_000]).unwrap().objects.len(), 1);
    }
}

#[test]
fn other_shapes_types_and_numbers_of_outputs_are_refused() {
    let cells = grid_cells(SIZE);
    let floats = vec![0.5f32; 1000 * 8];
    let bytes = vec![1u8; 1000 * 8];
    for layout in LAYOUTS.iter().filter(|layout| YOLO.contains(&layout.name())) {
        let detector = detector(layout.name(), 0.25);
        let columns = if layout.name() == "yolov8" { [1, 7, cells] } else { [1, cells, 8] };
        let good = TensorView { shape: &columns, data: TensorData::F32(&floats[..columns[1] * columns[2]]) };
        assert!(detector.decode(&placement(), &[good]).is_ok(), "{}", layout.name());
        for shape in
            [&[1, 3, 3][..], &[2, 7, 8], &[7, 8], &[1, 1, 7, 8], &[], &[1, 0, 0], &[1, cells, 9], &[1, 9, cells]]
        {
            let length = shape.iter().product::<usize>();
            let view = TensorView { shape, data: TensorData::F32(&floats[..length]) };
            let error = detector.decode(&placement(), &[view]).unwrap_err();
            assert_eq!(error.reason, Reason::WrongShape, "{}: {error}", layout.name());
        }
        let short = TensorView { shape: &columns, data: TensorData::F32(&floats[..5]) };
        let typed = TensorView { shape: &columns, data: TensorData::U8(&bytes[..columns[1] * columns[2]]) };
        for outputs in [&[][..], &[good, good], &[short], &[typed]] {
            assert_eq!(detector.decode(&placement(), outputs).unwrap_err().reason, Reason::WrongShape);
        }
    }
}

fn odd_number() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => 0.0f32..1.0,
        3 => -100.0f32..100.0,
        1 => any::<f32>(),
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, 1.0]),
    ]
}

proptest! {
    #[test]
    fn no_answer_makes_a_decoder_panic_or_say_nonsense(
        numbers in prop::collection::vec(odd_number(), 8 * 42), min_score in 0.0f32..1.0,
    ) {
        let cells = grid_cells(SIZE);
        prop_assert_eq!(cells, 42);
        for layout in LAYOUTS.iter().filter(|layout| YOLO.contains(&layout.name())) {
            let shape = if layout.name() == "yolov8" { [1, 7, cells] } else { [1, cells, 8] };
            let data = TensorData::F32(&numbers[..shape[1] * shape[2]]);
            let decoded = detector(layout.name(), min_score).decode(&placement(), &[TensorView { shape: &shape, data }]).unwrap();
            for object in &decoded.objects {
                let b = object.bbox;
                prop_assert!(b.is_finite() && b.x1 >= 0.0 && b.y1 >= 0.0 && b.x2 <= 128.0 && b.y2 <= 64.0 && b.area() > 0.0);
                let minimum = if object.class == 2 { 0.9 } else { min_score };
                prop_assert!((minimum..=1.0).contains(&object.score) && (object.class as usize) < CLASSES);
            }
        }
    }
}

#[test]
fn settings_that_do_not_fit_are_all_told_at_once() {
    let good = detector("yolox", 0.25);
    let mut settings = good.settings().clone();
    settings.min_score = 2.0;
    settings.labels.push("d".into());
    settings.label_scores.insert("truck".into(), 0.5);
    settings.size = SizePx { width: 640, height: 640 };
    settings.std = [0.0; 3];
    let signature = ModelSignature {
        inputs: vec![TensorSpec { name: "i".into(), dtype: DType::U8, shape: [1, 32, 64, 3].map(Some).to_vec() }],
        outputs: vec![TensorSpec { name: "o".into(), dtype: DType::F32, shape: vec![Some(1), Some(42), Some(8)] }],
        metadata: BTreeMap::new(),
    };
    let text = Detector::new(settings, &signature).unwrap_err().to_string();
    for part in
        ["min_score: 2", "`truck`", "size: the model's input is 64x32", "std", "takes bytes", "labels: 4 are named"]
    {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn a_picture_goes_in_and_its_placement_comes_back() {
    let detector = detector("yolox", 0.25);
    let grey =
        Picture::from_vecs(128, 64, PixelFormat::Grey, Colorimetry::BT601, vec![(vec![9; 128 * 64], 128)]).unwrap();
    let mut input = detector.new_input();
    assert_eq!(detector.prepare(&grey, None, &mut input).unwrap(), placement());
    assert_eq!(input.view().shape, [1, 3, 32, 64]);
}
