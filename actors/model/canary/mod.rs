//! Canaries: models that look in the place of another one at a share of its cameras, and are sent back by themselves.
//!
//! They promise: a camera is looked at by one of the two alone, and what is seen counts as the first model's, so that tracks, rules and alerts go on;
//! a canary gets no frame before a slot of it has loaded; it is sent back as soon as it can't be loaded, crashes, hangs, fails or answers nonsense more
//! often than its file allows, or is slower than its bound: from that moment on each frame goes to the first model again, and no other
//! canary of the same file takes its place, also after a restart of the site.

mod judge;
mod share;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use metrics::Counter;
use parapet_config::{Camera, Canary as CanaryConfig, Model};
use parapet_contracts::{CameraId, Clock, ErrorKind, ModelId, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::judge::{Fault, Judge};
use super::{
    engine::{EngineError, Seen},
    feed::Feed,
    pool::ModelPool,
};

/// How many times as long as the first model a canary may look when its file names no bound.
const SLOWER: u32 = 3;
/// What can't be in an answer; a box outside of the picture can.
const NONSENSE: [&str; 4] = ["not_finite", "bad_score", "bad_class", "bad_box"];

/// See the module.
pub struct Canary {
    model: Arc<Model>,
    config: CanaryConfig,
    /// The pool of the model in whose place it looks.
    of: Arc<ModelPool>,
    clock: Arc<dyn Clock>,
    meters: Meters,
    /// Frames go to it: read for each frame, without a lock.
    open: AtomicBool,
    state: Mutex<State>,
    end: watch::Sender<Option<SentBack>>,
}

struct Meters {
    answered: Counter,
    nonsense: Counter,
    failed: Counter,
}

struct State {
    judge: Judge,
    cameras: BTreeSet<CameraId>,
    looks: u64,
    failures: u64,
    nonsense: u64,
    objects: u64,
}

/// Why and when a canary was sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentBack {
    /// Why, for people.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What a canary does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryState {
    /// No slot of it has loaded yet: the first model looks.
    Loading,
    /// It looks at its cameras.
    Answering,
    /// It was sent back: the first model looks.
    SentBack,
}

/// How a canary fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryStatus {
    /// The model in whose place it looks.
    pub of: ModelId,
    /// The share of that model's cameras that it looks at, 0 to 1.
    pub share: f64,
    /// What it does now.
    pub state: CanaryState,
    /// Why and when it was sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_back: Option<SentBack>,
    /// The cameras that it looks at, or looked at until it was sent back.
    pub cameras: Vec<CameraId>,
    /// Frames that it answered.
    pub looks: u64,
    /// Frames on which it failed.
    pub failures: u64,
    /// Of those that it answered, the ones with something that can't be.
    pub nonsense: u64,
    /// Things that it saw in a frame, in the mean.
    pub objects_per_frame: Option<f64>,
    /// What its last 100 looks took in the mean, in milliseconds.
    pub look_ms: Option<f64>,
    /// What they may take, in milliseconds; absent while that is not known.
    pub within_ms: Option<f64>,
}

/// A camera's way to a canary.
#[derive(Clone)]
pub(super) struct CanaryWay {
    pub canary: Arc<Canary>,
    pub feed: Feed,
}

/// A canary with its pool, and the cameras that it looks at.
pub(crate) struct Placed {
    pub canary: Arc<Canary>,
    pub pool: Arc<ModelPool>,
    pub cameras: BTreeSet<CameraId>,
}

