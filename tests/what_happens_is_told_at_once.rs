//! Who watches over HTTP hears of what happens while it does; what a camera shows is a picture; lists are filtered; and every answer tells
//! browsers what a page may do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use parapet_testkit::{RunningSite, SiteFolder};
use serde_json::{Value, json};

const PARAPET: &str = env!("CARGO_BIN_EXE_parapet");
const MINUTE: Duration = Duration::from_secs(60);

const RULE: &str = "\
name: A door is open
sql: SELECT door FROM doors WHERE open
key: \"{door}\"
message: \"{door} is open\"
cooldown: 0s
";

fn doors(id: &str) -> SiteFolder {
    let folder = SiteFolder::new(id);
    folder
        .file("streams/doors.yaml", "http: {}\ncolumns: {door: string, open: boolean}\nkey: door\n")
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/ball.yaml", "source: test://ball?size=640x360&fps=5\nmodels: [none]\n")
        .file("rules/open.yaml", RULE);
    folder
}

fn open(site: &RunningSite, door: &str) {
    let answer = site.post("/api/v1/streams/doors", &json!({ "door": door, "open": true }));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

/// Somebody who watches.
struct Watcher(BufReader<TcpStream>);

impl Watcher {
    fn of(address: SocketAddr, query: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(MINUTE)).unwrap();
        write!(stream, "GET /api/v1/live{query} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut watcher = Self(BufReader::new(stream));
        assert_eq!(watcher.event().0, "hello");
        watcher
    }

    /// The next event: its name and its data.
    fn event(&mut self) -> (String, Value) {
        let (mut name, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data.trim()).unwrap());
            }
        }
    }
}

#[test]
fn each_who_watches_hears_of_an_alert_and_of_what_becomes_of_it() {
    let folder = doors("yard");
    let site = RunningSite::start(PARAPET, &folder);
    let mut watchers: Vec<_> = (0..20).map(|_| Watcher::of(folder.http(), "?topics=alerts")).collect();
    let mut streams = Watcher::of(folder.http(), "?topics=streams");
    open(&site, "north");
    let mut id = String::new();
    for watcher in &mut watchers {
        let (name, told) = watcher.event();
        assert_eq!((name.as_str(), &told["type"]), ("alert", &json!("io.parapet.alert.v1")));
        assert_eq!(told["data"]["message"], "north is open");
        told["id"].as_str().unwrap().clone_into(&mut id);
        // It is durable before anybody hears of it.
        assert_eq!(site.ask(&format!("/api/v1/alerts/{id}")).status, 200);
    }
    assert_eq!(streams.event().1["data"]["data"]["door"], "north", "and what others want comes to others alone");
    site.post(&format!("/api/v1/alerts/{id}/acknowledge"), &json!({ "by": "ada" }));
    for watcher in &mut watchers {
        let (name, told) = watcher.event();
        assert_eq!(
            (name.as_str(), &told["data"]["change"], &told["data"]["alert"]),
            ("alert-update", &json!("acknowledged"), &json!(id))
        );
    }
    assert_eq!(site.metric("parapet_live_clients"), Some(21.0));
    drop(watchers);
    let give_up = Instant::now() + MINUTE;
    // Who has gone is noticed with the next thing that is told.
    while site.metric("parapet_live_clients") != Some(1.0) {
        assert!(Instant::now() < give_up, "{:?} still watch", site.metric("parapet_live_clients"));
        open(&site, "south");
        std::thread::sleep(Duration::from_millis(100));
    }
    let refused = site.ask("/api/v1/live?topics=cats");
    assert!(refused.status == 400 && refused.text().contains("detections"), "{}", refused.text());
    assert!(site.terminate().took < Duration::from_secs(12), "who watches holds no stop up");
}

