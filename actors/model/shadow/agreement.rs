//! How far two models agree on one picture: pure.

use parapet_contracts::Object;

/// Boxes of one label that overlap at least so much (intersection over union) are the same thing.
const SAME: f32 = 0.5;

/// What came of comparing what two models saw.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Agreement {
    /// Things that both saw.
    pub matched: u64,
    /// Things that only the first saw.
    pub missed: u64,
    /// Things that only the second saw.
    pub extra: u64,
    /// The sum over all things that both saw: the second's score minus the first's.
    pub score_difference: f64,
}

/// Compares what two models saw. Each thing of one goes with one of the other at most, those that overlap most first.
pub(super) fn compare(first: &[Object], second: &[Object]) -> Agreement {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (a, one) in first.iter().enumerate() {
        for (b, other) in second.iter().enumerate().filter(|(_, other)| other.label == one.label) {
            let overlap = one.bbox.iou(&other.bbox);
            if overlap >= SAME {
                pairs.push((overlap, a, b));
            }
        }
    }
    pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (mut firsts, mut seconds) = (vec![false; first.len()], vec![false; second.len()]);
    let mut agreement = Agreement::default();
    for (_, a, b) in pairs {
        if !firsts[a] && !seconds[b] {
            (firsts[a], seconds[b]) = (true, true);
            agreement.matched += 1;
            agreement.score_difference += f64::from(second[b].score) - f64::from(first[a].score);
        }
    }
    agreement.missed = first.len() as u64 - agreement.matched;
    agreement.extra = second.len() as u64 - agreement.matched;
    agreement
}

#[cfg(test)]
mod tests {
    use parapet_contracts::BBox;

    use super::*;

    fn thing(label: &str, left: f32, score: f32) -> Object {
        let bbox = BBox::from([left, 0.0, left + 10.0, 10.0]);
        Object { label: label.to_owned(), class: 0, score, bbox, track: None, attributes: Default::default() }
    }

    #[test]
    fn the_same_things_match_whatever_their_order_and_their_scores_are_compared() {
        let first = [thing("hen", 0.0, 0.5), thing("fox", 50.0, 0.9)];
        let second = [thing("fox", 51.0, 0.8), thing("hen", 2.0, 0.75)];
        let seen = compare(&first, &second);
        assert_eq!((seen.matched, seen.missed, seen.extra), (2, 0, 0));
        assert!((seen.score_difference - 0.15).abs() < 1e-6, "{seen:?}");
    }

    #[test]
    fn another_label_or_too_little_overlap_is_another_thing() {
        let first = [thing("hen", 0.0, 0.5), thing("hen", 100.0, 0.5)];
        let second = [thing("fox", 0.0, 0.5), thing("hen", 106.0, 0.5)];
        let seen = compare(&first, &second);
        assert_eq!((seen.matched, seen.missed, seen.extra), (0, 2, 2));
        assert_eq!(compare(&[], &[]), Agreement::default());
    }

    #[test]
    fn one_thing_is_matched_once_by_what_overlaps_most() {
        let seen = compare(&[thing("hen", 0.0, 0.5)], &[thing("hen", 2.0, 0.9), thing("hen", 0.0, 0.6)]);
        assert_eq!((seen.matched, seen.missed, seen.extra), (1, 0, 1));
        assert!((seen.score_difference - 0.1).abs() < 1e-6, "{seen:?}");
    }
}
