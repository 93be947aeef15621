//! What tests of whole sites with fakes of their ports share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parapet_actors::{
    model::EngineFactory,
    ports::{Ports, SinkFactory},
    store::{AlertObserver, Timeline},
};
use parapet_config::{Secrets, SiteConfig, Uploader, load};
use parapet_contracts::{
    Alert, CaptureTime, ErrorRecord, SystemClock, TimeSource, Timestamp,
    camera::SourceSpec,
    ports::{
        bus::BusPort,
        media::{Attention, MediaError, MediaFrame, MediaPort, MediaSink, MediaStats, MediaStream},
        probe::NoProbe,
        sink::SinkPort,
        store::{JournalFile, StoreError, StorePort},
    },
};
use parapet_testkit::{MemoryClips, MemoryEvidence, MemoryRecordings, media::grey};

/// Cameras that send so many frames a second by the clock on the wall, for as long as they are open.
pub struct Cameras(pub u32);

struct Playing(Arc<AtomicBool>);

impl MediaPort for Cameras {
    fn open(&self, _: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        let open = Arc::new(AtomicBool::new(true));
        let (playing, fps) = (Arc::clone(&open), self.0);
        std::thread::spawn(move || {
            let mut index = 0;
            while playing.load(Ordering::SeqCst) {
                let capture = CaptureTime { at: Timestamp::now(), source: TimeSource::Pts };
                let pts = index as f64 / f64::from(fps);
                sink.frame(MediaFrame { index, pts, capture, picture: grey(8, 8) });
                index += 1;
                std::thread::sleep(Duration::from_secs(1) / fps);
            }
        });
        Ok(Box::new(Playing(open)))
    }
}

impl MediaStream for Playing {
    fn stats(&self) -> MediaStats {
        MediaStats::default()
    }

    fn set_attention(&self, _: Attention) {}
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// What such a site does not use.
struct Nothing;

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

/// Ports of a site with these engines, this store and this bus, whose cameras send `fps` frames a second.
pub fn ports(fps: u32, engines: Arc<dyn EngineFactory>, store: Arc<dyn StorePort>, bus: Arc<dyn BusPort>) -> Ports {
    Ports {
        media: Arc::new(Cameras(fps)),
        engines,
        store,
        journal_file: Arc::new(Nothing),
        clips: Arc::new(MemoryClips),
        evidence: Arc::new(MemoryEvidence::new()),
        recordings: Arc::new(MemoryRecordings::default()),
        bus,
        lines: Arc::new(parapet_testkit::MemoryLines::default()),
        sinks: Arc::new(Nothing),
        alerts: Arc::new(Nothing),
        clock: Arc::new(SystemClock::new()),
    }
}

/// Writes a file of a site.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// What the files of a folder say.
pub fn config(folder: &Path) -> SiteConfig {
    load(folder, &NoProbe, &Secrets::standard()).unwrap_or_else(|e| panic!("{e}")).config
}
