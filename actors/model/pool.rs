//! The pool of a model: cameras put their latest frame in, slots pull the one that is due next.
//!
//! It promises: at most one frame waits for each camera; a newer frame takes the place of an older one, which is counted; each frame that is
//! offered has exactly one fate ([`FeedCounters`]); no lock is held while a frame is preprocessed; nobody polls, and a frame wakes one slot at
//! most, the fastest that is idle. Whose frame goes first is [`super::schedule`]'s, when a batch is closed [`super::batch`]'s.

use std::{sync::Arc, time::Duration};

use parapet_contracts::{CameraId, Clock, Frame, ModelId, stats::DropReason};
use parking_lot::{Condvar, Mutex};

use super::{
    batch::{self, Arrivals, Close},
    canary::{CanaryWay, Placed},
    counters::FeedCounters,
    feed::{Feed, Terms},
    feeds::{Fate, FeedState, Feeds, Totals},
    job::Job,
    overload::Plan,
    profile::Profile,
    schedule::{Choice, Schedule},
    seat::{SeatNumber, Seats},
};

/// See the module.
pub struct ModelPool {
    model: ModelId,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    feeds: Feeds,
    schedule: Schedule,
    seats: Seats,
    arrivals: Arrivals,
    plan: Plan,
    closed: bool,
}

/// What happened at one feed of a pool.
pub struct FeedReport {
    /// The camera.
    pub camera: CameraId,
    /// The model that it asked.
    pub asked: ModelId,
    /// What happened.
    pub counters: Arc<FeedCounters>,
}

/// How a pool fares, for its overload policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub totals: Totals,
    pub feeds: usize,
    /// Views a second that its slots get through.
    pub per_second: f64,
}

