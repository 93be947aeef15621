//! An evidence folder in memory: the fake of the evidence port. It keeps which pictures it was given; it can be told to fail.

use std::{collections::BTreeMap, io::Cursor, sync::Arc};

use jiff::civil::Date;
use parapet_contracts::{
    CameraId, ErrorKind, EvidenceRef, Picture, Timestamp,
    ports::{
        clip::{Clip, ClipPort, LiveFilm},
        evidence::{EvidenceError, EvidenceFile, EvidencePort, EvidenceReader, Room},
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
    /// The size of the disk, and what others have on it; a terabyte of its own unless told otherwise.
    disk: Option<(u64, u64)>,
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

    /// From now on the disk has this many bytes, of which others have some.
    pub fn set_disk(&self, bytes: u64, others: u64) {
        self.state.lock().disk = Some((bytes, others));
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

    fn film(&self, first: &EncodedFrame) -> Result<Box<dyn LiveFilm>, MediaError> {
        let text = format!("{}: nothing plays in memory", first.format);
        Err(MediaError { kind: ErrorKind::Reject, code: "unsupported", text })
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

    fn open(&self, reference: &EvidenceRef) -> Result<Box<dyn EvidenceReader>, EvidenceError> {
        Ok(Box::new(Cursor::new(self.read(reference)?)))
    }

    fn days(&self) -> Result<Vec<Date>, EvidenceError> {
        let mut days: Vec<Date> =
            self.working()?.files.keys().filter_map(|path| path.split('/').next()?.parse().ok()).collect();
        days.dedup();
        Ok(days)
    }

    fn files(&self, day: Date) -> Result<Vec<EvidenceFile>, EvidenceError> {
        let state = self.working()?;
        let of_day = state.files.iter().filter(|(path, _)| path.starts_with(&format!("{day}/")));
        Ok(of_day.map(|(path, file)| EvidenceFile { path: path.clone(), bytes: file.len() as u64 }).collect())
    }

    fn remove(&self, path: &str) -> Result<u64, EvidenceError> {
        Ok(self.working()?.files.remove(path).map_or(0, |file| file.len() as u64))
    }

    fn sweep(&self, _: Date) -> Result<(), EvidenceError> {
        self.working().map(drop)
    }

    fn room(&self) -> Result<Room, EvidenceError> {
        let state = self.working()?;
        let (total, others) = state.disk.unwrap_or((1 << 40, 0));
        let used: u64 = state.files.values().map(|file| file.len() as u64).sum();
        Ok(Room { free: total.saturating_sub(used + others), total })
    }
}
