//! The recording port: what cameras sent, in files of some seconds each.

use std::ops::Range;

use jiff::civil::Date;
use serde::Serialize;

use super::{
    clip::Clip,
    evidence::{EvidenceError, EvidenceReader, Room},
};
use crate::{CameraId, Timestamp};

/// Keeps recordings.
pub trait RecordingPort: Send + Sync {
    /// Writes what a camera sent within a time, synced. When it returns, the file is whole or absent.
    ///
    /// # Errors
    /// When the folder can't be written.
    fn keep(&self, camera: &CameraId, within: Range<Timestamp>, clip: &Clip) -> Result<Segment, EvidenceError>;

    /// The cameras that have recordings, those that are no more included.
    ///
    /// # Errors
    /// When the folder can't be read.
    fn cameras(&self) -> Result<Vec<CameraId>, EvidenceError>;

    /// The days on which recordings of a camera begin, in UTC, oldest first.
    ///
    /// # Errors
    /// When the folder can't be read.
    fn days(&self, camera: &CameraId) -> Result<Vec<Date>, EvidenceError>;

    /// The segments of a camera that begin on a day, oldest first.
    ///
    /// # Errors
    /// When the folder can't be read.
    fn day(&self, camera: &CameraId, day: Date) -> Result<Vec<Segment>, EvidenceError>;

    /// Opens a segment by its name. A name that leads elsewhere is refused.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    fn open(&self, camera: &CameraId, name: &str) -> Result<(Segment, Box<dyn EvidenceReader>), EvidenceError>;

    /// Removes a segment; that it is gone already is no error.
    ///
    /// # Errors
    /// When it can't be removed.
    fn remove(&self, camera: &CameraId, segment: &Segment) -> Result<(), EvidenceError>;

    /// Removes what a process that was killed has left half-written; how many files that were.
    ///
    /// # Errors
    /// When the folder can't be read or written.
    fn sweep(&self) -> Result<u64, EvidenceError>;

    /// How much room is on the folder's disk.
    ///
    /// # Errors
    /// When the system does not tell.
    fn room(&self) -> Result<Room, EvidenceError>;
}

/// Some seconds of a camera, in a file that can be played by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// What it is asked for by, once it is known of which camera: `2026-11-25T080000.000-10000.mp4`. Names are ordered as their times are.
    pub name: String,
    /// When the camera took its first frame.
    pub from: Timestamp,
    /// When it took the last one.
    pub until: Timestamp,
    /// Size in bytes.
    pub bytes: u64,
}

impl Segment {
    /// The name of a segment of this time.
    pub fn name_of(within: &Range<Timestamp>, extension: &str) -> String {
        let lasts = within.end.duration_since(within.start).as_millis().max(0);
        format!("{}-{lasts}.{extension}", within.start.strftime("%Y-%m-%dT%H%M%S.%3f"))
    }

    /// The time that a name tells, to the millisecond; `None` when it is no name of a segment.
    pub fn time_of(name: &str) -> Option<Range<Timestamp>> {
        let (stem, extension) = name.rsplit_once('.')?;
        let (start, lasts) = stem.rsplit_once('-')?;
        let start = jiff::civil::DateTime::strptime("%Y-%m-%dT%H%M%S%.f", start).ok()?;
        let start = jiff::tz::TimeZone::UTC.to_timestamp(start).ok()?;
        let lasts: u32 = lasts.parse().ok()?;
        let within = start..start.checked_add(jiff::SignedDuration::from_millis(lasts.into())).ok()?;
        // A name has one form.
        (Self::name_of(&within, extension) == name).then_some(within)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_tells_the_time_and_nothing_else_does() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let within = at("2026-11-25T08:00:00.25Z")..at("2026-11-25T08:00:10Z");
        let name = Segment::name_of(&within, "mp4");
        assert_eq!(name, "2026-11-25T080000.250-9750.mp4");
        assert_eq!(Segment::time_of(&name), Some(within.clone()));
        let later = at("2026-11-25T08:00:10Z")..at("2026-11-25T08:00:11Z");
        assert!(name < Segment::name_of(&later, "mp4"));
        for bad in [
            "",
            "x.mp4",
            "2026-11-25T080000.250-9750",
            "2026-11-25T080000.25-9750.mp4",
            "../2026-11-25T080000.250-9750.mp4",
            "2026-11-25T080000.250--1.mp4",
            "2026-11-25T080000.250-9750.mp4.part",
        ] {
            assert_eq!(Segment::time_of(bad), None, "{bad}");
        }
    }
}
