//! An evidence folder in memory: the fake of the evidence port. It keeps which pictures it was given; it can be told to fail.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::{
    CameraId, ErrorKind, EvidenceRef, Picture, Timestamp,
    ports::{
        clip::{Clip, ClipPort},
        evidence::{EvidenceError, EvidencePort},
        media::{EncodedFrame, MediaError},
    },
};
use parking_lot::Mutex;
use uuid::Uuid;

/// An [`EvidencePort`] in memory. Its "files" are no JPEG but a line that names the alert and the picture's size.
/// Cloning shares what it holds.
#[derive(Debug, Clone, Default)]
pub struct MemoryEvidence {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    failing: Option<EvidenceError>,
}

impl MemoryEvidence {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on each call fails with this error; `None` ends it.
    pub fn fail_with(&self, error: Option<EvidenceError>) {
        self.state.lock().failing = error;
    }

    /// Puts a file there, as if it had been kept.
    pub fn put(&self, path: &str, file: Vec<u8>) -> EvidenceRef {
        let bytes = file.len() as u64;
        self.state.lock().files.insert(path.to_owned(), file);
        EvidenceRef { path: path.to_owned(), media_type: "image/jpeg".to_owned(), bytes, sha256: "0".repeat(64) }
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> Vec<String> {
        self.state.lock().files.keys().cloned().collect()
    }

    fn working(&self) -> Result<parking_lot::MutexGuard<'_, State>, EvidenceError> {
        let state = self.state.lock();
        match &state.failing {
            Some(error) => Err(error.clone()),
            None => Ok(state),
        }
    }
}

/// A [`ClipPort`] whose files are the frames' bytes, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct MemoryClips;

impl ClipPort for MemoryClips {
    fn clip(&self, frames: &[EncodedFrame]) -> Result<Clip, MediaError> {
        let bytes = frames.iter().flat_map(|frame| frame.bytes.iter().copied()).collect();
        Ok(Clip { media_type: "video/mp4", extension: "mp4", bytes })
    }
}

impl EvidencePort for MemoryEvidence {
    fn keep(
        &self,
        alert: Uuid,
        camera: &CameraId,
        ts: Timestamp,
        picture: &Picture,
    ) -> Result<EvidenceRef, EvidenceError> {
        let mut state = self.working()?;
        let path = format!("{}/{camera}/{alert}.jpg", ts.strftime("%Y-%m-%d"));
        let file = format!("{alert} {}x{}", picture.width, picture.height).into_bytes();
        let bytes = file.len() as u64;
        state.files.insert(path.clone(), file);
        Ok(EvidenceRef { path, media_type: "image/jpeg".to_owned(), bytes, sha256: "0".repeat(64) })
    }

    fn keep_clip(
        &self,
        alert: Uuid,
        camera: &CameraId,
        ts: Timestamp,
        clip: &Clip,
    ) -> Result<EvidenceRef, EvidenceError> {
        let mut state = self.working()?;
        let path = format!("{}/{camera}/{alert}.{}", ts.strftime("%Y-%m-%d"), clip.extension);
        state.files.insert(path.clone(), clip.bytes.clone());
        let bytes = clip.bytes.len() as u64;
        Ok(EvidenceRef { path, media_type: clip.media_type.to_owned(), bytes, sha256: "0".repeat(64) })
    }

    fn read(&self, reference: &EvidenceRef) -> Result<Vec<u8>, EvidenceError> {
        self.working()?.files.get(&reference.path).cloned().ok_or_else(|| EvidenceError {
            kind: ErrorKind::Reject,
            code: "not_found",
            text: format!("there is no evidence file {}", reference.path),
        })
    }

    fn files(&self) -> Result<Vec<String>, EvidenceError> {
        Ok(self.working()?.files.keys().cloned().collect())
    }

    fn expire(&self, before: Timestamp) -> Result<u64, EvidenceError> {
        let mut state = self.working()?;
        let first_kept = before.strftime("%Y-%m-%d").to_string();
        let kept = state.files.split_off(&first_kept);
        let removed = std::mem::replace(&mut state.files, kept);
        Ok(removed.len() as u64)
    }
}
