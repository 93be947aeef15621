//! A model's file changes at a running site, with fakes of its ports: the new model is loaded and checked beside the old one, which
//! goes on looking; it takes its place when it is good, and changes nothing when it is not. Fault 18, too: no memory for the new one
//! (what a GPU's driver would say is said by a fake of the inference port's error: there is no GPU here).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{path::Path, sync::Arc, time::Duration};

use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineError, EngineFactory, ModelChange, ModelStatus, Seen, View},
    site::Site,
    topology,
};
use parapet_config::{Model, SlotConfig};
use parapet_contracts::{
    ErrorKind, ModelId, SystemClock,
    ports::{
        inference::InferenceError,
        store::{ErrorQuery, StorePort},
    },
};
use parapet_supervision::NodeState;
use parapet_testkit::{
    MemoryBus, MemoryStore,
    wait::{PATIENCE, until_async},
};
use parking_lot::{Condvar, Mutex};
use support::{config, ports, write};

/// Engines that do what the first label of their model says, and note under which label each frame of a camera was looked at.
#[derive(Clone, Default)]
struct Scripted(Arc<Script>);

#[derive(Default)]
struct Script {
    looks: Mutex<Vec<String>>,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Scripted {
    fn looks(&self) -> Vec<String> {
        self.0.looks.lock().clone()
    }

    /// Lets the models go on whose loading waits.
    fn open(&self) {
        *self.0.open.lock() = true;
        self.0.opened.notify_all();
    }
}

impl EngineFactory for Scripted {
    fn build(&self, model: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        let label = model.io.labels.as_ref().unwrap()[0].clone();
        match label.as_str() {
            "corrupt" => {
                let text = "people.onnx is no model".to_owned();
                return Err(EngineError { kind: ErrorKind::Fatal, code: "corrupt", text });
            }
            "too-big" => {
                let text = "model people.onnx: CUDA_ERROR_OUT_OF_MEMORY".to_owned();
                return Err(InferenceError { kind: ErrorKind::Retry, code: "out_of_memory", text }.into());
            }
            "panics" => panic!("a bug in a library"),
            slow if slow.starts_with("slow") => {
                let mut open = self.0.open.lock();
                while !*open {
                    self.0.opened.wait(&mut open);
                }
            }
            _ => {}
        }
        Ok(Box::new(Looker { label, script: self.clone() }))
    }
}

struct Looker {
    label: String,
    script: Scripted,
}

impl Engine for Looker {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        let look = |view: &View<'_>| {
            // What a model is checked with is larger than the cameras' pictures.
            if view.picture.width == 8 {
                self.script.0.looks.lock().push(self.label.clone());
            }
            match self.label.as_str() {
                "nan" => Ok(Seen { refused: vec![("not_finite", 84)], ..Seen::default() }),
                "odd" => Err(EngineError { kind: ErrorKind::Reject, code: "shape", text: "an odd shape".to_owned() }),
                _ => Ok(Seen::default()),
            }
        };
        views.iter().map(look).collect()
    }

    fn description(&self) -> String {
        self.label.clone()
    }
}

struct Running {
    folder: tempfile::TempDir,
    site: Arc<Site>,
    script: Scripted,
    store: Arc<MemoryStore>,
}

fn model(folder: &Path, id: &str, label: &str) {
    write(folder, &format!("models/{id}.yaml"), &format!("file: models/people.onnx\nlabels: [{label}]\n"));
}

/// A site with a model `people` at `gate`, and another at `dock`.
async fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "site.yaml", "site: {id: yard}\n");
    write(folder.path(), "models/people.onnx", "x");
    model(folder.path(), "people", "one");
    model(folder.path(), "other", "other");
    write(folder.path(), "cameras/gate.yaml", "source: rtsp://camera/stream\nmodels: [people]\n");
    write(folder.path(), "cameras/dock.yaml", "source: rtsp://camera/stream\nmodels: [other]\n");
    let (script, store) = (Scripted::default(), Arc::new(MemoryStore::new()));
    let ports = ports(50, Arc::new(script.clone()), store.clone(), Arc::new(MemoryBus::new()));
    let journal = Journal::new(Arc::new(SystemClock::new()));
    let site = topology::start(config(folder.path()), ports, journal, |_| Vec::new()).await.unwrap();
    assert_eq!(site.settled(PATIENCE).await, [] as [String; 0]);
    let running = Running { folder, site, script, store };
    running.looks_again("one").await;
    running
}

