//! A camera's objects in its zones and at its lines: the tracker, and where each track is.

use std::collections::{BTreeMap, HashMap};

use parapet_contracts::{Object, Polygon, Segment, Side, Timestamp, Track};

use super::{
    lines::Sides,
    settings::Settings,
    tracker::{Ended, Late, Tracker},
    zones::{Whereabouts, margin},
};

/// Zones and lines by their names, as fractions of the picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geometry {
    /// Areas.
    pub zones: BTreeMap<String, Polygon>,
    /// Lines.
    pub lines: BTreeMap<String, Segment>,
}

/// What one model sees of one camera, over time.
#[derive(Debug)]
pub struct Scene {
    tracker: Tracker,
    places: HashMap<u64, Place>,
}

#[derive(Debug, Default)]
struct Place {
    zones: Whereabouts,
    lines: Sides,
}

/// What a frame did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneUpdate {
    /// Tracks that count from this frame on.
    pub begun: u64,
    /// Tracks that counted and ended.
    pub ended: Vec<Ended>,
    /// Lines that were crossed, to which side, by how many objects.
    pub crossings: BTreeMap<(String, Side), u64>,
    /// Objects that began no track since there are as many as may be.
    pub overflow: u64,
}

impl Scene {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self { tracker: Tracker::new(settings), places: HashMap::new() }
    }

    /// Writes into each object of a frame what is known of it over time. An object that was not seen in enough frames yet has no
    /// track; what it entered until then is told in the frame that makes it count.
    ///
    /// # Errors
    /// When the frame is not newer than the last one; the objects have no track then.
    pub fn observe(
        &mut self,
        geometry: &Geometry,
        at: Timestamp,
        (width, height): (u32, u32),
        objects: &mut [Object],
        next_id: impl FnMut() -> u64,
    ) -> Result<SceneUpdate, Late> {
        let update = self.tracker.update(at, objects, next_id)?;
        let mut told = SceneUpdate { overflow: update.overflow as u64, ..SceneUpdate::default() };
        let (width, height) = (width.max(1) as f32, height.max(1) as f32);
        for (object, sighting) in objects.iter_mut().zip(&update.sightings) {
            let Some(sighting) = sighting else { continue };
            let place = self.places.entry(sighting.id).or_default();
            let [x, y] = object.bbox.bottom_centre();
            let (point, margin) = ([x / width, y / height], margin(object.bbox.height() / height));
            let mut visit = place.zones.update(&geometry.zones, point, margin, at);
            let crossed_to = place.lines.update(&geometry.lines, point, margin);
            if !sighting.counts {
                continue;
            }
            if sighting.begun {
                told.begun += 1;
                visit.entered = visit.inside.keys().cloned().collect();
                visit.left.clear();
            }
            for (line, side) in &crossed_to {
                *told.crossings.entry((line.clone(), *side)).or_default() += 1;
            }
            object.track = Some(Track {
                id: sighting.id,
                zones: visit.inside.keys().cloned().collect(),
                crossed: crossed_to.keys().cloned().collect(),
                since: sighting.since,
                entered: visit.entered,
                left: visit.left,
                dwell: visit.inside,
                crossed_to,
                stationary: sighting.stationary,
            });
        }
        for ended in update.ended {
            self.places.remove(&ended.id);
            if ended.counted {
                told.ended.push(ended);
            }
        }
        Ok(told)
    }

    /// How many tracks are kept.
    pub fn kept(&self) -> usize {
        self.tracker.kept()
    }
}
