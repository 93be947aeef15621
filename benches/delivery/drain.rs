//! An outage of an hour at 100 events a second: what 360,000 events cost while they wait, and how long they take to leave through a
//! bridge to a real broker.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_bus_mqtt::BusSettings;
use parapet_sink_mqtt::{Form, MqttSink};
use parapet_testkit::Mosquitto;

use crate::{
    parts::{Store, event},
    support::{Figures, memory_of},
};

const EVENTS: u64 = 360_000;
/// Events of one append: those of five seconds.
const TOGETHER: u64 = 500;
const QUEUE: &str = "uploader/hub/events";

/// The row.
pub fn run(figures: &mut Figures) {
    crate::runtime().block_on(measure(figures));
}

async fn measure(figures: &mut Figures) {
    let (folder, broker) = (tempfile::tempdir().unwrap(), Mosquitto::start(&["log_type error"], &[]));
    let store = Store::start(folder.path()).await;
    let own = std::process::id();
    let before = memory_of(own).anonymous;
    for first in (0..EVENTS).step_by(TOGETHER as usize) {
        let events = (first..first + TOGETHER).map(|n| (QUEUE.to_owned(), event(n, "parapet/harbour/alerts")));
        store.handle.append(Vec::new(), events.collect()).await.unwrap();
    }
    assert_eq!(store.waiting(QUEUE), EVENTS);
    figures.one("memory that 360,000 waiting events take", memory_of(own).anonymous - before, "MiB", None);
    figures.one("their size on the disk", folder_bytes(folder.path()) / 1e6, "MB", None);

    let began = Instant::now();
    let settings = BusSettings::new("127.0.0.1", broker.port(), "site");
    let _pump = store.pump(QUEUE, Arc::new(MqttSink::connect(settings, "sites/".to_owned(), Form::CloudEvents))).await;
    let mut most: f64 = 0.0;
    while store.waiting(QUEUE) > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(memory_of(own).anonymous);
        assert!(began.elapsed() < Duration::from_secs(1800), "{} still wait", store.waiting(QUEUE));
    }
    let took = began.elapsed().as_secs_f64();
    figures.one("360,000 events to drain through a bridge", took, "s", Some(600.0));
    figures.one("events a second meanwhile", EVENTS as f64 / took, "a second", None);
    figures.one("memory meanwhile, at most more than before", most - before, "MiB", None);
    store.stop().await;
}

/// Bytes of all files below a folder.
pub fn folder_bytes(folder: &std::path::Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
            Ok(data) => data.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}
