//! A frame on its way through a slot.

use std::{sync::Arc, time::Duration};

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
pub struct Receipt {
    counters: Arc<FeedCounters>,
    answered: bool,
}

impl Receipt {
    pub(super) fn new(counters: Arc<FeedCounters>) -> Self {
        Self { counters, answered: false }
    }

    /// The frame has its answer.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.answered {
            self.counters.count_failed();
        }
    }
}
