//! What the benchmarks share: the time that a process or thread has spent on a processor, its memory, and how figures are told.
//!
//! Processor time and not wall time is what most figures count: a machine that does something else as well disturbs it least.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

use std::{fs, time::Duration};

/// Ticks a second in `/proc/PID/stat`: `USER_HZ`, 100 on every Linux that Parapet runs on.
const TICKS: f64 = 100.0;

/// Processor time of a process with all its threads, those that have ended included; in steps of 10 ms. `proc(5)`.
pub fn cpu_of_process(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The second field is the name in parentheses, and may hold anything.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    Duration::from_secs_f64(ticks / TICKS)
}

/// Processor time of the calling thread, exact to a scheduler's tick.
pub fn cpu_of_thread() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("a kernel with schedstat");
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Memory of a process in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident, libraries that others share included.
    pub resident: f64,
    /// Of that, what is no file's.
    pub anonymous: f64,
}

/// Memory of a process now.
pub fn memory_of(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let mib = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    Memory { resident: mib("VmRSS:"), anonymous: mib("RssAnon:") }
}

/// The middle of several values, and the lowest and highest.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// A value that was seen once.
    pub fn one(value: f64) -> Self {
        Self { median: value, low: value, high: value }
    }

    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { median: values[values.len() / 2], low: values[0], high: values[values.len() - 1] }
    }
}

/// What a figure should hold.
#[derive(Debug, Clone, Copy)]
enum Hold {
    Below(f64),
    AtLeast(f64),
}

impl Hold {
    fn number(self) -> f64 {
        let (Self::Below(number) | Self::AtLeast(number)) = self;
        number
    }

    fn sign(self) -> char {
        match self {
            Self::Below(_) => '<',
            Self::AtLeast(_) => '≥',
        }
    }
}

/// Collects figures; tells them as a table on standard error and as JSON lines on standard output.
pub struct Figures {
    bench: &'static str,
    rows: Vec<Row>,
}

struct Row {
    figure: String,
    seen: Spread,
    unit: &'static str,
    hold: Option<Hold>,
}

impl Figures {
    /// For the benchmark of this name.
    pub fn new(bench: &'static str) -> Self {
        Self { bench, rows: Vec::new() }
    }

    /// A value that was seen once.
    pub fn one(&mut self, figure: &str, seen: f64, unit: &'static str, hold: Option<f64>) {
        self.spread(figure, Spread { median: seen, low: seen, high: seen }, unit, hold);
    }

    /// A value that was seen several times. `hold` is what it should stay below.
    pub fn spread(&mut self, figure: &str, seen: Spread, unit: &'static str, hold: Option<f64>) {
        self.row(figure, seen, unit, hold.map(Hold::Below));
    }

    /// A value that was seen several times, and should not fall below `hold`.
    pub fn at_least(&mut self, figure: &str, seen: Spread, unit: &'static str, hold: f64) {
        self.row(figure, seen, unit, Some(Hold::AtLeast(hold)));
    }

    /// Something that could not be measured, and why.
    pub fn missing(&self, figure: &str, why: &str) {
        eprintln!("   {figure}: not measured: {why}");
    }

    fn row(&mut self, figure: &str, seen: Spread, unit: &'static str, hold: Option<Hold>) {
        eprintln!("   {figure}: {:.3} {unit}", seen.median);
        self.rows.push(Row { figure: figure.to_owned(), seen, unit, hold });
    }

    /// Tells all.
    pub fn tell(self) {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        eprintln!("\n{}; load average {}", self.bench, load.trim());
        eprintln!("| figure | hold | seen | lowest – highest |\n|---|---|---|---|");
        for Row { figure, seen, unit, hold } in &self.rows {
            let hold = hold.map_or_else(String::new, |hold| format!("{} {} {unit}", hold.sign(), hold.number()));
            let spread = if seen.low < seen.high {
                format!("{} – {}", short(seen.low), short(seen.high))
            } else {
                String::new()
            };
            eprintln!("| {figure} | {hold} | {} {unit} | {spread} |", short(seen.median));
        }
        for Row { figure, seen, unit, hold } in self.rows {
            println!(
                "{}",
                serde_json::json!({
                    "bench": self.bench, "figure": figure, "seen": seen.median, "low": seen.low, "high": seen.high,
                    "unit": unit, "hold": hold.map(Hold::number),
                })
            );
        }
    }
}

/// Three digits that mean something.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Processor time of all child processes that have ended and were waited for; in steps of 10 ms.
pub fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("this process runs");
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: f64 = fields[13..15].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    Duration::from_secs_f64(ticks / TICKS)
}

/// How many threads a process has.
pub fn threads_of(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    line.trim().parse().unwrap()
}
