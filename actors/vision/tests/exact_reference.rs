//! One frame with a model's input and output tensors as the reference made them, which parts preparing from decoding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use parapet_contracts::{
    BBox, Picture, PixelFormat,
    picture::Colorimetry,
    ports::inference::{TensorData, TensorView},
};
use parapet_vision::{Detector, OnnxSummary, Overrides, guess::guess};

fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path
}

/// A NumPy file of little-endian 32-bit floats in C order, version 1.0.
fn npy(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header_end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..header_end]).unwrap();
    assert!(header.contains("'<f4'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let shape = shape.split(',').filter_map(|d| d.trim().parse().ok()).collect();
    let data = bytes[header_end..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    (shape, data)
}

fn detector(min_score: f32) -> Detector {
    detector_of("yolox_nano_416", min_score, 0.45)
}

fn detector_of(model: &str, min_score: f32, iou: f32) -> Detector {
    let summary = OnnxSummary::read(&shared(&format!("models/{model}.onnx"))).unwrap();
    let named = Overrides { min_score: Some(min_score), iou: Some(iou), ..Overrides::default() };
    let guessed = guess(&summary.signature, Some(&summary), &named).unwrap();
    Detector::new(guessed.settings, &summary.signature).unwrap()
}

fn frame() -> Picture {
    let image = image::open(shared("oracle/exact_yolox_nano_416/frame.png")).unwrap().to_rgb8();
    let (w, h) = image.dimensions();
    let plane = (image.into_raw(), w as usize * 3);
    Picture::from_vecs(w, h, PixelFormat::Rgb, Colorimetry::BT601, vec![plane]).unwrap()
}

#[test]
fn the_input_tensor_is_the_references() {
    let detector = detector(0.25);
    let mut input = detector.new_input();
    detector.prepare(&frame(), None, &mut input).unwrap();
    let (shape, want) = npy(&shared("oracle/exact_yolox_nano_416/in_images.npy"));
    let TensorView { shape: got_shape, data: TensorData::F32(got) } = input.view() else { panic!("floats are wanted") };
    assert_eq!(got_shape, shape);
    // OpenCV interpolates in fixed point and cuts off between the axes, so a value near the middle of two levels may fall to
    // the other one; seen: 8 % of them.
    let off = |by: f32| got.iter().zip(&want).filter(|(g, w)| (*g - *w).abs() > by).count();
    let (differing, far) = (off(0.0), off(1.0));
    eprintln!("{differing} of {} values differ, {far} by more than one level", want.len());
    assert_eq!(far, 0);
    assert!(differing * 10 < want.len(), "{differing} of {} values differ", want.len());
}

/// The reference's outputs of a model, decoded, are the reference's boxes.
fn decodes(model: &str) {
    let expected = std::fs::read(shared(&format!("oracle/exact_{model}/expected.json"))).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let number = |name: &str| expected[name].as_f64().unwrap() as f32;
    let detector = detector_of(model, number("conf"), number("iou"));
    let placement = detector.prepare(&frame(), None, &mut detector.new_input()).unwrap();
    let summary = OnnxSummary::read(&shared(&format!("models/{model}.onnx"))).unwrap();
    let outputs: Vec<_> = summary.signature.outputs.iter().map(|o| &o.name).collect();
    let tensors: Vec<_> =
        outputs.iter().map(|name| npy(&shared(&format!("oracle/exact_{model}/out_{name}.npy")))).collect();
    let views: Vec<_> = tensors.iter().map(|(shape, data)| TensorView { shape, data: TensorData::F32(data) }).collect();
    let decoded = detector.decode(&placement, &views).unwrap();
    assert_eq!(decoded.refused, []);
    let want = expected["detections"].as_array().unwrap();
    assert!(want.len() > 5);
    assert_eq!(decoded.objects.len(), want.len(), "{:#?}", decoded.objects);
    for (got, want) in decoded.objects.iter().zip(want) {
        let number = |v: &serde_json::Value| v.as_f64().unwrap() as f32;
        let bbox: Vec<f32> = want["b"].as_array().unwrap().iter().map(number).collect();
        assert_eq!(got.label, want["n"].as_str().unwrap());
        assert_eq!(u64::from(got.class), want["c"].as_u64().unwrap());
        assert!((got.score - number(&want["s"])).abs() < 1e-3, "{got:?} is not {want}");
        let want = BBox::from([bbox[0], bbox[1], bbox[2], bbox[3]]);
        assert!(got.bbox.iou(&want) > 0.99, "{got:?} is not {want:?}");
    }
}

#[test]
fn yolox_decodes_to_the_references_boxes() {
    decodes("yolox_nano_416");
}

#[test]
fn nanodet_decodes_to_the_references_boxes() {
    decodes("nanodet_m_320");
}

#[test]
fn fastestdet_decodes_to_the_references_boxes() {
    decodes("fastestdet_352");
}

/// How a family feeds its model is guessed: the tensor is the reference's, but for the rounding of interpolation.
#[test]
fn the_input_tensors_of_other_families_are_the_references() {
    for (model, level) in [("nanodet_m_320", 1.0 / 57.0), ("fastestdet_352", 1.0 / 255.0)] {
        let detector = detector_of(model, 0.25, 0.45);
        let mut input = detector.new_input();
        detector.prepare(&frame(), None, &mut input).unwrap();
        let (shape, want) = npy(&shared(&format!("oracle/exact_{model}/in_input.1.npy")));
        let TensorView { shape: got_shape, data: TensorData::F32(got) } = input.view() else { panic!("floats") };
        assert_eq!(got_shape, shape);
        let far = got.iter().zip(&want).filter(|(g, w)| (*g - *w).abs() > 1.1 * level).count();
        assert_eq!(far, 0, "{model}: {far} of {} values differ by more than one level", want.len());
    }
}

/// The derived models share the weights: their outputs are made here from the raw one, and must decode to the same boxes.
#[test]
fn the_decoded_layouts_give_the_same_boxes_as_the_raw_one() {
    let raw = detector(0.25);
    let placement = raw.prepare(&frame(), None, &mut raw.new_input()).unwrap();
    let (shape, data) = npy(&shared("oracle/exact_yolox_nano_416/out_output.npy"));
    let want = raw.decode(&placement, &[TensorView { shape: &shape, data: TensorData::F32(&data) }]).unwrap().objects;
    let (rows, columns) = (shape[1], shape[2]);
    let mut v5 = data.clone();
    let mut cells = v5.chunks_exact_mut(columns);
    for stride in [8usize, 16, 32] {
        for cell in 0..(416 / stride) * (416 / stride) {
            let row = cells.next().unwrap();
            let (x, y) = ((cell % (416 / stride)) as f32, (cell / (416 / stride)) as f32);
            let s = stride as f32;
            (row[0], row[1], row[2], row[3]) = ((row[0] + x) * s, (row[1] + y) * s, row[2].exp() * s, row[3].exp() * s);
        }
    }
    let mut v8 = vec![0.0; rows * (columns - 1)];
    for (i, row) in v5.chunks_exact(columns).enumerate() {
        for (c, value) in row[..4].iter().copied().chain(row[5..].iter().map(|class| class * row[4])).enumerate() {
            v8[c * rows + i] = value;
        }
    }
    for (model, shape, data) in
        [("yolox_nano_416_v5layout", [1, rows, columns], v5), ("yolox_nano_416_v8layout", [1, columns - 1, rows], v8)]
    {
        let summary = OnnxSummary::read(&shared(&format!("models/{model}.onnx"))).unwrap();
        let mut settings = raw.settings().clone();
        settings.layout = guess(&summary.signature, Some(&summary), &Overrides::default()).unwrap().settings.layout;
        let detector = Detector::new(settings, &summary.signature).unwrap();
        let got = detector.decode(&placement, &[TensorView { shape: &shape, data: TensorData::F32(&data) }]).unwrap();
        assert_eq!(got.objects.len(), want.len(), "{model}");
        for (got, want) in got.objects.iter().zip(&want) {
            assert!(
                got.class == want.class && (got.score - want.score).abs() < 1e-4 && got.bbox.iou(&want.bbox) > 0.999
            );
        }
    }
}
