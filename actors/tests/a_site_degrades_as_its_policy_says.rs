//! Eleven cameras on a box whose slots can't keep up: what is given up, in which order, that every skipped frame is counted by its reason,
//! and that all of it comes back. A whole site with fakes of its ports; the engines take as long as the test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineError, EngineFactory, ModelStatus, Seen, View},
    site::Site,
    topology,
};
use parapet_config::{Model, SlotConfig};
use parapet_contracts::{Clock, Object, SystemClock, ports::store::ErrorQuery};
use parapet_testkit::{
    MemoryBus, MemoryStore,
    wait::{PATIENCE, until_async},
};
use serde_json::Value;
use support::{config, ports, write};

/// Frames a second of each camera.
const FPS: u32 = 10;
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
        let thing = || Object::new("thing", 0, 0.9, [1.0, 1.0, 5.0, 5.0].into());
        views.iter().map(|_| Ok(Seen { objects: vec![thing()], ..Seen::default() })).collect()
    }

    fn description(&self) -> String {
        "takes its time".to_owned()
    }
}

async fn start(pace: &Pace, bus: &Arc<MemoryBus>, journal: Journal) -> Arc<Site> {
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
    let ports = ports(FPS, Arc::new(pace.clone()), Arc::new(MemoryStore::new()), Arc::clone(bus) as _);
    topology::start(config(folder.path()), ports, journal, |_| Vec::new()).await.unwrap()
}

/// The data of all that was published on topics with this end.
fn published(bus: &MemoryBus, end: &str) -> Vec<Value> {
    let messages = bus.published().into_iter().filter(|published| published.message.topic.ends_with(end));
    messages
        .map(|published| serde_json::from_slice::<Value>(&published.message.payload).unwrap()["data"].take())
        .collect()
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
    let bus = Arc::new(MemoryBus::new());
    let site = start(&pace, &bus, Journal::new(Arc::clone(&clock))).await;
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
    // What it sees goes out under the name that the cameras asked, and says who looked.
    until_async("events say who looked", PATIENCE, || {
        published(&bus, "/detections").iter().any(|event| event["answered_by"] == "people-small")
    })
    .await;
    let events = published(&bus, "/detections");
    assert!(events.iter().all(|event| event["model"] == "people"));
    assert!(events[0]["answered_by"].is_null(), "it looked itself at first");

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

    // And each is published: the last one stays for whoever comes later.
    until_async("the model is told to be degraded", PATIENCE, || {
        published(&bus, "/models/people/status").last().is_some_and(|status| {
            status["health"] == "degraded"
                && status["reason"].as_str().is_some_and(|reason| reason.contains("are left out"))
        })
    })
    .await;

    // There is room again: everything comes back, and stays.
    pace.people.store(1, Ordering::SeqCst);
    pace.small.store(1, Ordering::SeqCst);
    given_up(&site, &[]).await;
    until_async("each step back is told", PATIENCE, || {
        let told = site.links().store.port().errors(&query).unwrap().items;
        let over = |part: &str| told.iter().any(|record| record.kind == "overload_over" && record.text.contains(part));
        let health = published(&bus, "/models/people/status").last().map(|status| status["health"].clone());
        over("people-small looks")
            && over("lowered to 75 %")
            && over("nothing is given up any more")
            && health == Some("online".into())
    })
    .await;
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
