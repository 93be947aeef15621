//! `init`, `check`, `run`, and the commands that ask a running site: found by address, environment or folder; for people and machines.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use parapet_testkit::{
    RunningSite, SiteFolder,
    command::{Told, end, parapet, parapet_command, tell},
    mosquitto::free_port,
};
use serde_json::Value;
use support::PARAPET;

const SOON: Duration = Duration::from_secs(20);

fn good(told: Told) -> String {
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.all());
    told.out
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_site_is_found_by_address_by_environment_and_by_folder() {
    let folder = SiteFolder::new("yard");
    folder
        .file("models/none.yaml", "kind: null\n")
        .file(
            "cameras/gate.yaml",
            "name: The gate\nsource: test://ball?size=320x240&fps=10\nmodels: [none]\nlink: 5G\ntags: [north]\n",
        )
        .file("cameras/dead.yaml", "source: rtsp://127.0.0.1:1/stream\n")
        .file("rules/intruder.yaml", "cameras: all\nwhen: [{label: person}]\n");
    let site = RunningSite::start(PARAPET, &folder);
    site.wait_for("the gate is live", "/api/v1/cameras/gate", SOON, |c| c["status"]["state"] == "live");
    site.wait_for("the dead one has failed", "/api/v1/errors", SOON, |e| e["items"][0]["actor"] == "cameras/dead");

    let url = format!("http://{}/", folder.http());
    let answers = [
        parapet(PARAPET, &["status", "--format", "json", "--url", &url]),
        parapet(PARAPET, &["status", "--format", "json", "--config", folder.arg()]),
        tell(parapet_command(PARAPET).args(["status", "--format", "json"]).env("PARAPET_URL", &url), SOON),
    ];
    for told in answers {
        let lines = json_lines(&good(told));
        assert_eq!((lines.len(), &lines[0]["site"]["id"]), (1, &Value::from("yard")));
    }

    // For people: every actor, every camera, what is wrong; nothing that looks like a program's insides.
    let text = good(parapet(PARAPET, &["status", "--config", folder.arg()]));
    for word in [
        "site yard",
        "gate",
        "live",
        "320×240",
        "waiting",
        "127.0.0.1:1 refuses connections",
        "slot-0",
        "intruder",
        "http",
    ] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
    for inside in ["null,", "Some(", "None", "{\"", "NaN"] {
        assert!(!text.contains(inside), "{inside} shows in:\n{text}");
    }

    let errors = json_lines(&good(parapet(PARAPET, &["errors", "--config", folder.arg(), "--format", "json"])));
    assert_eq!((&errors[0]["actor"], &errors[0]["kind"]), (&Value::from("cameras/dead"), &Value::from("unreachable")));
    assert!(errors[0]["text"].as_str().unwrap().contains("127.0.0.1:1") && errors[0]["count"].as_u64() >= Some(1));
    let text = good(parapet(PARAPET, &["errors", "--config", folder.arg()]));
    assert!(text.contains("cameras/dead  unreachable: rtsp://127.0.0.1:1/stream: "), "{text}");
    assert_eq!(good(parapet(PARAPET, &["errors", "--config", folder.arg(), "--actor", "store"])), "");
    assert_eq!(good(parapet(PARAPET, &["alerts", "--config", folder.arg(), "--format", "json"])), "");

    // A wrong question is answered with a sentence.
    let told = parapet(PARAPET, &["alerts", "--config", folder.arg(), "--severity", "grave"]);
    assert_eq!(told.code, Some(1), "{}", told.all());
    assert!(told.error().contains("grave") && told.error().contains("critical"), "{}", told.all());
    let told = parapet(PARAPET, &["errors", "--config", folder.arg(), "--limit", "0"]);
    assert!(told.code == Some(1) && told.error().contains("1 to 500"), "{}", told.all());
}

#[test]
fn following_shows_what_comes_and_tells_when_the_site_goes() {
    let folder = SiteFolder::new("yard");
    let site = RunningSite::start(PARAPET, &folder);
    let mut follower = parapet_command(PARAPET)
        .args(["errors", "--follow", "--format", "json", "--config", folder.arg()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut told = BufReader::new(follower.stderr.take().unwrap()).lines();
    folder.file("cameras/dead.yaml", "source: rtsp://127.0.0.1:1/stream\n");
    let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(line["actor"], "cameras/dead");
    site.terminate();
    let line = told.next().unwrap().unwrap();
    assert!(line.contains("is the site running?"), "{line}");
    end(&mut follower);
}

#[test]
fn init_then_check_then_run() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("my site");
    let folder = folder.to_str().unwrap();
    let text = good(parapet(PARAPET, &["init", folder]));
    assert!(text.contains("parapet check --config") && text.contains("parapet run --config"), "{text}");
    let text = good(parapet(PARAPET, &["check", "--config", folder]));
    assert!(text.starts_with("ok: site my-site with 1 camera, 1 model, 1 rule"), "{text}");
    // A second init overwrites nothing.
    let told = parapet(PARAPET, &["init", folder]);
    assert!(
        told.code == Some(2) && told.err.contains("none is overwritten") && told.err.contains("site.yaml"),
        "{}",
        told.all()
    );

    // The usual ports may be taken here; everything else is as it was written.
    let file = format!("{folder}/site.yaml");
    let (http, mqtt) = (free_port(), free_port());
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{http}"))
        .replace("127.0.0.1:1883", &format!("127.0.0.1:{mqtt}"));
    std::fs::write(&file, text).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], http));
    let site = RunningSite::start_with(parapet_command(PARAPET).args(["run", "--config", folder]), address);
    site.wait_for("its camera is seen by its model", "/api/v1/models", SOON, |models| {
        models[0]["inferences"].as_u64() > Some(3)
    });
    let log = site.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    assert_eq!(site.terminate().code, Some(0));
}
