//! The other side: a program that runs eKuiper's own planner and topology (`benches/peers/ekuiper`), on one processor.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::Seen;
use crate::setups::Setup;

pub fn run(program: &Path, setup: &Setup, events: &Path, rows: u64) -> Seen {
    let order = json!({
        "Events": events, "Streams": setup.streams, "Rules": setup.peer_statements().collect::<Vec<_>>(),
        "EventTime": setup.event_time, "Rate": setup.rate, "Rows": rows,
    });
    // It remembers its streams; each run begins without any.
    if let Some(home) = std::env::var_os("KuiperBaseKey") {
        let data = Path::new(&home).join("data");
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::create_dir(&data).unwrap();
    }
    let mut child =
        Command::new(program).env("GOMAXPROCS", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peer failed; what it says is above");
    let text = String::from_utf8(output.stdout).unwrap();
    let seen: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let number = |key: &str| seen[key].as_f64().unwrap();
    let bytes = if setup.rules > 1 { (number("After") - number("Before")) / setup.rules as f64 } else { 0.0 };
    let (cpu, pace) = (number("CPU"), number("PaceCPU"));
    let events = setup.events as f64;
    let woken = if setup.rate > 0.0 { events / cpu } else { 0.0 };
    Seen { rows: number("Rows") as u64, rate: events / (cpu - pace), woken, p99: number("P99us"), bytes }
}
