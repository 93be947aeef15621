//! Cascades: models that follow other models. They look at crops of what those saw, and what they say becomes an attribute of the object.
//!
//! ```text
//! slot of `people` ──▶ fan-out ──▶ event, with what is remembered of each track            (never waits)
//!                         │ crops that are wanted
//!                         ▼
//!                   pool of `helmet`: 16 crops a camera, of 2 frames; a newer one of the same track wins; turns by priority and deadline
//!                         │ batches of all cameras
//!                         ▼
//!                   slot of `helmet` ──▶ memory of the track, update of the event ──▶ crops for those that follow `helmet`
//! ```
//! It promises: an event never waits for a model that follows; nothing is copied, a crop is cut from the decoder's buffer while it is
//! scaled; each crop that is asked for is answered or counted as dropped; what is remembered of an object ends with its track.

mod answer;
mod counters;
mod crop;
mod errand;
mod memory;
mod pool;

#[cfg(test)]
mod slots_tests;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use parapet_config::{Camera, Follow, Model, SiteConfig};
use parapet_contracts::{CameraId, DetectionEvent, Frame, ModelId, Object};
use parking_lot::Mutex;

pub use counters::FollowStatus;
pub(crate) use errand::Crop;
pub use errand::Errand;
pub use pool::CropPool;

use self::{
    counters::{Counters, Lost},
    errand::CropPromise,
    memory::{Looked, Memory, Ticket, Wanted},
};

/// All cascades of a site.
#[derive(Default)]
pub struct Cascades {
    plan: ArcSwap<Plan>,
}

/// Who follows whom, and what is remembered.
#[derive(Default)]
struct Plan {
    followers: BTreeMap<ModelId, Arc<Follower>>,
    /// For a model that looks at frames: all that follow it, at any depth.
    after_frames: HashMap<ModelId, Vec<Arc<Follower>>>,
    memories: HashMap<CameraId, Arc<Mutex<Memory>>>,
    cameras: BTreeMap<CameraId, Arc<Camera>>,
}

/// A model that follows others.
struct Follower {
    model: Arc<Model>,
    follow: Follow,
    pool: Arc<CropPool>,
    counters: Arc<Counters>,
}

/// What a model tells that follows others.
pub struct FollowBoard(Arc<Follower>);

impl FollowBoard {
    /// A snapshot.
    pub fn status(&self) -> FollowStatus {
        let Follower { follow, pool, counters, .. } = &*self.0;
        counters.status(&follow.models, pool.waiting())
    }
}

impl Follower {
    /// Whether it wants to look at an object that `seen_by` saw: by what that model says of it, or by what another one that it follows says.
    fn wants(&self, seen_by: &ModelId, object: &Object) -> bool {
        self.follow.models.iter().any(|model| match model == seen_by {
            true => self.is_large_enough(object) && self.likes(&object.label, object.score),
            false => self.wants_after(model, object),
        })
    }

    /// Whether it wants to look at an object after what `model` has said of it.
    fn wants_after(&self, model: &ModelId, object: &Object) -> bool {
        // What a detector found in a crop is looked at itself, and not the whole.
        let said = object.attributes.get(model).filter(|said| said.objects.is_empty());
        let label = said.and_then(|said| Some((said.label.as_deref()?, said.score.unwrap_or_default())));
        label.is_some_and(|(label, score)| self.is_large_enough(object) && self.likes(label, score))
    }

    fn is_large_enough(&self, object: &Object) -> bool {
        object.bbox.width().min(object.bbox.height()) >= self.follow.min_size as f32
    }

    fn likes(&self, label: &str, score: f32) -> bool {
        let labels = &self.follow.labels;
        score >= self.follow.min_score && (labels.is_empty() || labels.iter().any(|own| own == label))
    }
}

/// What the tracker says of a frame.
pub(crate) struct Tracked<'a> {
    /// The track of each object, those that do not count yet included; as many as objects, or none.
    pub tracks: &'a [Option<u64>],
    /// Tracks that ended.
    pub over: &'a [u64],
}

impl Cascades {
    /// Follows, from now on, what this configuration asks for. What is remembered stays, but for what models say that have changed.
    pub fn configure(&self, config: &SiteConfig) {
        let old = self.plan.load();
        let mut new = Plan::default();
        let mut changed = Vec::new();
        for model in config.models.values() {
            let Some(follow) = &model.after else { continue };
            let before = old.followers.get(&model.id);
            let (pool, counters) = match before {
                Some(before) => (Arc::clone(&before.pool), Arc::clone(&before.counters)),
                None => (CropPool::new(), Arc::default()),
            };
            if before.is_some_and(|before| before.model != *model) {
                pool.keep(|_| false);
                changed.push(model.id.clone());
            }
            let follower = Follower { model: Arc::clone(model), follow: follow.clone(), pool, counters };
            new.followers.insert(model.id.clone(), Arc::new(follower));
        }
        for model in config.models.values().filter(|model| model.after.is_none()) {
            let all = new.all_after(&model.id);
            if !all.is_empty() {
                new.after_frames.insert(model.id.clone(), all);
            }
        }
        new.cameras.clone_from(&config.cameras);
        let priorities: BTreeMap<_, _> = new.cameras.values().map(|c| (c.id.clone(), c.priority)).collect();
        new.followers.values().for_each(|follower| follower.pool.set_priorities(priorities.clone()));
        for camera in config.cameras.values() {
            if camera.models.iter().any(|model| new.after_frames.contains_key(model)) {
                let memory = old.memories.get(&camera.id).cloned().unwrap_or_default();
                new.memories.insert(camera.id.clone(), memory);
            }
        }
        let gone = old.followers.iter().filter(|(id, _)| !new.followers.contains_key(*id));
        for (id, follower) in gone {
            follower.pool.keep(|_| false);
            changed.push(id.clone());
        }
        for memory in new.memories.values() {
            changed.iter().for_each(|model| memory.lock().forget_model(model));
        }
        let new = Arc::new(new);
        self.plan.store(Arc::clone(&new));
        new.followers.values().for_each(|follower| follower.pool.keep(|camera| new.memories.contains_key(camera)));
    }