impl Running {
    async fn change(&self, label: &str) {
        model(self.folder.path(), "people", label);
        self.site.apply(config(self.folder.path())).await;
    }

    fn status(&self, id: &str) -> ModelStatus {
        self.site.models()[&ModelId::new(id).unwrap()].status()
    }

    /// Waits for some more looks under a label.
    async fn looks_again(&self, label: &str) {
        let count = || self.script.looks().iter().filter(|look| *look == label).count();
        let goal = count() + 10;
        until_async(&format!("{label} looks"), PATIENCE, || count() >= goal).await;
    }

    /// Nothing that runs has noticed anything.
    fn nobody_noticed(&self) {
        for id in ["people", "other"] {
            let tree = self.site.tree();
            let slot = tree.find(&format!("models/{id}/slot-0")).unwrap();
            assert_eq!((slot.state, slot.restarts), (NodeState::Running, 0), "{id}");
            assert_eq!(self.status(id).failures, 0, "{id}");
            assert!(self.status(id).cameras.iter().all(|camera| camera.failed == 0), "{id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_model_looks_while_the_new_one_is_loaded_and_then_the_new_one_does() {
    let running = start().await;
    running.change("slow").await;
    assert_eq!(running.status("people").change, Some(ModelChange::Loading));
    running.looks_again("one").await;
    running.script.open();
    running.looks_again("slow").await;
    assert_eq!(running.status("people").change, None);
    assert_eq!(running.status("people").description.as_deref(), Some("slow"));
    running.nobody_noticed();
    let looks: Vec<_> = running.script.looks().into_iter().filter(|look| look != "other").collect();
    let first_new = looks.iter().position(|look| look == "slow").unwrap();
    assert!(
        looks[..first_new].iter().all(|look| look == "one") && looks[first_new..].iter().all(|look| look == "slow")
    );
    running.site.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_model_that_is_no_good_changes_nothing_and_is_told_and_its_mended_file_is_taken() {
    let running = start().await;
    for (label, why) in [
        ("corrupt", "people.onnx is no model"),
        ("nan", "84 of its answers to an empty picture are no numbers"),
        ("odd", "an odd shape"),
        ("too-big", "CUDA_ERROR_OUT_OF_MEMORY"),
        ("panics", "a bug in a library"),
    ] {
        running.change(label).await;
        let refused =
            || matches!(running.status("people").change, Some(ModelChange::Refused { text }) if text.contains(why));
        until_async(&format!("{label} is refused"), PATIENCE, refused).await;
        let journalled = || {
            running
                .store
                .errors(&ErrorQuery { limit: 100, ..ErrorQuery::default() })
                .unwrap()
                .items
                .iter()
                .any(|r| r.actor == "models/people" && r.text.contains(why))
        };
        until_async(&format!("{label} is journalled"), PATIENCE, journalled).await;
        running.looks_again("one").await;
        running.looks_again("other").await;
        running.nobody_noticed();
    }
    assert!(!running.script.looks().iter().any(|look| look == "nan" || look == "odd"), "no frame was shown to them");
    running.change("two").await;
    running.looks_again("two").await;
    assert_eq!(running.status("people").change, None);
    running.nobody_noticed();
    running.site.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_the_last_one_counts_whichever_is_loaded_first() {
    let running = start().await;
    running.change("slow").await;
    running.change("two").await;
    running.looks_again("two").await;
    running.script.open();
    // What has loaded last would show here.
    running.looks_again("two").await;
    running.looks_again("two").await;
    assert!(!running.script.looks().iter().any(|look| look == "slow"));
    assert_eq!(running.status("people").description.as_deref(), Some("two"));
    running.nobody_noticed();
    running.site.shutdown(Duration::from_secs(10)).await;
}
