//! The frames that a slot looks at now: when the look never ends, the slot that takes its place gives them up, so that they are counted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

use super::job::Promised;

/// What all incarnations of a slot share. See the module.
#[derive(Debug, Default)]
pub struct InFlight {
    frames: Mutex<Vec<Arc<dyn Promised>>>,
    begun: AtomicBool,
}

impl InFlight {
    /// An incarnation of the slot begins. True when it is not the first.
    pub(super) fn begins_again(&self) -> bool {
        self.begun.swap(true, Ordering::Relaxed)
    }

    /// A look at these frames begins; the one before has ended.
    pub(super) fn begin(&self, promises: impl Iterator<Item = Arc<dyn Promised>>) {
        let mut frames = self.frames.lock();
        frames.clear();
        frames.extend(promises);
    }

    /// Gives up the frames of a look that has not ended. Returns how many those were.
    pub(super) fn give_up(&self) -> usize {
        self.frames.lock().drain(..).filter(|promise| promise.fail()).count()
    }
}
