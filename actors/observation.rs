//! What travels from a slot to the rules: an event, the frame that it was seen in, and when each step was done.

use std::{sync::Arc, time::Duration};

use parapet_contracts::{DetectionEvent, Frame};

/// An event with its frame.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What was seen.
    pub event: Arc<DetectionEvent>,
    /// Where. Present when there are objects in it: it may become evidence. Holding it holds a decoder's buffer.
    pub frame: Option<Frame>,
    /// When each step was done.
    pub steps: Steps,
}

/// The site's monotonic time at each step of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps {
    /// It left the decoder.
    pub decoded: Duration,
    /// A slot took it.
    pub taken: Duration,
    /// The model had looked at it.
    pub inferred: Duration,
}
