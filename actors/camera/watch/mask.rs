//! Which cells of a thumbnail count.

use parapet_contracts::{Polygon, Region};

/// One byte for each cell: 1 when it counts, 0 when it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    cells: Vec<u8>,
}

impl Mask {
    /// A cell counts when its middle lies in one of the `regions` (anywhere, when there are none) and in none of the `masked` areas.
    /// Polygons are in fractions of the picture.
    pub fn new(width: usize, height: usize, regions: &[Polygon], masked: &[Polygon]) -> Self {
        let counts = |index: usize| {
            let (x, y) = (index % width, index / width);
            let middle = [(x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32];
            let within = regions.is_empty() || regions.iter().any(|region| region.contains(middle));
            u8::from(within && !masked.iter().any(|area| area.contains(middle)))
        };
        Self { width, cells: (0..width * height).map(counts).collect() }
    }

    /// True when it was made for thumbnails of this size.
    pub fn fits(&self, width: usize, height: usize) -> bool {
        self.width == width && self.cells.len() == width * height
    }

    /// The cells, row by row.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }
}

/// The part of a picture that models look at: the smallest rectangle that holds all regions. `None` is all of it.
pub fn focus(regions: &[Polygon], width: u32, height: u32) -> Option<Region> {
    let corners = || regions.iter().flat_map(|region| &region.0);
    corners().next()?;
    let least = |axis: usize| corners().map(|corner| corner[axis]).fold(1.0_f32, f32::min).max(0.0);
    let most = |axis: usize| corners().map(|corner| corner[axis]).fold(0.0_f32, f32::max).min(1.0);
    let (x, y) = ((least(0) * width as f32) as u32, (least(1) * height as f32) as u32);
    let (right, bottom) = ((most(0) * width as f32).ceil() as u32, (most(1) * height as f32).ceil() as u32);
    let region = Region { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) };
    region.within(width, height).filter(|region| *region != Region::whole(width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_look_at_what_holds_all_regions() {
        let regions = [square(0.25, 0.5, 0.5, 0.75), square(0.4, 0.6, 0.75, 1.0)];
        assert_eq!(focus(&regions, 1000, 600), Some(Region { x: 250, y: 300, width: 500, height: 300 }));
        assert_eq!(focus(&[square(0.0, 0.0, 1.0, 1.0)], 1000, 600), None);
        assert_eq!(focus(&[], 1000, 600), None);
    }

    fn square(x1: f32, y1: f32, x2: f32, y2: f32) -> Polygon {
        Polygon(vec![[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    }

    #[test]
    fn a_cell_counts_within_a_region_and_outside_of_what_is_masked() {
        let mask = Mask::new(4, 2, &[square(0.0, 0.0, 0.5, 1.0)], &[square(0.0, 0.5, 1.0, 1.0)]);
        assert_eq!(mask.cells(), [1, 1, 0, 0, 0, 0, 0, 0]);
        assert!(mask.fits(4, 2) && !mask.fits(2, 4));
        assert_eq!(Mask::new(2, 1, &[], &[]).cells(), [1, 1]);
    }
}
