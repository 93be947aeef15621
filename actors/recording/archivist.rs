//! Recordings go by age and size of each camera, and the oldest of all when their disk is too full; then recording stops.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, civil::Date, tz::TimeZone};
use parapet_config::RecordingsConfig;
use parapet_contracts::{
    CameraId, Clock, Timestamp,
    ports::{
        evidence::{EvidenceError, Room},
        recording::{RecordingPort, Segment},
    },
};
use parapet_supervision::Heartbeat;
use parking_lot::Mutex;

use super::tapes::Tapes;
use crate::{
    evidence::Holds,
    journal::{Failure, Journal},
    worker::{LoopResult, Stop},
};

/// What must stay free is never more than this part of the disk: twice that of evidence, so that recordings go first.
const LARGEST_RESERVE: u64 = 5;
/// In so many looks one is at all that there is, the others at the room alone.
const WHOLE: u32 = 6;
/// What is younger stays, whatever the room.
const YOUNGEST: SignedDuration = SignedDuration::from_mins(1);
/// In the journal.
const ACTOR: &str = "archivist";
/// How long recordings of a camera are kept that is no more, or is recorded no more.
const LEFT_OVER: Duration = Duration::from_secs(7 * 86_400);

/// Everything that the archivist needs.
#[derive(Clone)]
pub struct Archivist {
    /// What is kept for how long, and how it fares.
    tapes: Arc<Tapes>,
    /// The folder.
    recordings: Arc<dyn RecordingPort>,
    /// What stays.
    holds: Arc<Holds>,
    /// What must stay free.
    config: RecordingsConfig,
    /// How often it looks.
    every: Duration,
    /// Hears of failures.
    journal: Journal,
    /// Tells the time.
    clock: Arc<dyn Clock>,
    /// What it found before.
    ledger: Arc<Mutex<Ledger>>,
}

/// What there is of a camera on a day, or in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    segments: u64,
    bytes: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
}

/// What was found when a day was last read: days that are over are read again only when something of them may go.
type Ledger = BTreeMap<(CameraId, Date), Found>;

impl Archivist {
    /// One that has not looked yet.
    pub fn new(
        tapes: Arc<Tapes>,
        recordings: Arc<dyn RecordingPort>,
        holds: Arc<Holds>,
        config: RecordingsConfig,
        every: Duration,
        journal: Journal,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { tapes, recordings, holds, config, every, journal, clock, ledger: Arc::default() }
    }

