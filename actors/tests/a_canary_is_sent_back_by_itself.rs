//! A canary that is too slow, fails, hangs or breaks is sent back by itself, and the first model looks at its cameras again; what was wrong is told.
//! A whole site with fakes of its ports; the engines do what the test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use parapet_actors::{
    journal::Journal,
    model::{CanaryState, CanaryStatus, Engine, EngineError, EngineFactory, Seen, View},
    site::Site,
    topology,
};
use parapet_config::{Model, SlotConfig};
use parapet_contracts::{ErrorKind, SystemClock, ports::store::ErrorQuery};
use parapet_testkit::{
    MemoryBus, MemoryStore,
    wait::{PATIENCE, until_async},
};
use support::{config, ports, write};

/// What the canary does from now on.
#[derive(Clone, Default)]
struct Mood(Arc<AtomicU8>);

const WELL: u8 = 0;
const SLOW: u8 = 1;
const FAILS: u8 = 2;
const BREAKS: u8 = 3;
const PANICS: u8 = 4;
const HANGS: u8 = 5;

impl EngineFactory for Mood {
    fn build(&self, model: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(Moody(if model.canary.is_some() { self.clone() } else { Self::default() })))
    }
}

struct Moody(Mood);

impl Engine for Moody {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        let error = |kind| EngineError { kind, code: "odd", text: "it does not feel well".to_owned() };
        let answer = match self.0.0.load(Ordering::SeqCst) {
            SLOW => {
                std::thread::sleep(Duration::from_millis(40));
                Ok(Seen::default())
            }
            FAILS => Err(error(ErrorKind::Reject)),
            BREAKS => Err(error(ErrorKind::Fatal)),
            PANICS => panic!("a bug in a library"),
            HANGS => loop {
                std::thread::park();
            },
            _ => Ok(Seen::default()),
        };
        views.iter().map(|_| answer.clone()).collect()
    }

    fn description(&self) -> String {
        "moody".to_owned()
    }
}

struct Running {
    site: Arc<Site>,
    mood: Mood,
    _folder: tempfile::TempDir,
}

impl Running {
    /// A site with two cameras, and a canary that looks at one of them.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| write(folder.path(), name, text);
        write("site.yaml", "site: {id: yard}\n");
        write("p.onnx", "x");
        write("models/people.yaml", "file: p.onnx\n");
        write(
            "models/next.yaml",
            "file: p.onnx\nhung_after: 300ms\ncanary: {of: people, share: 0.5, most_failures: 2, look_within: 20ms}\n",
        );
        for camera in ["dock", "gate"] {
            write(&format!("cameras/{camera}.yaml"), "source: rtsp://camera/stream\nmodels: [people]\n");
        }
        let (mood, store) = (Mood::default(), Arc::new(MemoryStore::new()));
        let ports = ports(50, Arc::new(mood.clone()), store, Arc::new(MemoryBus::new()));
        let journal = Journal::new(Arc::new(SystemClock::new()));
        let site = topology::start(config(folder.path()), ports, journal, |_| Vec::new()).await.unwrap();
        let running = Self { site, mood, _folder: folder };
        until_async("the canary answers", PATIENCE, || running.canary().looks > 30).await;
        assert_eq!((running.canary().state, running.canary().cameras.len()), (CanaryState::Answering, 1));
        running
    }

    fn canary(&self) -> CanaryStatus {
        self.site.models()["next"].status().canary.unwrap()
    }

    /// Frames of the canary's camera that the first model has taken.
    fn taken_of_its_camera(&self) -> u64 {
        let camera = self.canary().cameras[0].to_string();
        let people = self.site.models()["people"].status();
        people.cameras.iter().find(|feed| feed.camera == camera).unwrap().taken
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_it_the_first_model_looks_again_and_it_is_told() {
    for (mood, why) in [
        (SLOW, "ms in the mean, and may take 20.0 ms"),
        (FAILS, "3 of its last 100 looks failed, the last one so: it does not feel well"),
        (BREAKS, "it broke: it does not feel well"),
        (PANICS, "models/next/slot-0 had to start anew"),
        (HANGS, "a look of models/next/slot-0 never came back"),
    ] {
        let running = Running::start().await;
        until_async("a whole window is good", PATIENCE, || running.canary().looks > 100).await;
        let before = running.taken_of_its_camera();
        running.mood.0.store(mood, Ordering::SeqCst);
        until_async(why, PATIENCE, || running.canary().sent_back.is_some()).await;
        let end = running.canary().sent_back.unwrap();
        assert!(end.why.contains(why), "{why}: {}", end.why);
        until_async("the first model looks again", PATIENCE, || running.taken_of_its_camera() > before + 20).await;
        let query = ErrorQuery { actor: Some("models/next".to_owned()), limit: 100, ..ErrorQuery::default() };
        until_async("that is journalled", PATIENCE, || {
            let told = running.site.links().store.port().errors(&query).unwrap().items;
            told.iter().any(|record| record.kind == "canary" && record.text.contains(why))
        })
        .await;
        until_async("its slots are gone", PATIENCE, || running.site.tree().find("models/next").is_none()).await;
        running.mood.0.store(WELL, Ordering::SeqCst);
        running.site.shutdown(Duration::from_secs(10)).await;
    }
}
