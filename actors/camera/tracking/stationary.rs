//! What stands still: a parked car, a chair that the model takes for a person.
//!
//! An object is stationary once its smoothed box has stayed where it was for [`STANDING`], and until it has clearly left that
//! place in two frames running: one bad box moves nobody.

use jiff::SignedDuration;
use parapet_contracts::{BBox, Timestamp};

/// How long an object has to stay.
pub(super) const STANDING: SignedDuration = SignedDuration::from_secs(5);
/// How far a standing object's centre may wander, in sizes of the object.
const WANDER: f32 = 0.15;
/// How far the centre of one that stood has to go, in sizes of the object.
const DEPARTURE: f32 = 0.35;

/// Whether one object stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stillness {
    place: BBox,
    since: Timestamp,
    standing: bool,
    away: u8,
}

impl Stillness {
    /// Seen for the first time.
    pub(super) fn new(place: BBox, at: Timestamp) -> Self {
        Self { place, since: at, standing: false, away: 0 }
    }

    /// Takes the smoothed box of a frame; true when the object stands.
    pub(super) fn update(&mut self, now: &BBox, at: Timestamp) -> bool {
        let distance = distance(&self.place, now);
        if self.standing {
            self.away = if distance > DEPARTURE { self.away + 1 } else { 0 };
            if self.away >= 2 {
                *self = Self::new(*now, at);
            }
        } else if distance > WANDER {
            *self = Self::new(*now, at);
        } else {
            self.standing = at.duration_since(self.since) >= STANDING;
        }
        self.standing
    }

    /// True when the object stood when it was last seen.
    pub(super) fn is_standing(&self) -> bool {
        self.standing
    }

    /// How long an object that was last seen at `last_seen` had stood; zero when it moved.
    pub(super) fn stood(&self, last_seen: Timestamp) -> SignedDuration {
        if self.standing { last_seen.duration_since(self.since) } else { SignedDuration::ZERO }
    }
}

/// Distance of the centres in sizes of `place`; a change of a side counts by the half of it that each edge moves.
fn distance(place: &BBox, now: &BBox) -> f32 {
    let size = (place.width().max(1.0) * place.height().max(1.0)).sqrt();
    let [dx, dy] = [now.x1 + now.x2 - place.x1 - place.x2, now.y1 + now.y2 - place.y1 - place.y2].map(|d| d / 2.0);
    let growth = (now.width() - place.width()).abs().max((now.height() - place.height()).abs()) / 2.0;
    dx.hypot(dy).max(growth) / size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(s)
    }

    fn at(x: f32) -> BBox {
        BBox::from([x, 0.0, x + 100.0, 100.0])
    }

    #[test]
    fn what_trembles_stands_after_five_seconds_and_until_it_leaves() {
        let mut still = Stillness::new(at(0.0), seconds(0.0));
        for i in 1..25 {
            let standing = still.update(&at(if i % 2 == 0 { 5.0 } else { -5.0 }), seconds(f64::from(i) * 0.2));
            assert!(!standing, "after {i} frames");
        }
        assert!(still.update(&at(0.0), seconds(5.0)));
        assert!(still.update(&at(80.0), seconds(5.2)), "one bad box");
        assert!(still.update(&at(0.0), seconds(5.4)));
        assert!(still.update(&at(40.0), seconds(5.6)));
        assert!(!still.update(&at(45.0), seconds(5.8)), "it left");
    }

    #[test]
    fn a_slow_walker_and_one_that_comes_nearer_do_not_stand() {
        let mut walker = Stillness::new(at(0.0), seconds(0.0));
        let mut nearer = Stillness::new(at(0.0), seconds(0.0));
        for i in 1..40 {
            let (t, d) = (seconds(f64::from(i) * 0.2), 2.0 * i as f32);
            assert!(!walker.update(&at(d), t));
            assert!(!nearer.update(&BBox::from([-d, -d, 100.0 + d, 100.0 + d]), t));
        }
    }
}
