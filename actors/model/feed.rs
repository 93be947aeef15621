//! A camera's way into a pool.

use std::{sync::Arc, time::Duration};

use parapet_config::{Camera, Model, Priority};
use parapet_contracts::{Frame, ModelId};

use super::{counters::FeedCounters, pool::ModelPool, schedule::FeedIndex};

/// What a camera may ask of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Frames per second at most; all that come when absent.
    pub max_fps: Option<f64>,
    /// How long after it was offered a frame should have been looked at.
    pub seen_within: Duration,
    /// Who goes first when not all can be served.
    pub priority: Priority,
}

impl Terms {
    /// What the files of a camera and of a model say.
    pub fn of(camera: &Camera, model: &Model) -> Self {
        Self {
            max_fps: model.max_fps,
            seen_within: camera.seen_within.unwrap_or(model.seen_within),
            priority: camera.priority,
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { max_fps: None, seen_within: parapet_config::SEEN_WITHIN, priority: Priority::Normal }
    }
}

/// A camera's way into a pool. Clones are the same way.
#[derive(Clone)]
pub struct Feed {
    pub(super) pool: Arc<ModelPool>,
    pub(super) place: (FeedIndex, u64),
    pub(super) counters: Arc<FeedCounters>,
}

impl Feed {
    /// Offers the latest frame; never waits. An older one that still waits is dropped and counted.
    pub fn offer(&self, frame: Frame) {
        self.pool.offer(self, frame);
    }

    /// The model at the other end.
    pub fn model(&self) -> &ModelId {
        self.pool.model()
    }

    /// What happened to this camera's frames here.
    pub fn counters(&self) -> &Arc<FeedCounters> {
        &self.counters
    }
}
