//! 16-bit floats: the port doesn't know them, so they are converted on the way in and out.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use parapet_contracts::ports::inference::{DType, InferencePort, SessionOptions, TensorData, TensorView};
use parapet_inference_ort::OrtInference;
use parapet_testkit::onnx::{Elements, OnnxModel, Value};

#[test]
fn a_model_of_half_floats_is_fed_and_read_with_floats() {
    let model = OnnxModel {
        inputs: vec![Value::new("in", Elements::F16, &[1, 4])],
        outputs: vec![Value::new("out", Elements::F16, &[1, 4])],
        nodes: vec![("Neg", vec!["in".into()], vec!["out".into()])],
        metadata: vec![("names".into(), "{0: 'hen'}".into()), ("stride".into(), "32".into())],
        ..OnnxModel::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half.onnx");
    std::fs::write(&file, model.bytes()).unwrap();
    let runtime = OrtInference::new(None).expect("ONNX Runtime is wanted for this test: run script/bootstrap");
    let mut session = runtime.load(&file, &SessionOptions::default()).unwrap();
    assert_eq!((session.signature().inputs[0].dtype, session.signature().outputs[0].dtype), (DType::F16, DType::F16));
    assert_eq!(session.signature().metadata["names"], "{0: 'hen'}");
    let mut got = Vec::new();
    for input in [[0.5, -2.0, 1024.0, 0.1], [1.0, 2.0, 3.0, 1e9]] {
        let view = TensorView { shape: &[1, 4], data: TensorData::F32(&input) };
        session
            .run(&[view], &mut |outputs| match outputs {
                [TensorView { shape: [1, 4], data: TensorData::F32(values) }] => got.push(values.to_vec()),
                other => panic!("{other:?}"),
            })
            .unwrap();
    }
    // 0.1 as half of a float's bits, and the largest becomes infinite.
    assert_eq!(got, [[-0.5, 2.0, -1024.0, -0.099_975_586], [-1.0, -2.0, -3.0, f32::NEG_INFINITY]]);
}