    /// Where the crops of a model wait that follows others; `None` for one that looks at frames.
    pub fn pool(&self, model: &ModelId) -> Option<Arc<CropPool>> {
        self.plan.load().followers.get(model).map(|follower| Arc::clone(&follower.pool))
    }

    /// What a model that follows others tells; `None` for one that looks at frames.
    pub fn board(&self, model: &ModelId) -> Option<FollowBoard> {
        self.plan.load().followers.get(model).map(|follower| FollowBoard(Arc::clone(follower)))
    }

    /// Writes what is remembered of their tracks into the objects that a model saw in a frame, and forgets what is over.
    pub(crate) fn recall(&self, model: &ModelId, camera: &CameraId, tracked: &Tracked<'_>, objects: &mut [Object]) {
        let plan = self.plan.load();
        let Some(memory) = plan.memories.get(camera).filter(|_| plan.after_frames.contains_key(model)) else { return };
        let mut memory = memory.lock();
        tracked.over.iter().for_each(|track| memory.forget(*track));
        for (object, track) in objects.iter_mut().zip(tracked.tracks) {
            if let Some(track) = track {
                memory.recall(*track, &mut object.attributes);
            }
        }
    }

    /// Asks the models that follow for what they should look at in a frame; never waits. `now` is the site's monotonic time.
    pub(crate) fn ask(&self, event: &Arc<DetectionEvent>, frame: &Frame, tracks: &[Option<u64>], now: Duration) {
        let plan = self.plan.load();
        let Some(followers) = plan.after_frames.get(&event.model) else { return };
        for follower in followers {
            let mut asked = 0;
            for (index, object) in (0_u32..).zip(&event.objects) {
                if !follower.wants(&event.model, object) {
                    continue;
                }
                let track = tracks.get(index as usize).copied().flatten();
                let subject = Subject { event, index, object, path: &[], track };
                asked += usize::from(plan.ask_of(follower, subject, frame, asked, now));
            }
        }
    }
}

/// An object, or something that was found in a crop of it.
#[derive(Clone, Copy)]
struct Subject<'a> {
    event: &'a Arc<DetectionEvent>,
    index: u32,
    object: &'a Object,
    path: &'a [parapet_contracts::Step],
    track: Option<u64>,
}

impl Plan {
    /// All that follow a model, at any depth; who is nearer first.
    fn all_after(&self, model: &ModelId) -> Vec<Arc<Follower>> {
        let mut known = vec![model.clone()];
        let mut all: Vec<Arc<Follower>> = Vec::new();
        let mut next = 0;
        while let Some(before) = known.get(next).cloned() {
            next += 1;
            for (id, follower) in &self.followers {
                if follower.follow.models.contains(&before) && !known.contains(id) {
                    known.push(id.clone());
                    all.push(Arc::clone(follower));
                }
            }
        }
        all
    }

    /// Asks for a crop, unless what is remembered is good enough. `asked` are those of this event that wait already.
    fn ask_of(
        &self,
        follower: &Arc<Follower>,
        subject: Subject<'_>,
        frame: &Frame,
        asked: usize,
        now: Duration,
    ) -> bool {
        let Some(part) = subject.object.at_path(subject.path) else { return false };
        let size = (frame.picture.width, frame.picture.height);
        let Some(region) = crop::region(&part.bbox, size, &follower.follow.crop) else { return false };
        let Some(memory) = self.memories.get(&frame.camera) else { return false };
        let area = part.bbox.area();
        let remembered = subject.track.filter(|_| subject.path.is_empty());
        let wanted = remembered.map(|track| {
            let look = Looked { at: subject.event.ts, area };
            memory.lock().consider(track, &follower.model.id, look, follower.follow.again.as_ref())
        });
        let ticket = match wanted {
            Some(Wanted::Crop(ticket)) => ticket,
            Some(Wanted::Remembered) => {
                follower.counters.remembered();
                return false;
            }
            Some(Wanted::Soon) => return false,
            None => Arc::<Ticket>::default(),
        };
        let seen_within = self.cameras.get(&frame.camera).and_then(|camera| camera.seen_within);
        let errand = Errand {
            due: now + seen_within.unwrap_or(follower.model.seen_within),
            follower: Arc::clone(follower),
            event: Arc::clone(subject.event),
            index: subject.index,
            object: subject.object.clone(),
            path: subject.path.to_vec(),
            track: subject.track,
            area,
            promise: CropPromise::new(&follower.counters, ticket),
        };
        follower.counters.asked();
        if asked >= pool::CROPS {
            errand.lost(Lost::TooMany);
            return false;
        }
        follower.pool.offer(Crop { frame: frame.clone(), region, offered: now, errand });
        true
    }
}
