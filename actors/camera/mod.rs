//! Camera actors: one for each file in `cameras/`.

mod actor;
mod sink;
mod status;
pub mod tracking;

pub use actor::{CameraActor, CameraMessage, CameraParts};
pub use status::{CameraBoard, CameraState, CameraStatus};

#[cfg(test)]
mod tests;
