//! A crop on its way to a following model, and back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{CameraId, DetectionEvent, Frame, Object, Region, Step};

use super::{
    Follower,
    counters::{Counters, Lost},
    memory::Ticket,
};
use crate::model::Promised;

/// What is asked of which object. One that is dropped without an answer counts itself.
pub struct Errand {
    pub(super) follower: Arc<Follower>,
    /// The event whose object it is.
    pub(super) event: Arc<DetectionEvent>,
    /// The object's index there.
    pub(super) index: u32,
    /// The object, with what is known of it so far.
    pub(super) object: Object,
    /// The way from it to what is looked at.
    pub(super) path: Vec<Step>,
    /// The object's track.
    pub(super) track: Option<u64>,
    /// When it should be looked at, by the site's monotonic clock.
    pub(super) due: Duration,
    /// The area of the box that is looked at, in square pixels.
    pub(super) area: f32,
    pub(super) promise: Arc<CropPromise>,
}

/// What is promised of one crop.
#[derive(Debug)]
pub(super) struct CropPromise {
    counters: Arc<Counters>,
    ticket: Arc<Ticket>,
    settled: AtomicBool,
}

impl CropPromise {
    pub(super) fn new(counters: &Arc<Counters>, ticket: Arc<Ticket>) -> Arc<Self> {
        Arc::new(Self { counters: Arc::clone(counters), ticket, settled: AtomicBool::new(false) })
    }

    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }

    /// There will be no answer: the crop is counted, and its object may be asked for again. False when it was settled before.
    fn lose(&self, reason: Lost) -> bool {
        let open = self.settle();
        if open {
            self.counters.lost(reason);
            self.ticket.release();
        }
        open
    }
}

impl Promised for CropPromise {
    fn fail(&self) -> bool {
        self.lose(Lost::Failed)
    }
}

impl Errand {
    /// There is an answer. False when somebody has given the crop up meanwhile.
    pub(crate) fn answered(&self) -> bool {
        let open = self.promise.settle();
        if open {
            self.follower.counters.answered();
        }
        open
    }

    /// A slot took it at this moment, by the site's monotonic clock.
    pub(crate) fn looked_at(&self, taken: Duration) {
        if taken > self.due {
            self.follower.counters.late();
        }
    }

    /// For whoever gives the crop up when its slot never comes back.
    pub(crate) fn promise(&self) -> Arc<dyn Promised> {
        Arc::<CropPromise>::clone(&self.promise)
    }

    /// A slot looks at it now.
    pub(super) fn taken(&self) {
        self.promise.ticket.take();
    }

    /// There will be no answer.
    pub(super) fn lost(self, reason: Lost) {
        self.promise.lose(reason);
    }

    /// The track, when it is the object itself that is looked at: of two crops of it, one is enough.
    pub(super) fn subject(&self) -> Option<u64> {
        self.track.filter(|_| self.path.is_empty())
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        let reason = if self.promise.ticket.is_taken() { Lost::Failed } else { Lost::Left };
        self.promise.lose(reason);
    }
}

/// An errand with what it needs to see. Holding it holds a decoder's buffer.
pub(crate) struct Crop {
    /// The frame.
    pub(crate) frame: Frame,
    /// The part of it to look at.
    pub(crate) region: Region,
    /// The monotonic time at which it was asked for.
    pub(crate) offered: Duration,
    /// What it is for.
    pub(crate) errand: Errand,
}

impl Crop {
    pub(super) fn camera(&self) -> &CameraId {
        &self.frame.camera
    }
}
