//! Ways out of a whole site: a webhook, a bridge and a file beside each other. What one refuses or is too slow for harms no other; what was
//! refused is there to be decided on; a kill loses nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use parapet_testkit::{BadHttp, Mosquitto, RunningSite, SiteFolder, bad_http::Manner, command::parapet, wait::until};
use serde_json::{Value, json};
use support::{Listener, PARAPET};

const MINUTE: Duration = Duration::from_secs(60);

/// A site whose alerts come when a door is said to be open, with these uploaders.
fn site(uploaders: &[(&str, &str)]) -> SiteFolder {
    let site = SiteFolder::new("yard");
    site.file("streams/doors.yaml", "http: {}\ncolumns: {door: string}\n").file(
        "rules/open.yaml",
        "sql: SELECT door FROM doors\nkey: \"{door}\"\ncooldown: 0s\nmessage: \"{door} is open\"\n",
    );
    for (name, text) in uploaders {
        site.file(&format!("uploaders/{name}.yaml"), text);
    }
    site
}

fn open(site: &RunningSite, doors: impl Iterator<Item = usize>) {
    let doors: Vec<Value> = doors.map(|n| json!({ "door": format!("door-{n:04}") })).collect();
    let answer = site.post("/api/v1/streams/doors", &json!(doors));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

fn uploader(list: &Value, id: &str) -> Value {
    list.as_array().unwrap().iter().find(|out| out["id"] == id).cloned().unwrap_or_default()
}

fn door(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["data"]["key"].as_str().unwrap().to_owned()
}

fn doors(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("door-{n:04}")).collect()
}

fn once(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    all.filter(|one| seen.insert(one.clone())).collect()
}

#[test]
fn each_way_out_has_its_own_fate_and_nothing_is_lost_on_any() {
    let (hook, mut broker) = (BadHttp::start(), Mosquitto::start(&[], &[]));
    hook.usually(Some(Manner::Answer(503, String::new())));
    let folder = site(&[
        (
            "hook",
            &format!(
                "sink: {{http: {{url: \"{}/x\", secret: whsec_Y2FuYXJ5}}}}\nbackoff: {{first: 50ms, max: 200ms}}\n",
                hook.url()
            ),
        ),
        ("bridge", &format!("sink: {{mqtt: {{broker: \"mqtt://127.0.0.1:{}\", prefix: sites/}}}}\n", broker.port())),
        ("archive", "sink: {file: {path: data/alerts.jsonl}}\n"),
    ]);
    let running = RunningSite::start(PARAPET, &folder);
    let listener = Listener::at(broker.port(), "sites/#");
    open(&running, 0..10);
    let archived = || std::fs::read_to_string(folder.path().join("data/alerts.jsonl")).unwrap_or_default();
    until("the file has all, whatever the webhook does", MINUTE, || archived().lines().count() == 10);
    listener.wait_for("sites/parapet/yard/alerts", MINUTE, |messages| messages.len() >= 10);

    // The webhook is away: the status says why, since when, and when it is tried again.
    let list = running.wait_for("the webhook waits", "/api/v1/uploaders", MINUTE, |list| {
        let out = uploader(list, "hook");
        out["status"]["state"] == "waiting" && out["waiting"] == 10
    });
    let status = &uploader(&list, "hook")["status"];
    assert!(status["why"].as_str().unwrap().contains("503") && status["next_try"].is_string(), "{status}");
    assert_eq!(uploader(&list, "archive")["status"]["state"], "up_to_date");
    assert_eq!(running.metric("parapet_outbox_waiting_events{queue=\"uploader/hook\"}"), Some(10.0));
    let shown = parapet(PARAPET, &["uploader", "list", "--config", folder.arg()]);
    assert!(shown.out.contains("waiting since") && shown.out.contains("10 alerts waiting"), "{}", shown.all());

    // The broker goes without a word, the process is killed; more comes; all come back.
    broker.kill();
    open(&running, 10..20);
    until("the file has twenty", MINUTE, || archived().lines().count() == 20);
    running.kill();
    let running = RunningSite::start(PARAPET, &folder);
    open(&running, 20..30);
    hook.usually(None);
    broker.restart();
    let arrived =
        || once(hook.received().iter().filter(|r| !r.header("webhook-signature").is_empty()).map(|r| door(&r.body)));
    until("the webhook has all", MINUTE, || arrived().len() == 30);
    assert_eq!(arrived(), doors(0..30), "in order, repeats aside");
    running.wait_for("nothing waits any more", "/api/v1/uploaders", MINUTE, |list| {
        list.as_array().unwrap().iter().all(|out| out["waiting"] == 0 && out["status"]["state"] == "up_to_date")
    });
    assert_eq!(once(archived().lines().map(door)), doors(0..30));
    assert!(running.terminate().all().contains("stopped"), "an orderly end");
}

