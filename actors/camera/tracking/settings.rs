//! The numbers that the tracker goes by.

use jiff::SignedDuration;

/// See the fields. Times are capture time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// A detection with at least this score is sought first, and may begin a track; a weaker one only continues a track.
    pub strong: f32,
    /// Frames in which an object has to be seen before its track counts.
    pub sightings: u32,
    /// A track that does not count yet ends when it is not seen for this long…
    pub doubted_for: SignedDuration,
    /// A track ends when its object is not seen for this long and in [`Self::missed`] frames…
    pub lost_for: SignedDuration,
    /// … or, when it stood still, for a tenth of the time that it had stood, at most this: what passes in front of a parked car
    /// does not rename it, and who takes the place of somebody who waited there has a name of his own.
    pub lost_standing_for: SignedDuration,
    /// Frames that have to be missed before a track ends, whatever the time: at 1 fps two seconds are little.
    pub missed: u32,
    /// All tracks end when no frame came for this long: nobody saw what happened meanwhile.
    pub longest_gap: SignedDuration,
    /// Overlap (see [`super::overlap`]) that a strong detection needs with the place where a track should be.
    pub overlap: f32,
    /// The same for a weak detection.
    pub overlap_weak: f32,
    /// Intersection over union that a detection of another class needs: a model that wavers between car and truck.
    pub overlap_other_class: f32,
    /// Objects of a frame that are looked at, the best first, and tracks that are kept at most.
    pub most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strong: 0.4,
            sightings: 2,
            doubted_for: SignedDuration::from_millis(500),
            lost_for: SignedDuration::from_secs(2),
            lost_standing_for: SignedDuration::from_secs(30),
            missed: 3,
            longest_gap: SignedDuration::from_secs(15),
            overlap: 0.2,
            overlap_weak: 0.4,
            overlap_other_class: 0.7,
            most: 200,
        }
    }
}
