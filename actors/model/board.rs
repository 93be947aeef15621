//! What a model tells of itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parapet_contracts::{Clock, ModelId};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    canary::{Canary, CanaryStatus},
    overload::OverloadStatus,
    pool::{FeedReport, ModelPool},
    shadow::{Shadow, ShadowStatus},
};
use crate::cascade::{FollowBoard, FollowStatus};

/// Counters of one model over all its slots; they outlive restarts.
pub struct ModelBoard {
    pool: Arc<ModelPool>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    description: Option<String>,
    inferences: u64,
    failures: u64,
    objects: u64,
    refused: BTreeMap<&'static str, u64>,
    busy: Duration,
    waited: Duration,
    last: Option<Duration>,
    overload: Option<OverloadStatus>,
    follows: Option<FollowBoard>,
    change: Option<ModelChange>,
    shadow: Option<Arc<Shadow>>,
    canary: Option<Arc<Canary>>,
    /// Counts the changes of the model's file.
    changes: u64,
}

/// What becomes of a change of a model's file, while what it says is not what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ModelChange {
    /// It is loaded beside the one that runs, and checked.
    Loading,
    /// It can't be used: the one that ran before goes on.
    Refused {
        /// Why, for people.
        text: String,
    },
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelStatus {
    /// The model.
    pub model: ModelId,
    /// How the model is understood, once a slot has loaded it.
    pub description: Option<String>,
    /// Frames that were looked at.
    pub inferences: u64,
    /// Frames on which it failed.
    pub failures: u64,
    /// Objects that it saw.
    pub objects: u64,
    /// What was refused of its answers, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Mean time to look at a frame, preprocessing included, in milliseconds.
    pub inference_ms: f64,
    /// Mean time that a frame waited for a slot, in milliseconds.
    pub wait_ms: f64,
    /// Seconds since it last looked at a frame.
    pub last_frame_age_s: Option<f64>,
    /// Frames that wait now.
    pub waiting: usize,
    /// How it stands to its overload policy; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overload: Option<OverloadStatus>,
    /// What became of the crops that it was asked to look at, when it follows other models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<FollowStatus>,
    /// What becomes of a change of its file; absent when what its file says is what runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ModelChange>,
    /// How it compares with the model that it is a shadow of; absent for a model that is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowStatus>,
    /// How it fares in the place of the model that it is a canary of; absent for other models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryStatus>,
    /// What happened to each camera's frames.
    pub cameras: Vec<FeedStatus>,
}

/// One camera at one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedStatus {
    /// The camera.
    pub camera: String,
    /// Frames that it offered.
    pub offered: u64,
    /// Frames that a slot took.
    pub taken: u64,
    /// Of those, the ones that were taken later than they should have been looked at.
    pub late: u64,
    /// Of those that were taken, the ones that it failed on.
    pub failed: u64,
    /// Frames that went to another model: to a lighter one, as the overload policy says, or to a canary.
    pub passed_on: u64,
    /// Frames that were dropped, by reason. With those taken, passed on and waiting (one at most) they make up what was offered.
    pub dropped: BTreeMap<&'static str, u64>,
    /// The model that the camera asked, in whose place this one looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands_in_for: Option<String>,
}

impl ModelBoard {
    /// A board for the model of this pool.
    pub fn new(pool: Arc<ModelPool>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { pool, clock, inner: Mutex::default() })
    }

    pub(super) fn loaded(&self, description: String) {
        self.inner.lock().description = Some(description);
    }

    pub(super) fn looked(&self, objects: usize, refused: &[(&'static str, u64)], waited: Duration, busy: Duration) {
        let now = self.clock.monotonic();
        let mut inner = self.inner.lock();
        inner.inferences += 1;
        inner.objects += objects as u64;
        inner.busy += busy;
        inner.waited += waited;
        inner.last = Some(now);
        for &(reason, count) in refused {
            *inner.refused.entry(reason).or_default() += count;
        }
    }

    pub(super) fn overload(&self, status: OverloadStatus) {
        self.inner.lock().overload = Some(status);
    }

    /// The model's file has changed: what it says is loaded. Returns the number of the change.
    pub(crate) fn changing(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.changes += 1;
        inner.change = Some(ModelChange::Loading);
        inner.changes
    }

    /// What has become of a change; `None` when it runs. False when the file has changed again meanwhile.
    pub(crate) fn changed(&self, number: u64, change: Option<ModelChange>) -> bool {
        let mut inner = self.inner.lock();
        let current = inner.changes == number;
        if current {
            inner.change = change;
        }
        current
    }

    /// The model's file was refused before the process began: another one runs.
    pub(crate) fn refused_before(&self, text: String) {
        self.inner.lock().change = Some(ModelChange::Refused { text });
    }

    /// What it is a shadow of, if it is one.
    pub(crate) fn shadow(&self, shadow: Option<Arc<Shadow>>) {
        self.inner.lock().shadow = shadow;
    }

    /// What it is a canary of, if it is one.
    pub(crate) fn canary(&self, canary: Option<Arc<Canary>>) {
        self.inner.lock().canary = canary;
    }

    /// The model has no overload policy any more. True when something was given up.
    pub(crate) fn no_policy(&self) -> bool {
        self.inner.lock().overload.take().is_some_and(|overload| overload.step > 0)
    }

    /// Whether its overload policy gives something up now.
    pub(super) fn gives_up(&self) -> bool {
        self.inner.lock().overload.as_ref().is_some_and(|overload| overload.step > 0)
    }

    /// Whether the model follows others, and what it tells then.
    pub(crate) fn follows(&self, board: Option<FollowBoard>) {
        self.inner.lock().follows = board;
    }

    pub(super) fn failed(&self) {
        self.inner.lock().failures += 1;
    }

    /// Seconds since it last looked at a frame.
    pub fn last_frame_age(&self) -> Option<Duration> {
        self.inner.lock().last.map(|last| self.clock.monotonic().saturating_sub(last))
    }

    /// A snapshot.
    pub fn status(&self) -> ModelStatus {
        let cameras = self.pool.reports().into_iter().map(|FeedReport { camera, asked, counters }| FeedStatus {
            camera: camera.to_string(),
            offered: counters.offered(),
            taken: counters.taken(),
            late: counters.late(),
            failed: counters.failed(),
            passed_on: counters.passed_on(),
            dropped: counters.dropped().map(|(reason, count)| (reason.as_str(), count)).collect(),
            stands_in_for: (asked != *self.pool.model()).then(|| asked.to_string()),
        });
        let (cameras, waiting) = (cameras.collect(), self.pool.waiting());
        let last_frame_age_s = self.last_frame_age().map(|age| age.as_secs_f64());
        let canary = self.inner.lock().canary.clone();
        let canary = canary.map(|canary| canary.status());
        let inner = self.inner.lock();
        let mean = |sum: Duration| sum.as_secs_f64() * 1e3 / inner.inferences.max(1) as f64;
        ModelStatus {
            model: self.pool.model().clone(),
            description: inner.description.clone(),
            inferences: inner.inferences,
            failures: inner.failures,
            objects: inner.objects,
            refused: inner.refused.clone(),
            inference_ms: mean(inner.busy),
            wait_ms: mean(inner.waited),
            last_frame_age_s,
            waiting,
            overload: inner.overload.clone(),
            follows: inner.follows.as_ref().map(FollowBoard::status),
            change: inner.change.clone(),
            shadow: inner.shadow.as_ref().map(|shadow| shadow.status()),
            canary,
            cameras,
        }
    }
}