#[test]
fn what_a_receiver_refuses_is_a_dead_letter_that_somebody_decides_on() {
    let hook = BadHttp::start();
    let folder = site(&[(
        "hook",
        &format!(
            "sink: {{http: {{url: \"{}/x\", max_body: 1kB}}}}\nfilter: severity != 'info'\nbackoff: {{first: 50ms, max: 200ms}}\n",
            hook.url()
        ),
    )]);
    let running = RunningSite::start(PARAPET, &folder);
    let ask = |arguments: &[&str]| {
        let all: Vec<&str> = ["uploader"].iter().chain(arguments).chain(&["--config", folder.arg()]).copied().collect();
        parapet(PARAPET, &all)
    };
    hook.next([
        Manner::Answer(204, String::new()),
        Manner::Answer(404, String::new()),
        Manner::Answer(410, String::new()),
    ]);
    open(&running, 0..5);
    hook.wait_for(5, MINUTE);
    let list = running.wait_for("two are dead letters", "/api/v1/uploaders", MINUTE, |list| {
        uploader(list, "hook")["dead_letters"] == 2
    });
    assert_eq!(
        (&uploader(&list, "hook")["status"]["sent"], &uploader(&list, "hook")["waiting"]),
        (&json!(3), &json!(0))
    );
    running.wait_for("the journal says so", "/api/v1/errors?actor=uploaders/hook", MINUTE, |page| {
        page.to_string().contains("alert went to the dead letters")
    });
    let dead = ask(&["dead", "hook"]);
    assert!(dead.out.contains("answers 404") && dead.out.contains("answers 410"), "{}", dead.all());
    let page = running.get("/api/v1/uploaders/hook/dead?payloads=true");
    let (first, second) = (&page["items"][0], &page["items"][1]);
    assert_eq!(
        (door(first["payload"].as_str().unwrap()), first["code"].as_str().unwrap()),
        ("door-0001".to_owned(), "refused")
    );
    let number = first["number"].to_string();
    assert_eq!(ask(&["retry", "hook", &number]).out.trim(), "1 are sent again");
    assert_eq!(door(&hook.wait_for(6, MINUTE)[5].body), "door-0001");
    assert_eq!(ask(&["drop", "hook", &second["number"].to_string()]).out.trim(), "1 dropped");
    let nothing = ask(&["drop", "hook", "77"]);
    assert!(
        nothing.code == Some(1) && nothing.error().contains("no dead letters with these numbers"),
        "{}",
        nothing.all()
    );
    running.wait_for("none is left", "/api/v1/uploaders", MINUTE, |list| uploader(list, "hook")["dead_letters"] == 0);
    assert_eq!(ask(&["retry", "nobody", "--all"]).code, Some(1));

    // An uploader that is deleted keeps its queue, and says so, until it is purged.
    hook.usually(Some(Manner::Answer(503, String::new())));
    open(&running, 5..8);
    running.wait_for("three wait", "/api/v1/uploaders", MINUTE, |list| uploader(list, "hook")["waiting"] == 3);
    let busy = ask(&["purge", "hook"]);
    assert!(busy.error().contains("at work"), "{}", busy.all());
    folder.delete("uploaders/hook.yaml");
    running.wait_for("it is gone, and its queue is not", "/api/v1/uploaders", MINUTE, |list| {
        let out = uploader(list, "hook");
        out["deleted"] == true && out["waiting"] == 3
    });
    assert!(ask(&["list"]).out.contains("its file is gone"));
    assert_eq!(ask(&["purge", "hook"]).out.trim(), "3 purged");
    running.wait_for("nothing is left of it", "/api/v1/uploaders", MINUTE, |list| uploader(list, "hook").is_null());
}

#[test]
fn a_new_uploader_begins_with_what_the_store_still_has_once() {
    let folder = site(&[]);
    let running = RunningSite::start(PARAPET, &folder);
    let archived =
        |name: &str| std::fs::read_to_string(folder.path().join(format!("data/{name}.jsonl"))).unwrap_or_default();
    open(&running, 0..5);
    running.wait_for("five alerts", "/api/v1/alerts", MINUTE, |page| page["items"].as_array().unwrap().len() == 5);
    for (name, from) in [("all", "beginning"), ("new", "now")] {
        let text = format!("from: {from}\nsink: {{file: {{path: data/{name}.jsonl}}}}\n");
        folder.file(&format!("uploaders/{name}.yaml"), &text);
    }
    until("the old ones have come", MINUTE, || archived("all").lines().count() >= 5);
    running.wait_for("both are there", "/api/v1/uploaders", MINUTE, |list| {
        ["all", "new"].iter().all(|id| uploader(list, id)["status"]["state"] == "up_to_date")
    });
    open(&running, 5..8);
    until("the new ones, too", MINUTE, || once(archived("all").lines().map(door)).len() == 8);
    assert_eq!(once(archived("all").lines().map(door)), doors(0..8), "in order");
    until("the other one has the new ones", MINUTE, || archived("new").lines().count() == 3);
    assert_eq!(once(archived("new").lines().map(door)), doors(5..8));
    // A restart is no new beginning.
    let lines = archived("all").lines().count();
    running.kill();
    let running = RunningSite::start(PARAPET, &folder);
    open(&running, 8..9);
    until("only the new one comes", MINUTE, || archived("all").contains("door-0008"));
    assert_eq!(archived("all").lines().count(), lines + 1);
}
