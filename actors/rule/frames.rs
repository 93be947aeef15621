//! The frames that may still become evidence, for rules that fire later than the frame that they fire for.
//!
//! Never more than a fixed number for each camera: each frame holds a decoder's buffer.

use std::collections::{HashMap, VecDeque};

use parapet_contracts::{CameraId, DetectionEvent};

use crate::observation::Observation;

/// See the module.
pub(super) struct RecentFrames {
    kept: HashMap<CameraId, VecDeque<Observation>>,
    per_camera: usize,
}

impl RecentFrames {
    /// Keeps so many frames of each camera.
    pub(super) fn new(per_camera: usize) -> Self {
        Self { kept: HashMap::new(), per_camera }
    }

    /// Keeps an observation that has a frame; the oldest of its camera goes.
    pub(super) fn keep(&mut self, observation: &Observation) {
        if observation.frame.is_none() || self.per_camera == 0 {
            return;
        }
        let kept = self.kept.entry(observation.event.camera.clone()).or_default();
        while kept.len() >= self.per_camera {
            kept.pop_front();
        }
        kept.push_back(observation.clone());
    }

    /// The observation of an event, when its frame is still there.
    pub(super) fn of(&self, event: &DetectionEvent) -> Option<&Observation> {
        self.kept.get(&event.camera)?.iter().find(|observation| observation.event.id == event.id)
    }
}
