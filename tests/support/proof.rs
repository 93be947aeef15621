//! The oracle of the tests that nothing is lost. It stands outside the process under test: it issues numbers, pushes them into a real
//! site as messages of a stream of which each becomes an alert, hears from the site's log which alerts are durable, and is itself each
//! way out of the site: a webhook, a subscriber at a broker, the reader of a file. [`Ledger`] keeps its books.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use parapet_testkit::{
    BadHttp, Ledger, Mosquitto, RunningSite, SiteFolder,
    bad_http::{Manner, Received},
    command::parapet_command,
    http,
    ledger::{self, word},
    wait::until,
};
use serde_json::{Value, json};

use crate::support::{Listener, PARAPET};

/// How long anything may take in the end.
const LIMIT: Duration = Duration::from_secs(300);
/// The webhook refuses every number that leaves this rest: it becomes a dead letter.
const REFUSED: (u64, u64) = (97, 5);

/// See the module.
pub struct Oracle {
    /// The site's folder.
    pub folder: SiteFolder,
    /// The webhook.
    pub hook: BadHttp,
    /// The books.
    pub ledger: Ledger,
    /// Lines of the file that a crash tore.
    pub torn: usize,
    /// How often the store's log was damaged at a start, and what stood before the damage was kept.
    pub damaged_logs: usize,
    broker: Mosquitto,
    listener: Listener,
}

fn is_refused(number: u64) -> bool {
    number % REFUSED.0 == REFUSED.1
}

impl Oracle {
    /// A site with three ways out, and the other ends of them. `lines` are added to its file.
    pub fn new(lines: &str) -> Self {
        let (hook, broker) = (BadHttp::start(), Mosquitto::start(&["log_type error"], &[]));
        hook.judge(|request| {
            let refused = message(&request.body).as_deref().and_then(ledger::number).is_some_and(is_refused);
            refused.then(|| Manner::Answer(404, String::new()))
        });
        let bus = format!("bus: {{broker: \"mqtt://127.0.0.1:{}\"}}\n", broker.port());
        let folder = SiteFolder::with("yard", &format!("{bus}telemetry: {{format: json}}\n{lines}"));
        folder
            .file("streams/numbers.yaml", "http: {}\ncolumns: {n: string, word: string}\n")
            .file(
                "rules/each.yaml",
                "sql: SELECT n, word FROM numbers\nkey: \"{n}\"\ncooldown: 0s\nmessage: \"{n} {word}\"\n",
            )
            .file(
                "uploaders/hook.yaml",
                &format!("sink: {{http: {{url: \"{}/x\"}}}}\nbackoff: {{first: 20ms, max: 200ms}}\n", hook.url()),
            )
            .file(
                "uploaders/file.yaml",
                "sink: {file: {path: data/alerts.jsonl}}\nbackoff: {first: 20ms, max: 200ms}\n",
            );
        let listener = Listener::at(broker.port(), "parapet/yard/alerts");
        Self { folder, hook, ledger: Ledger::default(), torn: 0, damaged_logs: 0, broker, listener }
    }

    /// The same with a camera, `walk`, that a model looks at: what must go on whatever becomes of the alerts.
    pub fn with_a_walk() -> Self {
        let oracle = Self::new("");
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/demo/assets");
        oracle
            .folder
            .copy(&assets.join("scout.onnx"), "models/scout.onnx")
            .copy(&assets.join("walkway.mp4"), "media/walkway.mp4")
            .file("models/scout.yaml", "file: models/scout.onnx\nmin_score: 0.5\n")
            .file("cameras/walk.yaml", "source: media/walkway.mp4\nrepeat: true\nfps: 5fps\nmodels: [scout]\n");
        oracle
    }

    /// The command that runs the site.
    pub fn command(&self) -> Command {
        let mut command = parapet_command(PARAPET);
        command.arg("run").arg("--config").arg(self.folder.path());
        command
    }

    /// Starts the site, and waits until it is ready.
    pub fn start(&self) -> RunningSite {
        RunningSite::start_with(&mut self.command(), self.folder.http())
    }

    /// Issues some numbers and pushes them. False when the site did not answer; then it may have taken them all the same.
    pub fn push(&mut self, count: u64) -> bool {
        let first = self.ledger.issued;
        let rows: Vec<Value> = (first..first + count).map(|n| json!({ "n": n.to_string(), "word": word(n) })).collect();
        match http::post(self.folder.http(), "/api/v1/streams/numbers", "application/json", &json!(rows).to_string()) {
            // Nothing was taken: the numbers are issued with the next ones.
            Ok(answer) if answer.status == 429 => true,
            Ok(answer) => {
                assert_eq!(answer.status, 202, "{}", answer.text());
                self.ledger.issued += count;
                true
            }
            Err(_) => {
                self.ledger.issued += count;
                false
            }
        }
    }

