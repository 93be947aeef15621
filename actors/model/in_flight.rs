//! The frames that a slot looks at now: when the look never ends, the slot that takes its place gives them up, so that they are counted.

use std::sync::Arc;

use parking_lot::Mutex;

use super::job::{Promise, Receipt};

/// What all incarnations of a slot share. See the module.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<Vec<Arc<Promise>>>);

impl InFlight {
    /// A look at these frames begins; the one before has ended.
    pub(super) fn begin<'a>(&self, receipts: impl Iterator<Item = &'a Receipt>) {
        let mut frames = self.0.lock();
        frames.clear();
        frames.extend(receipts.map(Receipt::promise));
    }

    /// Gives up the frames of a look that has not ended. Returns how many those were.
    pub(super) fn give_up(&self) -> usize {
        self.0.lock().drain(..).filter(|promise| promise.fail()).count()
    }
}
