//! Which zones an object stands in, by the middle of its box's bottom edge.
//!
//! An object is in a zone from the first frame in which that point lies inside, and until it lies outside by more than a margin:
//! a box that trembles on the edge neither enters nor leaves again and again. Time in a zone is capture time.

use std::collections::BTreeMap;

use parapet_contracts::{Polygon, Timestamp};

/// How far outside the point has to be to have left, as a fraction of the picture, at least.
const MARGIN: f32 = 0.01;
/// The same as a fraction of the box's height: the edge of a big box trembles more.
const MARGIN_OF_HEIGHT: f32 = 0.05;

/// The margin around edges and lines for a box whose height is this fraction of the picture's.
pub(super) fn margin(height: f32) -> f32 {
    MARGIN.max(MARGIN_OF_HEIGHT * height)
}

/// What happened to one object and the zones in one frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Visit {
    /// It stands in these; for how long, in seconds.
    pub inside: BTreeMap<String, f64>,
    /// It came into these.
    pub entered: Vec<String>,
    /// It left these, after so many seconds.
    pub left: BTreeMap<String, f64>,
}

/// Where one object stands, since when.
#[derive(Debug, Clone, Default)]
pub(super) struct Whereabouts(BTreeMap<String, Timestamp>);

impl Whereabouts {
    /// Takes the point of a frame, in fractions of the picture.
    pub(super) fn update(
        &mut self,
        zones: &BTreeMap<String, Polygon>,
        point: [f32; 2],
        margin: f32,
        at: Timestamp,
    ) -> Visit {
        let mut visit = Visit::default();
        // A zone that was taken out of the file is one that nobody stands in, and that nobody left.
        self.0.retain(|name, _| zones.contains_key(name));
        for (name, zone) in zones {
            let inside = zone.contains(point);
            match self.0.get(name) {
                None if inside => {
                    self.0.insert(name.clone(), at);
                    visit.entered.push(name.clone());
                    visit.inside.insert(name.clone(), 0.0);
                }
                Some(since) if inside || distance(zone, point) <= margin => {
                    visit.inside.insert(name.clone(), at.duration_since(*since).as_secs_f64());
                }
                Some(since) => {
                    visit.left.insert(name.clone(), at.duration_since(*since).as_secs_f64());
                    self.0.remove(name);
                }
                None => {}
            }
        }
        visit
    }

    /// The zones that it stands in, and for how many seconds it had when it was seen at `last_seen`.
    pub(super) fn dwell(&self, last_seen: Timestamp) -> BTreeMap<String, f64> {
        let seconds = |since: &Timestamp| last_seen.duration_since(*since).as_secs_f64();
        self.0.iter().map(|(name, since)| (name.clone(), seconds(since))).collect()
    }

    /// The names of the zones that it stands in.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

/// Distance of a point from the polygon's edges, in fractions of the picture.
fn distance(zone: &Polygon, point: [f32; 2]) -> f32 {
    let corners = &zone.0;
    (0..corners.len())
        .map(|i| to_segment(point, corners[i], corners[(i + 1) % corners.len()]))
        .fold(f32::INFINITY, f32::min)
}

fn to_segment(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let (d, v) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = d[0] * d[0] + d[1] * d[1];
    let along = if length > 0.0 { ((v[0] * d[0] + v[1] * d[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    (v[0] - along * d[0]).hypot(v[1] - along * d[1])
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn yard() -> BTreeMap<String, Polygon> {
        BTreeMap::from([("yard".to_owned(), Polygon(vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]))])
    }

    fn walk(points: &[f32]) -> Vec<Visit> {
        let mut whereabouts = Whereabouts::default();
        let step = |(i, x): (usize, &f32)| {
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(200 * i as i64);
            whereabouts.update(&yard(), [*x, 0.5], 0.02, at)
        };
        points.iter().enumerate().map(step).collect()
    }

    #[test]
    fn entered_dwelt_and_left_are_told_once_each() {
        let visits = walk(&[0.3, 0.6, 0.7, 0.3, 0.2]);
        let told: Vec<_> =
            visits.iter().map(|v| (v.entered.len(), v.inside.get("yard").copied(), v.left.len())).collect();
        assert_eq!(told, [(0, None, 0), (1, Some(0.0), 0), (0, Some(0.2), 0), (0, None, 1), (0, None, 0)]);
    }

    #[test]
    fn a_box_that_trembles_on_the_edge_comes_in_once() {
        let visits = walk(&[0.49, 0.505, 0.485, 0.51, 0.49, 0.5, 0.481, 0.52]);
        assert_eq!(visits.iter().map(|v| v.entered.len()).sum::<usize>(), 1);
        assert_eq!(visits.iter().map(|v| v.left.len()).sum::<usize>(), 0);
    }

    #[test]
    fn a_zone_that_is_no_more_is_forgotten() {
        let mut whereabouts = Whereabouts::default();
        whereabouts.update(&yard(), [0.7, 0.5], 0.01, Timestamp::UNIX_EPOCH);
        assert_eq!(whereabouts.update(&BTreeMap::new(), [0.7, 0.5], 0.01, Timestamp::UNIX_EPOCH), Visit::default());
    }
}
