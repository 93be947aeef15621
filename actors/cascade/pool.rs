//! Where crops wait for a model that follows others: those of all cameras, for all of its slots.
//!
//! It promises: at most [`CROPS`] crops of a camera wait, of at most [`FRAMES`] of its frames, since each holds a decoder's buffer; a newer
//! crop of the same track takes the older one's place; cameras take turns by their priority and, among those whose turn it may be, by the
//! deadline of the crop that has waited longest, as their frames do ([`Schedule`]); each camera's crops go in the order in which they came;
//! nobody polls, and what goes without being looked at is counted.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parapet_config::Priority;
use parapet_contracts::CameraId;
use parking_lot::{Condvar, Mutex};

use super::{counters::Lost, errand::Crop};
use crate::model::{FeedIndex, Schedule};

/// Crops of a camera that wait at most.
pub const CROPS: usize = 16;
/// Frames of a camera that waiting crops hold at most.
pub const FRAMES: usize = 2;

/// See the module.
pub struct CropPool {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    places: HashMap<CameraId, FeedIndex>,
    queues: Vec<VecDeque<Crop>>,
    /// Places of cameras that are gone.
    free: Vec<FeedIndex>,
    schedule: Schedule,
    priorities: BTreeMap<CameraId, Priority>,
    waiting: usize,
}

impl CropPool {
    /// An empty pool.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), arrived: Condvar::new() })
    }

    /// The priority of each camera from now on; of others it is normal.
    pub(super) fn set_priorities(&self, priorities: BTreeMap<CameraId, Priority>) {
        let State { places, schedule, priorities: known, .. } = &mut *self.state.lock();
        for (camera, place) in places {
            schedule.set(*place, priorities.get(camera).copied().unwrap_or_default());
        }
        *known = priorities;
    }

    /// Takes a crop in; never waits.
    pub(super) fn offer(&self, crop: Crop) {
        let lost = self.state.lock().offer(crop);
        self.arrived.notify_one();
        // Buffers go back to their decoders without the lock.
        lost.into_iter().for_each(|(crop, reason)| crop.errand.lost(reason));
    }

    /// Takes at most `batch` crops, of whichever cameras; blocks for at most `limit` when there is none.
    pub(crate) fn take(&self, batch: usize, limit: Duration) -> Vec<Crop> {
        let mut state = self.state.lock();
        if state.waiting == 0 {
            self.arrived.wait_for(&mut state, limit);
        }
        let crops = state.take(batch);
        if state.waiting > 0 {
            self.arrived.notify_one(); // What is left is somebody else's, if somebody is idle.
        }
        crops
    }

    /// Drops the crops of the cameras that `stays` does not know.
    pub(super) fn keep(&self, stays: impl Fn(&CameraId) -> bool) {
        let gone: Vec<Crop> = {
            let mut state = self.state.lock();
            let cameras: Vec<CameraId> = state.places.keys().filter(|camera| !stays(camera)).cloned().collect();
            cameras.iter().flat_map(|camera| state.remove(camera)).collect()
        };
        gone.into_iter().for_each(|crop| crop.errand.lost(Lost::Left));
    }

    /// How many crops wait now.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting
    }
}

impl State {
    /// A camera keeps its place also while nothing of it waits: what it has had is remembered.
    fn place(&mut self, camera: &CameraId) -> FeedIndex {
        if let Some(place) = self.places.get(camera) {
            return *place;
        }
        let place = self.free.pop().unwrap_or(self.queues.len());
        if place == self.queues.len() {
            self.queues.push(VecDeque::new());
        }
        self.places.insert(camera.clone(), place);
        self.schedule.set(place, self.priorities.get(camera).copied().unwrap_or_default());
        place
    }

    fn offer(&mut self, crop: Crop) -> Vec<(Crop, Lost)> {
        let place = self.place(crop.camera());
        let queue = &mut self.queues[place];
        let mut lost = Vec::new();
        let twin = crop
            .errand
            .subject()
            .and_then(|subject| queue.iter_mut().find(|waiting| waiting.errand.subject() == Some(subject)));
        match twin {
            Some(twin) => lost.push((std::mem::replace(twin, crop), Lost::Superseded)),
            None => {
                queue.push_back(crop);
                self.waiting += 1;
            }
        }
        while let Some(oldest) = too_many(queue) {
            lost.extend(queue.remove(oldest).map(|crop| (crop, Lost::Crowded)));
            self.waiting -= 1;
        }
        // The schedule knows of a camera the crop that goes first.
        if let Some(first) = self.queues[place].front() {
            self.schedule.wait(place, first.errand.due);
        }
        lost
    }

    fn take(&mut self, batch: usize) -> Vec<Crop> {
        let mut crops = Vec::new();
        while crops.len() < batch.max(1) {
            let Some(place) = self.schedule.next() else { break };
            if let Some(crop) = self.queues[place].pop_front() {
                crop.errand.taken();
                self.waiting -= 1;
                crops.push(crop);
            }
            match self.queues[place].front() {
                Some(next) => self.schedule.taken_one_of(place, next.errand.due),
                None => self.schedule.taken(place),
            }
        }
        crops
    }

    fn remove(&mut self, camera: &CameraId) -> VecDeque<Crop> {
        let Some(place) = self.places.remove(camera) else { return VecDeque::new() };
        self.free.push(place);
        self.schedule.withdraw(place);
        let gone = std::mem::take(&mut self.queues[place]);
        self.waiting -= gone.len();
        gone
    }
}

/// The place of a crop that must go: the first of the oldest frame, when there are too many crops or too many frames.
fn too_many(queue: &VecDeque<Crop>) -> Option<usize> {
    let mut frames: Vec<Duration> = queue.iter().map(|crop| crop.frame.decoded_at).collect();
    frames.sort_unstable();
    frames.dedup();
    if queue.len() <= CROPS && frames.len() <= FRAMES {
        return None;
    }
    queue.iter().position(|crop| Some(&crop.frame.decoded_at) == frames.first())
}
