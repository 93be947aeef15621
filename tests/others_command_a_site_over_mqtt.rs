//! Remote control over MQTT 5 request and response: what is signed by somebody who may is done, answered and noted; all else is refused, in
//! words, and noted as well.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parapet_testkit::{Mosquitto, RunningSite, SiteFolder, wait::until};
use ring::hmac;
use serde_json::{Value, json};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);
const ROOM: &str = "canary-7f3a-room-key";
const GUEST: &str = "canary-7f3a-guest-key";

/// Asks as any client of MQTT 5 does, here mosquitto's own: the correlation data and the payload of the answer.
fn ask(port: u16, topic: &str, payload: &str) -> (String, Value) {
    let port = port.to_string();
    let output = std::process::Command::new("mosquitto_rr")
        .args(["-V", "5", "-q", "1", "-h", "127.0.0.1", "-p", &port, "-t", topic, "-e", "room/answers", "-m", payload])
        .args(["-D", "publish", "correlation-data", "nr-7", "-F", "%D|%p", "-W", "30"])
        .output()
        .expect("mosquitto_rr: script/bootstrap installs what tests need");
    let text = String::from_utf8(output.stdout).unwrap();
    let (correlation, answer) =
        text.split_once('|').unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&output.stderr)));
    (correlation.to_owned(), serde_json::from_str(answer).unwrap())
}

/// A request as a client writes it.
fn request(key: &str, command: &str, client: &str, id: &str, arguments: &Value) -> String {
    let (time, arguments) = (jiff::Timestamp::now().to_string(), arguments.to_string());
    let signed = format!("yard\n{command}\n{client}\n{id}\n{time}\n{arguments}");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes());
    let signature = STANDARD.encode(signature);
    format!(r#"{{"client":"{client}","id":"{id}","time":"{time}","arguments":{arguments},"signature":"{signature}"}}"#)
}

#[test]
fn what_is_signed_by_somebody_who_may_is_done_answered_and_noted() {
    let broker = Mosquitto::start(&[], &[]);
    let folder = SiteFolder::with(
        "yard",
        &format!(
            "bus: {{broker: \"mqtt://127.0.0.1:{}\"}}\nremote:\n  clients:\n    room: {{key: {ROOM}, may: [camera, silence, acknowledge, snapshot]}}\n    guest: {{key: {GUEST}, may: [snapshot]}}\n",
            broker.port()
        ),
    );
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/gate.yaml", "# the gate\nsource: test://ball?size=160x120&fps=5\nmodels: [none]\n")
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string}\n")
        .file(
            "rules/open.yaml",
            "sql: SELECT door FROM doors\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door} is open\"\n",
        );
    let site = RunningSite::start(PARAPET, &folder);
    site.wait_for("the camera shows something", "/api/v1/cameras", MINUTE, |cameras| {
        cameras[0]["status"]["state"] == "live"
    });
    let asked = |command: &str, payload: &str| -> Value {
        let (correlation, answer) = ask(broker.port(), &format!("parapet/yard/command/{command}"), payload);
        assert_eq!(correlation, "nr-7", "the correlation data come back");
        answer
    };

    // A picture of now.
    let answer = asked("snapshot", &request(GUEST, "snapshot", "guest", "1", &json!({ "camera": "gate" })));
    assert_eq!((&answer["ok"], &answer["result"]["width"]), (&json!(true), &json!(160)), "{answer}");
    let jpeg = STANDARD.decode(answer["result"]["data"].as_str().unwrap()).unwrap();
    assert_eq!(image::load_from_memory(&jpeg).unwrap().height(), 120);

    // What may not be, or was not signed so, is refused in words.
    let off = json!({ "camera": "gate", "enabled": false });
    for (payload, code) in [
        (request(GUEST, "camera", "guest", "2", &off), "forbidden"),
        (request("canary-7f3a-another", "camera", "room", "2", &off), "unauthorised"),
        (request(ROOM, "snapshot", "room", "3", &off), "unauthorised"),
        (request(ROOM, "camera", "room", "4", &json!({ "camera": "nobody", "enabled": false })), "not_found"),
        (request(ROOM, "camera", "room", "5", &json!({ "kamera": "gate" })), "malformed"),
        ("switch it off!".to_owned(), "malformed"),
    ] {
        let answer = asked("camera", &payload);
        assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!(code)), "{answer}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
    let cameras = site.get("/api/v1/cameras");
    assert_eq!(cameras[0]["enabled"], true, "nothing of that was done");

    // A camera is switched off in its file, and on again.
    let answer = asked("camera", &request(ROOM, "camera", "room", "6", &off));
    assert_eq!(answer["result"]["changed"], true, "{answer}");
    site.wait_for("it is off", "/api/v1/cameras", MINUTE, |cameras| cameras[0]["enabled"] == false);
    let file = std::fs::read_to_string(folder.path().join("cameras/gate.yaml")).unwrap();
    assert!(file.starts_with("# the gate\n") && file.ends_with("enabled: false\n"), "{file}");
    asked("camera", &request(ROOM, "camera", "room", "7", &json!({ "camera": "gate", "enabled": true })));
    site.wait_for("it is on", "/api/v1/cameras", MINUTE, |cameras| cameras[0]["enabled"] == true);

    // An alert is acknowledged, and the rule is silenced.
    let open = |door: &str| assert_eq!(site.post("/api/v1/streams/doors", &json!([{ "door": door }])).status, 202);
    open("a");
    let alerts =
        site.wait_for("an alert", "/api/v1/alerts", MINUTE, |page| !page["items"].as_array().unwrap().is_empty());
    let alert = alerts["items"][0]["id"].as_str().unwrap();
    let answer =
        asked("acknowledge", &request(ROOM, "acknowledge", "room", "8", &json!({ "alert": alert, "note": "seen" })));
    assert_eq!(
        (&answer["result"]["state"], &answer["result"]["updates"][0]["by"]),
        (&json!("acknowledged"), &json!("room")),
        "{answer}"
    );
    let answer = asked("silence", &request(ROOM, "silence", "room", "9", &json!({ "rule": "open", "for": "1h" })));
    assert_eq!((&answer["ok"], &answer["result"]["by"]), (&json!(true), &json!("room")), "{answer}");
    let payload = request(ROOM, "silence", "room", "10", &json!({ "rule": "open", "for": "1h" }));
    assert_eq!(asked("silence", &payload)["ok"], true);
    assert_eq!(asked("silence", &payload)["code"], "repeated", "the same request again counts no second time");
    assert_eq!(site.get("/api/v1/silences").as_array().unwrap().len(), 2);
    open("b");
    site.wait_for("it is held back", "/api/v1/rules", MINUTE, |rules| {
        rules[0]["status"]["silenced"].as_u64() > Some(0)
    });
    assert_eq!(site.get("/api/v1/alerts")["items"].as_array().unwrap().len(), 1);

    // Each is noted, and no key is shown.
    let noted = || site.get("/api/v1/errors?actor=remote&limit=500").to_string();
    until("all are noted", MINUTE, || noted().contains("request 10"));
    for part in [
        "camera gate disabled: done, as room, request 6 asked",
        "picture of camera gate",
        "was refused: `guest` may not `camera`",
    ] {
        assert!(noted().contains(part), "{part}: {}", noted());
    }
    assert!(site.metric("parapet_remote_commands_total{command=\"camera\",outcome=\"done\"}") >= Some(2.0));
    assert!(!noted().contains("canary") && !site.terminate().all().contains("canary"));
}
