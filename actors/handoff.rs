//! A bounded hand-off between two actors: mailboxes carry control, frames and events travel here.
//!
//! It promises: never more than `capacity` items; what does not fit is counted, by the policy that was declared; the
//! receiver is woken once for any number of items; items survive a restart of the receiver.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What happens to an item that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest item makes room.
    DropOldest,
    /// The new item is refused.
    DropNewest,
}

/// See the module.
#[derive(Debug)]
pub struct Handoff<T> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
    overflow: Overflow,
    arrived: Notify,
    dropped: AtomicU64,
}

impl<T> Handoff<T> {
    /// An empty hand-off for at most `capacity` items (at least one).
    pub fn new(capacity: usize, overflow: Overflow) -> Self {
        let capacity = capacity.max(1);
        Self { items: Mutex::default(), capacity, overflow, arrived: Notify::new(), dropped: AtomicU64::new(0) }
    }

    /// Hands an item over; never waits. Returns the item that was dropped to keep the bound, if one was.
    pub fn put(&self, item: T) -> Option<T> {
        let dropped = {
            let mut items = self.items.lock();
            if items.len() < self.capacity {
                items.push_back(item);
                None
            } else if self.overflow == Overflow::DropOldest {
                let oldest = items.pop_front();
                items.push_back(item);
                oldest
            } else {
                Some(item)
            }
        };
        if dropped.is_some() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.arrived.notify_one();
        dropped
    }

    /// Takes all that is there, oldest first; waits until something is.
    pub async fn take_all(&self) -> Vec<T> {
        loop {
            let taken = self.try_take_all();
            if !taken.is_empty() {
                return taken;
            }
            self.arrived.notified().await;
        }
    }

    /// As [`Handoff::take_all`], but gives up after `limit` with an empty list.
    pub async fn take_all_within(&self, limit: Duration) -> Vec<T> {
        tokio::time::timeout(limit, self.take_all()).await.unwrap_or_default()
    }

    /// Takes all that is there now, oldest first.
    pub fn try_take_all(&self) -> Vec<T> {
        self.items.lock().drain(..).collect()
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.items.lock().len()
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items were dropped to keep the bound.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_bound_holds_and_what_is_dropped_is_counted_and_told() {
        let oldest = Handoff::new(2, Overflow::DropOldest);
        assert_eq!([oldest.put(1), oldest.put(2), oldest.put(3)], [None, None, Some(1)]);
        assert_eq!((oldest.try_take_all(), oldest.dropped()), (vec![2, 3], 1));

        let newest = Handoff::new(2, Overflow::DropNewest);
        assert_eq!([newest.put(1), newest.put(2), newest.put(3)], [None, None, Some(3)]);
        assert_eq!((newest.try_take_all(), newest.dropped()), (vec![1, 2], 1));
    }

    #[tokio::test]
    async fn a_receiver_that_waits_is_woken_and_one_that_comes_late_finds_the_items() {
        let handoff = Arc::new(Handoff::new(8, Overflow::DropOldest));
        let waiting = tokio::spawn({
            let handoff = Arc::clone(&handoff);
            async move { handoff.take_all().await }
        });
        handoff.put(7);
        assert_eq!(waiting.await.ok(), Some(vec![7]));
        handoff.put(8);
        assert_eq!(handoff.take_all().await, vec![8]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_has_a_limit() {
        let handoff = Handoff::<u8>::new(1, Overflow::DropNewest);
        assert!(handoff.take_all_within(Duration::from_secs(5)).await.is_empty());
    }
}
