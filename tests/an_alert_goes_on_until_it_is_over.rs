//! The life of an alert at a running site: it is raised once, acknowledged, reminded of, silenced, resolved; each step is a record
//! that names it, over HTTP, MQTT and in the store; and a webhook hears of all of it. A door contact drives it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use parapet_contracts::{AlertChange, cloudevent::Event};
use parapet_testkit::{RunningSite, SiteFolder, command::parapet, wait::until};
use serde_json::{Value, json};
use support::{Listener, PARAPET};

const MINUTE: Duration = Duration::from_secs(60);

const RULE: &str = "\
name: A door is open
sql: SELECT door FROM doors WHERE open
key: \"{door}\"
title: \"Door {door}\"
message: \"{door} is open\"
resolve_after: 1s
remind_every: 2s
cooldown: 0s
actions: [{mqtt: site/horn}, {uploader: pager}]
";

/// A receiver of webhooks on the loopback: it keeps the bodies.
fn receiver() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bodies);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut text = String::new();
            let mut buffer = [0; 8192];
            let body = loop {
                let Ok(count @ 1..) = stream.read(&mut buffer) else { break None };
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
                if body.is_some() {
                    break body;
                }
            };
            kept.lock().unwrap().extend(body);
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").ok();
        }
    });
    (url, bodies)
}

fn updates(site: &RunningSite, alert: &str) -> Vec<String> {
    let story = site.get(&format!("/api/v1/alerts/{alert}/updates"));
    story["updates"].as_array().unwrap().iter().map(|u| u["change"].as_str().unwrap().to_owned()).collect()
}

fn alerts(site: &RunningSite, count: usize) -> Vec<Value> {
    let page =
        site.wait_for("alerts", "/api/v1/alerts", MINUTE, |page| page["items"].as_array().unwrap().len() >= count);
    let mut items = page["items"].as_array().unwrap().clone();
    items.reverse();
    assert_eq!(items.len(), count, "{items:#?}");
    items
}

#[test]
fn an_alert_is_raised_once_and_each_step_of_its_life_is_told() {
    let (url, hooks) = receiver();
    let folder = SiteFolder::new("yard");
    folder
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string, open: boolean}\nkey: door\n")
        .file("uploaders/pager.yaml", &format!("what: [named]\nsink: {{http: {{url: \"{url}\"}}}}\n"))
        .file("rules/open.yaml", RULE);
    let site = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(folder.mqtt(), "#");
    let door = |name: &str, open: bool| {
        let answer = site.post("/api/v1/streams/doors", &json!({"door": name, "open": open}));
        assert_eq!(answer.status, 202, "{}", answer.text());
    };

    // Raised once, reminded of until somebody takes notice, then silent, then resolved.
    door("dock", true);
    let id = alerts(&site, 1)[0]["id"].as_str().unwrap().to_owned();
    let first = site.get(&format!("/api/v1/alerts/{id}"));
    assert_eq!((first["title"].as_str(), first["key"].as_str()), (Some("Door dock"), Some("dock")));
    door("dock", true);
    until("it is told again", MINUTE, || updates(&site, &id).iter().any(|change| change == "reminded"));
    let told =
        parapet(PARAPET, &["alerts", "ack", &id, "--config", folder.arg(), "--by", "ann", "--note", "on my way"]);
    assert_eq!(told.code, Some(0), "{}", told.all());
    assert!(told.out.contains("acknowledged by ann: on my way"), "{}", told.all());
    let acknowledged = updates(&site, &id);
    assert_eq!(acknowledged.last().map(String::as_str), Some("acknowledged"));
    let twice = site.post(&format!("/api/v1/alerts/{id}/acknowledge"), &json!({"by": "bob"}));
    assert_eq!(twice.json()["updates"].as_array().unwrap().len(), acknowledged.len(), "the first who does, does");
    door("dock", false);
    until("it is resolved", MINUTE, || updates(&site, &id).last().is_some_and(|change| change == "resolved"));
    let story = site.get(&format!("/api/v1/alerts/{id}/updates"));
    assert_eq!(story["state"], "resolved");
    let after: Vec<String> = updates(&site, &id)[acknowledged.len()..].to_vec();
    assert_eq!(after, ["resolved"], "who has taken notice is reminded no more");

    // The alert itself has not changed, and MQTT says the same, on the site's topic and on the rule's own.
    assert_eq!(site.get(&format!("/api/v1/alerts/{id}")), first);
    for topic in ["parapet/yard/alerts", "site/horn"] {
        let count = 1 + updates(&site, &id).len();
        let messages = listener.wait_for(topic, MINUTE, |all| all.len() >= count);
        let changes: Vec<Option<AlertChange>> = messages
            .iter()
            .map(|message| match Event::from_json(&message.payload).unwrap() {
                Event::Alert(alert) => {
                    assert_eq!(serde_json::to_value(&alert).unwrap(), first);
                    None
                }
                Event::AlertUpdate(update) => {
                    assert_eq!(update.alert.to_string(), id);
                    Some(update.change)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!((changes.first(), changes.last()), (Some(&None), Some(&Some(AlertChange::Resolved))), "{topic}");
    }
    until("the webhook has heard all of it", MINUTE, || hooks.lock().unwrap().len() == 1 + updates(&site, &id).len());
    assert_eq!(hooks.lock().unwrap()[0]["data"], first);

    // A silence holds it back; what still goes on when it ends is raised then.
    let told = parapet(
        PARAPET,
        &[
            "silence",
            "add",
            "--config",
            folder.arg(),
            "--rule",
            "open",
            "--for",
            "1h",
            "--by",
            "ann",
            "--note",
            "painters",
        ],
    );
    assert_eq!(told.code, Some(0), "{}", told.all());
    let silence = told.out.split_whitespace().next().unwrap().to_owned();
    door("gate", true);
    until("it is held back", MINUTE, || site.get("/api/v1/rules")[0]["status"]["silenced"] == 1);
    assert_eq!(alerts(&site, 1).len(), 1);
    let listed = parapet(PARAPET, &["silence", "--config", folder.arg()]);
    assert!(listed.out.contains("rule open by ann: painters"), "{}", listed.all());
    let ended = parapet(PARAPET, &["silence", "end", &silence, "--config", folder.arg()]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let second = alerts(&site, 2).remove(1);
    assert_eq!(second["key"], "gate");

    // Requests that make no sense are told so.
    for (path, body, status) in [
        ("/api/v1/alerts/00000000-0000-7000-8000-000000000000/acknowledge", json!({}), 404),
        (&*format!("/api/v1/alerts/{id}/acknowledge"), json!({"who": "x"}), 400),
        ("/api/v1/silences", json!({"rule": "open"}), 400),
        ("/api/v1/silences", json!({"for": "2 hours"}), 400),
        ("/api/v1/silences", json!({"for": "2h", "rule": "none"}), 404),
    ] {
        let answer = site.post(path, &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
    let status = &site.get("/api/v1/rules")[0]["status"];
    assert_eq!((&status["fired"], &status["resolved"], &status["state"]["firing"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(site.metric("parapet_rule_firing_alerts"), Some(1.0));
    let shown = parapet(PARAPET, &["status", "--config", folder.arg()]);
    assert!(shown.out.contains("2 alerts, 1 going on"), "{}", shown.all());
}
