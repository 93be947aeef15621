//! The pool of a model: cameras put their latest frame in, slots pull the one that is due next.
//!
//! It promises: at most one frame waits for each camera; a newer frame takes the place of an older one, which is counted;
//! no lock is held while a frame is preprocessed; nobody polls.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{CameraId, Clock, Frame, ModelId, Region, stats::DropReason};
use parking_lot::{Condvar, Mutex};

use super::schedule::{Candidate, Choice, choose};

/// See the module.
pub struct ModelPool {
    model: ModelId,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    feeds: BTreeMap<CameraId, FeedState>,
    closed: bool,
}

impl State {
    fn candidates(&self) -> impl Iterator<Item = Candidate> {
        self.feeds.values().map(|feed| Candidate {
            waiting_since: feed.waiting_since,
            last_taken: feed.last_taken,
            period: feed.period,
        })
    }

    fn take(&mut self, index: usize, now: Duration) -> Option<Job> {
        let feed = self.feeds.values_mut().nth(index)?;
        feed.waiting_since = None;
        let (frame, offered) = feed.waiting.take()?;
        feed.last_taken = Some(now);
        feed.counters.taken.fetch_add(1, Ordering::Relaxed);
        Some(Job { frame, region: None, offered, counters: Arc::clone(&feed.counters) })
    }
}

struct FeedState {
    /// The frame, and when it was offered.
    waiting: Option<(Frame, Duration)>,
    /// Since when one has waited, whichever.
    waiting_since: Option<Duration>,
    last_taken: Option<Duration>,
    period: Duration,
    counters: Arc<FeedCounters>,
}

/// What happened to the frames of one camera at one model.
#[derive(Debug, Default)]
pub struct FeedCounters {
    offered: AtomicU64,
    taken: AtomicU64,
    superseded: AtomicU64,
    failed: AtomicU64,
}

impl FeedCounters {
    /// Frames that were offered.
    pub fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    /// Frames that a slot took.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Frames that were dropped, by reason.
    pub fn dropped(&self) -> [(DropReason, u64); 2] {
        [
            (DropReason::Superseded, self.superseded.load(Ordering::Relaxed)),
            (DropReason::InferenceFailed, self.failed.load(Ordering::Relaxed)),
        ]
    }

    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A frame that a slot took.
pub struct Job {
    /// The frame.
    pub frame: Frame,
    /// The part of it to look at; all of it when absent.
    pub region: Option<Region>,
    /// The monotonic time at which it was offered.
    pub offered: Duration,
    /// The counters of its camera at this model.
    pub counters: Arc<FeedCounters>,
}

impl ModelPool {
    /// An empty pool.
    pub fn new(model: ModelId, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { model, clock, state: Mutex::default(), arrived: Condvar::new() })
    }

    /// The model's id.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// Adds a camera, or takes its place again after a restart. `max_fps` bounds how often its frames are taken.
    pub fn join(self: &Arc<Self>, camera: &CameraId, max_fps: Option<f64>) -> Feed {
        let period = period_of(max_fps);
        let mut state = self.state.lock();
        let feed = state.feeds.entry(camera.clone()).or_insert_with(|| FeedState {
            waiting: None,
            waiting_since: None,
            last_taken: None,
            period,
            counters: Arc::default(),
        });
        feed.period = period;
        Feed { pool: Arc::clone(self), camera: camera.clone(), counters: Arc::clone(&feed.counters) }
    }

    /// Bounds how often the frames of each camera are taken.
    pub fn set_max_fps(&self, max_fps: Option<f64>) {
        for feed in self.state.lock().feeds.values_mut() {
            feed.period = period_of(max_fps);
        }
    }

    /// Removes a camera and the frame that waits for it.
    pub fn leave(&self, camera: &CameraId) {
        self.state.lock().feeds.remove(camera);
    }

    fn offer(&self, camera: &CameraId, frame: Frame) {
        let now = self.clock.monotonic();
        let old = {
            let mut state = self.state.lock();
            let Some(feed) = state.feeds.get_mut(camera) else { return };
            feed.counters.offered.fetch_add(1, Ordering::Relaxed);
            feed.waiting_since.get_or_insert(now);
            let old = feed.waiting.replace((frame, now));
            feed.counters.superseded.fetch_add(u64::from(old.is_some()), Ordering::Relaxed);
            old
        };
        self.arrived.notify_one();
        drop(old); // Returns a buffer to its decoder: not under the lock.
    }

    /// Takes the frame that is due next, and with it others that are due now, at most `batch` in all; blocks for at most `limit`.
    /// Empty when nothing was due, or the pool is closed.
    pub fn take(&self, batch: usize, limit: Duration) -> Vec<Job> {
        let give_up = self.clock.monotonic() + limit;
        let mut state = self.state.lock();
        let mut jobs = Vec::new();
        loop {
            if state.closed {
                return jobs;
            }
            let now = self.clock.monotonic();
            let until = loop {
                match choose(state.candidates(), now) {
                    Choice::Take(index) => jobs.extend(state.take(index, now)),
                    Choice::WaitUntil(due) => break due.min(give_up),
                    Choice::Idle => break give_up,
                }
                if jobs.len() >= batch {
                    return jobs;
                }
            };
            if !jobs.is_empty() || now >= give_up {
                return jobs;
            }
            self.arrived.wait_for(&mut state, until.saturating_sub(now));
        }
    }

    /// Sends every slot home: [`ModelPool::take`] returns `None` from now on.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_all();
    }

    /// The counters of each camera.
    pub fn counters(&self) -> Vec<(CameraId, Arc<FeedCounters>)> {
        self.state.lock().feeds.iter().map(|(camera, feed)| (camera.clone(), Arc::clone(&feed.counters))).collect()
    }

    /// How many frames wait now.
    pub fn waiting(&self) -> usize {
        self.state.lock().feeds.values().filter(|feed| feed.waiting.is_some()).count()
    }
}

fn period_of(max_fps: Option<f64>) -> Duration {
    max_fps.filter(|fps| *fps > 0.0).map_or(Duration::ZERO, |fps| Duration::from_secs_f64(1.0 / fps))
}

/// A camera's way into a pool.
#[derive(Clone)]
pub struct Feed {
    pool: Arc<ModelPool>,
    camera: CameraId,
    counters: Arc<FeedCounters>,
}

impl Feed {
    /// Offers the latest frame; never waits. An older one that still waits is dropped and counted.
    pub fn offer(&self, frame: Frame) {
        self.pool.offer(&self.camera, frame);
    }

    /// The model at the other end.
    pub fn model(&self) -> &ModelId {
        &self.pool.model
    }

    /// What happened to this camera's frames here.
    pub fn counters(&self) -> &Arc<FeedCounters> {
        &self.counters
    }
}
