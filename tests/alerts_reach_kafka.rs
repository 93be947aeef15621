//! A site's alerts reach Event Hubs as they are: requests have a bound, answers are held back, silent connections are closed, the link is cut, and
//! the site is killed. What can never arrive is a dead letter, and no other way out notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use parapet_testkit::{
    Kafka, KafkaOptions, RunningSite, SiteFolder,
    command::parapet,
    kafka::{KafkaRecord, KafkaWire},
    wait::until,
};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);
const KEY: &str = "kanarie7f3a+key=";

fn open(site: &RunningSite, doors: impl Iterator<Item = String>) {
    let doors: Vec<Value> = doors.map(|door| json!({ "door": door })).collect();
    let answer = site.post("/api/v1/streams/doors", &json!(doors));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn names(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|n| format!("door-{n:04}"))
}

fn uploader(list: &Value, id: &str) -> Value {
    list.as_array().unwrap().iter().find(|out| out["id"] == id).cloned().unwrap_or_default()
}

/// The doors of alerts in their order, repeats aside.
fn doors(records: &[KafkaRecord]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let first = records.iter().filter(|record| seen.insert(record.header("ce_id").to_owned()));
    first
        .map(|record| serde_json::from_str::<Value>(&record.value).unwrap()["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn alerts_reach_event_hubs_through_all_that_event_hubs_do() {
    let wire = KafkaWire::new();
    wire.largest_request(1_046_528);
    wire.hang_up_after(Duration::from_secs(2));
    wire.throttle(Duration::from_millis(300));
    let string = format!(
        "Endpoint=sb://localhost:{}/;SharedAccessKeyName=send;SharedAccessKey={KEY};EntityPath=alerts;UseDevelopmentEmulator=true",
        wire.port()
    );
    let users = vec![("$ConnectionString".to_owned(), string.clone())];
    let kafka =
        Kafka::start_behind(Some(&wire), KafkaOptions { protocol: "SASL_PLAINTEXT", users, ..KafkaOptions::default() });
    kafka.topic("alerts", 3, &[]);
    let folder = SiteFolder::new("yard");
    folder
        .file("event-hub", &string)
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string}\n")
        .file(
            "rules/open.yaml",
            "sql: SELECT door FROM doors\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door} is open\"\n",
        )
        .file(
            "uploaders/hub.yaml",
            "sink: {kafka: {connection_string: \"${file:event-hub}\", max_message: 10kB, timeout: 3s}}\nbackoff: {first: 100ms, max: 500ms}\n",
        )
        .file("uploaders/archive.yaml", "sink: {file: {path: data/alerts.jsonl}}\n");
    let running = RunningSite::start(PARAPET, &folder);
    let archived =
        || std::fs::read_to_string(folder.path().join("data/alerts.jsonl")).unwrap_or_default().lines().count();

    // One that is too large stands between others; answers are held back, and that is counted.
    open(&running, names(0..20).chain(["x".repeat(6_000)]).chain(names(20..40)));
    let records = kafka.wait_for("forty alerts", "alerts", MINUTE, |held| held.len() >= 40);
    assert_eq!(doors(&records), names(0..40).collect::<Vec<_>>(), "in order, and none waits behind the large one");
    let record = &records[0];
    assert_eq!(
        (record.key.as_str(), record.header("ce_type"), record.header("ce_source"), record.header("content-type")),
        ("yard", "io.parapet.alert.v1", "/parapet/yard", "application/json")
    );
    assert!(records.iter().all(|other| other.partition == record.partition), "what is about no camera has one key");
    let list = running
        .wait_for("one dead letter", "/api/v1/uploaders", MINUTE, |list| uploader(list, "hub")["dead_letters"] == 1);
    assert_eq!(uploader(&list, "archive")["status"]["sent"], 41);
    let dead = parapet(PARAPET, &["uploader", "dead", "hub", "--config", folder.arg()]);
    assert!(dead.out.contains("too_large") || dead.out.contains("10000 may be sent"), "{}", dead.all());
    let throttled = "parapet_kafka_throttled_milliseconds_total{client=\"parapet-yard-hub\"}";
    until("being held back is counted", MINUTE, || running.metric(throttled) >= Some(300.0));
    assert!(wire.held_back() > 0 && wire.too_large() == 0);

    // Nothing is sent for a while, and the connection is closed: nobody notices.
    let silent = wire.hung_up();
    until("the connection was silent", MINUTE, || wire.hung_up() > silent);
    open(&running, names(40..50));
    kafka.wait_for("fifty alerts", "alerts", MINUTE, |held| doors(held).len() == 50);

    // The link is cut: the status says so, another way out goes on, the site is killed, and everything arrives.
    wire.throttle(Duration::ZERO);
    wire.cut();
    open(&running, names(50..70));
    let list = running.wait_for("it waits, and says why", "/api/v1/uploaders", MINUTE, |list| {
        let hub = uploader(list, "hub");
        hub["status"]["state"] == "waiting" && hub["waiting"].as_u64() >= Some(20)
    });
    let why = uploader(&list, "hub")["status"]["why"].to_string();
    assert!(why.contains("localhost") && !why.contains("kanarie"), "{why}");
    until("the archive has all", MINUTE, || archived() == 71);
    running.kill();
    let running = RunningSite::start(PARAPET, &folder);
    open(&running, names(70..90));
    wire.mend();
    let records = kafka.wait_for("ninety alerts", "alerts", MINUTE, |held| doors(held).len() >= 90);
    assert_eq!(doors(&records), names(0..90).collect::<Vec<_>>(), "in order, repeats aside");
    println!("90 of 90 arrived, {} came twice", records.len() - 90);
    running.wait_for("nothing waits any more", "/api/v1/uploaders", MINUTE, |list| {
        list.as_array().unwrap().iter().all(|out| out["waiting"] == 0 && out["status"]["state"] == "up_to_date")
    });
    let told = running.terminate().all();
    assert!(told.contains("stopped") && !told.contains("kanarie"), "{told}");
}
