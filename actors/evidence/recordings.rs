//! Deleting recordings: as evidence, not what is held, and the audit log says so before anything goes. No record follows an alert: a recording
//! belongs to none.

use std::{ops::Range, sync::Arc};

use jiff::{SignedDuration, tz::TimeZone};
use parapet_contracts::{
    CameraId, Selection, Timestamp,
    audit::{Act, Entry},
    ports::{
        evidence::EvidenceError,
        recording::{RecordingPort, Segment},
    },
};
use serde::Serialize;

use super::{
    keeper::{Keeper, KeeperError},
    removal::blocking,
    status::Holds,
};
use crate::journal::Failure;

/// Segments that one request looks at: whoever asked waits meanwhile.
const PAGE: usize = 500;
/// No segment is longer.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// Recordings are to be deleted: a page of segments at a time.
#[derive(Debug, Clone)]
pub struct RecordingDeletion {
    /// Of this camera.
    pub camera: CameraId,
    /// What lies within this time, in part or whole.
    pub within: Range<Timestamp>,
    /// Who wants it, as they said.
    pub by: Option<String>,
    /// Why.
    pub note: String,
    /// Where the page before ended.
    pub after: Option<String>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What a page of a deletion came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecordingsDeleted {
    /// Segments that went.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments that stay, as they are held.
    pub held: u64,
    /// Segments that should have gone and could not; the journal says why.
    pub failed: u64,
    /// The next page's `after`.
    pub next: Option<String>,
}

impl Keeper {
    /// Deletes a page of the segments of a camera, but for what is held.
    ///
    /// # Errors
    /// When the folder can't be read, or the store stops.
    pub async fn delete_recordings(
        &self,
        port: Arc<dyn RecordingPort>,
        deletion: RecordingDeletion,
    ) -> Result<RecordingsDeleted, KeeperError> {
        let RecordingDeletion { camera, within, by, note, after, dry_run } = deletion;
        let mut log = self.log.lock().await;
        let (reading, holds) = (Arc::clone(&port), Arc::clone(self.remover.store.holds()));
        let (of, time) = (camera.clone(), within.clone());
        let found = blocking(move || find(&*reading, &holds, &of, &time, after.as_deref())).await;
        let found = found.map_err(KeeperError::Unavailable)?;
        let (mut deleted, segments) = found.map_err(|error| KeeperError::Unavailable(error.text))?;
        if dry_run || segments.is_empty() {
            return Ok(deleted);
        }
        let what = Selection {
            camera: Some(camera.clone()),
            from: Some(within.start),
            until: Some(within.end),
            ..Selection::default()
        };
        let entry = Entry {
            at: self.clock.now(),
            act: Act::Deleted,
            hold: None,
            what,
            by,
            note,
            alerts: 0,
            files: deleted.segments,
            bytes: deleted.bytes,
        };
        self.append(&mut log, Vec::new(), entry).await?;
        let labels = [("camera", camera.to_string()), ("reason", "asked".to_owned())];
        let failures = blocking(move || {
            segments.iter().filter_map(|segment| Some((segment.bytes, port.remove(&camera, segment).err()?))).collect()
        });
        let failures: Vec<(u64, EvidenceError)> = failures.await.map_err(KeeperError::Unavailable)?;
        for (bytes, error) in failures {
            deleted.segments -= 1;
            deleted.bytes -= bytes;
            deleted.failed += 1;
            self.remover.journal.report(Failure::new("archivist", error.code, error.text));
        }
        metrics::counter!("parapet_recording_removed_total", &labels).increment(deleted.segments);
        Ok(deleted)
    }
}

fn find(
    port: &dyn RecordingPort,
    holds: &Holds,
    camera: &CameraId,
    within: &Range<Timestamp>,
    after: Option<&str>,
) -> Result<(RecordingsDeleted, Vec<Segment>), EvidenceError> {
    let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).date();
    let (first, last) = (day(within.start.checked_sub(LONGEST).unwrap_or(Timestamp::MIN)), day(within.end));
    let (mut deleted, mut segments, mut looked_at) = (RecordingsDeleted::default(), Vec::new(), 0);
    let holds = holds.all();
    for day in port.days(camera)?.into_iter().filter(|day| (first..=last).contains(day)) {
        for segment in port.day(camera, day)? {
            let is_meant = segment.until > within.start && segment.from < within.end;
            if !is_meant || after.is_some_and(|after| segment.name.as_str() <= after) {
                continue;
            }
            if looked_at == PAGE {
                return Ok((deleted, segments));
            }
            looked_at += 1;
            deleted.next = Some(segment.name.clone());
            if holds.iter().any(|hold| hold.what.overlaps(camera, &(segment.from..segment.until))) {
                deleted.held += 1;
                continue;
            }
            deleted.segments += 1;
            deleted.bytes += segment.bytes;
            segments.push(segment);
        }
    }
    deleted.next = None;
    Ok((deleted, segments))
}
