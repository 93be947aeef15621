//! The feeds of a pool and the frames that wait on them: what happens to a frame that is offered. Pure: whoever calls holds the lock and
//! tells the time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parapet_config::Priority;
use parapet_contracts::{CameraId, Frame, ModelId, stats::DropReason};

use super::{
    admission::{Limit, Thinning},
    canary::CanaryWay,
    counters::FeedCounters,
    feed::{Feed, Terms},
    job::{Job, Purpose, Receipt},
    overload::Plan,
    schedule::{FeedIndex, Schedule},
};

/// A camera, and the model that it asked: not always the one whose pool this is.
pub(super) type FeedKey = (CameraId, ModelId);

/// One camera's place at a model.
pub(super) struct FeedState {
    pub key: FeedKey,
    /// Tells it from a feed that had this place before.
    pub birth: u64,
    pub counters: Arc<FeedCounters>,
    pub priority: Priority,
    seen_within: Duration,
    limit: Limit,
    thinning: Thinning,
    /// The frame, and when it was offered.
    waiting: Option<(Frame, Duration)>,
    /// Its place at the lighter model, while that stands in.
    pub lighter: Option<Feed>,
    /// Its place at a canary, when it is one of its cameras.
    pub canary: Option<CanaryWay>,
}

impl FeedState {
    /// What its camera may ask of a lighter model: what this one left through is within the rate already.
    pub(super) fn terms(&self) -> Terms {
        Terms { max_fps: None, seen_within: self.seen_within, priority: self.priority }
    }

    fn deadline(&self, offered: Duration) -> Duration {
        offered + self.seen_within
    }
}

/// What the feeds of a pool have seen together since it was made. Only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Frames of normal and high priority that came within the declared rate.
    pub wanted: u64,
    /// Those of low priority.
    pub wanted_low: u64,
    /// Frames that a slot took.
    pub taken: u64,
    /// Frames that were replaced before a slot was free.
    pub missed: u64,
    /// Frames that went to the lighter model.
    pub passed_on: u64,
}

/// What became of a frame that was offered.
pub(super) enum Fate {
    /// It waits; the one whose place it took is handed back, to be dropped outside the lock.
    Waits {
        /// The one that it replaced.
        old: Option<Frame>,
    },
    /// It is counted, and handed back.
    Dropped(Frame),
    /// The lighter model looks at it instead, or a canary.
    PassOn(Feed, Frame),
}

/// See the module.
#[derive(Default)]
pub(super) struct Feeds {
    slab: Vec<Option<FeedState>>,
    by_key: BTreeMap<FeedKey, FeedIndex>,
    births: u64,
    pub totals: Totals,
}

impl Feeds {
    /// Adds a feed, or gives the one that is there other terms.
    pub(super) fn join(&mut self, key: FeedKey, terms: Terms, schedule: &mut Schedule) -> (FeedIndex, &FeedState) {
        let index = self.by_key.get(&key).copied().unwrap_or_else(|| {
            let free = self.slab.iter().position(Option::is_none).unwrap_or(self.slab.len());
            if free == self.slab.len() {
                self.slab.push(None);
            }
            self.by_key.insert(key.clone(), free);
            free
        });
        schedule.set(index, terms.priority);
        let births = &mut self.births;
        let feed = self.slab[index].get_or_insert_with(|| {
            *births += 1;
            FeedState {
                key,
                birth: *births,
                counters: Arc::default(),
                priority: terms.priority,
                seen_within: terms.seen_within,
                limit: Limit::default(),
                thinning: Thinning::default(),
                waiting: None,
                lighter: None,
                canary: None,
            }
        });
        feed.limit.set(terms.max_fps);
        (feed.priority, feed.seen_within) = (terms.priority, terms.seen_within);
        (index, feed)
    }

    /// Removes a feed; the frame that waits on it is counted as dropped.
    pub(super) fn leave(&mut self, key: &FeedKey, schedule: &mut Schedule) -> Option<FeedState> {
        let index = self.by_key.remove(key)?;
        schedule.withdraw(index);
        let mut feed = self.slab[index].take()?;
        if feed.waiting.take().is_some() {
            feed.counters.count_dropped(DropReason::NoReceiver);
        }
        Some(feed)
    }

