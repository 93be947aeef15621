//! Which of a camera's streams an actor keeps open, and who stands behind it.

use std::sync::Arc;

use parapet_contracts::{CameraId, MainView};

/// Which stream.
#[derive(Clone)]
pub enum Role {
    /// The one that the models look at. With a main view, alerts show pictures of another stream.
    Watched {
        /// Pictures of the main stream, when this is a substream.
        main: Option<Arc<MainView>>,
    },
    /// The main stream of a camera whose substream is watched: it gives the pictures of alerts, and no model sees it.
    Main(Arc<MainView>),
}

impl Role {
    /// The name of the actor of a camera in this role: its id in the tree and in the journal.
    pub fn actor(&self, camera: &CameraId) -> String {
        match self {
            Self::Watched { .. } => camera.to_string(),
            // No id has a dot in it.
            Self::Main(_) => format!("{camera}.main"),
        }
    }

    pub(super) fn is_main(&self) -> bool {
        matches!(self, Self::Main(_))
    }
}

/// Who knows of what a camera shows. Called on the decoder's thread: returns at once.
pub trait Downstream: Send + Sync {
    /// Whether an object of this camera is followed that does not stand still.
    fn is_followed(&self, camera: &CameraId) -> bool;
}
