//! Recordings in memory: the fake of the recording port. It can be told to fail, and how big its disk is.

use std::{collections::BTreeMap, io::Cursor, ops::Range, sync::Arc};

use jiff::{civil::Date, tz::TimeZone};
use parapet_contracts::{
    CameraId, ErrorKind, Timestamp,
    ports::{
        clip::Clip,
        evidence::{EvidenceError, EvidenceReader, Room},
        recording::{RecordingPort, Segment},
    },
};
use parking_lot::Mutex;

/// A [`RecordingPort`] in memory. Cloning shares what it holds.
#[derive(Debug, Clone, Default)]
pub struct MemoryRecordings {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<(CameraId, String), Vec<u8>>,
    failing: Option<EvidenceError>,
    disk: Option<u64>,
}

impl MemoryRecordings {
    /// From now on writing fails with this error; `None` ends it.
    pub fn fail_with(&self, error: Option<EvidenceError>) {
        self.state.lock().failing = error;
    }

    /// From now on the disk has this many bytes; a terabyte unless told otherwise.
    pub fn set_disk(&self, bytes: u64) {
        self.state.lock().disk = Some(bytes);
    }

    /// The names of all segments of a camera, oldest first.
    pub fn names(&self, camera: &CameraId) -> Vec<String> {
        self.state.lock().files.keys().filter(|(of, _)| of == camera).map(|(_, name)| name.clone()).collect()
    }
}

fn segment(name: &str, bytes: usize) -> Option<Segment> {
    let within = Segment::time_of(name)?;
    Some(Segment { name: name.to_owned(), from: within.start, until: within.end, bytes: bytes as u64 })
}

fn day_of(name: &str) -> Option<Date> {
    Some(TimeZone::UTC.to_datetime(Segment::time_of(name)?.start).date())
}

impl RecordingPort for MemoryRecordings {
    fn keep(&self, camera: &CameraId, within: Range<Timestamp>, clip: &Clip) -> Result<Segment, EvidenceError> {
        let mut state = self.state.lock();
        if let Some(error) = &state.failing {
            return Err(error.clone());
        }
        let (name, bytes) = (Segment::name_of(&within, clip.extension), clip.bytes.len() as u64);
        state.files.insert((camera.clone(), name.clone()), clip.bytes.clone());
        Ok(Segment { name, from: within.start, until: within.end, bytes })
    }

    fn cameras(&self) -> Result<Vec<CameraId>, EvidenceError> {
        let mut cameras: Vec<CameraId> = self.state.lock().files.keys().map(|(camera, _)| camera.clone()).collect();
        cameras.dedup();
        Ok(cameras)
    }

    fn days(&self, camera: &CameraId) -> Result<Vec<Date>, EvidenceError> {
        let mut days: Vec<Date> = self.names(camera).iter().filter_map(|name| day_of(name)).collect();
        days.dedup();
        Ok(days)
    }

    fn day(&self, camera: &CameraId, day: Date) -> Result<Vec<Segment>, EvidenceError> {
        let state = self.state.lock();
        let of_day = state.files.iter().filter(|((of, name), _)| of == camera && day_of(name) == Some(day));
        Ok(of_day.filter_map(|((_, name), file)| segment(name, file.len())).collect())
    }

    fn open(&self, camera: &CameraId, name: &str) -> Result<(Segment, Box<dyn EvidenceReader>), EvidenceError> {
        let found = self.state.lock().files.get(&(camera.clone(), name.to_owned())).cloned();
        let segment = found.as_ref().and_then(|file| segment(name, file.len()));
        match (found, segment) {
            (Some(file), Some(segment)) => Ok((segment, Box::new(Cursor::new(file)))),
            _ => Err(EvidenceError { kind: ErrorKind::Reject, code: "not_found", text: "there is none".to_owned() }),
        }
    }

    fn remove(&self, camera: &CameraId, segment: &Segment) -> Result<(), EvidenceError> {
        self.state.lock().files.remove(&(camera.clone(), segment.name.clone()));
        Ok(())
    }

    fn sweep(&self) -> Result<u64, EvidenceError> {
        Ok(0)
    }

    fn room(&self) -> Result<Room, EvidenceError> {
        let state = self.state.lock();
        let total = state.disk.unwrap_or(1 << 40);
        let used: u64 = state.files.values().map(|file| file.len() as u64).sum();
        Ok(Room { free: total.saturating_sub(used), total })
    }
}