    /// Looks after the recordings until it is told to stop.
    ///
    /// # Errors
    /// When its thread panics.
    pub async fn run(self, heartbeat: Heartbeat, stop: Stop) -> LoopResult {
        heartbeat.idle(); // What it waits for bounds itself: the disk, in the end.
        let swept = self.ask(|this| this.recordings.sweep()).await?;
        if let Some(halves) = swept.filter(|halves| *halves > 0) {
            let text = format!("{halves} segments were half-written when the site ended last, and were removed");
            self.journal.report(Failure::new(ACTOR, "interrupted", text));
        }
        for round in 0_u32.. {
            let whole = round.is_multiple_of(WHOLE);
            self.ask(move |this| if whole { this.look() } else { this.watch_room() }).await?;
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = tokio::time::sleep(self.every) => {}
            }
        }
        Ok(())
    }

    /// All is looked at when there is too little room, or was.
    fn watch_room(&self) -> Result<(), EvidenceError> {
        if self.is_enough(self.recordings.room()?) && !self.tapes.is_low() { Ok(()) } else { self.look() }
    }

    fn is_enough(&self, room: Room) -> bool {
        room.free >= self.config.min_free.min(room.total / LARGEST_RESERVE)
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Self) -> Result<T, EvidenceError> + Send + 'static,
    ) -> Result<Option<T>, String> {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || ask(&this)).await.map_err(|error| error.to_string())? {
            Ok(told) => Ok(Some(told)),
            Err(error) => {
                self.journal.report(Failure::new(ACTOR, error.code, error.text));
                Ok(None)
            }
        }
    }

    /// Looks once. It reads and removes files: not on the runtime's own threads.
    ///
    /// # Errors
    /// When the folder can't be read or written.
    pub(super) fn look(&self) -> Result<(), EvidenceError> {
        let now = self.clock.now();
        let mut ledger = self.ledger.lock();
        let (mut days, cameras) = (Vec::new(), self.recordings.cameras()?);
        ledger.retain(|(camera, _), _| cameras.contains(camera));
        for camera in cameras {
            let of_camera = self.recordings.days(&camera)?;
            ledger.retain(|(of, day), _| *of != camera || of_camera.contains(day));
            let tape = self.tapes.of(&camera);
            let (keep_for, most) = tape.config().map_or((LEFT_OVER, None), |config| (config.keep_for, config.most));
            self.clear_by_age(&mut ledger, &camera, &of_camera, keep_for, now)?;
            if let Some(most) = most {
                self.clear_by_size(&mut ledger, &camera, &of_camera, most)?;
            }
            let found = total(&ledger, &camera);
            let mut shelf = tape.shelf.lock();
            (shelf.segments, shelf.bytes, shelf.oldest) = (found.segments, found.bytes, found.oldest);
            // One that was written meanwhile is newer.
            shelf.newest = shelf.newest.max(found.newest);
            let labels = [("camera", camera.to_string())];
            metrics::gauge!("parapet_recording_kept_segments", &labels).set(found.segments as f64);
            metrics::gauge!("parapet_recording_kept_bytes", &labels).set(found.bytes as f64);
            days.extend(of_camera.into_iter().map(|day| (day, camera.clone())));
        }
        days.sort_unstable();
        self.make_room(&mut ledger, days, now)
    }

    fn clear_by_age(
        &self,
        ledger: &mut Ledger,
        camera: &CameraId,
        days: &[Date],
        keep_for: Duration,
        now: Timestamp,
    ) -> Result<(), EvidenceError> {
        let age = SignedDuration::try_from(keep_for).unwrap_or(SignedDuration::MAX);
        let before = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let (partial, changing) = (day_of(before), day_of(now - SignedDuration::from_hours(1)));
        for day in days {
            if *day <= partial || *day >= changing || !ledger.contains_key(&(camera.clone(), *day)) {
                self.go_through(
                    ledger,
                    camera,
                    *day,
                    |segment, _| {
                        if segment.until < before { Some("age") } else { None }
                    },
                )?;
            }
        }
        Ok(())
    }

    fn clear_by_size(
        &self,
        ledger: &mut Ledger,
        camera: &CameraId,
        days: &[Date],
        most: u64,
    ) -> Result<(), EvidenceError> {
        for day in days {
            let excess = total(ledger, camera).bytes.saturating_sub(most);
            if excess == 0 {
                break;
            }
            self.go_through(ledger, camera, *day, |_, gone| if gone < excess { Some("size") } else { None })?;
        }
        Ok(())
    }

    /// Reads a day, removes the segments for which there is a reason (it is asked with the bytes that went before), and notes what is left.
    fn go_through(
        &self,
        ledger: &mut Ledger,
        camera: &CameraId,
        day: Date,
        mut reason: impl FnMut(&Segment, u64) -> Option<&'static str>,
    ) -> Result<(), EvidenceError> {
        let (mut found, mut gone) = (Found::default(), 0);
        for segment in self.recordings.day(camera, day)? {
            if let Some(reason) = reason(&segment, gone)
                && self.remove(camera, &segment, reason)?
            {
                gone += segment.bytes;
                continue;
            }
            found.add(&Found {
                segments: 1,
                bytes: segment.bytes,
                oldest: Some(segment.from),
                newest: Some(segment.until),
            });
        }
        ledger.insert((camera.clone(), day), found);
        Ok(())
    }

    /// Removes the oldest recordings of whichever camera until there is room enough; else recording stops.
    fn make_room(&self, ledger: &mut Ledger, days: Vec<(Date, CameraId)>, now: Timestamp) -> Result<(), EvidenceError> {
        let enough = |room| self.is_enough(room);
        let mut room = self.recordings.room()?;
        for (day, camera) in days {
            if enough(room) {
                break;
            }
            for segment in self.recordings.day(&camera, day)? {
                if enough(room) {
                    break;
                }
                if now.duration_since(segment.until) >= YOUNGEST && self.remove(&camera, &segment, "space")? {
                    room = self.recordings.room()?;
                }
            }
            self.go_through(ledger, &camera, day, |_, _| None)?;
        }
        let low = !enough(room);
        if low {
            let text =
                "recording stops: too little is free on its disk, and no recording is left to remove; free some space";
            self.journal.report(Failure::new(ACTOR, "low", text));
        } else if self.tapes.is_low() {
            self.journal.tell(Failure::new(ACTOR, "low", "there is room again: recording goes on"));
        }
        self.tapes.set_low(low);
        Ok(())
    }

    /// Removes a segment unless it is held; whether it is gone.
    fn remove(&self, camera: &CameraId, segment: &Segment, reason: &'static str) -> Result<bool, EvidenceError> {
        let within = segment.from..segment.until;
        if self.holds.all().iter().any(|hold| hold.what.overlaps(camera, &within)) {
            return Ok(false);
        }
        self.recordings.remove(camera, segment)?;
        let labels = [("camera", camera.to_string()), ("reason", reason.to_owned())];
        metrics::counter!("parapet_recording_removed_total", &labels).increment(1);
        Ok(true)
    }
}

impl Found {
    fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.oldest = match (self.oldest, other.oldest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.newest = self.newest.max(other.newest);
    }
}

fn total(ledger: &Ledger, camera: &CameraId) -> Found {
    let mut sum = Found::default();
    ledger.iter().filter(|((of, _), _)| of == camera).for_each(|(_, found)| sum.add(found));
    sum
}

/// The day of an instant, in UTC.
fn day_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}
