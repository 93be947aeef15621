//! Faults 19, 22 and 24 at a whole site: a link that is down for long, a receiver that is slow, and more messages than can be carried on.
//! What was taken arrives, what can't be carried on is refused, and no way out waits for another.
//!
//! `PARAPET_SOAK=1` (`script/soak outages`) has the long forms: the 360,000 events of an hour, and ten minutes of 10,000 a second.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/link.rs"]
mod link;
#[path = "support/proof.rs"]
mod proof;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use link::Link;
use parapet_testkit::{Ledger, Mosquitto, RunningSite, http, ledger::word, wait::until};
use proof::{Oracle, heard, in_ms};
use serde_json::{Value, json};
use support::Listener;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn alerts(site: &RunningSite) -> f64 {
    site.metric("parapet_alerts_total{rule=\"each\"").unwrap_or(0.0)
}

fn dropped(site: &RunningSite) -> f64 {
    site.metric("parapet_rule_dropped_total").unwrap_or(0.0)
}

fn waiting(site: &RunningSite, id: &str) -> u64 {
    let list = site.get("/api/v1/uploaders");
    let found = list.as_array().unwrap().iter().find(|out| out["id"] == id);
    found.and_then(|out| out["waiting"].as_u64()).unwrap_or(0)
}

/// Resident memory of a process in MiB.
fn resident(site: &RunningSite) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Pushes until so many more alerts are there, never more than the rule's inbox takes.
fn raise(oracle: &mut Oracle, site: &RunningSite, count: u64) {
    let end = oracle.ledger.issued + count;
    while oracle.ledger.issued < end {
        oracle.push(400.min(end - oracle.ledger.issued));
        let issued = oracle.ledger.issued as f64;
        until("the rule has carried on", MINUTE, || alerts(site) + dropped(site) >= issued - 400.0);
    }
    until("all are alerts", MINUTE, || alerts(site) + dropped(site) >= end as f64);
}

#[test]
fn what_waits_while_the_link_is_down_arrives_when_it_is_back() {
    let events = if support::soak() { 360_000 } else { 3_000 };
    let (mut oracle, broker) = (Oracle::new(""), Mosquitto::start(&["log_type error"], &[]));
    let link = Link::to(broker.port());
    oracle.folder.file(
        "uploaders/bridge.yaml",
        &format!("sink: {{mqtt: {{broker: \"mqtt://127.0.0.1:{}\", prefix: sites/}}}}\n", link.port()),
    );
    let far = Listener::at(broker.port(), "sites/parapet/yard/alerts");
    let site = oracle.start();
    raise(&mut oracle, &site, 20);
    until("the first arrive", MINUTE, || far.count() >= 20);
    link.cut();
    let before = resident(&site);
    raise(&mut oracle, &site, events);
    let (most, queued) = (resident(&site), waiting(&site, "bridge"));
    assert!(queued >= events, "{queued} wait");
    link.mend();
    let mended = Instant::now();
    until("nothing waits any more", HOUR, || waiting(&site, "bridge") == 0);
    let took = mended.elapsed();
    println!(
        "{queued} waited, memory {before:.0} → {most:.0} MiB; drained after {took:.1?}, {:.0} a second",
        queued as f64 / took.as_secs_f64()
    );
    assert!(took <= Duration::from_secs(600), "{took:?}");
    oracle.account(&site.terminate().err);
    let mut books = Ledger { sinks: BTreeMap::new(), ..oracle.ledger.clone() };
    books.arrived("bridge", heard(&far));
    println!("{}", books.summary());
    books.balance().unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(books.acknowledged.len() as u64 >= events);
}

