//! Eleven cameras on a box whose slots can't keep up: what is given up, in which order, that every skipped frame is counted by its reason,
//! and that all of it comes back. A whole site with fakes of its ports; the engines take as long as the test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineError, EngineFactory, ModelStatus, Seen, View},
    ports::{Ports, SinkFactory},
    site::Site,
    store::{AlertObserver, Timeline},
    topology,
};
use parapet_config::{Model, Secrets, SlotConfig, Uploader, load};
use parapet_contracts::{
    Alert, CaptureTime, Clock, ErrorRecord, SystemClock, TimeSource, Timestamp,
    camera::SourceSpec,
    ports::{
        media::{Attention, MediaError, MediaFrame, MediaPort, MediaSink, MediaStats, MediaStream},
        probe::NoProbe,
        sink::SinkPort,
        store::{ErrorQuery, JournalFile, StoreError, StorePort},
    },
};
use parapet_testkit::{
    MemoryBus, MemoryClips, MemoryEvidence, MemoryStore,
    media::grey,
    wait::{PATIENCE, until_async},
};

/// Frames a second of each camera.
const FPS: u64 = 10;
/// Cameras; the last three are of low priority.
const CAMERAS: usize = 11;

const PEOPLE: &str = "file: p.onnx
slots: 2
overload:
  steps: [lower_rate, lighter_model: people-small, shed_low_priority]
  lowest_rate: 4fps
  after: 1s
  recover_after: 1s
";

/// Cameras that send frames as fast as the clock on the wall, as long as they are open.
struct Cameras;

struct Playing(Arc<AtomicBool>);

