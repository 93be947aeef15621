//! Parapet's side: the rules in one set, on one thread.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parapet_rule_sql::catalog::Statement;
use parapet_rule_sql::value::{Object, Value};
use parapet_rule_sql::{Catalog, Engine, Event, RuleOptions, RuleSet, parse_statement};

use crate::Seen;
use crate::setups::Setup;

/// Seconds that this thread has spent on a processor.
fn spent() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The same to the nanosecond, for what takes a few of them.
fn on_cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// Bytes that this process holds in memory.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

fn set(setup: &Setup, catalog: &Catalog) -> RuleSet {
    let mut set = RuleSet::new();
    for sql in setup.statements() {
        let options = RuleOptions { event_time: setup.event_time, idle_timeout: None, ..RuleOptions::default() };
        set.add(Engine::new(&sql, catalog, options, 0).unwrap());
    }
    set
}

/// What is put out: rows, or the events that aggregates count.
fn taken(set: &mut RuleSet) -> u64 {
    let rows = set.drain().into_iter().flat_map(|(_, emission)| emission.result.unwrap());
    rows.map(|row| match row.get("seen") {
        Some(Value::Int(seen)) => *seen as u64,
        _ => 1,
    })
    .sum()
}

fn push(set: &mut RuleSet, event: &Event) -> u64 {
    set.push(event);
    taken(set)
}

/// Time goes on until every window has ended.
fn end(set: &mut RuleSet, events: &[Event]) -> u64 {
    set.advance(events.last().map_or(0, |event| event.at) + 60_000);
    taken(set)
}

fn catalog(setup: &Setup) -> Catalog {
    let mut catalog = Catalog::new();
    for number in 0..setup.streams {
        let timed = if setup.event_time { "WITH (TIMESTAMP=\"ts\")" } else { "WITH ()" };
        match parse_statement(&format!("CREATE STREAM s{number} () {timed}")).unwrap() {
            Statement::Create(relation) => catalog.add(relation),
            other => panic!("{other:?}"),
        }
    }
    catalog
}

/// What names the set-up whose memory a process of its own measures.
pub const MEMORY: &str = "PARAPET_BENCH_MEMORY";

/// Bytes that a rule takes before any event comes, in this process: of use when nothing was freed before, which would be used again.
pub fn memory(setup: &Setup) -> f64 {
    let catalog = catalog(setup);
    let before = resident();
    let idle = set(setup, &catalog);
    let bytes = (resident() - before) / idle.len() as f64;
    drop(idle);
    bytes
}

/// The same, of a process of its own; one rule is lost in the noise.
fn memory_apart(setup: &Setup) -> f64 {
    if setup.rules == 1 {
        return 0.0;
    }
    let output = Command::new(std::env::current_exe().unwrap()).env(MEMORY, setup.name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

pub fn run(setup: &Setup) -> Seen {
    let catalog = catalog(setup);
    let names: Vec<Arc<str>> = (0..setup.streams).map(|number| Arc::from(format!("s{number}"))).collect();
    let events: Vec<Event> = setup
        .data()
        .enumerate()
        .map(|(n, json)| Event {
            stream: Arc::clone(&names[n % names.len()]),
            at: (n / setup.per_milli) as i64,
            data: Arc::new(Object::from_json(&json)),
            meta: None,
        })
        .collect();
    let bytes = memory_apart(setup);

    // As fast as can be; of few events again and again, each time with rules that are new, or the time would be too short
    // to take.
    let mut rate = 0.0;
    let mut rows = 0;
    if setup.rate == 0.0 {
        let rounds = (200_000 / events.len()).max(1);
        let mut took = 0.0;
        for _ in 0..rounds {
            let mut rules = set(setup, &catalog);
            let begun = spent();
            rows = events.iter().map(|event| push(&mut rules, event)).sum::<u64>() + end(&mut rules, &events);
            took += spent() - begun;
        }
        rate = (events.len() * rounds) as f64 / took;
    }

    // Each event timed; at its own time where the set-up says how many come a second.
    let mut rules = set(setup, &catalog);
    let mut took: Vec<Duration> = Vec::new();
    let (mut timed, mut rules_took) = (0, Duration::ZERO);
    let (start, begun) = (Instant::now(), spent());
    for (n, event) in events.iter().enumerate() {
        if setup.rate > 0.0 {
            let due = start + Duration::from_secs_f64(n as f64 / setup.rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let (begun, before) = (Instant::now(), on_cpu());
        let out = push(&mut rules, event);
        let after = on_cpu();
        // Reading the clock is the bench's own work, too, and takes as long as a rule.
        rules_took += (after - before).saturating_sub(on_cpu() - after);
        timed += out;
        // Of a paced run, what a row waits for; else every event.
        if out > 0 || setup.rate == 0.0 {
            took.push(begun.elapsed());
        }
    }
    timed += end(&mut rules, &events);
    let mut woken = 0.0;
    if setup.rate > 0.0 {
        // Keeping the pace is the bench's own work: what the rules took is told apart from what it took in all.
        (rate, rows) = (events.len() as f64 / rules_took.as_secs_f64(), timed);
        woken = events.len() as f64 / (spent() - begun);
    }
    assert_eq!(rows, timed, "the same events give the same rows");
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    Seen { rows, rate, woken, p99, bytes }
}
