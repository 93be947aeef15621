//! What a process of its own costs a model: `script/bench isolation`.
//!
//! The same model runs on the same tensor on a thread of this process and in a worker, turn by turn, so that what else the machine
//! does disturbs both alike. Processor time of the worker's kind is that of both processes. One model is of a usual size; the other only
//! copies its input, so that nothing is left but what the framework costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../../../../benches/support/mod.rs"]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use parapet_contracts::ports::inference::{InferencePort, InferenceSession, SessionOptions, TensorData, TensorView};
use parapet_inference_ort::OrtInference;
use parapet_inference_process::{ProcessInference, WorkerCommand, worker};
use parapet_testkit::{
    onnx::{Elements, OnnxModel, Value},
    shared_data,
};
use support::{Figures, Spread, cpu_of_thread, memory_of};

/// Turns of each.
const ROUNDS: usize = 9;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(1000);
/// By which this program knows that it is a worker.
const WORKER: &str = "--worker";

fn main() {
    if std::env::args().any(|argument| argument == WORKER) {
        return worker::serve(|| OrtInference::new(None)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("identity.onnx");
    fs::write(&small, identity(16).bytes()).unwrap();
    let mut figures = Figures::new("isolation");
    for (name, model, side) in
        [("yolox_nano_416", shared_data("models/yolox_nano_416.onnx"), 416), ("3×16×16 copied", small, 16)]
    {
        measure(name, &model, side, &mut figures);
    }
    figures.tell();
}

/// A model that gives back what it gets.
fn identity(side: usize) -> OnnxModel {
    OnnxModel {
        inputs: vec![Value::new("images", Elements::F32, &[1, 3, side, side])],
        outputs: vec![Value::new("output", Elements::F32, &[1, 3, side, side])],
        nodes: vec![("Identity", vec!["images".into()], vec!["output".into()])],
        ..OnnxModel::default()
    }
}

fn measure(name: &str, model: &Path, side: usize, figures: &mut Figures) {
    let options = SessionOptions::default();
    let mut thread = OrtInference::new(None).expect("run script/bench").load(model, &options).unwrap();
    let before = children();
    let began = Instant::now();
    let mut process =
        ProcessInference::new(WorkerCommand::this_program([WORKER])).unwrap().load(model, &options).unwrap();
    let loaded = began.elapsed();
    let worker = *children().iter().find(|pid| !before.contains(pid)).expect("the worker is a child");

    let (mut on_thread, mut in_process) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let turns = (turn(thread.as_mut(), side, None), turn(process.as_mut(), side, Some(worker)));
        // The first round warms caches and the processor's clock.
        if round > 0 {
            on_thread.push(turns.0);
            in_process.push(turns.1);
        }
    }
    for (kind, turns) in [("thread", &on_thread), ("process", &in_process)] {
        let each = |of: fn(&Turn) -> f64| Spread::of(turns.iter().map(of).collect());
        figures.spread(&format!("{name}, {kind}: inferences"), each(Turn::per_cpu_second), "a CPU second", None);
        figures.spread(&format!("{name}, {kind}: latency, median"), each(|turn| turn.latency(0.5)), "ms", None);
        figures.spread(&format!("{name}, {kind}: latency, p99"), each(|turn| turn.latency(0.99)), "ms", None);
    }
    let ratio = in_process.iter().zip(&on_thread).map(|(p, t)| p.per_cpu_second() / t.per_cpu_second()).collect();
    figures.spread(&format!("{name}: process ÷ thread, by CPU time"), Spread::of(ratio), "", None);
    let more = in_process.iter().zip(&on_thread).map(|(p, t)| (p.cpu_each() - t.cpu_each()) * 1e6).collect();
    figures.spread(&format!("{name}: more CPU time an inference"), Spread::of(more), "µs", None);
    let memory = memory_of(worker);
    figures.one(&format!("{name}, process: resident"), memory.resident, "MiB", None);
    figures.one(&format!("{name}, process: of that anonymous"), memory.anonymous, "MiB", None);
    figures.one(&format!("{name}, process: start and load"), loaded.as_secs_f64() * 1e3, "ms", None);
}

struct Turn {
    cpu: Duration,
    latencies: Vec<Duration>,
}

impl Turn {
    fn per_cpu_second(&self) -> f64 {
        1.0 / self.cpu_each()
    }

    fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() / self.latencies.len() as f64
    }

    /// In milliseconds.
    fn latency(&self, quantile: f64) -> f64 {
        self.latencies[((self.latencies.len() - 1) as f64 * quantile) as usize].as_secs_f64() * 1e3
    }
}

fn turn(session: &mut dyn InferenceSession, side: usize, worker: Option<u32>) -> Turn {
    let values = vec![0.5_f32; 3 * side * side];
    let input = [TensorView { shape: &[1, 3, side, side], data: TensorData::F32(&values) }];
    let cpu = || cpu_of_thread() + worker.map_or(Duration::ZERO, cpu_of_threads);
    let (began, before, mut latencies) = (Instant::now(), cpu(), Vec::new());
    while began.elapsed() < TURN {
        let asked = Instant::now();
        let read = &mut |outputs: &[TensorView<'_>]| {
            let TensorData::F32(values) = outputs[0].data else { unreachable!() };
            // As a decoder reads it.
            std::hint::black_box(values.iter().copied().fold(0.0, f32::max));
        };
        session.run(&input, read).unwrap();
        latencies.push(asked.elapsed());
    }
    let cpu = cpu() - before;
    latencies.sort();
    Turn { cpu, latencies }
}

/// Processor time of all threads of a process, to a scheduler's tick.
fn cpu_of_threads(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let nanos = tasks.map(|task| {
        let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
}

/// The processes that this one has started.
fn children() -> Vec<u32> {
    let tasks: Vec<PathBuf> = fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path()).collect();
    let lists = tasks.iter().map(|task| fs::read_to_string(task.join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
}