impl Canary {
    /// A canary that no frame goes to yet; or never, when it was sent back before. `None` for a model that is none.
    pub(crate) fn new(
        model: &Arc<Model>,
        of: Arc<ModelPool>,
        clock: Arc<dyn Clock>,
        before: Option<SentBack>,
    ) -> Option<Arc<Self>> {
        let config = model.canary.clone()?;
        let judge = Judge::new(config.most_failures);
        let (cameras, looks, failures, nonsense, objects) = Default::default();
        let state = Mutex::new(State { judge, cameras, looks, failures, nonsense, objects });
        let (open, end) = (AtomicBool::new(false), watch::Sender::new(before));
        let counter = |outcome: &'static str| {
            let (model, of) = (model.id.to_string(), config.of.to_string());
            metrics::counter!("parapet_canary_looks_total", "model" => model, "of" => of, "outcome" => outcome)
        };
        let meters = Meters { answered: counter("answered"), nonsense: counter("nonsense"), failed: counter("failed") };
        Some(Arc::new(Self { model: Arc::clone(model), config, of, clock, meters, open, state, end }))
    }

    /// The canary's model.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The model in whose place it looks.
    pub(crate) fn of(&self) -> &ModelId {
        &self.config.of
    }

    /// The cameras that it looks at, of all that list the model in whose place it looks.
    pub(crate) fn choose<'a>(&self, cameras: impl Iterator<Item = &'a Arc<Camera>>) -> BTreeSet<CameraId> {
        let own = cameras.filter(|camera| camera.enabled && camera.models.contains(&self.config.of));
        let chosen = share::chosen(&self.model.id, own.map(|camera| &camera.id), self.config.share);
        if self.sent_back().is_none() {
            self.state.lock().cameras.clone_from(&chosen);
        }
        chosen
    }

    /// Whether its cameras' frames go to it now.
    pub(super) fn takes_frames(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// A slot of it can look.
    pub(super) fn opens(&self) {
        // In this order: one that is sent back at the same time stays shut.
        self.open.store(true, Ordering::SeqCst);
        if self.sent_back().is_some() {
            self.close();
        }
    }

    /// No frame goes to it any more.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    /// A slot of it has answered after `took`.
    pub(super) fn saw(&self, seen: &Seen, took: Duration) {
        let nonsense = seen.refused.iter().any(|(reason, _)| NONSENSE.contains(reason));
        let within = self.within();
        let fault = {
            let mut state = self.state.lock();
            state.looks += 1;
            state.nonsense += u64::from(nonsense);
            state.objects += seen.objects.len() as u64;
            state.judge.look((!nonsense).then_some(took), within)
        };
        if nonsense { &self.meters.nonsense } else { &self.meters.answered }.increment(1);
        self.judged(fault, within, "had answers that can't be");
    }

    /// A slot of it has failed at a frame.
    pub(super) fn failed(&self, error: &EngineError) {
        self.meters.failed.increment(1);
        if error.kind == ErrorKind::Fatal {
            return self.send_back(format!("it broke: {}", error.text));
        }
        let fault = {
            let mut state = self.state.lock();
            state.failures += 1;
            state.judge.look(None, None)
        };
        self.judged(fault, None, &format!("failed, the last one so: {}", error.text));
    }

    fn judged(&self, fault: Option<Fault>, within: Option<Duration>, what: &str) {
        match fault {
            Some(Fault::Failures(failures, looks)) => {
                self.send_back(format!("{failures} of its last {looks} looks {what}"));
            }
            Some(Fault::Slow(mean)) => {
                let ms = |time: Duration| time.as_secs_f64() * 1e3;
                let bound = within.map_or_else(String::new, |within| format!(", and may take {:.1} ms", ms(within)));
                self.send_back(format!("its last looks took {:.1} ms in the mean{bound}", ms(mean)));
            }
            None => {}
        }
    }

    /// Sends it back for good: the first model looks at its cameras again, from the next frame on.
    pub(crate) fn send_back(&self, why: String) {
        let at = self.clock.now();
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(SentBack { why, at });
            }
            first
        });
        self.close();
    }

    /// Why it was sent back, if it was.
    pub(crate) fn sent_back(&self) -> Option<SentBack> {
        self.end.borrow().clone()
    }

    /// Hears when it is sent back.
    pub(crate) fn listen(&self) -> watch::Receiver<Option<SentBack>> {
        self.end.subscribe()
    }

    /// How long its looks may take in the mean.
    fn within(&self) -> Option<Duration> {
        self.config.look_within.or_else(|| self.of.look_time().map(|time| time * SLOWER))
    }

    /// How it fares.
    pub fn status(&self) -> CanaryStatus {
        let (sent_back, within) = (self.sent_back(), self.within());
        let state = self.state.lock();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        CanaryStatus {
            of: self.config.of.clone(),
            share: self.config.share,
            state: match &sent_back {
                Some(_) => CanaryState::SentBack,
                None if self.takes_frames() => CanaryState::Answering,
                None => CanaryState::Loading,
            },
            sent_back,
            cameras: state.cameras.iter().cloned().collect(),
            looks: state.looks,
            failures: state.failures,
            nonsense: state.nonsense,
            objects_per_frame: (state.looks > 0).then(|| state.objects as f64 / state.looks as f64),
            look_ms: state.judge.mean().map(ms),
            within_ms: within.map(ms),
        }
    }
}