#[test]
fn alerts_are_found_by_state_label_and_words() {
    let folder = doors("yard");
    let site = RunningSite::start(PARAPET, &folder);
    for door in ["north", "south", "roof"] {
        open(&site, door);
    }
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    let page = site.wait_for("alerts", "/api/v1/alerts", MINUTE, |page| count(page) == 3);
    assert_eq!((&page["items"][0]["state"], &page["items"][0]["acknowledged"]), (&json!("raised"), &json!(false)));
    let id = page["items"][1]["id"].as_str().unwrap();
    site.post(&format!("/api/v1/alerts/{id}/acknowledge"), &json!({ "by": "ada" }));
    let taken = site.get("/api/v1/alerts?state=acknowledged");
    assert_eq!((count(&taken), &taken["items"][0]["acknowledged_by"]), (1, &json!("ada")));
    assert_eq!(count(&site.get("/api/v1/alerts?state=raised")), 2);
    assert_eq!(count(&site.get("/api/v1/alerts?q=ROOF%20open")), 1);
    assert_eq!(count(&site.get("/api/v1/alerts?label=person")), 0);
    let first = site.get("/api/v1/alerts?state=raised&limit=1");
    let second = site.get(&format!("/api/v1/alerts?state=raised&limit=1&after={}", first["next"].as_str().unwrap()));
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(site.ask("/api/v1/alerts?state=lost").status, 400);
    let rule = site.get("/api/v1/rules/open");
    assert!(rule["sql"].as_str().unwrap().starts_with("SELECT door"), "{rule}");
    assert_eq!((rule["file"]["path"].as_str(), rule["file"]["text"].as_str()), (Some("rules/open.yaml"), Some(RULE)));
    let steps = site.get("/api/v1/performance");
    let rules = steps.as_array().unwrap().iter().filter(|step| step["step"] == "rule" && step["of"] == "open");
    assert!(rules.count() == 1, "{steps}");
}

#[test]
fn what_a_camera_shows_is_a_picture_of_the_width_that_is_asked_for() {
    let folder = doors("yard");
    folder.file("cameras/blind.yaml", "source: test://ball\nenabled: false\n");
    let site = RunningSite::start(PARAPET, &folder);
    site.wait_for("a frame", "/api/v1/cameras/ball", MINUTE, |camera| camera["status"]["last_capture"].is_string());
    for (query, width) in [("", 640), ("?width=300", 320), ("?width=4000", 640)] {
        let answer = site.ask(&format!("/api/v1/cameras/ball/snapshot{query}"));
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(answer.head.to_lowercase().contains("x-parapet-captured-at: 20"), "{}", answer.head);
        let picture = image::load_from_memory(&answer.body).unwrap();
        assert_eq!((picture.width(), picture.height()), (width, width * 9 / 16), "{query}");
    }
    assert_eq!(site.ask("/api/v1/cameras/nobody/snapshot").status, 404);
    let none = site.ask("/api/v1/cameras/blind/snapshot");
    assert!(none.status == 404 && none.text().contains("not given a picture"), "{}", none.text());
    assert_eq!(site.ask("/api/v1/cameras/ball/snapshot?size=3").status, 400);
    let no_socket = site.ask("/api/v1/cameras/ball/live");
    assert!(no_socket.status == 400 && no_socket.text().contains("WebSocket"), "{}", no_socket.text());
}

#[test]
fn every_answer_tells_browsers_what_a_page_may_do_and_pages_of_others_may_do_nothing() {
    let folder = doors("yard");
    let site = RunningSite::start(PARAPET, &folder);
    for path in [
        "/",
        "/alerts/7",
        "/icon.svg",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/status",
        "/api/v1/nothing",
        "/nothing",
        "/api/v9/x",
    ] {
        let head = site.ask(path).head.to_lowercase();
        for field in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(field), "{path} lacks {field}:\n{head}");
        }
        assert!(!head.contains("unsafe-"), "{path}:\n{head}");
    }
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(folder.http()).unwrap();
        stream.set_read_timeout(Some(MINUTE)).unwrap();
        write!(stream, "{request}\r\nHost: {}\r\nConnection: close\r\n\r\n", folder.http()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let foreign = ask("POST /api/v1/silences HTTP/1.1\r\nOrigin: http://evil.example\r\nContent-Length: 0");
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let socket = "GET /api/v1/cameras/ball/live HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    assert!(ask(&format!("{socket}\r\nOrigin: http://evil.example")).starts_with("HTTP/1.1 403"), "sockets, too");
    let own = ask(&format!("POST /api/v1/silences HTTP/1.1\r\nOrigin: http://{}\r\nContent-Length: 0", folder.http()));
    assert!(own.starts_with("HTTP/1.1 4") && !own.starts_with("HTTP/1.1 403"), "a page of its own is heard: {own}");
    let outside = ask("GET /../../../etc/passwd HTTP/1.1");
    assert!(outside.starts_with("HTTP/1.1 404") && !outside.contains("root:"), "{outside}");
}