impl MediaPort for Cameras {
    fn open(&self, _: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        let open = Arc::new(AtomicBool::new(true));
        let playing = Arc::clone(&open);
        std::thread::spawn(move || {
            let mut index = 0;
            while playing.load(Ordering::SeqCst) {
                let capture = CaptureTime { at: Timestamp::now(), source: TimeSource::Pts };
                let pts = index as f64 / FPS as f64;
                sink.frame(MediaFrame { index, pts, capture, picture: grey(8, 8) });
                index += 1;
                std::thread::sleep(Duration::from_secs(1) / FPS as u32);
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

/// What a look takes, in milliseconds.
#[derive(Clone, Default)]
struct Pace {
    people: Arc<AtomicU64>,
    small: Arc<AtomicU64>,
}

struct Slow(Arc<AtomicU64>);

impl EngineFactory for Pace {
    fn build(&self, model: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        let pace = if model.id.as_str() == "people" { &self.people } else { &self.small };
        Ok(Box::new(Slow(Arc::clone(pace))))
    }
}

impl Engine for Slow {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        std::thread::sleep(Duration::from_millis(self.0.load(Ordering::SeqCst)));
        views.iter().map(|_| Ok(Seen::default())).collect()
    }

    fn description(&self) -> String {
        "takes its time".to_owned()
    }
}

/// What the test does not use.
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

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn start(pace: &Pace, journal: Journal) -> Arc<Site> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "site.yaml", "site: {id: yard}\n");
    write(folder.path(), "p.onnx", "x");
    write(folder.path(), "models/people.yaml", PEOPLE);
    write(folder.path(), "models/people-small.yaml", "file: p.onnx\n");
    for camera in 0..CAMERAS {
        let priority = if camera >= CAMERAS - 3 { "low" } else { "normal" };
        let text = format!("source: rtsp://camera/stream\nmodels: [people]\npriority: {priority}\n");
        write(folder.path(), &format!("cameras/c{camera}.yaml"), &text);
    }
    let config = load(folder.path(), &NoProbe, &Secrets::standard()).unwrap_or_else(|e| panic!("{e}")).config;
    let ports = Ports {
        media: Arc::new(Cameras),
        engines: Arc::new(pace.clone()),
        store: Arc::new(MemoryStore::new()),
        journal_file: Arc::new(Nothing),
        clips: Arc::new(MemoryClips),
        evidence: Arc::new(MemoryEvidence::new()),
        bus: Arc::new(MemoryBus::new()),
        sinks: Arc::new(Nothing),
        lines: Arc::new(parapet_testkit::MemoryLines::default()),
        alerts: Arc::new(Nothing),
        clock: Arc::new(SystemClock::new()),
    };
    topology::start(config, ports, journal, |_| Vec::new()).await.unwrap()
}

fn status(site: &Site, model: &str) -> ModelStatus {
    site.models()[model].status()
}

/// Frames that were dropped for this reason, over the cameras whose numbers are given.
fn dropped(status: &ModelStatus, reason: &str, cameras: std::ops::Range<usize>) -> u64 {
    let of = |n: usize| status.cameras.iter().filter(move |feed| feed.camera == format!("c{n}"));
    cameras.flat_map(of).filter_map(|feed| feed.dropped.get(reason)).sum()
}

/// Waits until the policy has given up exactly this.
async fn given_up(site: &Site, wanted: &[&str]) {
    let what = format!("what is given up is {wanted:?}");
    until_async(&what, PATIENCE * 4, || {
        status(site, "people").overload.is_some_and(|overload| overload.given_up == wanted)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_of_eleven_cameras_degrades_in_the_declared_order_and_recovers() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let pace = Pace::default();
    // 110 frames a second are wanted, and two slots look at 2,000.
    pace.people.store(1, Ordering::SeqCst);
    pace.small.store(1, Ordering::SeqCst);
    let site = start(&pace, Journal::new(Arc::clone(&clock))).await;
    until_async("every camera is looked at", PATIENCE, || {
        let people = status(&site, "people");
        people.cameras.len() == CAMERAS && people.cameras.iter().all(|feed| feed.taken > 5)
    })
    .await;
    given_up(&site, &[]).await;

    // They look at 70: three quarters of the frames are too much. How many fit depends on how well this machine sleeps.
    pace.people.store(28, Ordering::SeqCst);
    until_async("the rate is lowered below three quarters", PATIENCE * 4, || {
        status(&site, "people").overload.is_some_and(|overload| overload.step >= 2)
    })
    .await;
    let given = status(&site, "people").overload.map(|overload| overload.given_up).unwrap_or_default();
    assert!(given.len() == 1 && given[0].starts_with("the rate of each camera is lowered to"), "{given:?}");
    assert!(dropped(&status(&site, "people"), "lowered_rate", 0..CAMERAS) > 0);
    assert_eq!(status(&site, "people-small").inferences, 0, "the lighter model is asked later");

    // They look at 10, and the lighter model at 1,000.
    pace.people.store(200, Ordering::SeqCst);
    let lighter = ["the rate of each camera is lowered to 25 %", "model people-small looks in its place"];
    given_up(&site, &lighter).await;
    until_async("the lighter model looks at every camera", PATIENCE, || {
        let small = status(&site, "people-small").cameras;
        small.len() == CAMERAS && small.iter().all(|feed| feed.taken > 0)
    })
    .await;
    let small = status(&site, "people-small").cameras;
    assert!(small.iter().all(|feed| feed.stands_in_for.as_deref() == Some("people")));
    assert_eq!(dropped(&status(&site, "people"), "shed", 0..CAMERAS), 0);

    // That one looks at 20, too: three cameras of low priority are left out, and the others go on.
    pace.small.store(50, Ordering::SeqCst);
    given_up(&site, &[lighter[0], lighter[1], "cameras of low priority are left out"]).await;
    until_async("frames of low priority are left out", PATIENCE, || {
        dropped(&status(&site, "people"), "shed", CAMERAS - 3..CAMERAS) > 10
    })
    .await;
    assert_eq!(dropped(&status(&site, "people"), "shed", 0..CAMERAS - 3), 0, "nobody else is");

    // Each change is in the journal.
    let query = ErrorQuery { actor: Some("models/people".to_owned()), limit: 100, ..ErrorQuery::default() };
    let steps = ["lowered to 75 %", "lowered to 50 %", "lowered to 25 %", "people-small looks", "are left out"];
    until_async("each step is in the journal", PATIENCE, || {
        let told = site.links().store.port().errors(&query).unwrap().items;
        steps.iter().all(|step| told.iter().any(|record| record.kind == "overload" && record.text.contains(step)))
    })
    .await;

    // There is room again: everything comes back, and stays.
    pace.people.store(1, Ordering::SeqCst);
    pace.small.store(1, Ordering::SeqCst);
    given_up(&site, &[]).await;
    let before = status(&site, "people").cameras;
    until_async("every camera is looked at again", PATIENCE, || {
        status(&site, "people").cameras.iter().zip(&before).all(|(now, then)| now.taken > then.taken + 5)
    })
    .await;

    site.shutdown(Duration::from_secs(10)).await;
    let mut offered = 0;
    for model in ["people", "people-small"] {
        for feed in status(&site, model).cameras {
            let dropped: u64 = feed.dropped.values().sum();
            let accounted = feed.taken + feed.passed_on + dropped;
            assert!(accounted <= feed.offered && feed.offered <= accounted + 1, "{model}: {feed:?}");
            offered += feed.offered;
        }
    }
    assert!(offered > 0);
}
