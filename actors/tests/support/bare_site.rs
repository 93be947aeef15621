//! A site without devices, for tests of what rules do in one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, sync::Arc};

use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineError, EngineFactory},
    ports::{Ports, SinkFactory},
    site::Site,
    store::{AlertObserver, Timeline},
    topology,
};
use parapet_config::{Model, Secrets, SlotConfig, Uploader, load};
use parapet_contracts::{
    Alert, Clock, ErrorKind, ErrorRecord, SystemClock,
    camera::SourceSpec,
    ports::{
        media::{MediaError, MediaPort, MediaSink, MediaStream},
        probe::NoProbe,
        sink::SinkPort,
        store::{AlertQuery, JournalFile, StoreError, StorePort},
    },
};
use parapet_testkit::{
    MemoryBus, MemoryClips, MemoryEvidence, MemoryLines, MemoryRecordings, MemoryStore, wait::PATIENCE,
};

/// What this site has none of.
struct Nothing;

impl MediaPort for Nothing {
    fn open(&self, _: &SourceSpec, _: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        Err(MediaError { kind: ErrorKind::Fatal, code: "none", text: "no cameras here".to_owned() })
    }
}

impl EngineFactory for Nothing {
    fn build(&self, _: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        Err(EngineError { kind: ErrorKind::Fatal, code: "none", text: "no models here".to_owned() })
    }
}

impl SinkFactory for Nothing {
    fn build(&self, _: &Uploader) -> Result<Arc<dyn SinkPort>, String> {
        Err("no sinks here".to_owned())
    }
}

impl AlertObserver for Nothing {
    fn durable(&self, _: &Alert, _: &Timeline) {}
}

impl JournalFile for Nothing {
    fn append(&self, _: &ErrorRecord) -> Result<(), StoreError> {
        Ok(())
    }

    fn take_in(&self, _: &dyn StorePort) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// Writes a file of the site.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A site with fakes of all its ports: no camera brings anything, no model and no sink can be made.
pub async fn start(folder: &Path, store: &Arc<MemoryStore>) -> Arc<Site> {
    let config = load(folder, &NoProbe, &Secrets::standard()).unwrap_or_else(|e| panic!("{e}")).config;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let ports = Ports {
        media: Arc::new(Nothing),
        engines: Arc::new(Nothing),
        store: Arc::clone(store) as _,
        journal_file: Arc::new(Nothing),
        clips: Arc::new(MemoryClips),
        evidence: Arc::new(MemoryEvidence::new()),
        recordings: Arc::new(MemoryRecordings::default()),
        bus: Arc::new(MemoryBus::new()),
        sinks: Arc::new(Nothing),
        lines: Arc::new(MemoryLines::default()),
        alerts: Arc::new(Nothing),
        clock: Arc::clone(&clock),
    };
    let site = topology::start(config, ports, Journal::new(clock), |_| Vec::new()).await.unwrap();
    assert_eq!(site.settled(PATIENCE).await, [] as [String; 0]);
    site
}

/// The messages of all alerts, oldest first.
pub fn messages(store: &MemoryStore) -> Vec<String> {
    let page = store.alerts(&AlertQuery { limit: 100, ..AlertQuery::default() }).unwrap();
    page.items.into_iter().rev().map(|alert| alert.message).collect()
}
