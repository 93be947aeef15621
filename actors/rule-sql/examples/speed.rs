//! How many events a second one core evaluates: `speed [EVENTS]`. Each line is a set-up, its events per second, the
//! 99th percentile of one event's evaluation, and how many rows it put out.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Engine, Event, Relation, RuleOptions, RuleSet};

/// Name, SQL (`{}` is the rule's number), how many rules, and the share of the events that they are given.
const SETUPS: [(&str, &str, usize, u64); 10] = [
    ("filter", "SELECT * FROM detections WHERE score > 0.8 AND label = 'person'", 1, 1),
    ("projection", "SELECT camera, score * 100 AS percent, upper(label) AS l FROM detections WHERE score > 0.5", 1, 1),
    (
        "tumbling",
        "SELECT camera, count(*) AS n, avg(score) AS s FROM detections GROUP BY camera, TUMBLINGWINDOW(ss, 10)",
        1,
        1,
    ),
    ("hopping", "SELECT camera, max(score) AS s FROM detections GROUP BY camera, HOPPINGWINDOW(ss, 10, 5)", 1, 1),
    ("sliding", "SELECT count(*) AS n FROM detections GROUP BY SLIDINGWINDOW(ms, 100) HAVING n > 1000", 1, 4),
    (
        "analytic",
        "SELECT camera, lag(score) OVER (PARTITION BY track) AS before FROM detections WHERE had_changed(true, label) OVER (PARTITION BY track)",
        1,
        1,
    ),
    ("300 rules, each sees all", "SELECT * FROM detections WHERE score > 0.8 AND label = 'person'", 300, 100),
    ("300 rules, a camera each", "SELECT * FROM detections WHERE camera = 'cam-{}' AND score > 0.8", 300, 1),
    ("8000 rules, a camera each", "SELECT * FROM detections WHERE camera = 'cam-{}' AND score > 0.8", 8_000, 1),
    (
        "8000 windows, each sees all",
        "SELECT count(*) AS n FROM detections GROUP BY TUMBLINGWINDOW(ss, 10)",
        8_000,
        2_000,
    ),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let written = writeln!(std::io::stderr(), "error: {e}");
            if written.is_err() { ExitCode::from(3) } else { ExitCode::from(2) }
        }
    }
}

fn event(number: u64) -> Event {
    let label = ["person", "car", "dog", "bicycle"].get(number as usize % 4).copied().unwrap_or("person");
    let data: Object = [
        (Arc::from("camera"), Value::str(format!("cam-{}", number % 300))),
        (Arc::from("track"), Value::Int((number % 500) as i64)),
        (Arc::from("label"), Value::str(label)),
        (Arc::from("score"), Value::Float((number % 97) as f64 / 97.0)),
        (Arc::from("x"), Value::Float(0.25)),
        (Arc::from("y"), Value::Float(0.5)),
    ]
    .into_iter()
    .collect();
    Event { stream: Arc::from("detections"), at: (number / 10) as i64, data: Arc::new(data), meta: None }
}

/// The memory this process holds, in KiB, where the system tells it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}

fn run() -> Result<(), String> {
    let events = match std::env::args().nth(1) {
        Some(text) => text.parse().map_err(|_| format!("{text:?} is no number of events"))?,
        None => 400_000_u64,
    };
    let mut catalog = Catalog::new();
    catalog.add(Relation::schemaless("detections"));
    let mut out = std::io::stdout().lock();
    // First of all, while no memory lies about that could be used again.
    for (name, sql) in SETUPS.iter().map(|(name, sql, ..)| (name, sql)).take(4) {
        let before = resident();
        let sql = sql.replace("{}", "1");
        let idle = (0..8_000).map(|_| Engine::new(&sql, &catalog, RuleOptions::default(), 0)).collect::<Vec<_>>();
        if let Some(kib) = resident().zip(before).map(|(after, before)| after.saturating_sub(before)) {
            writeln!(out, "{name}: {} bytes an idle rule", kib * 1024 / idle.len() as u64)
                .map_err(|e| e.to_string())?;
        }
        // Kept, or the next rules would use the same memory.
        std::mem::forget(idle);
    }
    for (name, sql, rules, share) in SETUPS {
        let mut set = RuleSet::new();
        for number in 0..rules {
            let sql = sql.replace("{}", &number.to_string());
            set.add(Engine::new(&sql, &catalog, RuleOptions::default(), 0).map_err(|e| e.to_string())?);
        }
        let events: Vec<Event> = (0..(events / share).max(1)).map(event).collect();
        let mut times = Vec::with_capacity(events.len());
        let (mut rows, begun) = (0_u64, Instant::now());
        for event in &events {
            let start = Instant::now();
            set.push(event);
            rows += set.drain().into_iter().map(|(_, e)| e.result.map_or(0, |r| r.len() as u64)).sum::<u64>();
            times.push(start.elapsed());
        }
        let seconds = begun.elapsed().as_secs_f64();
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        writeln!(
            out,
            "{name}: {:.0} events/s, p99 {:.1} µs, {rows} rows",
            events.len() as f64 / seconds,
            p99.as_secs_f64() * 1e6,
        )
        .map_err(|e| e.to_string())?;
    }
    Ok(())
}
