//! Which part of a picture a following model is shown of an object. Pure.

use parapet_config::Crop;
use parapet_contracts::{BBox, Region};

/// The part around a box, within a picture of `width` × `height` pixels: moved into it where it would stick out, and cut where it is
/// larger. `None` for a box that is none, or that lies outside.
pub(super) fn region(bbox: &BBox, (width, height): (u32, u32), crop: &Crop) -> Option<Region> {
    let inside = bbox.clipped(width, height);
    if !bbox.is_finite() || inside.area() <= 0.0 {
        return None;
    }
    let (w, h) = (bbox.width(), bbox.height());
    let (w, h) = if crop.square { (w.max(h), w.max(h)) } else { (w, h) };
    let margin = 2.0 * crop.margin as f32;
    let (x, wide) = span(bbox.x1 + bbox.width() / 2.0, w * crop.scale + margin, width);
    let (y, high) = span(bbox.y1 + bbox.height() / 2.0, h * crop.scale + margin, height);
    Region { x, y, width: wide, height: high }.within(width, height)
}

/// Whole pixels of `length` around `centre`, within 0 and `limit`: where they begin, and how many they are.
fn span(centre: f32, length: f32, limit: u32) -> (u32, u32) {
    let whole = (length.round() as u32).clamp(1, limit.max(1));
    let first = (centre - whole as f32 / 2.0).round().max(0.0) as u32;
    (first.min(limit.saturating_sub(whole)), whole)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const BOX: Crop = Crop { square: false, scale: 1.0, margin: 0 };

    fn cut(bbox: [f32; 4], crop: Crop) -> Option<[u32; 4]> {
        region(&bbox.into(), (640, 360), &crop).map(|r| [r.x, r.y, r.width, r.height])
    }

    #[test]
    fn a_box_a_square_and_a_margin() {
        assert_eq!(cut([100.0, 50.0, 140.0, 150.0], BOX), Some([100, 50, 40, 100]));
        assert_eq!(cut([100.0, 50.0, 140.0, 150.0], Crop { square: true, ..BOX }), Some([70, 50, 100, 100]));
        let wide = Crop { square: true, scale: 2.0, margin: 5 };
        assert_eq!(cut([300.0, 150.0, 340.0, 200.0], wide), Some([265, 120, 110, 110]));
    }

    #[test]
    fn it_is_moved_into_the_picture_and_cut_where_it_is_larger() {
        let square = Crop { square: true, scale: 2.0, margin: 0 };
        assert_eq!(cut([0.0, 0.0, 20.0, 50.0], square), Some([0, 0, 100, 100]));
        assert_eq!(cut([620.0, 340.0, 640.0, 360.0], square), Some([600, 320, 40, 40]));
        assert_eq!(cut([100.0, 0.0, 300.0, 300.0], square), Some([0, 0, 600, 360]));
    }

    #[test]
    fn what_is_no_box_has_no_crop() {
        for bad in
            [[10.0, 10.0, 10.0, 50.0], [f32::NAN, 0.0, 5.0, 5.0], [700.0, 10.0, 800.0, 50.0], [50.0, 50.0, 40.0, 60.0]]
        {
            assert_eq!(cut(bad, BOX), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_crop_lies_within_the_picture(
            x in -100f32..700.0, y in -100f32..500.0, w in 0f32..900.0, h in 0f32..900.0,
            square: bool, scale in 0.1f32..20.0, margin in 0u32..4096,
        ) {
            if let Some([x, y, w, h]) = cut([x, y, x + w, y + h], Crop { square, scale, margin }) {
                prop_assert!(w > 0 && h > 0 && x + w <= 640 && y + h <= 360);
            }
        }
    }
}
