//! The gate before the sink: after it is closed, the sink is called no more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_contracts::ports::media::{EncodedFrame, MediaEvent, MediaFrame, MediaSink};
use parking_lot::{Condvar, Mutex};

#[derive(Default)]
struct State {
    closed: bool,
    inside: u32,
}

/// Lets calls through to the sink until it is closed.
pub(crate) struct Gate {
    sink: Arc<dyn MediaSink>,
    state: Mutex<State>,
    left: Condvar,
}

/// Counts a call out, also when the sink panics.
struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.state.lock().inside -= 1;
        self.0.left.notify_all();
    }
}

impl Gate {
    pub(crate) fn new(sink: Arc<dyn MediaSink>) -> Self {
        Self { sink, state: Mutex::default(), left: Condvar::new() }
    }

    fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.inside += 1;
        Some(Inside(self))
    }

    /// Hands a frame over; false when the gate is closed.
    pub(crate) fn frame(&self, frame: MediaFrame) -> bool {
        let Some(_inside) = self.enter() else { return false };
        self.sink.frame(frame);
        true
    }

    /// Whether frames are wanted as they come.
    pub(crate) fn wants_encoded(&self) -> bool {
        self.sink.wants_encoded()
    }

    /// Hands a frame over as it came, unless the gate is closed.
    pub(crate) fn encoded(&self, frame: EncodedFrame) {
        if let Some(_inside) = self.enter() {
            self.sink.encoded(frame);
        }
    }

    /// Tells an event, unless the gate is closed.
    pub(crate) fn event(&self, event: MediaEvent) {
        if let Some(_inside) = self.enter() {
            self.sink.event(event);
        }
    }

    /// Closes the gate and tells `event` as the last thing that the sink hears; nothing when it was closed before.
    pub(crate) fn last(&self, event: MediaEvent) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        // A frame that is being taken comes before the end. A sink that never returns must not hide the end for ever.
        let deadline = Instant::now() + Duration::from_secs(60);
        while state.inside > 0 {
            if self.left.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.inside += 1;
        let inside = Inside(self);
        drop(state);
        self.sink.event(event);
        drop(inside);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Closes the gate; true when nobody is inside any more, false when somebody still was after `bound`.
    pub(crate) fn close(&self, bound: Duration) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        let deadline = Instant::now() + bound;
        while state.inside > 0 {
            if self.left.wait_until(&mut state, deadline).timed_out() {
                return state.inside == 0;
            }
        }
        true
    }
}