    /// Takes a frame in, or says why not.
    #[allow(clippy::result_large_err)] // The frame goes back to whom it belongs: no box for each.
    pub(super) fn offer(
        &mut self,
        (index, birth): (FeedIndex, u64),
        frame: Frame,
        now: Duration,
        plan: &Plan,
        schedule: &mut Schedule,
    ) -> Result<Fate, Frame> {
        let Some(feed) = self.slab.get_mut(index).and_then(Option::as_mut).filter(|feed| feed.birth == birth) else {
            return Err(frame);
        };
        feed.counters.count_offered();
        let low = feed.priority == Priority::Low;
        let within = feed.limit.admit(now);
        // What the canary looks at is no load here, so that nothing of it is given up here either.
        let canary = feed.canary.as_ref().filter(|way| within && way.canary.takes_frames());
        if let Some(way) = canary.filter(|_| feed.waiting.is_none()) {
            feed.counters.count_passed_on();
            return Ok(Fate::PassOn(way.feed.clone(), frame));
        }
        if within {
            *(if low { &mut self.totals.wanted_low } else { &mut self.totals.wanted }) += 1;
        }
        // A frame that waits gives its place to a newer one in any case: it has passed for both.
        if feed.waiting.is_none() {
            let refused = if !within {
                Some(DropReason::RateLimit)
            } else if plan.shed && low {
                Some(DropReason::Shed)
            } else {
                (!feed.thinning.admit(now, plan.keep, plan.lowest)).then_some(DropReason::LoweredRate)
            };
            if let Some(reason) = refused {
                feed.counters.count_dropped(reason);
                return Ok(Fate::Dropped(frame));
            }
            if let Some(lighter) = feed.lighter.as_ref().filter(|_| plan.lighter) {
                feed.counters.count_passed_on();
                self.totals.passed_on += 1;
                return Ok(Fate::PassOn(lighter.clone(), frame));
            }
        }
        let old = feed.waiting.replace((frame, now));
        if let Some((_, since)) = &old {
            let stale = now > feed.deadline(*since);
            feed.counters.count_dropped(if stale { DropReason::Stale } else { DropReason::Superseded });
            self.totals.missed += 1;
        }
        schedule.wait(index, feed.deadline(now));
        Ok(Fate::Waits { old: old.map(|(frame, _)| frame) })
    }

    /// The frame that waits on this feed, for a slot.
    pub(super) fn take(&mut self, index: FeedIndex, now: Duration, schedule: &mut Schedule) -> Option<Job> {
        schedule.taken(index);
        let feed = self.slab.get_mut(index)?.as_mut()?;
        let (frame, offered) = feed.waiting.take()?;
        feed.counters.count_taken(now > feed.deadline(offered));
        self.totals.taken += 1;
        let receipt = Receipt::new(Arc::clone(&feed.counters));
        let purpose = Purpose::Frame { asked: feed.key.1.clone(), receipt };
        let region = frame.focus;
        Some(Job { frame, region, offered, purpose })
    }

    /// When the frame that waits on this feed should be done.
    pub(super) fn deadline(&self, index: FeedIndex) -> Option<Duration> {
        let feed = self.slab.get(index)?.as_ref()?;
        feed.waiting.as_ref().map(|(_, offered)| feed.deadline(*offered))
    }

    /// Tells a feed the way to the lighter model. Returns the way that leads nowhere now: the old one, or the new one when the feed is gone.
    pub(super) fn set_lighter(&mut self, key: &FeedKey, lighter: Option<Feed>) -> Option<Feed> {
        match self.by_key.get(key).and_then(|index| self.slab[*index].as_mut()) {
            Some(feed) => std::mem::replace(&mut feed.lighter, lighter),
            None => lighter,
        }
    }

    /// Tells a feed the way to a canary, or that there is none. Returns the way that leads nowhere now, as above.
    pub(super) fn set_canary(&mut self, key: &FeedKey, canary: Option<CanaryWay>) -> Option<CanaryWay> {
        match self.by_key.get(key).and_then(|index| self.slab[*index].as_mut()) {
            Some(feed) => std::mem::replace(&mut feed.canary, canary),
            None => canary,
        }
    }

    /// All feeds, by camera.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FeedState> {
        self.by_key.values().filter_map(|index| self.slab[*index].as_ref())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
