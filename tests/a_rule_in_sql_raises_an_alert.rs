//! A rule in SQL, from the camera to the alert and its picture; and the same rule by hand, without a site.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, path::Path, time::Duration};

use parapet_testkit::{RunningSite, SiteFolder, command::parapet, wait::until};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// Persons, counted over four seconds.
const RULE: &str = "\
name: Busy
sql: |
  SELECT camera, label, count(*) AS seen, max(score) AS best
  FROM detections
  WHERE label = 'person' AND score > 0.5
  GROUP BY tumblingwindow(ss, 4), camera, label
  HAVING count(*) >= 3
cooldown: 0s
severity: critical
message: \"{seen} sightings of a {label} at {camera}, {best} at best\"
";

fn site() -> SiteFolder {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/demo/assets");
    let site = SiteFolder::new("yard");
    site.copy(&assets.join("scout.onnx"), "models/scout.onnx")
        .copy(&assets.join("walkway.mp4"), "media/walkway.mp4")
        .file("models/scout.yaml", "file: models/scout.onnx\nmin_score: 0.5\n")
        .file("cameras/yard.yaml", "source: media/walkway.mp4\nrepeat: true\nfps: 5fps\nmodels: [scout]\n")
        .file("rules/busy.yaml", RULE)
        .file("uploaders/events.yaml", "what: [events]\nsink: {file: {path: data/events.jsonl}}\n");
    site
}

#[test]
fn a_window_of_a_running_site_is_an_alert_with_its_picture_and_a_replay_agrees() {
    let folder = site();
    let running = RunningSite::start(PARAPET, &folder);
    let alert = running.wait_for("an alert", "/api/v1/alerts?limit=500", 2 * MINUTE, |page| {
        page["items"].as_array().is_some_and(|items| !items.is_empty())
    })["items"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!((alert["rule"].as_str(), alert["severity"].as_str()), (Some("busy"), Some("critical")));
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains(" sightings of a person at yard, 0."), "{message}");
    let objects = alert["objects"].as_array().unwrap();
    assert!(!objects.is_empty() && objects.iter().all(|object| object["label"] == "person"), "{alert}");
    let picture = folder.path().join("data/evidence").join(alert["evidence"]["path"].as_str().expect("a picture"));
    assert!(fs::read(&picture).unwrap().starts_with(&[0xff, 0xd8]), "a JPEG");
    let rules = running.get("/api/v1/rules");
    let busy = rules.as_array().unwrap().iter().find(|rule| rule["id"] == "busy").unwrap();
    assert_eq!(busy["status"]["errors"], 0, "{busy}");

    let recorded = folder.path().join("data/events.jsonl");
    let frame = format!("\"{}\"", alert["event"].as_str().unwrap());
    until("the alert's event is uploaded", MINUTE, || {
        fs::read_to_string(&recorded).unwrap_or_default().contains(&frame)
    });
    running.terminate();

    let replay = || {
        let (rule, events) = (folder.path().join("rules/busy.yaml"), recorded.clone());
        let told = parapet(
            PARAPET,
            &[
                "rule",
                "replay",
                "--rule",
                rule.to_str().unwrap(),
                "--events",
                events.to_str().unwrap(),
                "--then",
                "10s",
            ],
        );
        assert!(told.code == Some(0), "{}", told.all());
        told.out
    };
    let once = replay();
    assert!(once.contains("ALERT") && once.contains("sightings of a person at yard"), "{once}");
    assert_eq!(once, replay(), "the same events give the same alerts");
}

/// The files of `docs/rules.md`, as a site without cameras of its own.
fn examples(folder: &Path) {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")).unwrap();
    for block in page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let name = block.lines().next().unwrap().strip_prefix("# ").unwrap();
        let path = folder.join(name.strip_prefix("rules/").unwrap_or(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, block).unwrap();
    }
}

#[test]
fn the_tests_of_the_page_on_rules_pass_and_each_rule_can_be_explained() {
    let folder = tempfile::tempdir().unwrap();
    examples(folder.path());
    let dir = folder.path().to_str().unwrap();
    let told = parapet(PARAPET, &["rule", "test", dir]);
    assert!(told.code == Some(0), "{}", told.all());
    assert!(told.out.contains("ok   crowd: three at once are a crowd"), "{}", told.all());
    let explained = parapet(PARAPET, &["rule", "explain", &format!("{dir}/crowd.yaml")]);
    assert!(explained.out.contains("window     tumbling, 10000 ms"), "{}", explained.all());
    let alone = parapet(PARAPET, &["rule", "explain", &format!("{dir}/truck.yaml")]);
    assert!(alone.out.contains("each is judged alone"), "{}", alone.all());

    let test = folder.path().join("crowd.test.yaml");
    let wrong = fs::read_to_string(&test).unwrap().replace("3 at once", "4 at once");
    fs::write(&test, wrong).unwrap();
    let told = parapet(PARAPET, &["rule", "test", dir]);
    assert_eq!(told.code, Some(1), "{}", told.all());
    assert!(told.out.contains("message is `3 at once at gate`, expected `4 at once at gate`"), "{}", told.all());
}
