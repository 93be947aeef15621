//! What it costs that nothing is lost, and how fast it leaves the site: `script/bench delivery`, all figures in one run; with names of
//! rows (`PARAPET_BENCH_ROWS="durable drain"`), those alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../support/counting.rs"]
mod counting;
mod disk;
mod drain;
mod durable;
mod latency;
mod parts;
#[path = "../support/mod.rs"]
mod support;

use parapet::telemetry::Metrics;
use support::Figures;

type Row = (&'static str, fn(&mut Figures));

/// The rows, cheap ones first.
const ROWS: [Row; 4] =
    [("durable", durable::run), ("latency", latency::run), ("drain", drain::run), ("disk", disk::run)];

fn main() {
    // As in a site: what the writer measures goes to a recorder.
    let _metrics = Metrics::install().unwrap();
    let wanted = std::env::var("PARAPET_BENCH_ROWS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split([',', ' ']).filter(|row| !row.is_empty()).collect();
    let mut figures = Figures::new("delivery");
    for (name, run) in ROWS {
        if wanted.is_empty() || wanted.contains(&name) {
            eprintln!("{name}");
            run(&mut figures);
        }
    }
    figures.tell();
}

/// The runtime that a row runs on, as a site's.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