impl ModelPool {
    /// An empty pool.
    pub fn new(model: ModelId, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { model, clock, state: Mutex::default() })
    }

    /// The model's id.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// Adds a camera, or takes its place again after a restart.
    pub fn join(self: &Arc<Self>, camera: &CameraId, terms: Terms) -> Feed {
        self.join_for(camera, &self.model, terms)
    }

    /// As [`ModelPool::join`], for a camera that asked another model, in whose place this one looks.
    pub(super) fn join_for(self: &Arc<Self>, camera: &CameraId, asked: &ModelId, terms: Terms) -> Feed {
        let State { feeds, schedule, .. } = &mut *self.state.lock();
        let (index, feed) = feeds.join((camera.clone(), asked.clone()), terms, schedule);
        let (place, counters) = ((index, feed.birth), Arc::clone(&feed.counters));
        Feed { pool: Arc::clone(self), place, counters }
    }

    /// Removes a camera and the frame that waits for it.
    pub fn leave(&self, camera: &CameraId) {
        self.leave_for(camera, &self.model);
    }

    fn leave_for(&self, camera: &CameraId, asked: &ModelId) {
        let left = {
            let State { feeds, schedule, .. } = &mut *self.state.lock();
            feeds.leave(&(camera.clone(), asked.clone()), schedule)
        };
        let ways = left.map(|feed| [feed.lighter, feed.canary.map(|way| way.feed)]);
        for way in ways.into_iter().flatten().flatten() {
            way.pool.leave_for(camera, asked);
        }
    }

    pub(super) fn offer(&self, feed: &Feed, frame: Frame) {
        let now = self.clock.monotonic();
        let (fate, bell) = {
            let State { feeds, schedule, seats, arrivals, plan, closed } = &mut *self.state.lock();
            let fate = if *closed { Err(frame) } else { feeds.offer(feed.place, frame, now, plan, schedule) };
            let waits_anew = matches!(fate, Ok(Fate::Waits { old: None }));
            if matches!(fate, Ok(Fate::Waits { .. })) {
                arrivals.count(now);
            }
            (fate, if waits_anew { seats.call() } else { None })
        };
        if let Some(bell) = bell {
            bell.notify_one();
        }
        // From here on without the lock: a frame that is dropped returns a buffer to its decoder.
        match fate {
            Ok(Fate::PassOn(lighter, frame)) => lighter.offer(frame),
            Ok(Fate::Waits { old }) => drop(old),
            Ok(Fate::Dropped(frame)) => drop(frame),
            Err(frame) => {
                feed.counters.count_offered();
                feed.counters.count_dropped(DropReason::NoReceiver);
                drop(frame);
            }
        }
    }

    /// The slot of this name sits down, to take frames, in the place of the one that had its name before; it leaves when the seat is dropped.
    pub fn seat(self: &Arc<Self>, slot: &str, profile: Profile) -> Seat {
        let bell = Arc::<Condvar>::default();
        let number = self.state.lock().seats.add(slot, &profile, Arc::clone(&bell));
        Seat { pool: Arc::clone(self), number, bell, profile }
    }

    /// Sends every slot home: [`Seat::take`] returns nothing from now on.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for bell in state.seats.bells() {
            bell.notify_one();
        }
    }

    /// What happened at each feed, by camera.
    pub fn reports(&self) -> Vec<FeedReport> {
        let report = |feed: &FeedState| FeedReport {
            camera: feed.key.0.clone(),
            asked: feed.key.1.clone(),
            counters: Arc::clone(&feed.counters),
        };
        self.state.lock().feeds.iter().map(report).collect()
    }

    /// How many frames wait now.
    pub fn waiting(&self) -> usize {
        self.state.lock().schedule.len()
    }

    pub(super) fn load(&self) -> Load {
        let state = self.state.lock();
        Load { totals: state.feeds.totals, feeds: state.feeds.len(), per_second: state.seats.per_second() }
    }

    /// What the overload policy leaves of each camera's frames from now on; `lighter` is the pool that looks in this one's place.
    pub(super) fn follow(&self, plan: Plan, lighter: Option<&Arc<ModelPool>>) {
        if let Some(lighter) = lighter.filter(|_| plan.lighter) {
            self.join_lighter(lighter);
        }
        self.state.lock().plan = plan;
    }

    fn join_lighter(&self, lighter: &Arc<ModelPool>) {
        // One lock at a time: who waits for the other's while it holds its own might wait for ever.
        let lacking: Vec<_> = {
            let state = self.state.lock();
            let there = |way: &Feed| Arc::ptr_eq(&way.pool, lighter);
            let feeds = state.feeds.iter().filter(|feed| !feed.lighter.as_ref().is_some_and(there));
            feeds.map(|feed| (feed.key.clone(), feed.terms())).collect()
        };
        let joined: Vec<_> =
            lacking.into_iter().map(|(key, terms)| (lighter.join_for(&key.0, &key.1, terms), key)).collect();
        for (way, key) in joined {
            let old = self.state.lock().feeds.set_lighter(&key, Some(way));
            if let Some(old) = old {
                old.pool.leave_for(&key.0, &key.1);
            }
        }
    }

    /// Lets a canary look at its cameras in this model's place, and at no others; at none when there is no canary.
    pub(crate) fn place_canary(&self, placed: Option<&Placed>) {
        let own = |feed: &&FeedState| feed.key.1 == self.model;
        let feeds: Vec<_> =
            self.state.lock().feeds.iter().filter(own).map(|feed| (feed.key.clone(), feed.terms())).collect();
        for (key, terms) in feeds {
            // One lock at a time, as above.
            let way = placed.filter(|placed| placed.cameras.contains(&key.0)).map(|placed| CanaryWay {
                canary: Arc::clone(&placed.canary),
                feed: placed.pool.join_for(&key.0, &key.1, terms),
            });
            let pool = way.as_ref().map(|way| Arc::clone(&way.feed.pool));
            let old = self.state.lock().feeds.set_canary(&key, way);
            // When it is the same pool, the new way leads there as well.
            if let Some(old) = old.filter(|old| pool.is_none_or(|pool| !Arc::ptr_eq(&pool, &old.feed.pool))) {
                old.feed.pool.leave_for(&key.0, &key.1);
            }
        }
    }

    /// What a look takes at the fastest of its slots; `None` while there is none, or nothing is known of it.
    pub(super) fn look_time(&self) -> Option<Duration> {
        self.state.lock().seats.fastest().filter(|time| !time.is_zero())
    }

    /// Gives everything back: no policy holds any more.
    pub(super) fn follow_nothing(&self) {
        let ways: Vec<_> = {
            let mut state = self.state.lock();
            state.plan = Plan::default();
            let keys: Vec<_> = state.feeds.iter().map(|feed| feed.key.clone()).collect();
            keys.into_iter().filter_map(|key| Some((state.feeds.set_lighter(&key, None)?, key))).collect()
        };
        for (way, key) in ways {
            way.pool.leave_for(&key.0, &key.1);
        }
    }
}