#[test]
fn a_receiver_that_is_slow_holds_up_no_other() {
    let mut oracle = Oracle::new("");
    let site = oracle.start();
    let lines = |oracle: &Oracle| {
        fs::read_to_string(oracle.folder.path().join("data/alerts.jsonl")).unwrap_or_default().lines().count() as u64
    };
    let (mut plain, mut slow) = (Vec::new(), Vec::new());
    let rounds = if support::soak() { 10 } else { 4 };
    for _ in 0..rounds {
        for pause in [Duration::ZERO, Duration::from_millis(500)] {
            oracle.hook.pause(pause);
            let (began, first) = (Instant::now(), oracle.ledger.issued);
            // At a pace that all can keep: 100 a second.
            for n in 1..=30 {
                oracle.push(10);
                let due = began + Duration::from_millis(n * 100);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let issued = oracle.ledger.issued;
            until("the file has them", MINUTE, || lines(&oracle) >= issued);
            let rate = (issued - first) as f64 / began.elapsed().as_secs_f64();
            if pause.is_zero() { plain.push(rate) } else { slow.push(rate) }
        }
    }
    // What else the machine does only makes it slower: the best of each is what the site itself makes of it.
    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    let change = best(&slow) / best(&plain) - 1.0;
    let behind = waiting(&site, "hook");
    println!(
        "a slow webhook: {behind} wait for it; the file {:+.1} %: {plain:.1?} and {slow:.1?} a second",
        change * 100.0
    );
    assert!(behind > 50, "the webhook is not slow: {behind} wait");
    assert_eq!(waiting(&site, "file"), 0);
    assert!(change.abs() <= 0.05, "{change}");
    oracle.hook.pause(Duration::ZERO);
    until("the webhook catches up", MINUTE * 2, || waiting(&site, "hook") == 0);
    oracle.account(&site.terminate().err);
    oracle.finish();
    oracle.ledger.balance().unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn more_than_can_be_carried_on_is_refused_and_what_was_taken_is_delivered() {
    let seconds = if support::soak() { 600 } else { 8 };
    let mut oracle = Oracle::new("");
    let site = oracle.start();
    raise(&mut oracle, &site, 200);
    let before = resident(&site);
    let (mut taken, mut refused, mut most): (u64, u64, f64) = (oracle.ledger.issued, 0, before);
    let (began, over) = (Instant::now(), in_ms(seconds * 1_000));
    let mut sent = 0_u32;
    while Instant::now() < over {
        // 500 every 50 ms; those that were refused are not sent again.
        let first = oracle.ledger.issued;
        let rows: Vec<Value> = (first..first + 500).map(|n| json!({ "n": n.to_string(), "word": word(n) })).collect();
        let answer =
            http::post(oracle.folder.http(), "/api/v1/streams/numbers", "application/json", &json!(rows).to_string());
        oracle.ledger.issued += 500;
        match answer.unwrap().status {
            202 => taken += 500,
            429 => refused += 500,
            other => panic!("{other}"),
        }
        sent += 1;
        if sent.is_multiple_of(20) {
            most = most.max(resident(&site));
        }
        let due = began + Duration::from_millis(50) * sent;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let pace = f64::from(sent) * 500.0 / began.elapsed().as_secs_f64();
    until("what was taken is an alert, or counted as dropped", HOUR, || alerts(&site) + dropped(&site) >= taken as f64);
    assert_eq!((alerts(&site), dropped(&site)), (taken as f64, 0.0), "what was accepted is delivered");
    assert!(refused > 0, "the flood is none");
    println!(
        "{pace:.0} a second for {seconds} s: {refused} refused, {taken} taken, {} alerts; memory {before:.0} → {most:.0} MiB",
        alerts(&site)
    );
    assert!(most <= before + 128.0, "memory grew from {before} to {most} MiB");
    let durable = alerts(&site);
    until("all leave", HOUR, || ["hook", "file"].iter().all(|out| waiting(&site, out) == 0));
    oracle.account(&site.terminate().err);
    assert_eq!(oracle.ledger.acknowledged.len() as f64, durable, "each alert was told");
    oracle.finish();
    println!("{}", oracle.ledger.summary());
    oracle.ledger.balance().unwrap_or_else(|wrong| panic!("{wrong}"));
}
