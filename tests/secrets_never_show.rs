//! A password is known to who needs it and shows nowhere: not in a log line at the finest level, a metric, an answer, the journal,
//! what commands print, what is published, or a file of the site.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{path::Path, time::Duration};

use parapet_contracts::{Secret, camera::Credentials};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions, SimSource};
use parapet_testkit::{
    Mosquitto, RunningSite, SiteFolder,
    command::{parapet_command, tell},
};
use support::PARAPET;

const SOON: Duration = Duration::from_secs(20);
/// Characters that URLs, JSON and Debug output escape in ways of their own: each part of it alone gives it away.
const CANARY: &str = "kanarie7f3a";
const FROM_FILE: &str = "kanarie7f3a-p@ss/w:rd\"file";
const FROM_ENV: &str = "kanarie7f3a-%41 env'ü";
const USER: &str = "kanarie7f3a-user";

fn no_canary(what: &str, text: &str) {
    let lower = text.to_lowercase();
    let encoded = [CANARY.to_owned(), base64_of(CANARY), "%6banarie7f3a".to_owned()];
    for form in &encoded {
        if let Some(at) = lower.find(&form.to_lowercase()) {
            let around: String =
                text.chars().skip(text[..at.min(text.len())].chars().count().saturating_sub(120)).take(300).collect();
            panic!("a secret shows in {what}: …{around}…");
        }
    }
}

/// Base64 of the part of the text that stands on whole groups of three bytes.
fn base64_of(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = text.as_bytes().chunks_exact(3).map(|g| u32::from_be_bytes([0, g[0], g[1], g[2]]));
    groups.flat_map(|n| [18, 12, 6, 0].map(|shift| DIGITS[(n >> shift & 63) as usize] as char)).collect()
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_passwords_of_cameras_and_broker_show_nowhere() {
    // Nobody answers at the first camera; the second asks for a password and refuses this one; the broker refuses it, too.
    let camera = RtspSimulator::start(
        SimSource::Pattern { pattern: "ball".into(), width: 160, height: 120, fps: 5 },
        &SimOptions {
            users: vec![Credentials { username: Secret::new("admin"), password: Secret::new("another") }],
            ..Default::default()
        },
    )
    .unwrap();
    let password_file = parapet_testkit::mosquitto::password_file("admin", "another");
    let broker = Mosquitto::start(&["password_file {folder}/users"], &[("users", &password_file)]);
    let folder = SiteFolder::with(
        "yard",
        &format!(
            "bus: {{broker: \"mqtt://127.0.0.1:{}\", username: \"${{env:CANARY_USER}}\", password: \"${{file:broker-password}}\"}}\ntelemetry: {{level: trace}}\n",
            broker.port()
        ),
    );
    let credentials = "username: ${env:CANARY_USER}\npassword: ${env:CANARY_PASSWORD}\n";
    folder
        .file("broker-password", &format!("{FROM_FILE}\n"))
        .file("camera-password", FROM_FILE)
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/dead.yaml", &format!("source: rtsp://127.0.0.1:1/stream\n{credentials}"))
        .file(
            "cameras/proud.yaml",
            &format!("source: {}\nusername: ${{env:CANARY_USER}}\npassword: ${{file:camera-password}}\n", camera.url()),
        )
        .file("cameras/web.yaml", &format!("source: http://127.0.0.1:1/video.mjpg\n{credentials}"))
        .file("cameras/good.yaml", "source: test://ball?size=160x120&fps=5\nmodels: [none]\n");

    let with_secrets = |arguments: &[&str]| {
        let mut command = parapet_command(PARAPET);
        command.args(arguments).env("CANARY_USER", USER).env("CANARY_PASSWORD", FROM_ENV);
        command
    };
    let check = tell(&mut with_secrets(&["check", "--config", folder.arg()]), SOON);
    assert_eq!(check.code, Some(0), "{}", check.all());
    no_canary("check", &check.all());
    // A message about the very line that holds the secret, and about the file that it comes from.
    let wrong = SiteFolder::new("s");
    wrong
        .file("pw", &format!("{FROM_FILE}\nsecond line\n"))
        .file("cameras/a.yaml", &format!("source: rtsp://admin:{FROM_ENV}@host/x\n"))
        .file(
            "cameras/b.yaml",
            "source: rtsp://host/x\nusername: a\npassword: ${file:pw}\nfps: ${env:CANARY_PASSWORD}\n",
        )
        .file("cameras/c.yaml", "source: rtsp://host/x\npassword: ${env:CANARY_PASSWORD}\n");
    for format in ["text", "json"] {
        let told = tell(&mut with_secrets(&["check", "--config", wrong.arg(), "--format", format]), SOON);
        assert_eq!(told.code, Some(2), "{}", told.all());
        assert!(told.out.contains("cameras/a.yaml") && told.out.contains("cameras/b.yaml"), "{}", told.all());
        no_canary("check of wrong files", &told.all());
    }

    let site = RunningSite::start_with(&mut with_secrets(&["run", "--config", folder.arg()]), folder.http());
    site.wait_for("three cameras fail and one is live", "/api/v1/cameras", SOON, |cameras| {
        cameras
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["status"]["last_error"].is_string() || c["status"]["state"] == "live")
    });
    site.wait_for("the bus says that it is refused", "/api/v1/errors?actor=bus", SOON, |journal| {
        journal.to_string().contains("refuse") || journal.to_string().contains("authori")
    });
    site.wait_for("each failed more than once", "/api/v1/cameras", SOON, |cameras| {
        cameras.as_array().unwrap().iter().all(|c| c["id"] == "good" || c["status"]["reconnects"].as_u64() > Some(1))
    });
    // A reload with an error beside the secret.
    folder.file("cameras/dead.yaml", &format!("source: rtsp://127.0.0.1:1/stream\n{credentials}nmae: x\n"));
    site.wait_for("the error is told", "/api/v1/status", SOON, |s| {
        !s["refused_configuration"].as_array().unwrap().is_empty()
    });

    let mut asked = 0;
    for path in [
        "site",
        "status",
        "tree",
        "cameras",
        "cameras/dead",
        "cameras/proud",
        "models",
        "rules",
        "uploaders",
        "alerts",
        "errors?limit=500",
    ] {
        no_canary(path, &site.ask(&format!("/api/v1/{path}")).text());
        asked += 1;
    }
    assert_eq!(asked, 11);
    no_canary("/metrics", &site.ask("/metrics").text());
    no_canary("/readyz", &site.ask("/readyz").text());
    for arguments in [["status", "text"], ["status", "json"], ["errors", "text"], ["errors", "json"]] {
        let url = format!("http://{}", folder.http());
        let told = tell(&mut with_secrets(&[arguments[0], "--url", &url, "--format", arguments[1]]), SOON);
        assert_eq!(told.code, Some(0), "{}", told.all());
        no_canary(arguments[0], &told.all());
    }
    let environment = std::fs::read(format!("/proc/{}/cmdline", site.pid())).unwrap();
    no_canary("the command line", &String::from_utf8_lossy(&environment));

    let ended = site.terminate();
    assert!(ended.err.contains("DEBUG") || ended.err.contains("TRACE"), "the log is at its finest level");
    no_canary("the log", &ended.all());
    let mut files = Vec::new();
    files_below(&folder.path().join("data"), &mut files);
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        no_canary(&file.display().to_string(), &String::from_utf8_lossy(&std::fs::read(&file).unwrap()));
    }
}
