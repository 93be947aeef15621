//! Non-maximum suppression: of several boxes around one thing, the best stays.

use parapet_contracts::BBox;

/// A box that may become an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) bbox: BBox,
    pub(crate) class: u32,
    pub(crate) score: f32,
}

/// Keeps boxes greedily, highest score first: a box goes when it overlaps a kept one by more than `iou` (and has the same
/// class, unless `class_agnostic`). At most `limit` remain, highest score first; equal scores keep their order.
pub(crate) fn suppress(mut boxes: Vec<Scored>, iou: f32, class_agnostic: bool, limit: usize) -> Vec<Scored> {
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Scored> = Vec::with_capacity(limit.min(boxes.len()));
    for candidate in boxes {
        // Bounds the work, too: each of at most 30,000 candidates meets at most `limit` kept ones.
        if kept.len() >= limit {
            break;
        }
        let rivals = |k: &&Scored| class_agnostic || k.class == candidate.class;
        if !kept.iter().filter(rivals).any(|k| k.bbox.iou(&candidate.bbox) > iou) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scored(x: f32, class: u32, score: f32) -> Scored {
        Scored { bbox: BBox { x1: x, y1: 0.0, x2: x + 10.0, y2: 10.0 }, class, score }
    }

    #[test]
    fn the_best_of_a_class_stays_and_other_classes_too() {
        let boxes = vec![scored(0.0, 0, 0.5), scored(1.0, 0, 0.9), scored(1.0, 1, 0.4), scored(50.0, 0, 0.3)];
        let kept = suppress(boxes.clone(), 0.45, false, 10);
        assert_eq!(kept, [boxes[1], boxes[2], boxes[3]]);
        assert_eq!(suppress(boxes.clone(), 0.45, true, 10), [boxes[1], boxes[3]]);
        assert_eq!(suppress(boxes.clone(), 0.45, false, 1), [boxes[1]]);
    }

    fn any_box() -> impl Strategy<Value = Scored> {
        (0.0f32..100.0, 0.0f32..100.0, 0.1f32..50.0, 0.1f32..50.0, 0u32..3, 0.0f32..1.0).prop_map(
            |(x, y, w, h, class, score)| Scored { bbox: BBox { x1: x, y1: y, x2: x + w, y2: y + h }, class, score },
        )
    }

    proptest! {
        #[test]
        fn what_is_kept_is_sorted_apart_and_covers_what_went(
            boxes in prop::collection::vec(any_box(), 0..60), iou in 0.1f32..0.9, agnostic: bool,
        ) {
            let kept = suppress(boxes.clone(), iou, agnostic, usize::MAX);
            prop_assert!(kept.windows(2).all(|w| w[0].score >= w[1].score));
            let rivals = |a: &Scored, b: &Scored| (agnostic || a.class == b.class) && a.bbox.iou(&b.bbox) > iou;
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(boxes.contains(a));
                prop_assert!(kept[i + 1..].iter().all(|b| !rivals(a, b)));
            }
            for gone in boxes.iter().filter(|b| !kept.contains(b)) {
                prop_assert!(kept.iter().any(|k| k.score >= gone.score && rivals(k, gone)));
            }
            prop_assert_eq!(suppress(boxes, iou, agnostic, 3), kept[..kept.len().min(3)].to_vec());
        }
    }
}