/// A slot's place at its pool.
pub struct Seat {
    pool: Arc<ModelPool>,
    number: SeatNumber,
    bell: Arc<Condvar>,
    profile: Profile,
}

impl Seat {
    /// Takes the frame that is due next, and with it others, as many as the slot's profile makes worth it; blocks for at most `limit`.
    /// Empty when nothing was due, or the pool is closed.
    pub fn take(&mut self, limit: Duration) -> Vec<Job> {
        let clock = &self.pool.clock;
        let give_up = clock.monotonic() + limit;
        let mut state = self.pool.state.lock();
        loop {
            if state.closed {
                return Vec::new();
            }
            let now = clock.monotonic();
            let until = match state.next(self.number, &self.profile, now) {
                Next::Jobs(jobs) => {
                    // What is left is somebody else's, if somebody is idle.
                    if state.schedule.len() > 0
                        && let Some(bell) = state.seats.call()
                    {
                        bell.notify_one();
                    }
                    return jobs;
                }
                Next::Wait(until) => until.map_or(give_up, |until| until.min(give_up)),
            };
            if now >= give_up {
                self.profile.rest(limit);
                state.seats.learnt(self.number, &self.profile);
                return Vec::new();
            }
            state.seats.idle(self.number);
            self.bell.wait_for(&mut state, until.saturating_sub(now));
            state.seats.busy(self.number);
        }
    }

    /// A look at so many views took this long.
    pub fn looked(&mut self, views: usize, took: Duration) {
        self.profile.observe(views, took);
        self.pool.state.lock().seats.learnt(self.number, &self.profile);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pool.state.lock().seats.remove(self.number);
    }
}

enum Next {
    Jobs(Vec<Job>),
    /// Until then, or until the bell rings.
    Wait(Option<Duration>),
}

impl State {
    fn next(&mut self, seat: SeatNumber, profile: &Profile, now: Duration) -> Next {
        let Some(pace) = self.seats.pace(seat) else { return Next::Wait(None) };
        let mut chosen = match self.schedule.choose(now, pace) {
            Choice::Idle => return Next::Wait(None),
            Choice::Leave(until) => return Next::Wait(Some(until)),
            Choice::Take(first) => Some(first),
        };
        let waiting = batch::Waiting {
            frames: self.schedule.len(),
            feeds: self.feeds.len(),
            deadline: chosen.and_then(|first| self.feeds.deadline(first)).unwrap_or(now),
            pressure: self.arrivals.per_second(now) / self.seats.singles_per_second(),
        };
        let size = match batch::close(profile, waiting, now) {
            Close::At(until) => return Next::Wait(Some(until)),
            Close::Now(size) => size,
        };
        let mut jobs = Vec::with_capacity(size);
        while let Some(index) = chosen.take() {
            jobs.extend(self.feeds.take(index, now, &mut self.schedule));
            if jobs.len() < size
                && let Choice::Take(next) = self.schedule.choose(now, pace)
            {
                chosen = Some(next);
            }
        }
        Next::Jobs(jobs)
    }
}
