//! The last frame of each camera, for alerts that no frame led to: a camera that is covered or silent, a door that opens.
//!
//! One frame for each camera and no more: it holds a decoder's buffer.

use std::{collections::HashMap, sync::Arc};

use parapet_contracts::{CameraId, Frame};
use parking_lot::{Mutex, RwLock};

/// The last frame of one camera; clones are the same place. It outlives streams and restarts of the camera's actor.
#[derive(Debug, Clone, Default)]
pub struct LastFrame(Arc<Mutex<Option<Frame>>>);

impl LastFrame {
    /// Takes the newest frame; the one before goes.
    pub fn put(&self, frame: Frame) {
        let before = self.0.lock().replace(frame);
        drop(before); // Returns a buffer to its decoder: not under the lock.
    }

    /// The newest frame, when there was one.
    pub fn get(&self) -> Option<Frame> {
        self.0.lock().clone()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct LastFrames(RwLock<HashMap<CameraId, LastFrame>>);

impl LastFrames {
    /// Where a camera puts its frames.
    pub fn place(&self, camera: &CameraId) -> LastFrame {
        self.0.write().entry(camera.clone()).or_default().clone()
    }

    /// The last frame of a camera, however old it is.
    pub fn of(&self, camera: &CameraId) -> Option<Frame> {
        self.0.read().get(camera)?.get()
    }

    /// Forgets a camera that is no more.
    pub fn forget(&self, camera: &CameraId) {
        let gone = self.0.write().remove(camera);
        drop(gone);
    }
}
