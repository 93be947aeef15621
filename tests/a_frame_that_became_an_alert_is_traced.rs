//! With a collector named, the steps of a frame that became an alert arrive there as spans of one trace, whose id the alert bears.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use parapet_testkit::{RunningSite, SiteFolder, onnx::OnnxModel, wait::until};
use support::PARAPET;

const SOON: Duration = Duration::from_secs(30);
const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;

/// A request: its first line, its head in lower case, its body.
type Request = (String, String, Vec<u8>);

/// Takes spans in, as a collector does.
struct Collector {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    while let Some(request) = take(&stream) {
                        kept.lock().unwrap().push(request)
                    }
                });
            }
        });
        Self { port, requests }
    }
}

/// The next request of a connection, answered; `None` at its end.
fn take(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut head) = (String::new(), String::new());
    reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line == "\r\n" {
            break;
        }
        head.push_str(&line.to_lowercase());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()?;
    Some((first, head, body))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_spans_of_an_alert_arrive_with_its_trace_id() {
    let collector = Collector::start();
    let folder = SiteFolder::with("yard", &format!("telemetry: {{otlp: \"http://127.0.0.1:{}\"}}\n", collector.port));
    // A model that sees a person in the middle of whatever it is shown.
    let mut answer = vec![0.0; CELLS * 7];
    answer[..7].copy_from_slice(&[32.0, 32.0, 20.0, 40.0, 0.9, 0.95, 0.0]);
    let model = OnnxModel::constant(SIZE, &[1, CELLS, 7], None, &answer);
    std::fs::create_dir_all(folder.path().join("models")).unwrap();
    std::fs::write(folder.path().join("models/seer.onnx"), model.bytes()).unwrap();
    folder
        .file("models/seer.yaml", "file: models/seer.onnx\nlayout: yolov5\nlabels: [person, car]\n")
        .file("cameras/gate.yaml", "source: test://ball?size=320x240&fps=10\nmodels: [seer]\n")
        .file("rules/anybody.yaml", "cameras: [gate]\nwhen: [{label: person}]\ncooldown: 1h\n");
    let site = RunningSite::start(PARAPET, &folder);
    let alerts =
        site.wait_for("an alert", "/api/v1/alerts", SOON, |alerts| !alerts["items"].as_array().unwrap().is_empty());
    let alert = &alerts["items"][0];
    let hex = alert["trace_id"].as_str().unwrap();
    assert_eq!(hex.len(), 32);
    let trace: Vec<u8> = (0..16).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect();

    let spans = || collector.requests.lock().unwrap().iter().find(|(_, _, body)| holds(body, &trace)).cloned();
    until("the trace arrives", SOON, || spans().is_some());
    let (first, head, body) = spans().unwrap();
    assert!(first.starts_with("POST /v1/traces HTTP/1.1"), "{first}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    for name in ["alert", "capture to decoded", "wait for a slot", "inference", "rule", "evidence", "commit"] {
        assert!(holds(&body, name.as_bytes()), "no span {name:?}");
    }
    for attribute in
        ["parapet.site", "yard", "parapet.camera", "gate", "parapet.rule", "anybody", alert["id"].as_str().unwrap()]
    {
        assert!(holds(&body, attribute.as_bytes()), "no attribute {attribute:?}");
    }
    assert_eq!(site.get("/api/v1/errors")["items"], serde_json::json!([]));

    // A collector that is away costs the site nothing: it stops in order and in time.
    drop(collector);
    let told = site.terminate();
    assert!(told.code == Some(0) && told.took < Duration::from_secs(10), "{}", told.all());
}
