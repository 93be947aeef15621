//! Camera actors: one for each file in `cameras/`.

mod actor;
mod last;
mod patience;
mod role;
mod sink;
mod status;
mod tell;
pub mod tracking;
pub mod watch;

pub use actor::{CameraActor, CameraMessage, CameraParts};
pub use last::{LastFrame, LastFrames};
pub use role::{Downstream, Role};
pub use status::{CameraBoard, CameraState, CameraStatus};

#[cfg(test)]
mod tests;
