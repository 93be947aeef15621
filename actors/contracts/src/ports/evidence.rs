//! The evidence port: pictures of alerts as files that others can mount.

use uuid::Uuid;

use super::clip::Clip;
use crate::{CameraId, ErrorKind, EvidenceRef, Picture, Timestamp};

/// Keeps evidence files.
pub trait EvidencePort: Send + Sync {
    /// Encodes the picture and writes it, synced, under a name made of date, camera and alert. When it returns, the file is whole or absent.
    ///
    /// # Errors
    /// When the picture can't be encoded or the folder not written.
    fn keep(
        &self,
        alert: Uuid,
        camera: &CameraId,
        ts: Timestamp,
        picture: &Picture,
    ) -> Result<EvidenceRef, EvidenceError>;

    /// Writes a clip, synced, beside the picture. When it returns, the file is whole or absent.
    ///
    /// # Errors
    /// When the folder can't be written.
    fn keep_clip(
        &self,
        alert: Uuid,
        camera: &CameraId,
        ts: Timestamp,
        clip: &Clip,
    ) -> Result<EvidenceRef, EvidenceError>;

    /// Reads a file that [`EvidencePort::keep`] or [`EvidencePort::keep_clip`] wrote. A path that leaves the folder is refused.
    ///
    /// # Errors
    /// When the file is gone or can't be read.
    fn read(&self, reference: &EvidenceRef) -> Result<Vec<u8>, EvidenceError>;

    /// The paths of all whole files, as references have them, in no order.
    ///
    /// # Errors
    /// When the folder can't be read.
    fn files(&self) -> Result<Vec<String>, EvidenceError>;

    /// Removes files of days before `before`; returns how many.
    ///
    /// # Errors
    /// When the folder can't be read or a file not removed.
    fn expire(&self, before: Timestamp) -> Result<u64, EvidenceError>;
}

/// Why evidence can't be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct EvidenceError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable word: `full`, `read_only`, `not_found`, `outside`, `encode`, `damaged` (not what was written), `io`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}
