//! What inference costs beside the model itself: `script/bench inference`, all figures in one run; with names of rows, those alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod engine;
mod fairness;
mod held;
mod latency;
mod many;
mod pictures;
mod python;
mod site;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use parapet::telemetry::Metrics;
use support::Figures;

/// How many looks, and in how much processor time.
#[derive(Clone, Copy)]
pub struct Turn {
    looks: f64,
    cpu: Duration,
}

impl Turn {
    fn per_cpu_second(self) -> f64 {
        self.looks / self.cpu.as_secs_f64()
    }
}

type Row = (&'static str, fn(&mut Figures));

/// The rows, cheap ones first.
const ROWS: [Row; 6] = [
    ("engine", engine::run),
    ("latency", latency::run),
    ("fairness", fairness::run),
    ("many", many::run),
    ("held", held::run),
    ("peers", python::run),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == bare::PEER) {
        return bare::serve(&arguments[at + 1..]);
    }
    // Metrics cost what they cost.
    let _metrics = Metrics::install().unwrap();
    let wanted = std::env::var("PARAPET_BENCH_ROWS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split([',', ' ']).filter(|row| !row.is_empty()).collect();
    let mut figures = Figures::new("inference");
    for (name, run) in ROWS {
        if wanted.is_empty() || wanted.contains(&name) {
            eprintln!("{name}");
            run(&mut figures);
        }
    }
    figures.tell();
}
