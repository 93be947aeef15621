//! Each mistake is told as a user would read it: where, what, what is expected.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{FULL, TestSite};
use parapet_config::{Secrets, load};
use parapet_contracts::ports::probe::NoProbe;

/// A site with a camera file; the only error of it.
fn camera(text: &str) -> String {
    TestSite::new(&[("models/people.onnx", "x"), ("models/people.yaml", "file: models/people.onnx\n"), ("cameras/gate.yaml", text)]).errors().join("\n")
}

fn site(text: &str) -> String {
    let site = TestSite::new(&[]);
    site.write("site.yaml", text);
    site.errors().join("\n")
}

fn model(text: &str) -> String {
    TestSite::new(&[("models/people.onnx", "x"), ("models/bad.onnx", "broken"), ("models/people.yaml", text)]).errors().join("\n")
}

/// A site with two cameras, one of them with a zone, and a rule file; the only error of it.
fn rule(text: &str) -> String {
    TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("models/none.yaml", "kind: null\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\nzones: {dock: [[0, 0], [1, 0], [1, 1]]}\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
        ("rules/r.yaml", text),
    ])
    .errors().join("\n")
}

const RTSP: &str = "source: rtsp://cam/1\n";
const RULE: &str = "cameras: [gate]\nwhen: [{label: person}]\n";

