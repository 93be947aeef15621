//! What the sessions of a model cost, to start and in memory: `what_sessions_cost MODEL.onnx plain|cached SESSIONS`. `made:20x256` in the place of a file
//! is a model of 20 convolutions over 256 channels (47 MB), whose weights are made up.
//!
//! Each call is a process of its own, since memory is told for the whole process. `cached` uses the folder of a cache that is thrown away, unless
//! `PARAPET_CACHE_FOLDER` names one. One line of JSON: the milliseconds of each load, the time of 10 looks of the first session, and the memory of
//! the process when all sessions have looked once: anonymous, and in proportion, which counts what is mapped several times once.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use parapet_contracts::ports::inference::{InferencePort, InferenceSession, SessionOptions, TensorData, TensorView};
use parapet_inference_ort::OrtInference;
use parapet_testkit::onnx::{Elements, OnnxModel, Value};

fn look(session: &mut dyn InferenceSession, input: &[f32]) {
    let shape: Vec<usize> = session.signature().inputs[0].shape.iter().map(|d| d.unwrap_or(1)).collect();
    session.run(&[TensorView { shape: &shape, data: TensorData::F32(input) }], &mut |_| {}).unwrap();
}

/// MiB of the process by name, out of `/proc/self/smaps_rollup`: what it shares with others counts in part.
fn memory(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// The path of a model, which is made when its name says so.
fn made(name: &str, folder: &Path) -> String {
    let Some((layers, channels)) = name.strip_prefix("made:").and_then(|size| size.split_once('x')) else {
        return name.to_owned();
    };
    let (layers, channels): (usize, usize) = (layers.parse().unwrap(), channels.parse().unwrap());
    let side = 2 * layers + 30;
    let mut model = OnnxModel {
        inputs: vec![Value::new("images", Elements::F32, &[1, 3, side, side])],
        outputs: vec![Value::open("output", Elements::F32, 4)],
        ..OnnxModel::default()
    };
    let mut seed = 1_u32;
    for layer in 0..layers {
        let dims = [channels, if layer == 0 { 3 } else { channels }, 3, 3];
        let random = (0..dims.iter().product()).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(seed) / f64::from(u32::MAX) - 0.5) as f32 / channels as f32
        });
        let weights = random.flat_map(f32::to_le_bytes).collect();
        let (from, to) = (format!("r{layer}"), format!("r{}", layer + 1));
        let from = if layer == 0 { "images".to_owned() } else { from };
        let to = if layer + 1 == layers { "output".to_owned() } else { to };
        model.constants.push((Value::new(&format!("w{layer}"), Elements::F32, &dims), weights));
        model.nodes.push(("Conv", vec![from, format!("w{layer}")], vec![format!("c{layer}")]));
        model.nodes.push(("Relu", vec![format!("c{layer}")], vec![to]));
    }
    let path = folder.join("made.onnx");
    std::fs::write(&path, model.bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, kind, sessions] = &arguments[..] else {
        panic!("usage: what_sessions_cost MODEL.onnx plain|cached SESSIONS")
    };
    let temporary = tempfile::tempdir().unwrap();
    let model = &made(model, temporary.path());
    let folder = std::env::var_os("PARAPET_CACHE_FOLDER").map_or(temporary.path().to_owned(), PathBuf::from);
    let options = SessionOptions { cache: (kind == "cached").then_some(folder), ..SessionOptions::default() };
    let runtime = OrtInference::new(None).unwrap();
    let before = (memory("Anonymous"), memory("Pss:"));
    let (mut loads, mut all) = (Vec::new(), Vec::new());
    for _ in 0..sessions.parse().unwrap() {
        let began = Instant::now();
        all.push(runtime.load(Path::new(model), &options).unwrap());
        loads.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let length = all[0].signature().inputs[0].shape.iter().map(|d| d.unwrap_or(1)).product();
    let input = vec![114.0_f32; length];
    all.iter_mut().for_each(|session| look(session.as_mut(), &input));
    let began = Instant::now();
    (0..10).for_each(|_| look(all[0].as_mut(), &input));
    let looks = began.elapsed().as_secs_f64() * 100.0;
    let loads: Vec<String> = loads.iter().map(|ms| format!("{ms:.1}")).collect();
    println!(
        "{{\"kind\":\"{kind}\",\"load_ms\":[{}],\"look_ms\":{looks:.2},\"anonymous_mib\":{:.1},\"pss_mib\":{:.1}}}",
        loads.join(","),
        memory("Anonymous") - before.0,
        memory("Pss:") - before.1
    );
}
