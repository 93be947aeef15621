//! What happened to the frames of one camera at one model.
//!
//! It promises, at every moment: `offered = taken + passed on + dropped + waiting`, where at most one frame waits for a slot. Of those that
//! were taken, some fail: they are counted again as such.

use std::sync::atomic::{AtomicU64, Ordering};

use parapet_contracts::stats::DropReason;

/// See the module. Counters only grow.
#[derive(Debug, Default)]
pub struct FeedCounters {
    offered: AtomicU64,
    taken: AtomicU64,
    late: AtomicU64,
    failed: AtomicU64,
    passed_on: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
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

    /// Of those, the ones that were taken after their deadline.
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Of those that were taken, the ones that the model failed on, or whose slot ended before it had an answer.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Frames that went to another model, which counts them as offered there: to a lighter one, as the overload policy says, or to a canary.
    pub fn passed_on(&self) -> u64 {
        self.passed_on.load(Ordering::Relaxed)
    }

    /// Frames that nobody took, by reason; reasons that never came are left out.
    pub fn dropped(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let counts = self.dropped.iter().map(|count| count.load(Ordering::Relaxed));
        DropReason::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    pub(super) fn count_offered(&self) {
        self.offered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_taken(&self, late: bool) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.late.fetch_add(u64::from(late), Ordering::Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_passed_on(&self) {
        self.passed_on.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_dropped(&self, reason: DropReason) {
        // The order of `ALL` is that of the declaration.
        self.dropped[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        for reason in DropReason::ALL {
            let counters = FeedCounters::default();
            counters.count_dropped(reason);
            assert_eq!(counters.dropped().collect::<Vec<_>>(), [(reason, 1)]);
        }
    }
}
