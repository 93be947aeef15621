//! Whose frame a slot takes next: pure, so that it can be tested without threads.
//!
//! Each camera at a model is a *feed* on which at most one frame waits, with a deadline. Two rules decide:
//!
//! - **Turns.** What each feed has had is kept as *service*: a look costs a feed 16, 4 or 1 by its priority. A feed may go ahead of the
//!   waiting feed that has had least by less than [`ROUND`]; one that is further ahead sits out. A feed that comes back after a pause begins
//!   where the others are: it can neither save turns up nor owe any.
//! - **Deadlines.** Among those whose turn it may be, the earliest deadline goes first.
//!
//! So below saturation deadlines decide, since hardly anyone waits. In saturation the looks are shared as deficit round robin shares them:
//! *weighted max–min*, everyone gets an equal part times its weight, unless it wants less, and what it leaves goes to the others. Someone is
//! always eligible, so no slot is idle while a frame waits. No priority starves: between two looks at a feed that keeps waiting, each other
//! feed of its priority is looked at twice at most, one of high priority `2 · 4` or `2 · 16` times.
//!
//! Everything costs O(log n) for n feeds.

use std::{collections::BTreeSet, time::Duration};

use parapet_config::Priority;

/// What a look of normal priority costs: as far as a feed may be ahead of the one that has had least.
const ROUND: u64 = 4;

/// What a look costs a feed.
fn cost(priority: Priority) -> u64 {
    match priority {
        Priority::High => ROUND / 4,
        Priority::Normal => ROUND,
        Priority::Low => ROUND * 4,
    }
}

/// A feed's number: its place in a [`Schedule`], free for another once it was removed.
pub(crate) type FeedIndex = usize;

/// The feeds, and who waits. See the module.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    feeds: Vec<Entry>,
    /// All that wait, by service.
    waiting: BTreeSet<(u64, FeedIndex)>,
    /// Of them those whose turn it may be, by deadline.
    eligible: BTreeSet<(Duration, FeedIndex)>,
    /// Of them those that are too far ahead, by service.
    ahead: BTreeSet<(u64, FeedIndex)>,
    /// The least service among those that wait; never goes back.
    floor: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    cost: u64,
    service: u64,
    deadline: Option<Duration>,
}

/// How fast a slot is, next to the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// What a look of this slot takes.
    pub own: Duration,
    /// What a look of the fastest slot takes.
    pub fastest: Duration,
}

/// What a slot does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Take this feed's frame.
    Take(FeedIndex),
    /// Leave what waits to a faster slot, which still can make it; look again then.
    Leave(Duration),
    /// Nothing waits.
    Idle,
}

impl Schedule {
    /// Adds a feed at `index`, or gives the one that is there another priority.
    pub(crate) fn set(&mut self, index: FeedIndex, priority: Priority) {
        if self.feeds.len() <= index {
            self.feeds.resize(index + 1, Entry::default());
        }
        self.feeds[index].cost = cost(priority);
    }

    /// A frame waits on this feed, to be done by `deadline`; in the place of one that waited before.
    pub(crate) fn wait(&mut self, index: FeedIndex, deadline: Duration) {
        self.forget(index);
        let entry = &mut self.feeds[index];
        entry.deadline = Some(deadline);
        entry.service = entry.service.max(self.floor);
        let service = entry.service;
        self.waiting.insert((service, index));
        // Sorted into the right set by `settle`.
        self.ahead.insert((service, index));
        self.settle();
    }

    /// No frame waits on this feed any more.
    pub(crate) fn withdraw(&mut self, index: FeedIndex) {
        self.forget(index);
        self.settle();
    }

    /// The frame of this feed was taken.
    pub(crate) fn taken(&mut self, index: FeedIndex) {
        self.forget(index);
        let entry = &mut self.feeds[index];
        entry.service += entry.cost;
        self.settle();
    }

    /// Who goes first, for slots that are all as fast as each other.
    pub(crate) fn next(&self) -> Option<FeedIndex> {
        self.eligible.first().map(|&(_, index)| index)
    }

    /// What waited first on this feed was taken, and something else waits on it, to be done by `deadline`.
    pub(crate) fn taken_one_of(&mut self, index: FeedIndex, deadline: Duration) {
        self.forget(index);
        let entry = &mut self.feeds[index];
        entry.service += entry.cost;
        entry.deadline = Some(deadline);
        let service = entry.service;
        self.waiting.insert((service, index));
        self.ahead.insert((service, index));
        self.settle();
    }

    /// How many feeds wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Chooses for a slot of this pace. A slow slot takes the most urgent frame that it can do in time; one that only a faster slot can do in
    /// time it leaves, as long as the faster ones get through everything that waits before that.
    pub(super) fn choose(&self, now: Duration, pace: Pace) -> Choice {
        let Some(&(deadline, first)) = self.eligible.first() else { return Choice::Idle };
        if pace.own <= pace.fastest + pace.fastest / 4 {
            return Choice::Take(first);
        }
        if let Some(&(_, index)) = self.eligible.range((now + pace.own, 0)..).next() {
            return Choice::Take(index);
        }
        let others = pace.fastest.saturating_mul(u32::try_from(self.len()).unwrap_or(u32::MAX));
        match deadline.checked_sub(others) {
            Some(until) if until > now => Choice::Leave(until),
            _ => Choice::Take(first),
        }
    }

    fn forget(&mut self, index: FeedIndex) {
        let Some(entry) = self.feeds.get_mut(index) else { return };
        if let Some(deadline) = entry.deadline.take() {
            self.waiting.remove(&(entry.service, index));
            if !self.eligible.remove(&(deadline, index)) {
                self.ahead.remove(&(entry.service, index));
            }
        }
    }

    /// Moves the floor, and lets in whose turn it may be now. Each look lets in those whom it passed, so the work is shared out over the looks.
    fn settle(&mut self) {
        if let Some(&(least, _)) = self.waiting.first() {
            self.floor = self.floor.max(least);
        }
        while let Some(&(service, index)) = self.ahead.first() {
            if service >= self.floor + ROUND {
                break;
            }
            self.ahead.pop_first();
            if let Some(deadline) = self.feeds[index].deadline {
                self.eligible.insert((deadline, index));
            }
        }
    }
}

#[cfg(test)]
mod tests;
