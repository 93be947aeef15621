//! How well a detection fits the place where a track should be.
//!
//! Plain intersection over union is 0 as soon as an object moves by more than its width between two frames, which at 5 fps is usual.
//! Both boxes are therefore grown by what the filter does not know (one standard deviation of the centre, at most one size of the
//! object) before they are compared: a track whose speed is known is compared strictly, a new one generously. The idea of growing both
//! boxes is that of C-BIoU (Yang et al., *Hard to Track Objects with Irregular Motions and Similar Appearances?*, WACV 2023), where
//! the growth is constant.

use parapet_contracts::BBox;

use super::kalman::BoxFilter;

/// Boxes whose areas differ by more than this factor are two things.
const LARGEST_RATIO: f32 = 4.0;

/// Intersection over union of the grown boxes, 0 to 1.
pub(super) fn overlap(track: &BoxFilter, seen: &BBox) -> f32 {
    let expected = track.bbox();
    let ratio = expected.area().max(1.0) / seen.area().max(1.0);
    if !(1.0 / LARGEST_RATIO..=LARGEST_RATIO).contains(&ratio) {
        return 0.0;
    }
    let most = track.size();
    let by = track.spread().map(|spread| spread.min(most));
    grown(&expected, by).iou(&grown(seen, by))
}

fn grown(b: &BBox, [x, y]: [f32; 2]) -> BBox {
    BBox::from([b.x1 - x, b.y1 - y, b.x2 + x, b.y2 + y])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32) -> BBox {
        BBox::from([x, 0.0, x + 40.0, 100.0])
    }

    #[test]
    fn a_new_track_is_found_farther_away_than_one_whose_speed_is_known() {
        let mut new = BoxFilter::new(&at(0.0));
        new.predict(0.2, true);
        let mut known = BoxFilter::new(&at(0.0));
        for _ in 0..20 {
            known.predict(0.2, true);
            known.correct(&at(0.0));
        }
        known.predict(0.2, true);
        let (new, known) = (overlap(&new, &at(50.0)), overlap(&known, &at(50.0)));
        assert!(new > 0.2 && known < 0.1, "{new} {known}");
    }

    #[test]
    fn a_far_smaller_box_is_another_thing() {
        let track = BoxFilter::new(&at(0.0));
        assert_eq!(overlap(&track, &BBox::from([10.0, 10.0, 25.0, 50.0])), 0.0);
    }
}
