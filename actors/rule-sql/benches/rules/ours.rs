//! Parapet's side: the rules in one set, on one thread.

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

pub fn run(setup: &Setup) -> Seen {
    let mut catalog = Catalog::new();
    for number in 0..setup.streams {
        let timed = if setup.event_time { "WITH (TIMESTAMP=\"ts\")" } else { "WITH ()" };
        match parse_statement(&format!("CREATE STREAM s{number} () {timed}")).unwrap() {
            Statement::Create(relation) => catalog.add(relation),
            other => panic!("{other:?}"),
        }
    }
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
    let before = resident();
    let idle = set(setup, &catalog);
    let bytes = if setup.rules > 1 { (resident() - before).max(0.0) / setup.rules as f64 } else { 0.0 };

    drop(idle);

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
    let mut timed = 0;
    let (start, begun) = (Instant::now(), spent());
    for (n, event) in events.iter().enumerate() {
        if setup.rate > 0.0 {
            let due = start + Duration::from_secs_f64(n as f64 / setup.rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let begun = Instant::now();
        let out = push(&mut rules, event);
        timed += out;
        // Of a paced run, what a row waits for; else every event.
        if out > 0 || setup.rate == 0.0 {
            took.push(begun.elapsed());
        }
    }
    timed += end(&mut rules, &events);
    if setup.rate > 0.0 {
        (rate, rows) = (events.len() as f64 / (spent() - begun), timed);
    }
    assert_eq!(rows, timed, "the same events give the same rows");
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    Seen { rows, rate, p99, bytes }
}
