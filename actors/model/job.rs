//! A frame, or a crop of one, on its way through a slot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{Frame, ModelId, Region};

use super::counters::FeedCounters;
use crate::cascade::{Crop, Errand};

/// What a slot took to look at.
pub struct Job {
    /// The frame.
    pub frame: Frame,
    /// The part of it to look at; all of it when absent.
    pub region: Option<Region>,
    /// The monotonic time at which it was offered.
    pub offered: Duration,
    /// Who waits for the answer.
    pub purpose: Purpose,
}

/// Who waits for the answer of a look.
pub enum Purpose {
    /// Those who hear of what is seen in a camera's frames.
    Frame {
        /// The model that the camera asked: not the one that looks while an overload policy has a lighter one stand in.
        asked: ModelId,
        /// To be handed back with the answer.
        receipt: Receipt,
    },
    /// A cascade: another model saw something here.
    Crop(Box<Errand>),
}

impl Job {
    /// It has its answer. False when somebody has given it up meanwhile.
    pub(super) fn answered(&self) -> bool {
        match &self.purpose {
            Purpose::Frame { receipt, .. } => receipt.answered(),
            Purpose::Crop(errand) => errand.answered(),
        }
    }

    /// What was promised, for whoever gives it up when its slot never comes back.
    pub(super) fn promise(&self) -> Arc<dyn Promised> {
        match &self.purpose {
            Purpose::Frame { receipt, .. } => receipt.promise(),
            Purpose::Crop(errand) => errand.promise(),
        }
    }
}

/// What is promised of something that a slot looks at. It is settled once: answered, or failed.
pub(crate) trait Promised: std::fmt::Debug + Send + Sync {
    /// Counts it as failed. False when it was settled before.
    fn fail(&self) -> bool;
}

impl From<Crop> for Job {
    fn from(crop: Crop) -> Self {
        let Crop { frame, region, offered, errand } = crop;
        Self { frame, region: Some(region), offered, purpose: Purpose::Crop(Box::new(errand)) }
    }
}

/// The promise of an answer. One that is dropped without counts its frame as failed: the model failed, or its slot broke or was replaced.
pub struct Receipt(Arc<Promise>);

/// What is promised of one frame.
#[derive(Debug)]
struct Promise {
    counters: Arc<FeedCounters>,
    settled: AtomicBool,
}

impl Promise {
    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::Relaxed)
    }
}

impl Promised for Promise {
    fn fail(&self) -> bool {
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

    fn promise(&self) -> Arc<dyn Promised> {
        Arc::<Promise>::clone(&self.0)
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
