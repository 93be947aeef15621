//! Streams of other things than cameras: a door contact over MQTT, HTTP and a file. What fits is told to rules and kept, what does not
//! is refused, counted and journalled; a rule looks up how the door is now.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs::OpenOptions, io::Write as _, time::Duration};

use parapet_bus_mqtt::{BusSettings, MqttBus};
use parapet_contracts::ports::bus::{BusMessage, BusPort as _};
use parapet_testkit::{Mosquitto, RunningSite, SiteFolder};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// A door as a stream: where its messages come from is the rest of the file.
const DOORS: &str = "columns: {door: string, open: boolean}\nkey: door\n";

fn site(broker: u16) -> SiteFolder {
    let site = SiteFolder::with("yard", &format!("bus: {{broker: \"mqtt://127.0.0.1:{broker}\"}}\n"));
    site.file("streams/doors.yaml", &format!("mqtt: {{topic: site/doors/+}}\n{DOORS}"))
        .file("streams/pushed.yaml", &format!("http: {{}}\n{DOORS}"))
        .file("streams/followed.yaml", &format!("file: {{path: data/doors.jsonl, from: beginning}}\n{DOORS}"))
        .file(
            "rules/left-open.yaml",
            "sql: SELECT door, meta(topic) AS topic FROM doors WHERE open\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door} is open ({topic})\"\n",
        )
        .file(
            "rules/both.yaml",
            "sql: |\n  SELECT pushed.door AS door, followed_latest.open AS open FROM pushed INNER JOIN followed_latest\n  ON followed_latest.door = pushed.door WHERE pushed.open\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door}: {open}\"\n",
        );
    site
}

fn publish(broker: u16, messages: &[(&str, &str)]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = MqttBus::connect(BusSettings::new("127.0.0.1", broker, "door"));
        assert!(bus.connection_changed(false).await);
        for (topic, payload) in messages {
            let (topic, payload) = ((*topic).to_owned(), payload.as_bytes().to_vec().into());
            let message = BusMessage { topic, payload, content_type: "application/json", retain: false };
            bus.publish_acknowledged(message).await.unwrap();
        }
        bus.close().await;
    });
}

fn messages_of(page: &Value, rule: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter().rev().filter(|alert| alert["rule"] == rule);
    items.map(|alert| alert["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn doors_reach_rules_by_mqtt_by_http_and_by_a_file_and_what_does_not_fit_is_told() {
    let broker = Mosquitto::start(&[], &[]);
    let folder = site(broker.port());
    let site = RunningSite::start(PARAPET, &folder);
    let stream = |id: &str| {
        let streams = site.get("/api/v1/streams");
        streams.as_array().unwrap().iter().find(|stream| stream["id"] == id).unwrap()["status"].clone()
    };

    // MQTT: the site has subscribed once a message arrives; the door is shut until then.
    parapet_testkit::wait::until("the site has subscribed", MINUTE, || {
        publish(broker.port(), &[("site/doors/dock", r#"{"door": "dock", "open": false}"#)]);
        stream("doors")["taken"].as_u64().unwrap() > 0
    });
    publish(
        broker.port(),
        &[
            ("site/doors/dock", r#"{"door": "dock", "open": true, "battery": 4}"#),
            ("site/doors/dock", r#"{"door": "dock", "open": "yes"}"#),
            ("site/doors/dock", "open!"),
            ("site/doors/gate", r#"{"door": "gate", "open": true}"#),
        ],
    );
    let page = site.wait_for("both doors are alerts", "/api/v1/alerts", MINUTE, |page| {
        page["items"].as_array().is_some_and(|items| items.len() == 2)
    });
    assert_eq!(messages_of(&page, "left-open"), ["dock is open (site/doors/dock)", "gate is open (site/doors/gate)"]);
    let alert = &page["items"][0];
    assert!(alert.get("camera").is_none() && alert.get("frame").is_none(), "no camera saw it: {alert}");
    assert_eq!(alert["key"], "gate");
    assert_eq!(stream("doors")["refused"], json!({"wrong_type": 1, "no_json": 1}));
    let errors = site.wait_for("the refusals are journalled", "/api/v1/errors?actor=streams/doors", MINUTE, |page| {
        page["items"].as_array().is_some_and(|items| items.len() == 2)
    });
    let texts: Vec<&str> = errors["items"].as_array().unwrap().iter().map(|e| e["text"].as_str().unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("the column `open` is no boolean")), "{texts:?}");
    assert_eq!(site.metric("parapet_stream_refused_total{stream=\"doors\""), Some(2.0));

    // A file: what is in it at the start, and what is appended.
    let path = folder.path().join("data/doors.jsonl");
    let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    file.write_all(b"{\"door\": \"dock\", \"open\": false}\n{\"door\": \"gate\", \"open\": true}\n").unwrap();
    parapet_testkit::wait::until("the file is followed", MINUTE, || stream("followed")["taken"] == 2);

    // HTTP: those that fit are taken, also when others do not; a rule looks up the other stream's latest.
    let answer = site.post(
        "/api/v1/streams/pushed",
        &json!([{"door": "dock", "open": true}, {"door": 7}, {"door": "x", "open": true}]),
    );
    assert_eq!(answer.status, 202, "{}", answer.text());
    let told = answer.json();
    assert_eq!((&told["accepted"], &told["refused"]), (&json!(2), &json!(1)));
    assert_eq!(told["refusals"][0]["reason"], "wrong_type");
    let page =
        site.wait_for("the join is an alert", "/api/v1/alerts", MINUTE, |page| !messages_of(page, "both").is_empty());
    assert_eq!(messages_of(&page, "both"), ["dock: false"]);
    let lines = "{\"door\": \"gate\", \"open\": true}\n{\"door\": \"gate\"}\n";
    assert_eq!(site.post_text("/api/v1/streams/pushed", "application/x-ndjson", lines).status, 202);
    let page = site.wait_for("and again", "/api/v1/alerts", MINUTE, |page| messages_of(page, "both").len() == 2);
    assert_eq!(messages_of(&page, "both")[1], "gate: true");
    for (path, body, status) in [
        ("/api/v1/streams/nobody", json!({}), 404),
        ("/api/v1/streams/doors", json!({}), 409),
        ("/api/v1/streams/pushed", json!({"door": 7}), 422),
    ] {
        assert_eq!(site.post(path, &body).status, status, "{path}");
    }

    // A stream starts, changes and stops with its file, alone.
    folder.file("streams/late.yaml", &format!("http: {{}}\n{DOORS}"));
    parapet_testkit::wait::until("the new file is a stream", MINUTE, || {
        site.post("/api/v1/streams/late", &json!({"door": "a", "open": true})).status == 202
    });
    folder.file("streams/late.yaml", "http: {}\ncolumns: {weight: number}\n");
    parapet_testkit::wait::until("its columns are others", MINUTE, || {
        site.post("/api/v1/streams/late", &json!({"weight": 3.5})).status == 202
    });
    folder.delete("streams/late.yaml");
    parapet_testkit::wait::until("it is gone", MINUTE, || {
        site.post("/api/v1/streams/late", &json!({"weight": 3.5})).status == 404
    });
    assert_eq!(site.node("streams/pushed").unwrap()["restarts"], 0);
    let ended = site.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}
