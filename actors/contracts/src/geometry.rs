//! Boxes and polygons. Pictures have their origin at the top left, x to the right and y down.

use serde::{Deserialize, Serialize};

/// A box in pixels of the source picture: left, top, right, bottom. Right and bottom are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 4]", into = "[f32; 4]")]
pub struct BBox {
    /// Left edge.
    pub x1: f32,
    /// Top edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Bottom edge.
    pub y2: f32,
}

impl From<[f32; 4]> for BBox {
    fn from([x1, y1, x2, y2]: [f32; 4]) -> Self {
        Self { x1, y1, x2, y2 }
    }
}

impl From<BBox> for [f32; 4] {
    fn from(b: BBox) -> Self {
        [b.x1, b.y1, b.x2, b.y2]
    }
}

impl BBox {
    /// Width in pixels; never negative.
    pub fn width(&self) -> f32 {
        (self.x2 - self.x1).max(0.0)
    }

    /// Height in pixels; never negative.
    pub fn height(&self) -> f32 {
        (self.y2 - self.y1).max(0.0)
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// Intersection over union, 0 to 1.
    pub fn iou(&self, other: &Self) -> f32 {
        let w = (self.x2.min(other.x2) - self.x1.max(other.x1)).max(0.0);
        let h = (self.y2.min(other.y2) - self.y1.max(other.y1)).max(0.0);
        let shared = w * h;
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// The box cut to a picture of `width` × `height` pixels.
    pub fn clipped(&self, width: u32, height: u32) -> Self {
        let (w, h) = (width as f32, height as f32);
        Self {
            x1: self.x1.clamp(0.0, w),
            y1: self.y1.clamp(0.0, h),
            x2: self.x2.clamp(0.0, w),
            y2: self.y2.clamp(0.0, h),
        }
    }

    /// The middle of the bottom edge: where a standing thing touches the ground.
    pub fn bottom_centre(&self) -> [f32; 2] {
        [(self.x1 + self.x2) / 2.0, self.y2]
    }

    /// True when all four edges are finite numbers.
    pub fn is_finite(&self) -> bool {
        [self.x1, self.y1, self.x2, self.y2].iter().all(|v| v.is_finite())
    }
}

/// A polygon of at least three corners, as fractions 0–1 of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polygon(pub Vec<[f32; 2]>);

impl Polygon {
    /// True when the point lies inside, by the even–odd rule. `x` and `y` are fractions of the picture.
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let mut inside = false;
        let mut previous = match self.0.last() {
            Some(corner) => *corner,
            None => return false,
        };
        for &corner in &self.0 {
            let ([ax, ay], [bx, by]) = (previous, corner);
            if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
                inside = !inside;
            }
            previous = corner;
        }
        inside
    }
}

/// A side of a line, for somebody who stands at its first point and looks at its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// To the left.
    Left,
    /// To the right.
    Right,
}

impl Side {
    /// The word for metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// A line from one point to another, as fractions 0–1 of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Segment(pub [[f32; 2]; 2]);

impl Segment {
    /// Distance of a point from the line and its prolongation, in fractions of the picture; positive on the right side.
    pub fn distance(&self, [x, y]: [f32; 2]) -> f32 {
        let [[ax, ay], [bx, by]] = self.0;
        let length = (bx - ax).hypot(by - ay);
        if length > 0.0 { ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length } else { 0.0 }
    }

    /// True when the way from `from` to `to`, which lie on different sides, leads over the line itself and not its prolongation.
    pub fn is_cut_by(&self, from: [f32; 2], to: [f32; 2]) -> bool {
        let way = Self([from, to]);
        let [a, b] = self.0;
        way.distance(a) * way.distance(b) <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_of_equal_disjoint_and_half_overlapping_boxes() {
        let a = BBox::from([0.0, 0.0, 10.0, 10.0]);
        assert_eq!(a.iou(&a), 1.0);
        assert_eq!(a.iou(&[20.0, 0.0, 30.0, 10.0].into()), 0.0);
        assert!((a.iou(&[5.0, 0.0, 15.0, 10.0].into()) - 1.0 / 3.0).abs() < 1e-6);
        let empty = BBox::from([5.0, 5.0, 5.0, 5.0]);
        assert_eq!(empty.iou(&empty), 0.0);
    }

    #[test]
    fn a_point_is_inside_a_concave_polygon_by_even_odd() {
        let l = Polygon(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]);
        assert!(l.contains([0.25, 0.75]));
        assert!(l.contains([0.75, 0.25]));
        assert!(!l.contains([0.75, 0.75]));
        assert!(!Polygon(vec![]).contains([0.5, 0.5]));
    }

    #[test]
    fn the_right_of_a_line_that_leads_down_is_the_left_of_the_picture() {
        let line = Segment([[0.5, 0.2], [0.5, 0.8]]);
        assert!((line.distance([0.3, 0.9]) - 0.2).abs() < 1e-6);
        assert!((line.distance([0.9, 0.1]) + 0.4).abs() < 1e-6);
        assert!(line.is_cut_by([0.4, 0.5], [0.6, 0.5]));
        assert!(!line.is_cut_by([0.4, 0.9], [0.6, 0.9]));
        assert_eq!(Segment([[0.5, 0.5]; 2]).distance([0.0, 0.0]), 0.0);
    }
}
