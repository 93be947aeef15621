//! The frames that a slot looks at now: when the look never ends, the slot that takes its place gives them up, so that they are counted.

use std::sync::Arc;

use parking_lot::Mutex;

use super::job::Promised;

/// What all incarnations of a slot share. See the module.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<Vec<Arc<dyn Promised>>>);

impl InFlight {
    /// A look at these frames begins; the one before has ended.
    pub(super) fn begin(&self, promises: impl Iterator<Item = Arc<dyn Promised>>) {
        let mut frames = self.0.lock();
        frames.clear();
        frames.extend(promises);
    }

    /// Gives up the frames of a look that has not ended. Returns how many those were.
    pub(super) fn give_up(&self) -> usize {
        self.0.lock().drain(..).filter(|promise| promise.fail()).count()
    }
}
