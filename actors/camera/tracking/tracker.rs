//! Which object of a frame is which of the frames before: association in the manner of ByteTrack (Zhang et al., *ByteTrack:
//! Multi-Object Tracking by Associating Every Detection Box*, ECCV 2022): strong detections first, then weak ones for the tracks
//! that are still missing, so that somebody who is half hidden is followed and a weak ghost begins nothing.
//!
//! It promises:
//! - no two objects of a frame have the same track, and no track takes more than one object of a frame;
//! - an id is never given twice by one source of ids;
//! - only the time of capture counts, never the number of frames, but for ending a track sooner than it could be seen again;
//! - time in which nothing moved, so that nobody looked, is no absence: no track ends in it, and nothing is thought to have gone on;
//! - a frame that is not newer than the last one is refused; a clock that was set back by more than [`CLOCK_WAS_SET`] begins anew;
//! - it keeps at most [`Settings::most`] tracks.

use jiff::SignedDuration;
use parapet_contracts::{BBox, Object, Timestamp};

use super::{
    assignment::{Costs, assign},
    kalman::BoxFilter,
    overlap::overlap,
    settings::Settings,
    stationary::Stillness,
};

/// Time going back by more than this is a clock that was set, not a frame that is late.
pub const CLOCK_WAS_SET: SignedDuration = SignedDuration::from_secs(5);
/// Sightings as another class after which a track changes its class.
const OTHER_CLASS_FOR: u8 = 3;

/// Follows the objects of one camera as one model sees them.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    tracks: Vec<Tracklet>,
    last: Option<Timestamp>,
}

#[derive(Debug)]
struct Tracklet {
    id: u64,
    class: u32,
    other_class: u8,
    filter: BoxFilter,
    still: Stillness,
    since: Timestamp,
    last_seen: Timestamp,
    /// Time since it was last seen in which nobody looked.
    excused: SignedDuration,
    sightings: u32,
    missed: u32,
    /// It was seen in enough frames.
    counts: bool,
}

/// What is known of an object of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Its track.
    pub id: u64,
    /// When it was first seen.
    pub since: Timestamp,
    /// Whether the track counts: it was seen in enough frames.
    pub counts: bool,
    /// Whether this frame made it count.
    pub begun: bool,
    /// Whether the object stands still.
    pub stationary: bool,
    /// How fast its centre moves, to the right and down, in pixels a second.
    pub velocity: [f32; 2],
}

/// A track that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// Its id.
    pub id: u64,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Whether it ever counted.
    pub counted: bool,
}

/// What a frame did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// For each object of the frame, in its order; `None` for one that no track has.
    pub sightings: Vec<Option<Sighting>>,
    /// The tracks that ended.
    pub ended: Vec<Ended>,
    /// Objects that began no track since there are as many as may be.
    pub overflow: usize,
}

