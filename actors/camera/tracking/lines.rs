//! Lines that objects cross, and in which direction.
//!
//! The middle of the box's bottom edge counts. An object is on a side of a line once it is away from it by more than a margin;
//! it has crossed when it comes to be on the other side and its way between the two places cuts the line itself, not its
//! prolongation. Whoever trembles on the line has crossed it once or not at all.

use std::collections::BTreeMap;

use parapet_contracts::{Segment, Side};

/// Where one object was last clearly beside each line.
#[derive(Debug, Clone, Default)]
pub(super) struct Sides(BTreeMap<String, (Side, [f32; 2])>);

impl Sides {
    /// Takes the point of a frame, in fractions of the picture; returns the lines that were crossed, and to which side.
    pub(super) fn update(
        &mut self,
        lines: &BTreeMap<String, Segment>,
        point: [f32; 2],
        margin: f32,
    ) -> BTreeMap<String, Side> {
        self.0.retain(|name, _| lines.contains_key(name));
        let mut crossed = BTreeMap::new();
        for (name, line) in lines {
            let beside = line.distance(point);
            if beside.abs() <= margin {
                continue;
            }
            let side = if beside > 0.0 { Side::Right } else { Side::Left };
            if let Some((before, from)) = self.0.insert(name.clone(), (side, point))
                && before != side
                && line.is_cut_by(from, point)
            {
                crossed.insert(name.clone(), side);
            }
        }
        crossed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> BTreeMap<String, Segment> {
        // From the top down: who looks along it has the left of the picture to the right.
        BTreeMap::from([("gate".to_owned(), Segment([[0.5, 0.2], [0.5, 0.8]]))])
    }

    fn walk(points: &[[f32; 2]]) -> Vec<Side> {
        let mut sides = Sides::default();
        points.iter().flat_map(|point| sides.update(&gate(), *point, 0.01).into_values()).collect()
    }

    #[test]
    fn there_and_back_is_once_in_each_direction() {
        let points = [[0.3, 0.5], [0.45, 0.5], [0.55, 0.5], [0.7, 0.5], [0.4, 0.5]];
        assert_eq!(walk(&points), [Side::Left, Side::Right]);
    }

    #[test]
    fn whoever_trembles_on_the_line_crosses_it_once() {
        let xs = [0.4, 0.495, 0.505, 0.498, 0.509, 0.5, 0.53, 0.509, 0.52];
        assert_eq!(walk(&xs.map(|x| [x, 0.5])), [Side::Left]);
    }

    #[test]
    fn passing_beside_the_end_is_no_crossing() {
        assert!(walk(&[[0.4, 0.1], [0.6, 0.1], [0.6, 0.9], [0.4, 0.9]]).is_empty());
    }

    #[test]
    fn a_leap_over_the_line_counts() {
        assert_eq!(walk(&[[0.0, 0.3], [1.0, 0.7]]), [Side::Left]);
    }
}
