//! The page, as operators use it: a real browser at the real program, with the shared videos.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use parapet_testkit::{RunningSite, SiteFolder, browser::in_browser, mosquitto::free_port, shared_data};
use serde_json::json;

const PARAPET: &str = env!("CARGO_BIN_EXE_parapet");
const MINUTE: Duration = Duration::from_secs(60);

/// A receiver that refuses all that it gets.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0; 65_536];
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                    let refused =
                        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    if refused.is_err() || stream.shutdown(std::net::Shutdown::Write).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

fn site() -> SiteFolder {
    let folder = SiteFolder::new("harbour");
    folder
        .copy(&shared_data("videos/azure_perimeterdemo720.mp4"), "media/gate.mp4")
        .copy(&shared_data("models/fastestdet_352.onnx"), "models/fastestdet_352.onnx")
        .copy(&shared_data("labels/coco80.txt"), "models/coco80.txt")
        .file("models/people.yaml", "file: models/fastestdet_352.onnx\nlabels: models/coco80.txt\nmin_score: 0.4\n")
        .file("models/none.yaml", "kind: null\n")
        .file(
            "cameras/gate.yaml",
            "name: Gate\nsource: media/gate.mp4\nrepeat: true\nfps: 3fps\nmodels: [people]\ntags: [outside]\n\
             zones: {yard: [[0.05, 0.4], [0.6, 0.4], [0.75, 0.98], [0.05, 0.98]]}\nlines: {fence: [[0.62, 0.2], [0.7, 0.95]]}\n",
        )
        .file(
            "cameras/quay.yaml",
            &format!("name: Quay\nsource: rtsp://127.0.0.1:{}/stream1\nmodels: [none]\n", free_port()),
        )
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string, open: boolean}\nkey: door\n")
        .file(
            "rules/door.yaml",
            "name: A door is open\nsql: SELECT door FROM doors WHERE open\nkey: \"{door}\"\nmessage: \"{door} is open\"\ncooldown: 0s\n",
        )
        .file(
            "rules/person.yaml",
            "name: Person at the gate\ncameras: [gate]\nwhen: [{label: person, min_score: 0.4}]\nseverity: critical\n\
             cooldown: 5s\nevidence: clip\nclip: {before: 1s, after: 1s}\n",
        )
        .file("uploaders/control-room.yaml", &format!("what: [alerts]\nsink: {{http: {{url: \"{}\"}}}}\n", refusing()))
        .file(
            "uploaders/hub.yaml",
            &format!("what: [alerts]\nsink: {{http: {{url: \"http://127.0.0.1:{}/\"}}}}\n", free_port()),
        );
    folder
}

#[test]
fn operators_see_what_is_wrong_look_at_it_and_act() {
    let folder = site();
    let running = RunningSite::start(PARAPET, &folder);
    running.post("/api/v1/streams/doors", &json!({ "door": "north", "open": true }));
    running.wait_for("alerts", "/api/v1/alerts?rule=door", MINUTE, |page| page["items"][0].is_object());
    running.wait_for("a clip", "/api/v1/alerts?rule=person&limit=500", MINUTE * 3, |page| {
        page["items"].as_array().unwrap().iter().any(|alert| alert["clip"] == true)
    });
    running
        .wait_for("dead letters", "/api/v1/uploaders/control-room/dead", MINUTE, |page| page["items"][1].is_object());
    in_browser("page.mjs", folder.http(), &[]);
}
