//! Loading and running real models, and what is said when that can't be done.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use parapet_contracts::{
    ErrorKind,
    ports::inference::{
        Accelerator, DType, Device, InferenceError, InferencePort, InferenceSession, SessionOptions, TensorData,
        TensorView,
    },
};
use parapet_inference_ort::OrtInference;

fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path
}

fn runtime() -> OrtInference {
    OrtInference::new(None).expect("ONNX Runtime is wanted for this test: run script/bootstrap")
}

fn load(model: &Path) -> Result<Box<dyn InferenceSession>, InferenceError> {
    runtime().load(model, &SessionOptions::default())
}

fn refused(model: &Path) -> InferenceError {
    load(model).map(|_| ()).unwrap_err()
}

fn npy(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn a_tensor_goes_in_and_the_references_comes_out() {
    let mut session = load(&shared("models/yolox_nano_416.onnx")).unwrap();
    let signature = session.signature();
    assert_eq!((&*signature.inputs[0].name, signature.inputs[0].dtype), ("images", DType::F32));
    assert_eq!(signature.inputs[0].shape, [1, 3, 416, 416].map(Some));
    assert_eq!(signature.outputs[0].shape, [1, 3549, 85].map(Some));
    let input = npy(&shared("oracle/exact_yolox_nano_416/in_images.npy"));
    let want = npy(&shared("oracle/exact_yolox_nano_416/out_output.npy"));
    for _ in 0..2 {
        let mut seen = 0;
        let view = TensorView { shape: &[1, 3, 416, 416], data: TensorData::F32(&input) };
        session
            .run(&[view], &mut |outputs| {
                let [TensorView { shape: [1, 3549, 85], data: TensorData::F32(got) }] = outputs else {
                    panic!("{outputs:?}")
                };
                let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-2, "differs by {worst}");
                seen = got.len();
            })
            .unwrap();
        assert_eq!(seen, want.len());
    }
}

#[test]
fn bytes_go_in_and_several_outputs_come_out_in_order() {
    let mut session = load(&shared("models/yolox_nano_416_tfod_u8.onnx")).unwrap();
    assert_eq!(session.signature().inputs[0].dtype, DType::U8);
    let names: Vec<_> = session.signature().outputs.iter().map(|o| o.name.clone()).collect();
    assert_eq!(names, ["detection_boxes", "detection_classes", "detection_scores", "num_detections"]);
    let input = vec![114u8; 416 * 416 * 3];
    let mut shapes = Vec::new();
    session
        .run(&[TensorView { shape: &[1, 416, 416, 3], data: TensorData::U8(&input) }], &mut |outputs| {
            shapes = outputs.iter().map(|o| o.shape.to_vec()).collect();
        })
        .unwrap();
    assert_eq!(shapes, [vec![1, 100, 4], vec![1, 100], vec![1, 100], vec![1]]);
}

#[test]
fn an_input_that_does_not_fit_is_refused_and_the_session_lives_on() {
    let mut session = load(&shared("models/yolox_nano_416.onnx")).unwrap();
    let floats = vec![0.0f32; 3 * 416 * 416];
    let bytes = vec![0u8; 3 * 416 * 416];
    let good = TensorView { shape: &[1, 3, 416, 416], data: TensorData::F32(&floats) };
    let bad: [(&[TensorView<'_>], &str); 5] = [
        (&[], "0 inputs"),
        (&[good, good], "2 inputs"),
        (&[TensorView { data: TensorData::F32(&floats[1..]), ..good }], "519167 numbers"),
        (&[TensorView { data: TensorData::U8(&bytes), ..good }], "takes F32, not U8"),
        (&[TensorView { shape: &[1, 416, 416, 3], ..good }], "[1, 3, 416, 416]"),
    ];
    for (inputs, part) in bad {
        let error = session.run(inputs, &mut |_| panic!("nothing may be read")).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Reject, "bad_input"));
        assert!(error.text.contains(part) && error.text.contains("yolox_nano_416.onnx"), "{}", error.text);
    }
    let mut ran = false;
    session.run(&[good], &mut |_| ran = true).unwrap();
    assert!(ran);
}

#[test]
fn a_missing_empty_or_damaged_model_is_told_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let whole = std::fs::read(shared("models/yolox_nano_416.onnx")).unwrap();
    std::fs::write(path("empty.onnx"), "").unwrap();
    std::fs::write(path("text.onnx"), "this is no model").unwrap();
    std::fs::write(path("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    let mut flipped = whole.clone();
    flipped[..200].iter_mut().for_each(|b| *b ^= 0x55);
    std::fs::write(path("flipped.onnx"), flipped).unwrap();
    for (name, code) in [
        ("absent.onnx", "not_found"),
        ("", "not_found"),
        ("empty.onnx", "corrupt"),
        ("text.onnx", "corrupt"),
        ("cut.onnx", "corrupt"),
        ("flipped.onnx", "corrupt"),
    ] {
        let error = refused(&path(name));
        assert_eq!((error.kind, error.code), (ErrorKind::Fatal, code), "{name}: {}", error.text);
        assert!(error.text.contains(&*path(name).to_string_lossy()), "{}", error.text);
        assert!(!error.text.contains('\n'));
    }
}

#[test]
fn a_gpu_that_cannot_be_used_is_an_error_and_no_fallback() {
    for (device, parts) in [
        (Device::Cuda(63), ["cuda:63", "onnxruntime-gpu", "CUDA"]),
        (Device::TensorRt(62), ["tensorrt:62", "onnxruntime-gpu", "TensorRT"]),
        (Device::OpenVino(Accelerator::Npu), ["openvino:npu", "onnxruntime-openvino", "OpenVINO"]),
    ] {
        let options = SessionOptions { device, ..SessionOptions::default() };
        let error = runtime().load(&shared("models/yolox_nano_416.onnx"), &options).map(|_| ()).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "no_device"), "{}", error.text);
        for part in parts.into_iter().chain(["ORT_DYLIB_PATH", "fallback: cpu"]) {
            assert!(error.text.contains(part), "{part}: {}", error.text);
        }
    }
}

#[test]
fn sessions_of_several_threads_run_side_by_side() {
    let model = shared("models/vww_person_96.onnx");
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let mut session = load(&model).unwrap();
            std::thread::spawn(move || {
                let input = vec![i as f32 / 4.0; 96 * 96 * 3];
                let mut sum = 0.0;
                for _ in 0..20 {
                    let view = TensorView { shape: &[1, 96, 96, 3], data: TensorData::F32(&input) };
                    session
                        .run(&[view], &mut |outputs| {
                            if let TensorData::F32(scores) = outputs[0].data {
                                sum = scores.iter().sum::<f32>();
                            }
                        })
                        .unwrap();
                }
                sum
            })
        })
        .collect();
    for thread in threads {
        assert!((thread.join().unwrap() - 1.0).abs() < 1e-3);
    }
}
