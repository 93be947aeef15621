//! A person is seen, and somebody who is not at the site has a mail with the picture. A mail server that is away for a while, and a kill of the
//! site, cost nothing; quiet hours keep what is not urgent until they are over.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{RunningSite, SiteFolder, SmtpServer, shared_data, smtp::SmtpOptions};
use serde_json::{Value, json};
use support::PARAPET;

const MINUTES: Duration = Duration::from_secs(90);
/// The uploader of these tests.
fn guard(list: &Value) -> Value {
    list.as_array().unwrap().iter().find(|out| out["id"] == "guard").cloned().unwrap_or_default()
}

const PEOPLE: &str = "from: Parapet <site@example.org>, to: [guard@example.org]";

fn mails_to(server: &SmtpServer, more: &str) -> String {
    let port = server.port();
    format!(
        "sink: {{smtp: {{server: \"smtp://127.0.0.1:{port}\", {PEOPLE}{more}}}}}\nbackoff: {{first: 50ms, max: 300ms}}\n"
    )
}

#[test]
fn who_is_far_away_sees_who_is_there() {
    let video = shared_data("videos/intel_one-by-one-person.mp4");
    let camera = RtspSimulator::start(video, &SimOptions::default()).unwrap();
    let server = SmtpServer::start(&SmtpOptions::default());
    let folder = SiteFolder::new("hall");
    folder
        .copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/door.yaml", &format!("source: {}\nfps: 5fps\nmodels: [yolox]\n", camera.url()))
        .file(
            "rules/somebody.yaml",
            "cameras: [door]\nwhen: [{label: person, min_score: 0.5}]\ncooldown: 10m\nseverity: critical\ntitle: Somebody is in the hall\n",
        )
        .file("uploaders/guard.yaml", &mails_to(&server, ""));
    let site = RunningSite::start(PARAPET, &folder);
    let mail = server.wait_for(1, MINUTES).remove(0);
    let alert = site.get("/api/v1/alerts")["items"][0].clone();
    let id = alert["id"].as_str().unwrap();
    assert_eq!(mail.header("message-id"), format!("<{id}@example.org>"));
    assert_eq!(
        (mail.header("subject"), mail.to.as_slice()),
        ("[hall] critical: Somebody is in the hall", &["guard@example.org".to_owned()][..])
    );
    let picture = mail.parts.iter().find(|part| part.media_type == "image/jpeg").expect("its picture");
    let file =
        std::fs::read(folder.path().join("data/evidence").join(alert["evidence"]["path"].as_str().unwrap())).unwrap();
    assert!(picture.base64.as_deref().unwrap().len().abs_diff(file.len().div_ceil(3) * 4) == 0, "the whole file");
    assert!(mail.text("text/plain").contains("Seen      person"), "{}", mail.text("text/plain"));
    site.wait_for("nothing waits", "/api/v1/uploaders", MINUTES, |list| guard(list)["waiting"] == 0);
}

fn open(site: &RunningSite, doors: &[(&str, &str)]) {
    let rows: Vec<Value> = doors.iter().map(|(door, how)| json!({ "door": door, "how": how })).collect();
    let answer = site.post("/api/v1/streams/doors", &json!(rows));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

#[test]
fn a_server_that_is_away_and_a_kill_cost_nothing_and_quiet_is_kept() {
    let mut server = SmtpServer::start(&SmtpOptions::default());
    let folder = SiteFolder::new("yard");
    folder.file("streams/doors.yaml", "http: {}\ncolumns: {door: string, how: string}\n");
    for severity in ["info", "critical"] {
        folder.file(
            &format!("rules/{severity}.yaml"),
            &format!("sql: SELECT door FROM doors WHERE how = '{severity}'\nkey: \"{{door}}\"\ncooldown: 0s\nseverity: {severity}\nmessage: \"{{door}} is open\"\n"),
        );
    }
    folder.file("uploaders/guard.yaml", &mails_to(&server, ""));
    let site = RunningSite::start(PARAPET, &folder);
    server.kill();
    open(&site, &[("a", "info"), ("b", "info")]);
    let list = site.wait_for("it waits and says why", "/api/v1/uploaders", MINUTES, |list| {
        guard(list)["status"]["state"] == "waiting" && guard(list)["waiting"] == 2
    });
    assert!(guard(&list)["status"]["why"].as_str().unwrap().contains("127.0.0.1"), "{list}");
    site.kill();
    let site = RunningSite::start(PARAPET, &folder);
    server.restart();
    let mails = server.wait_for(2, MINUTES);
    let titles: Vec<&str> = mails.iter().map(|mail| mail.header("subject")).collect();
    assert_eq!(titles, ["[yard] info: a is open", "[yard] info: b is open"]);

    // It is quiet now, and until the day after tomorrow at least: nothing but what is urgent is sent.
    let now = jiff::Timestamp::now();
    let day = |offset: i64| (now + jiff::SignedDuration::from_hours(24 * offset)).strftime("%Y-%m-%d").to_string();
    let quiet = format!("{}..{}", day(-1), day(2));
    folder.file("uploaders/guard.yaml", &mails_to(&server, &format!(", quiet_hours: \"{quiet}\"")));
    restarted(&site);
    open(&site, &[("c", "info"), ("d", "info"), ("e", "critical")]);
    let mails = server.wait_for(3, MINUTES);
    assert_eq!(mails[2].header("subject"), "[yard] critical: e is open");
    let list = site.wait_for("two wait", "/api/v1/uploaders", MINUTES, |list| guard(list)["waiting"] == 2);
    assert!(list.to_string().contains("quiet hours"), "{list}");
    // The quiet is over: what has waited is one mail.
    folder.file(
        "uploaders/guard.yaml",
        &mails_to(&server, &format!(", quiet_hours: \"{}\", digest: {{within: 1s}}", day(-9))),
    );
    let mails = server.wait_for(4, MINUTES);
    assert_eq!(mails[3].header("subject"), "[yard] 2 messages, info at most: info × 2");
    assert_eq!(server.mails().len(), 4);
}

/// Waits until the uploader runs with the changed file.
fn restarted(site: &RunningSite) {
    parapet_testkit::wait::until("the uploader was restarted", MINUTES, || {
        site.log().contains("uploader guard restarts")
    });
    site.wait_for("it is back", "/api/v1/uploaders", MINUTES, |list| guard(list)["status"]["state"] == "up_to_date");
}