#[test]
fn show() {
    for line in [
        camera(&format!("{RTSP}fsp: 5fps\n")),
        camera(&format!("{RTSP}stall_after: 5 bananas\n")),
        camera(&format!("{RTSP}stall_after: 5\n")),
        camera(&format!("{RTSP}stall_after: 1ms\n")),
        camera(&format!("{RTSP}fps: 5\n")),
        camera(&format!("{RTSP}fps:\n")),
        camera("name: x\n"),
        camera(&format!("{RTSP}link: 5g\n")),
        camera(&format!("{RTSP}models: people\n")),
        camera(&format!("{RTSP}models: [peple]\n")),
        camera(&format!("{RTSP}models: [people, people]\n")),
        camera(&format!("{RTSP}enabled: yes\n")),
        camera(&format!("{RTSP}name: 5\n")),
        camera(&format!("{RTSP}username: u\npassword: 12345\n")),
        camera(&format!("{RTSP}username: u\n")),
        camera(&format!("{RTSP}place: {{latitude: 91, longitude: 1}}\n")),
        camera(&format!("{RTSP}zones:\n  dock: [[0, 0], [1, 0]]\n")),
        camera(&format!("{RTSP}zones:\n  dock: [[0, 0], [1, 0], [1, 1.5]]\n")),
        camera(&format!("{RTSP}zones:\n  dock: [[0, 0], [1, 1], [1, 0], [0, 1]]\n")),
        camera(&format!("{RTSP}zones:\n  Loading Dock: [[0, 0], [1, 1], [1, 0]]\n")),
        camera("source: rtsp://admin:hunter2@cam/1\n"),
        camera("source: rtps://cam/1\n"),
        camera("source: rtsp://\n"),
        camera("source: /etc/passwd\n"),
        camera("source: media/../../x.mp4\n"),
        camera("source: test://bal\n"),
        camera("source: test://ball?size=7x7\n"),
        camera(&format!("{RTSP}name: a\nname: b\n")),
        camera("source: test://ball\n\tname: x\n"),
        camera("source: test://ball\nzones:\n\tdock: x\n"),
        camera("source: [test\n"),
        camera("source: \"test\n"),
        camera("source: test://ball\n---\nname: x\n"),
        camera("source: !!int 5\n"),
        camera("- a\n- b\n"),
        camera("source: test://ball\nname: *nobody\n"),
        camera("source: test://ball\nname: ${env:NOPE}\n"),
        camera("source: test://ball\nname: ${file:nope}\n"),
        camera("source: test://ball\nname: ${vault:nope}\n"),
        camera("source: test://ball\nname: a${b\n"),
        site("site: {}\n"),
        site("site: {id: My Yard}\n"),
        site("site: yard\n"),
        site("site: {id: yard}\ntime_zone: Europe/Berln\n"),
        site("site: {id: yard}\nhttp: {listen: 8080}\n"),
        site("site: {id: yard}\nhttp: {listen: localhost:8080}\n"),
        site("site: {id: yard}\nhttp: {listen: 127.0.0.1:1883}\n"),
        site("site: {id: yard}\nbus: {broker: \"mqtt://u:p@h\"}\n"),
        site("site: {id: yard}\nbus: {broker: h}\n"),
        site("site: {id: yard}\nbus: {broker: mqtt://h, embedded: {}}\n"),
        site("site: {id: yard}\nbus: {username: u, password: p}\n").replace('\n', " | "),
        site("site: {id: yard}\nevidence: {path: data/store}\n"),
        site("site: {id: yard}\nevidence: {quality: 101}\n"),
        site("site: {id: yard}\nstore: {retention: {events_size: 20MB}}\nshutdown: 1h\n"),
        site("site: {id: yard}\ntelemetry: {level: inof}\n"),
        site("site: {id: yard}\ntelemetry: {format: jsno}\n"),
        site("site: {id: yard}\nonnxruntime: nowhere.so\n"),
        model("file: models/peple.onnx\n"),
        model("file: models/bad.onnx\n"),
        model("layout: yolox\n"),
        model("kind: null\nfile: models/people.onnx\n"),
        model("file: models/people.onnx\nlayout: yolo8\n"),
        model("file: models/people.onnx\nslots: 0\n"),
        model("file: models/people.onnx\nslots: [{device: gpu}]\n"),
        model("file: models/people.onnx\ninput: {size: [640]}\n"),
        model("file: models/people.onnx\nlabels: [a, b, c]\n"),
        model("file: models/people.onnx\nlabels: nowhere.txt\n"),
        model("file: models/people.onnx\nmin_score: {persn: 0.5}\n"),
        model("file: models/people.onnx\nmin_score: high\n"),
        rule("when: [{label: person}]\n"),
        rule("cameras: [gat]\nwhen: [{label: person}]\n"),
        rule("cameras: gate\nwhen: [{label: person}]\n"),
        rule("cameras: [gate]\nwhen: []\n"),
        rule("cameras: [gate]\nwhen: [{label: persn}]\n"),
        rule("cameras: [gate]\nwhen: [{label: [person, dog]}]\n"),
        rule("cameras: [gate]\nwhen: [{min_score: 0.5}]\n"),
        rule("cameras: [gate]\nwhen: {label: person}\n"),
        rule(&format!("{RULE}zone: dok\n")),
        rule("cameras: all\nwhen: [{label: person}]\nzone: dock\n"),
        rule(&format!("{RULE}model: peple\n")),
        rule(&format!("{RULE}model: none\n")),
        rule(&format!("{RULE}severity: fatal\n")),
        rule(&format!("{RULE}schedule: [{{from: 25:00}}]\n")),
        rule(&format!("{RULE}schedule: [{{days: [monday]}}]\n")),
        rule(&format!("{RULE}message: \"{{person}} at {{camera}}\"\n")),
        TestSite::new(&[("cameras/a.yaml", "source: test://ball"), ("cameras/a.yml", "source: test://ball")]).errors().join("\n"),
        TestSite::new(&[("cameras/Gate North.yaml", "source: test://ball")]).errors().join("\n"),
        TestSite::new(&[("uploaders/u.yaml", "what: [alert]\nsink: {file: {path: x}}\n")]).errors().join("\n"),
        TestSite::new(&[("uploaders/u.yaml", "sink: {kafka: {}}\n")]).errors().join("\n"),
        TestSite::new(&[("uploaders/u.yaml", "sink: {file: {path: x}}\n"), ("uploaders/v.yaml", "sink: {file: {path: ./x}}\n")]).errors().join("\n"),
    ] {
        println!("{line}");
    }
    let _ = (FULL, load(std::path::Path::new("/nowhere"), &NoProbe, &Secrets::standard()).map_err(|e| println!("{e}")));
}
