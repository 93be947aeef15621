//! Shadows: models that look at a share of the frames that another one has looked at, to be compared with it.
//!
//! They promise: the first model is never held up, since a frame is only offered, and the newest one wins as for any model; what a shadow
//! sees goes nowhere but into the comparison: no event, no rule, no track; every frame that it was shown is compared, or counted as skipped.

mod agreement;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use parapet_config::Model;
use parapet_contracts::{CameraId, Frame, ModelId, Object};
use parking_lot::Mutex;
use serde::Serialize;

use self::agreement::{Agreement, compare};
use super::{feed::Terms, pool::ModelPool};

/// Frames that a shadow was shown and has not answered: more than its cameras have are those that it will never answer.
const OPEN: usize = 256;

/// All shadows of a site.
#[derive(Default)]
pub struct Shadows(ArcSwap<Vec<Arc<Shadow>>>);

/// One shadow. See the module.
pub struct Shadow {
    /// Its file, and that of the model that it is compared with: when one of them changes, counting begins anew.
    models: (Arc<Model>, Arc<Model>),
    share: f64,
    pool: Arc<ModelPool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Grows by the share with each frame; at 1 a frame is shown.
    credit: f64,
    open: VecDeque<Shown>,
    tally: Tally,
}

/// A frame that the shadow was shown, and what the first model saw in it.
struct Shown {
    camera: CameraId,
    frame: u64,
    objects: Vec<Object>,
    took: Duration,
}

#[derive(Default)]
struct Tally {
    compared: u64,
    skipped: u64,
    agreement: Agreement,
    first: Duration,
    second: Duration,
}

/// How a shadow compares with its model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowStatus {
    /// The model that it is compared with.
    pub of: ModelId,
    /// The share of that model's frames that it is shown, 0 to 1.
    pub share: f64,
    /// Frames that both have looked at.
    pub compared: u64,
    /// Frames that it was shown and had no time for.
    pub skipped: u64,
    /// Things that both saw: one label, boxes that overlap by half at least.
    pub matched: u64,
    /// Things that only the model saw.
    pub missed: u64,
    /// Things that only the shadow saw.
    pub extra: u64,
    /// Things that both saw, of all that one of them saw; absent while there are none.
    pub agreement: Option<f64>,
    /// The mean of the shadow's score less the model's, over what both saw.
    pub score_difference: Option<f64>,
    /// Mean time of a look of the model at these frames, in milliseconds.
    pub model_ms: f64,
    /// Mean time of a look of the shadow, in milliseconds.
    pub shadow_ms: f64,
}

impl Shadows {
    /// The shadows from now on. Those whose files did not change go on counting.
    pub fn replace(&self, wanted: Vec<(Arc<Model>, Arc<Model>, Arc<ModelPool>)>) -> Vec<Arc<Shadow>> {
        let old = self.0.load();
        let shadows = wanted.into_iter().filter_map(|(shadow, of, pool)| {
            let share = shadow.shadow.as_ref()?.share;
            let same =
                |old: &&Arc<Shadow>| old.models.0 == shadow && old.models.1 == of && Arc::ptr_eq(&old.pool, &pool);
            let kept = old.iter().find(same).cloned();
            Some(
                kept.unwrap_or_else(|| Arc::new(Shadow { models: (shadow, of), share, pool, state: Mutex::default() })),
            )
        });
        let shadows: Vec<_> = shadows.collect();
        self.0.store(Arc::new(shadows.clone()));
        shadows
    }

    /// Takes what a model saw in a frame. True when the model is a shadow: then that was for the comparison alone.
    pub(crate) fn take(&self, model: &ModelId, frame: &Frame, objects: &[Object], took: Duration) -> bool {
        let shadows = self.0.load();
        if let Some(shadow) = shadows.iter().find(|shadow| shadow.models.0.id == *model) {
            shadow.compare(frame, objects, took);
            return true;
        }
        for shadow in shadows.iter().filter(|shadow| shadow.models.1.id == *model) {
            shadow.show(frame, objects, took);
        }
        false
    }
}

impl Shadow {
    fn show(&self, frame: &Frame, objects: &[Object], took: Duration) {
        let mut state = self.state.lock();
        state.credit += self.share;
        if state.credit < 1.0 {
            return;
        }
        state.credit -= 1.0;
        if state.open.len() == OPEN {
            state.open.pop_front();
            state.tally.skipped += 1;
        }
        let camera = frame.camera.clone();
        state.open.push_back(Shown { camera, frame: frame.index, objects: objects.to_vec(), took });
        drop(state);
        // A camera that is there keeps its place; one that has left and come back gets a new one.
        let terms = Terms { seen_within: self.models.0.seen_within, ..Terms::default() };
        self.pool.join(&frame.camera, terms).offer(frame.clone());
    }

    fn compare(&self, frame: &Frame, objects: &[Object], took: Duration) {
        let mut state = self.state.lock();
        let State { open, tally, .. } = &mut *state;
        let before = tally.skipped;
        let mut answered = None;
        // A camera's frames are answered in their order: those before this one were replaced by newer ones.
        open.retain_mut(|shown| {
            if shown.camera != frame.camera || shown.frame > frame.index {
                return true;
            }
            if shown.frame == frame.index {
                answered = Some((std::mem::take(&mut shown.objects), shown.took));
            } else {
                tally.skipped += 1;
            }
            false
        });
        let skipped = tally.skipped - before;
        let Some((first, first_took)) = answered else { return };
        let seen = compare(&first, objects);
        tally.compared += 1;
        tally.agreement.matched += seen.matched;
        tally.agreement.missed += seen.missed;
        tally.agreement.extra += seen.extra;
        tally.agreement.score_difference += seen.score_difference;
        tally.first += first_took;
        tally.second += took;
        drop(state);
        self.count(&seen, skipped);
    }

    fn count(&self, seen: &Agreement, skipped: u64) {
        let (model, of) = (self.models.0.id.to_string(), self.models.1.id.to_string());
        for (outcome, count) in [("matched", seen.matched), ("missed", seen.missed), ("extra", seen.extra)] {
            metrics::counter!("parapet_shadow_objects_total", "model" => model.clone(), "of" => of.clone(), "outcome" => outcome)
                .increment(count);
        }
        for (outcome, count) in [("compared", 1), ("skipped", skipped)] {
            metrics::counter!("parapet_shadow_frames_total", "model" => model.clone(), "of" => of.clone(), "outcome" => outcome)
                .increment(count);
        }
    }

    /// The shadow's model.
    pub(crate) fn id(&self) -> &ModelId {
        &self.models.0.id
    }

    /// How it compares until now.
    pub fn status(&self) -> ShadowStatus {
        let state = self.state.lock();
        let Tally { compared, skipped, agreement, first, second } = &state.tally;
        let Agreement { matched, missed, extra, score_difference } = *agreement;
        let all = matched + missed + extra;
        let mean_ms = |sum: &Duration| sum.as_secs_f64() * 1e3 / (*compared).max(1) as f64;
        ShadowStatus {
            of: self.models.1.id.clone(),
            share: self.share,
            compared: *compared,
            skipped: *skipped,
            matched,
            missed,
            extra,
            agreement: (all > 0).then(|| matched as f64 / all as f64),
            score_difference: (matched > 0).then(|| score_difference / matched as f64),
            model_ms: mean_ms(first),
            shadow_ms: mean_ms(second),
        }
    }
}
