//! The evidence port: pictures and clips of alerts as files that others can mount.

use std::io::{Read, Seek};

use jiff::civil::Date;
use serde::Serialize;
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

    /// Opens a file that [`EvidencePort::keep`] or [`EvidencePort::keep_clip`] wrote, once it is known to be what was written. A path that
    /// leaves the folder is refused.
    ///
    /// # Errors
    /// When the file is gone, was changed or can't be read.
    fn open(&self, reference: &EvidenceRef) -> Result<Box<dyn EvidenceReader>, EvidenceError>;

    /// Reads such a file as a whole, and compares all of it.
    ///
    /// # Errors
    /// As [`EvidencePort::open`].
    fn read(&self, reference: &EvidenceRef) -> Result<Vec<u8>, EvidenceError>;

    /// The days that have a folder, oldest first.
    ///
    /// # Errors
    /// When the folder can't be read.
    fn days(&self) -> Result<Vec<Date>, EvidenceError>;

    /// The whole files of a day, in the order of their paths. None when there is no such day.
    ///
    /// # Errors
    /// When the folder can't be read.
    fn files(&self, day: Date) -> Result<Vec<EvidenceFile>, EvidenceError>;

    /// Removes a file by its path; returns its bytes, and 0 when it was gone already.
    ///
    /// # Errors
    /// When it can't be removed, or its path leaves the folder.
    fn remove(&self, path: &str) -> Result<u64, EvidenceError>;

    /// Removes what is left of a day when it has no whole file any more: halves of files, and empty folders.
    ///
    /// # Errors
    /// When it can't be removed.
    fn sweep(&self, day: Date) -> Result<(), EvidenceError>;

    /// How much room is on the folder's disk.
    ///
    /// # Errors
    /// When the system does not tell.
    fn room(&self) -> Result<Room, EvidenceError>;
}

/// A file that can be read from any place on.
pub trait EvidenceReader: Read + Seek + Send {}

impl<T: Read + Seek + Send> EvidenceReader for T {}

/// A file in the evidence folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceFile {
    /// Path below the folder, as [`EvidenceRef::path`].
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
}

impl EvidenceFile {
    /// Whether it is a clip rather than a picture.
    pub fn is_clip(&self) -> bool {
        !self.path.ends_with(".jpg")
    }

    /// The alert that it is named by.
    pub fn alert(&self) -> Option<Uuid> {
        self.path.rsplit('/').next()?.split('.').next()?.parse().ok()
    }

    /// The camera whose folder it lies in.
    pub fn camera(&self) -> Option<CameraId> {
        self.path.split('/').nth(1)?.parse().ok()
    }

    /// When its alert was raised, as its name tells to the millisecond.
    pub fn raised_at(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.alert()?.get_timestamp()?.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
    }
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Room {
    /// What may still be written.
    pub free: u64,
    /// The whole disk.
    pub total: u64,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_files_name_tells_what_it_belongs_to() {
        let raised: Timestamp = "2026-11-25T06:00:00.25Z".parse().unwrap();
        let time = uuid::Timestamp::from_unix(uuid::NoContext, raised.as_second() as u64, 250_000_000);
        let alert = Uuid::new_v7(time);
        let file = |name: &str| EvidenceFile { path: format!("2026-11-25/gate/{name}"), bytes: 1 };
        let picture = file(&format!("{alert}.jpg"));
        assert_eq!((picture.alert(), picture.raised_at(), picture.is_clip()), (Some(alert), Some(raised), false));
        assert_eq!(picture.camera(), Some("gate".parse().unwrap()));
        assert!(file(&format!("{alert}.mp4")).is_clip());
        let holiday = file("holiday.jpg");
        assert_eq!((holiday.alert(), holiday.raised_at()), (None, None), "what has no id is nobody's");
    }
}