/// A frame that is not newer than the last one. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frame of {at} is not newer than the last one, of {last}")]
pub struct Late {
    /// Its capture time.
    pub at: Timestamp,
    /// That of the last frame.
    pub last: Timestamp,
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, tracks: Vec::new(), last: None }
    }

    /// How many tracks are kept, the lost ones and those that do not count yet included.
    pub fn kept(&self) -> usize {
        self.tracks.len()
    }

    /// How many tracks count and neither stand still nor are gone for good: what somebody should keep an eye on.
    pub fn moving(&self) -> usize {
        self.tracks.iter().filter(|track| track.counts && !track.still.is_standing()).count()
    }

    /// Takes the objects of a frame, the best first; `next_id` gives the ids of new tracks. `still` is the part of the time since
    /// the last frame in which nothing moved in the picture.
    ///
    /// # Errors
    /// When the frame is late.
    pub fn update(
        &mut self,
        at: Timestamp,
        still: SignedDuration,
        objects: &[Object],
        mut next_id: impl FnMut() -> u64,
    ) -> Result<Update, Late> {
        let mut update = Update { sightings: vec![None; objects.len()], ..Update::default() };
        self.advance(at, still, &mut update)?;
        self.end_lost(at, &mut update);
        let usable = |object: &Object| object.bbox.is_finite() && object.bbox.area() > 0.0;
        let usable: Vec<usize> = (0..objects.len()).filter(|&i| usable(&objects[i])).collect();
        let looked_at = &usable[..usable.len().min(self.settings.most)];
        let (mut strong, weak): (Vec<_>, Vec<_>) =
            looked_at.iter().copied().partition(|&i| objects[i].score >= self.settings.strong);

        let counting = |t: &Tracklet| t.counts;
        self.associate(at, objects, &mut strong, self.settings.overlap, counting, &mut update);
        let mut weak = weak;
        let just_seen = |t: &Tracklet| t.counts && t.missed <= 1;
        self.associate(at, objects, &mut weak, self.settings.overlap_weak, just_seen, &mut update);
        self.associate(at, objects, &mut strong, self.settings.overlap, |t| !t.counts, &mut update);

        let room = self.settings.most.saturating_sub(self.tracks.len());
        update.overflow = strong.len().saturating_sub(room) + usable.len() - looked_at.len();
        for &index in strong.iter().take(room) {
            let track = Tracklet::new(next_id(), &objects[index], at, self.settings.sightings <= 1);
            update.sightings[index] = Some(track.sighting(track.counts));
            self.tracks.push(track);
        }
        Ok(update)
    }

    /// Brings all tracks to the time of the frame.
    fn advance(&mut self, at: Timestamp, still: SignedDuration, update: &mut Update) -> Result<(), Late> {
        if let Some(last) = self.last {
            let passed = at.duration_since(last);
            if passed <= SignedDuration::ZERO && passed >= -CLOCK_WAS_SET {
                return Err(Late { at, last });
            }
            let still = still.min(passed).max(SignedDuration::ZERO);
            let watched = passed - still;
            if passed < SignedDuration::ZERO || watched > self.settings.longest_gap {
                update.ended.extend(self.tracks.drain(..).map(|track| track.end()));
            }
            let seconds = watched.as_secs_f32();
            for track in &mut self.tracks {
                let seen = track.missed == 0;
                if still > SignedDuration::ZERO {
                    track.excused += still;
                    track.filter.rest();
                }
                track.filter.predict(seconds, seen);
                track.missed = track.missed.saturating_add(1);
            }
        }
        self.last = Some(at);
        Ok(())
    }

    /// Pairs the tracks that are `wanted` and were not seen in this frame yet with the objects `left`, which get fewer.
    fn associate(
        &mut self,
        at: Timestamp,
        objects: &[Object],
        left: &mut Vec<usize>,
        least: f32,
        wanted: impl Fn(&Tracklet) -> bool,
        update: &mut Update,
    ) {
        let open: Vec<usize> =
            (0..self.tracks.len()).filter(|&i| self.tracks[i].missed > 0 && wanted(&self.tracks[i])).collect();
        let other = self.settings.overlap_other_class;
        let costs = Costs::new(open.len(), left.len(), |row, column| {
            let (track, object) = (&self.tracks[open[row]], &objects[left[column]]);
            if track.class == object.class {
                let fits = overlap(&track.filter, &object.bbox);
                return if fits >= least { 1.0 - fits } else { f32::INFINITY };
            }
            // Dearer than any of the same class.
            let fits = track.filter.bbox().iou(&object.bbox);
            if fits >= other { 2.0 - fits } else { f32::INFINITY }
        });
        let mut taken = Vec::new();
        for (row, column) in assign(&costs, 2.0).into_iter().enumerate() {
            let Some(column) = column else { continue };
            let index = left[column];
            update.sightings[index] = Some(self.tracks[open[row]].see(&objects[index], at, self.settings.sightings));
            taken.push(index);
        }
        left.retain(|index| !taken.contains(index));
    }

    fn end_lost(&mut self, at: Timestamp, update: &mut Update) {
        let settings = self.settings;
        let mut ended = Vec::new();
        self.tracks.retain(|track| {
            let lives = track.may_come_back(at, &settings);
            if !lives {
                ended.push(track.end());
            }
            lives
        });
        update.ended.extend(ended);
    }
}

impl Tracklet {
    fn new(id: u64, object: &Object, at: Timestamp, counts: bool) -> Self {
        Self {
            id,
            class: object.class,
            other_class: 0,
            filter: BoxFilter::new(&object.bbox),
            still: Stillness::new(object.bbox, at),
            since: at,
            last_seen: at,
            excused: SignedDuration::ZERO,
            sightings: 1,
            missed: 0,
            counts,
        }
    }

    fn see(&mut self, object: &Object, at: Timestamp, needed: u32) -> Sighting {
        self.filter.correct(&object.bbox);
        let place: BBox = self.filter.bbox();
        self.still.update(&place, at);
        self.other_class = if object.class == self.class { 0 } else { self.other_class + 1 };
        if self.other_class >= OTHER_CLASS_FOR {
            (self.class, self.other_class) = (object.class, 0);
        }
        self.last_seen = at;
        self.excused = SignedDuration::ZERO;
        self.missed = 0;
        self.sightings = self.sightings.saturating_add(1);
        let begun = !self.counts && self.sightings >= needed;
        self.counts |= begun;
        self.sighting(begun)
    }

    fn sighting(&self, begun: bool) -> Sighting {
        let (id, since, counts) = (self.id, self.since, self.counts);
        Sighting { id, since, counts, begun, stationary: self.still.is_standing(), velocity: self.filter.velocity() }
    }

    /// Asked before the frame of `at` is looked at, which counts as missed until then.
    fn may_come_back(&self, at: Timestamp, settings: &Settings) -> bool {
        let gone = at.duration_since(self.last_seen) - self.excused;
        if !self.counts {
            return gone <= settings.doubted_for || self.missed <= 1;
        }
        let stood = self.still.stood(self.last_seen) / 10;
        let patience = stood.clamp(settings.lost_for, settings.lost_standing_for.max(settings.lost_for));
        gone <= patience || self.missed <= settings.missed
    }

    fn end(&self) -> Ended {
        Ended { id: self.id, since: self.since, last_seen: self.last_seen, counted: self.counts }
    }
}
