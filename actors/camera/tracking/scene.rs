//! A camera's objects in its zones and at its lines: the tracker, and where each track is.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::SignedDuration;
use parapet_contracts::{EndedTrack, Object, Polygon, Segment, Side, Timestamp, Track};

use super::{
    lines::Sides,
    settings::Settings,
    tally::{Tally, ZoneTally},
    tracker::{Ended, Late, Sighting, Tracker},
    zones::{Visit, Whereabouts, margin},
};

/// A speed below this, in sizes of the object a second, is the trembling of its box: it has no direction.
const SLOWEST: f32 = 0.1;

/// Zones and lines by their names, as fractions of the picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geometry {
    /// Areas.
    pub zones: BTreeMap<String, Polygon>,
    /// Lines.
    pub lines: BTreeMap<String, Segment>,
}

/// The frame that a model looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// When it was taken.
    pub at: Timestamp,
    /// Width and height of the picture that boxes refer to, in pixels.
    pub size: (u32, u32),
    /// The part of the time since the model's last look in which nothing moved, so that nobody looked.
    pub still: Duration,
}

/// What one model sees of one camera, over time.
#[derive(Debug)]
pub struct Scene {
    tracker: Tracker,
    places: HashMap<u64, Place>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Place {
    zones: Whereabouts,
    lines: Sides,
    counts: bool,
    last: Option<(String, u32, parapet_contracts::BBox)>,
}

/// What a frame did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneUpdate {
    /// Tracks that count from this frame on.
    pub begun: u64,
    /// Tracks that counted and ended.
    pub ended: Vec<EndedTrack>,
    /// Lines that were crossed, to which side, by how many objects.
    pub crossings: BTreeMap<(String, Side), u64>,
    /// Tracks in each zone.
    pub zones: BTreeMap<String, u32>,
    /// Objects that began no track since there are as many as may be.
    pub overflow: u64,
    /// The track of each object, those that do not count yet included.
    pub tracks: Vec<Option<u64>>,
    /// All tracks that ended, those that never counted included.
    pub over: Vec<u64>,
}

impl Scene {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self { tracker: Tracker::new(settings), places: HashMap::new(), tally: Tally::default() }
    }

    /// Writes into each object of a frame what is known of it over time. An object that was not seen in enough frames yet has no
    /// track; what it entered until then is told in the frame that makes it count.
    ///
    /// # Errors
    /// When the frame is not newer than the last one; the objects have no track then.
    pub fn observe(
        &mut self,
        geometry: &Geometry,
        look: Look,
        objects: &mut [Object],
        next_id: impl FnMut() -> u64,
    ) -> Result<SceneUpdate, Late> {
        let still = SignedDuration::try_from(look.still).unwrap_or(SignedDuration::MAX);
        let update = self.tracker.update(look.at, still, objects, next_id)?;
        let mut told = SceneUpdate { overflow: update.overflow as u64, ..SceneUpdate::default() };
        told.tracks = update.sightings.iter().map(|seen| seen.as_ref().map(|seen| seen.id)).collect();
        for (object, sighting) in objects.iter_mut().zip(&update.sightings) {
            if let Some(sighting) = sighting {
                self.place(geometry, look, object, sighting, &mut told);
            }
        }
        for ended in update.ended {
            told.over.push(ended.id);
            told.ended.extend(self.end(&ended));
        }
        self.count(geometry, &mut told);
        Ok(told)
    }

    fn place(&mut self, geometry: &Geometry, look: Look, object: &mut Object, seen: &Sighting, told: &mut SceneUpdate) {
        let place = self.places.entry(seen.id).or_default();
        let [width, height] = [look.size.0, look.size.1].map(|side| side.max(1) as f32);
        let [x, y] = object.bbox.bottom_centre();
        let (point, margin) = ([x / width, y / height], margin(object.bbox.height() / height));
        let mut visit: Visit = place.zones.update(&geometry.zones, point, margin, look.at);
        let crossed_to = place.lines.update(&geometry.lines, point, margin);
        place.last = Some((object.label.clone(), object.class, object.bbox));
        if !seen.counts {
            return;
        }
        place.counts = true;
        if seen.begun {
            told.begun += 1;
            visit.entered = visit.inside.keys().cloned().collect();
            visit.left.clear();
        }
        visit.entered.iter().for_each(|zone| self.tally.enter(zone));
        visit.left.iter().for_each(|(zone, after)| self.tally.leave(zone, *after));
        for (line, side) in &crossed_to {
            *told.crossings.entry((line.clone(), *side)).or_default() += 1;
            self.tally.cross(line, *side);
        }
        let (speed, direction) = course(seen, object);
        object.track = Some(Track {
            zones: visit.inside.keys().cloned().collect(),
            crossed: crossed_to.keys().cloned().collect(),
            entered: visit.entered,
            left: visit.left.into_keys().collect(),
            dwell: visit.inside,
            crossed_to,
            stationary: seen.stationary,
            new: seen.begun,
            speed,
            direction,
            ..Track::new(seen.id, seen.since)
        });
    }

    /// Forgets a track; tells of it when it counted.
    fn end(&mut self, ended: &Ended) -> Option<EndedTrack> {
        let place = self.places.remove(&ended.id).filter(|_| ended.counted)?;
        let (label, class, bbox) = place.last?;
        let dwell = place.zones.dwell(ended.last_seen);
        dwell.iter().for_each(|(zone, after)| self.tally.leave(zone, *after));
        let (id, since, last_seen) = (ended.id, ended.since, ended.last_seen);
        Some(EndedTrack { id, label, class, since, last_seen, bbox, zones: dwell.keys().cloned().collect(), dwell })
    }

    fn count(&mut self, geometry: &Geometry, told: &mut SceneUpdate) {
        told.zones = geometry.zones.keys().map(|zone| (zone.clone(), 0)).collect();
        let counted = || self.places.values().filter(|place| place.counts);
        for zone in counted().flat_map(|place| place.zones.names()) {
            if let Some(count) = told.zones.get_mut(zone) {
                *count += 1;
            }
        }
        self.tally.begun += told.begun;
        self.tally.ended += told.ended.len() as u64;
        self.tally.now = u32::try_from(counted().count()).unwrap_or(u32::MAX);
        self.tally.moving = u32::try_from(self.tracker.moving()).unwrap_or(u32::MAX);
        // What is no more in the camera's file is no more counted either.
        self.tally.zones.retain(|zone, _| geometry.zones.contains_key(zone));
        self.tally.lines.retain(|line, _| geometry.lines.contains_key(line));
        for (zone, count) in &told.zones {
            let tally: &mut ZoneTally = self.tally.zones.entry(zone.clone()).or_default();
            tally.now = *count;
        }
        for line in geometry.lines.keys() {
            self.tally.lines.entry(line.clone()).or_default();
        }
    }

    /// What was counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many tracks are kept.
    pub fn kept(&self) -> usize {
        self.tracker.kept()
    }
}

/// Speed in pixels a second, and the direction in degrees from the top, clockwise, when it means something.
fn course(seen: &Sighting, object: &Object) -> (f32, Option<f32>) {
    let [right, down] = seen.velocity;
    let speed = right.hypot(down);
    let size = (object.bbox.width() * object.bbox.height()).sqrt();
    if seen.stationary || speed < SLOWEST * size {
        return (if seen.stationary { 0.0 } else { rounded(speed) }, None);
    }
    (rounded(speed), Some(right.atan2(-down).to_degrees().rem_euclid(360.0).round() % 360.0))
}

/// To a tenth: more would be noise, and costs bytes in each event.
fn rounded(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}
