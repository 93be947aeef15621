//! Fault 10: the clock of the machine jumps an hour ahead and an hour back (libfaketime, which leaves the monotonic clock alone, as a
//! real jump does). No actor is restarted, frames go on, and what waits for a receiver that is away does not become too old.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/proof.rs"]
mod proof;
mod support;

use std::{fs, path::PathBuf, time::Duration};

use parapet_testkit::{RunningSite, bad_http::Manner, pace::Count, wait::until};
use proof::Oracle;
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);

fn faketime() -> PathBuf {
    let found = fs::read_dir("/usr/lib").unwrap().flatten();
    let paths = found.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.exists()).expect("libfaketime, which script/bootstrap installs")
}

/// All restarts in the tree.
fn restarts(node: &Value) -> u64 {
    let below: u64 = node["children"].as_array().into_iter().flatten().map(restarts).sum();
    node["restarts"].as_u64().unwrap_or(0) + below
}

#[test]
fn a_jump_restarts_no_actor_and_makes_nothing_too_old() {
    let mut oracle = Oracle::with_a_walk();
    let hook = fs::read_to_string(oracle.folder.path().join("uploaders/hook.yaml")).unwrap();
    oracle.folder.file("uploaders/hook.yaml", &format!("{hook}time_to_live: 30m\n"));
    oracle.hook.usually(Some(Manner::Answer(503, String::new())));

    let clock = oracle.folder.path().join("clock");
    let jump = |to: &str| {
        let half = clock.with_extension("half");
        fs::write(&half, to).and_then(|()| fs::rename(&half, &clock)).unwrap();
    };
    jump("+0");
    let mut command = oracle.command();
    command
        .env("LD_PRELOAD", faketime())
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
    let site = RunningSite::start_with(&mut command, oracle.folder.http());
    Count::begin(&site, "walk");
    let alerts = |site: &RunningSite| site.metric("parapet_alerts_total{rule=\"each\"").unwrap_or(0.0);
    // `ts` is what the site's clock says, so that it is seen that the clock did jump.
    let newest = |site: &RunningSite| {
        let page = site.get("/api/v1/alerts?rule=each&limit=1");
        page["items"][0]["raised_at"].as_str().unwrap().to_owned()
    };
    for (n, to) in ["+0", "+1h", "-1h", "+0"].into_iter().enumerate() {
        jump(to);
        let before = alerts(&site);
        assert!(oracle.push(10));
        until("messages become alerts", MINUTE, || alerts(&site) >= before + 10.0);
        let frames = Count::begin(&site, "walk").rate_over(&site, 10, MINUTE);
        println!("clock {to}: {frames:.1} frames a second, newest alert by time {}", newest(&site));
        assert_eq!(restarts(&site.get("/api/v1/tree")), 0, "after jump {n}, to {to}");
        let list = site.get("/api/v1/uploaders");
        let hook = list.as_array().unwrap().iter().find(|out| out["id"] == "hook").unwrap();
        assert_eq!(hook["status"]["expired"], 0, "{hook}");
    }
    let instants: Vec<i64> = {
        let page = site.get("/api/v1/alerts?limit=500");
        let items = page["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|alert| alert["raised_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second())
            .collect()
    };
    let span = instants.iter().max().unwrap() - instants.iter().min().unwrap();
    assert!(span > 6_000, "the clock did not jump: all alerts lie within {span} s");

    oracle.hook.usually(None);
    until("nothing waits any more", MINUTE, || {
        let list = site.get("/api/v1/uploaders");
        list.as_array().unwrap().iter().all(|out| out["waiting"] == 0)
    });
    let list = site.get("/api/v1/uploaders").to_string();
    assert!(!list.contains("\"expired\":1"), "{list}");
    oracle.account(&site.terminate().err);
    oracle.finish();
    println!("{}", oracle.ledger.summary());
    oracle.ledger.balance().unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(oracle.ledger.acknowledged.len() >= 40);
}
