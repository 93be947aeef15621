//! Rules a second, and what a rule that waits costs, against eKuiper on the same machine: `script/bench rules`.
//!
//! Both get the same events from memory, decoded before the time is taken, and the same statements; both give what comes
//! out to something that counts it, and have to agree on how many rows that is. Figures are events per second of
//! processor time, which other work on the machine disturbs least. Where events come at a pace, the bench itself is woken for each:
//! that is not the rules' work, so it is taken off on both sides, and the figures with it are told besides. The peer is the program that `PARAPET_EKUIPER` names;
//! without it, Parapet is measured alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod ours;
mod peer;
mod setups;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::setups::{SETUPS, Setup};

/// How often each set-up is measured on each side, turn by turn.
const TURNS: usize = 3;

/// What was seen of one side.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Rows put out.
    pub rows: u64,
    /// Events per second of processor time, without what keeping a pace takes.
    pub rate: f64,
    /// Events per second of processor time with what keeping the pace takes, of paced set-ups: being woken for each event.
    pub woken: f64,
    /// The 99th percentile of the time from an event to its row, in microseconds; 0 where it was not taken.
    pub p99: f64,
    /// Bytes that a rule takes before any event comes; 0 where that is lost in the noise.
    pub bytes: f64,
}

/// The lowest, the middle and the highest of some figures.
fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(0.0);
    (at(0), at(figures.len() / 2), at(figures.len().saturating_sub(1)))
}

/// Tells what was seen; the rate, and the rate with the pace.
fn tell(setup: &Setup, who: &str, turns: &[Seen]) -> (f64, f64) {
    let (low, rate, high) = spread(turns.iter().map(|seen| seen.rate).collect());
    let (_, p99, _) = spread(turns.iter().map(|seen| seen.p99).collect());
    let (_, bytes, _) = spread(turns.iter().map(|seen| seen.bytes).collect());
    let (_, woken, _) = spread(turns.iter().map(|seen| seen.woken).collect());
    let rows = turns.first().map_or(0, |seen| seen.rows);
    eprintln!(
        "{:<28} {who:<8} {rate:>12.0} events/s ({low:.0} – {high:.0})  p99 {p99:>9.1} µs  {rows:>7} rows  {:>8.1} KB/rule{}",
        setup.name,
        bytes / 1e3,
        if woken > 0.0 { format!("  ({woken:.0} events/s with the pace)") } else { String::new() },
    );
    let line = json!({
        "bench": "rules", "setup": setup.name, "who": who, "rules": setup.rules, "events": setup.events,
        "events_per_cpu_second": rate, "lowest": low, "highest": high, "p99_us": p99, "rows": rows,
        "bytes_per_rule": bytes, "events_per_cpu_second_with_pace": woken,
    });
    println!("{line}");
    (rate, woken)
}

fn measure(setup: &Setup, peer: Option<&Path>) {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    let directory = std::env::temp_dir();
    let file = directory.join(format!("parapet-bench-rules-{}.jsonl", std::process::id()));
    setup.write(&file);
    for _ in 0..TURNS {
        let seen = ours::run(setup);
        if let Some(program) = peer.filter(|_| setup.peer) {
            let other = peer::run(program, setup, &file, seen.rows);
            if other.rows != seen.rows {
                eprintln!("{}: eKuiper put out {} rows, Parapet {}", setup.name, other.rows, seen.rows);
            }
            theirs.push(other);
        }
        mine.push(seen);
    }
    std::fs::remove_file(&file).unwrap();
    let (rate, woken) = tell(setup, "parapet", &mine);
    if !theirs.is_empty() {
        let (other, other_woken) = tell(setup, "ekuiper", &theirs);
        let bytes = |turns: &[Seen]| spread(turns.iter().map(|seen| seen.bytes).collect()).1;
        let (ours, others) = (bytes(&mine), bytes(&theirs));
        let memory = if others > 0.0 { ours / others } else { 0.0 };
        let paced = if woken > 0.0 { woken / other_woken } else { 0.0 };
        let with_pace = if woken > 0.0 { format!(" ({paced:.1} × with the pace)") } else { String::new() };
        eprintln!(
            "{:<28} ÷ ekuiper {:>9.1} × the events{with_pace}, {memory:.4} of the memory of a rule",
            setup.name,
            rate / other
        );
        let line = json!({
            "bench": "rules", "setup": setup.name, "ratio": rate / other, "ratio_with_pace": paced,
            "memory_ratio": memory,
        });
        println!("{line}");
    }
}

fn main() {
    if let Ok(name) = std::env::var(ours::MEMORY) {
        let setup = SETUPS.iter().find(|setup| setup.name == name).unwrap();
        return println!("{}", ours::memory(setup));
    }
    let peer = std::env::var_os("PARAPET_EKUIPER").map(PathBuf::from);
    if peer.is_none() {
        eprintln!("PARAPET_EKUIPER names no peer: Parapet alone");
    }
    let wanted = std::env::var("PARAPET_SETUP").ok();
    for setup in SETUPS.iter().filter(|setup| wanted.as_ref().is_none_or(|wanted| setup.name.contains(wanted.as_str())))
    {
        measure(setup, peer.as_deref());
    }
}
