//! What is drawn on a camera's picture: zones, lines, regions, masks. Points become fractions of the picture, whatever they were given in.

use std::collections::BTreeMap;

use parapet_contracts::{Polygon, Segment, ids::is_valid_id};

use super::polygon::area_of;
use crate::{
    document::{Document, place},
    raw::{Point, RawArea, RawCamera},
    yaml::Step,
};

/// What the points of a file are measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    /// Width and height of the picture in the unit of the points.
    size: [f32; 2],
    /// Whether that unit is a pixel.
    pixels: bool,
}

impl Ruler {
    pub(super) fn of(raw: &RawCamera) -> Self {
        match raw.pixels {
            Some([width, height]) => Self { size: [width.0 as f32, height.0 as f32], pixels: true },
            None => Self { size: [1.0, 1.0], pixels: false },
        }
    }

    /// The points as fractions; tells the first that lies outside of the picture.
    fn fractions(
        self,
        document: &mut Document<RawCamera>,
        path: &[Step<'_>],
        points: &[Point],
    ) -> Option<Vec<[f32; 2]>> {
        for (index, point) in points.iter().enumerate() {
            for (axis, (at, size)) in point.iter().zip(self.size).enumerate() {
                if at.0 > size {
                    let place: Vec<Step<'_>> =
                        path.iter().copied().chain([Step::Index(index), Step::Index(axis)]).collect();
                    self.tell_outside(document, &place, axis);
                    return None;
                }
            }
        }
        Some(points.iter().map(|point| [point[0].0 / self.size[0], point[1].0 / self.size[1]]).collect())
    }

    fn tell_outside(self, document: &mut Document<RawCamera>, place: &[Step<'_>], axis: usize) {
        let side = ["width", "height"][axis];
        let at = document.at(place);
        let message = format!("this point lies outside of the picture: {}", super::quoted(document, place));
        let help = if self.pixels {
            format!("the picture's {side} is {} pixels, as `pixels` says", self.size[axis])
        } else {
            format!(
                "the picture's {side} is 1: points are fractions of it, unless the file says what they are pixels of, for example `pixels: [1280, 720]`"
            )
        };
        document.error(at, message, help);
    }
}

pub(super) fn zones(document: &mut Document<RawCamera>, raw: &RawCamera, ruler: Ruler) -> BTreeMap<String, Polygon> {
    let mut zones = BTreeMap::new();
    for (name, corners) in &raw.zones {
        named(document, "zones", "zone", name);
        let path = place!["zones", name];
        let points = ruler.fractions(document, path, &corners.0);
        if let Some(polygon) = points.and_then(|points| area_of(document, path, points)) {
            zones.insert(name.clone(), polygon);
        }
    }
    zones
}

pub(super) fn lines(document: &mut Document<RawCamera>, raw: &RawCamera, ruler: Ruler) -> BTreeMap<String, Segment> {
    let mut lines = BTreeMap::new();
    for (name, points) in &raw.lines {
        named(document, "lines", "line", name);
        let Some(ends) = ruler.fractions(document, place!["lines", name], points) else { continue };
        if ends[0] == ends[1] {
            let at = document.at(place!["lines", name]);
            document.error(at, "this line has no length", "its two points must differ");
        }
        lines.insert(name.clone(), Segment([ends[0], ends[1]]));
    }
    lines
}

/// Areas without a name: polygons, and rectangles by two opposite corners.
pub(super) fn areas(
    document: &mut Document<RawCamera>,
    path: &[Step<'_>],
    areas: &[RawArea],
    ruler: Ruler,
) -> Vec<Polygon> {
    let mut polygons = Vec::new();
    for (index, area) in areas.iter().enumerate() {
        let place: Vec<Step<'_>> = path.iter().copied().chain([Step::Index(index)]).collect();
        let Some(mut points) = ruler.fractions(document, &place, &area.0) else { continue };
        if let [[ax, ay], [bx, by]] = points[..] {
            points = vec![[ax, ay], [bx, ay], [bx, by], [ax, by]];
        }
        polygons.extend(area_of(document, &place, points));
    }
    polygons
}

/// Tells when a zone or a line has a name that fits into no topic and no metric.
fn named(document: &mut Document<RawCamera>, key: &str, kind: &str, name: &str) {
    if is_valid_id(name) {
        return;
    }
    let at = document.at_key(place![key, name]);
    let slug = crate::formats::slug(name);
    let example = if is_valid_id(&slug) { format!(", for example `{slug}`") } else { String::new() };
    let message = format!("`{}` is no name for a {kind}", crate::words::shown(name));
    document.error(
        at,
        message,
        format!("use 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit{example}"),
    );
}