    /// Pushes a few numbers at a time until `over` says so, or the site has ended.
    pub fn feed(&mut self, site: &mut RunningSite, mut over: impl FnMut() -> bool) {
        while !over() && !site.has_ended() {
            self.push(4);
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    /// Takes in what a site that has ended said to be durable, and what its ways out have brought.
    pub fn account(&mut self, log: &str) {
        for line in log.lines().filter(|line| line.contains("\"rule\":\"each\"")) {
            let said: Value = serde_json::from_str(line).unwrap_or_default();
            self.ledger.acknowledged.extend(said["message"].as_str().and_then(ledger::number));
        }
        let taken: Vec<String> = self.hook.take().iter().map(text_of).collect();
        let taken = taken.iter().filter(|text| !ledger::number(text).is_some_and(is_refused));
        self.ledger.arrived("hook", taken);
    }

    /// Starts the site a last time without any fault, waits until nothing waits any more, and completes the books.
    pub fn finish(&mut self) {
        let mut site = self.start();
        let end = self.ledger.issued + 40;
        let issued = |oracle: &Self| oracle.ledger.issued;
        while issued(self) < end {
            assert!(self.push(4), "the site does not answer; it said:\n{}", site.log());
        }
        let alerts = |site: &RunningSite| site.metric("parapet_alerts_total{rule=\"each\"").unwrap_or(0.0);
        until("the last are alerts", LIMIT, || alerts(&site) >= 40.0);
        until("nothing waits any more", LIMIT, || {
            assert!(!site.has_ended(), "the site has ended; it said:\n{}", site.log());
            site.metric("parapet_outbox_waiting_events")
                .is_some_and(|waiting| waiting == self.dead_letters(&site) as f64)
        });
        self.ledger.dead.insert("hook".to_owned(), self.read_dead_letters(&site));
        let journal = site.get("/api/v1/errors?actor=uploaders/hook").to_string();
        let dead = self.ledger.dead["hook"].len();
        assert!(dead == 0 || journal.contains("refused"), "the journal knows of no dead letter: {journal}");
        let told = site.get("/api/v1/errors?actor=store");
        let records = told["items"].as_array().unwrap();
        assert!(!records.iter().any(|record| record["kind"] == "damaged"), "{told:#}");
        self.damaged_logs = records.iter().filter(|record| record["kind"] == "log_damaged").count();
        let log = site.terminate().err;
        self.account(&log);
        let file = std::fs::read_to_string(self.folder.path().join("data/alerts.jsonl")).unwrap();
        let texts: Vec<String> = file.lines().filter_map(message).collect();
        self.torn = file.lines().count() - texts.len();
        self.ledger.arrived("file", texts);
        self.ledger.arrived("broker", heard(&self.listener));
    }

    fn dead_letters(&self, site: &RunningSite) -> u64 {
        let list = site.get("/api/v1/uploaders");
        list.as_array().into_iter().flatten().filter_map(|uploader| uploader["dead_letters"].as_u64()).sum()
    }

    /// The webhook's dead letters, with their reasons.
    fn read_dead_letters(&self, site: &RunningSite) -> BTreeMap<u64, String> {
        let (mut dead, mut after) = (BTreeMap::new(), 0);
        loop {
            let page = site.get(&format!("/api/v1/uploaders/hook/dead?payloads=true&limit=100&after={after}"));
            let items = page["items"].as_array().unwrap();
            for item in items {
                let text = message_of(item["payload"].as_str().unwrap());
                let number = ledger::number(&text).unwrap_or_else(|| panic!("a dead letter of nobody: {text}"));
                assert!(is_refused(number), "{number} was refused by nobody");
                dead.insert(number, item["code"].as_str().unwrap_or_default().to_owned());
                after = item["number"].as_u64().unwrap();
            }
            if items.is_empty() {
                return dead;
            }
        }
    }

    /// Checks the books, and that they are worth something.
    pub fn assert_balanced(&self, what: &str) {
        let told = format!(
            "{what}: {}; {} torn lines in the file, {} damaged logs",
            self.ledger.summary(),
            self.torn,
            self.damaged_logs
        );
        println!("{told}");
        if let Err(wrong) = self.ledger.balance() {
            panic!("{told}\n{wrong}");
        }
        assert!(self.ledger.acknowledged.len() >= 100, "too few to say anything: {told}");
        let repeats: usize = self.ledger.sinks.values().map(ledger::Arrivals::repeats).sum();
        assert!(repeats >= 1, "nothing was sent again, so nothing was shown: {told}");
        assert!(!self.ledger.dead["hook"].is_empty(), "no dead letter: {told}");
    }
}

/// The alert's message in a CloudEvent.
fn message(event: &str) -> Option<String> {
    let event: Value = serde_json::from_str(event).ok()?;
    Some(event["data"]["message"].as_str()?.to_owned())
}

/// As [`message`]; what has none is told as it is, and belongs to no number.
fn message_of(event: &str) -> String {
    message(event).unwrap_or_else(|| event.to_owned())
}

/// What somebody at a broker has heard.
pub fn heard(listener: &Listener) -> Vec<String> {
    listener.messages().iter().map(|message| message_of(&String::from_utf8_lossy(&message.payload))).collect()
}

fn text_of(request: &Received) -> String {
    message_of(&request.body)
}

/// How long starts took until the site was ready.
#[derive(Debug, Default)]
pub struct Starts(Vec<Duration>);

impl Starts {
    /// One more.
    pub fn took(&mut self, site: &RunningSite) {
        self.0.push(site.started().elapsed());
    }

    /// The middle one and the longest.
    pub fn figures(&self) -> (Duration, Duration) {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        (sorted.get(sorted.len() / 2).copied().unwrap_or_default(), sorted.last().copied().unwrap_or_default())
    }
}

/// A moment from now.
pub fn in_ms(milliseconds: usize) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds as u64)
}
