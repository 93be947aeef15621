//! What the runtime makes of a model is kept on the disk: the next session is made of it, says the same and shares its weights; what is damaged is made
//! anew, and a folder that can't be written does no harm.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use parapet_contracts::ports::inference::{
    DType, InferencePort, InferenceSession, ModelSignature, SessionOptions, TensorData, TensorView,
};
use parapet_inference_ort::OrtInference;

fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data").join(path);
    assert!(path.exists(), "{} is absent: this test needs the shared test data", path.display());
    path
}

fn load(model: &Path, cache: Option<&Path>) -> Box<dyn InferenceSession> {
    let runtime = OrtInference::new(None).expect("ONNX Runtime is wanted for this test: run script/bootstrap");
    runtime.load(model, &SessionOptions { cache: cache.map(Path::to_owned), ..SessionOptions::default() }).unwrap()
}

/// All outputs for an input that is made up, and what the model tells of itself.
fn answers(session: &mut dyn InferenceSession) -> (ModelSignature, Vec<Vec<f32>>) {
    let signature = session.signature().clone();
    let shapes: Vec<Vec<usize>> =
        signature.inputs.iter().map(|input| input.shape.iter().map(|d| d.unwrap_or(1)).collect()).collect();
    let lengths: Vec<usize> = shapes.iter().map(|shape| shape.iter().product()).collect();
    let floats: Vec<Vec<f32>> = lengths.iter().map(|n| (0..*n).map(|i| (i % 251) as f32).collect()).collect();
    let bytes: Vec<Vec<u8>> = lengths.iter().map(|n| (0..*n).map(|i| (i % 251) as u8).collect()).collect();
    let longs: Vec<Vec<i64>> = lengths.iter().map(|n| vec![416; *n]).collect();
    let views: Vec<TensorView<'_>> = (0..shapes.len())
        .map(|i| TensorView {
            shape: &shapes[i],
            data: match signature.inputs[i].dtype {
                DType::U8 => TensorData::U8(&bytes[i]),
                DType::I64 => TensorData::I64(&longs[i]),
                _ => TensorData::F32(&floats[i]),
            },
        })
        .collect();
    let mut answers = Vec::new();
    let mut read = |outputs: &[TensorView<'_>]| {
        answers = outputs
            .iter()
            .map(|output| match output.data {
                TensorData::F32(values) => values.to_vec(),
                TensorData::U8(values) => values.iter().map(|v| f32::from(*v)).collect(),
                TensorData::I32(values) => values.iter().map(|v| *v as f32).collect(),
                TensorData::I64(values) => values.iter().map(|v| *v as f32).collect(),
            })
            .collect();
    };
    session.run(&views, &mut read).unwrap();
    (signature, answers)
}

/// The entries of a cache, without those that were set aside.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(cache.join("onnxruntime")).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = folders.filter(|path| path.extension().is_none()).collect();
    entries.sort();
    entries
}

#[test]
fn a_session_of_the_kept_model_says_what_the_models_own_says() {
    let cache = tempfile::tempdir().unwrap();
    let models: Vec<PathBuf> = fs::read_dir(shared("models"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    assert!(models.len() >= 3, "{models:?}");
    for model in &models {
        let plain = answers(load(model, None).as_mut());
        for round in ["made", "kept"] {
            let mut session = load(model, Some(cache.path()));
            assert_eq!(session.note(), None);
            let (signature, outputs) = answers(session.as_mut());
            assert_eq!(signature, plain.0, "{}", model.display());
            for (kept, plain) in outputs.iter().zip(&plain.1) {
                assert_eq!(kept.len(), plain.len());
                let worst = kept.iter().zip(plain).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max);
                assert!(worst < 1e-4, "{}, {round}: differs by {worst}", model.display());
            }
        }
    }
    assert_eq!(entries(cache.path()).len(), models.len());
}

#[test]
fn an_entry_that_is_damaged_or_another_models_is_not_used() {
    let cache = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.onnx");
    fs::copy(shared("models/vww_person_96.onnx"), &model).unwrap();
    let first = answers(load(&model, Some(cache.path())).as_mut());
    let [entry] = &entries(cache.path())[..] else { panic!() };
    for name in ["model.onnx", "weights.bin", "entry.json"] {
        let mut bytes = fs::read(entry.join(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        fs::write(entry.join(name), bytes).unwrap();
        assert_eq!(answers(load(&model, Some(cache.path())).as_mut()), first, "{name}");
        assert!(entry.is_dir() && entry.with_extension("damaged").is_dir(), "{name}");
    }
    // The hashes are right, and it is another model's.
    fs::copy(shared("models/yolox_nano_416.onnx"), &model).unwrap();
    load(&model, Some(cache.path()));
    let other = entries(cache.path()).into_iter().find(|path| path != entry).unwrap();
    for name in ["model.onnx", "weights.bin", "entry.json"] {
        fs::copy(other.join(name), entry.join(name)).unwrap();
    }
    let mut told: serde_json::Value = serde_json::from_slice(&fs::read(entry.join("entry.json")).unwrap()).unwrap();
    told["signature"] = serde_json::to_value(&first.0).unwrap();
    fs::write(entry.join("entry.json"), told.to_string()).unwrap();
    fs::copy(shared("models/vww_person_96.onnx"), &model).unwrap();
    assert_eq!(answers(load(&model, Some(cache.path())).as_mut()), first);
}

#[test]
fn a_folder_that_cannot_be_written_does_no_harm_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("cache");
    fs::write(&blocked, "a file where the folder should be").unwrap();
    let model = shared("models/vww_person_96.onnx");
    let mut session = load(&model, Some(&blocked));
    assert!(session.note().unwrap().contains("the optimised model is not kept"), "{:?}", session.note());
    assert_eq!(answers(session.as_mut()), answers(load(&model, None).as_mut()));
}

#[test]
fn slots_that_start_together_make_it_once() {
    let cache = tempfile::tempdir().unwrap();
    let model = shared("models/yolox_nano_416.onnx");
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| answers(load(&model, Some(cache.path())).as_mut()));
        }
    });
    assert_eq!(entries(cache.path()).len(), 1);
    assert_eq!(fs::read_dir(cache.path().join("onnxruntime")).unwrap().count(), 1, "nothing half made is left");
    assert!(began.elapsed() < Duration::from_secs(120));
}
