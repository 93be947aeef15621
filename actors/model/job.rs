//! A frame on its way through a slot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{Frame, ModelId, Region};

use super::counters::FeedCounters;

/// A frame that a slot took.
pub struct Job {
    /// The frame.
    pub frame: Frame,
    /// The part of it to look at; all of it when absent.
    pub region: Option<Region>,
    /// The model that the camera asked: not the one that looks while an overload policy has a lighter one stand in.
    pub asked: ModelId,
    /// The monotonic time at which it was offered.
    pub offered: Duration,
    /// To be handed back with the answer.
    pub receipt: Receipt,
}

/// The promise of an answer. One that is dropped without counts its frame as failed: the model failed, or its slot broke or was replaced.
pub struct Receipt(Arc<Promise>);

/// What is promised of one frame. It is settled once: answered, or failed.
#[derive(Debug)]
pub(super) struct Promise {
    counters: Arc<FeedCounters>,
    settled: AtomicBool,
}

impl Promise {
    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::Relaxed)
    }

    /// Counts the frame as failed. False when it was settled before.
    pub(super) fn fail(&self) -> bool {
        let open = self.settle();
        if open {
            self.counters.count_failed();
        }
        open
    }
}

impl Receipt {
    pub(super) fn new(counters: Arc<FeedCounters>) -> Self {
        Self(Arc::new(Promise { counters, settled: AtomicBool::new(false) }))
    }

    /// The promise, for whoever gives the frame up when its slot never comes back.
    pub(super) fn promise(&self) -> Arc<Promise> {
        Arc::clone(&self.0)
    }

    /// The frame has its answer. False when somebody has given it up meanwhile.
    pub fn answered(&self) -> bool {
        self.0.settle()
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.0.fail();
    }
}
