//! Motion: where a thumbnail differs both from what is usually there and from what was there a moment ago.
//!
//! Two running means of each cell, a slow one and a fast one, are compared with the new thumbnail. A cell has moved when it differs
//! from both: what differs from the slow one alone is a thing that was put there, or its ghost after it left, and stands still; what differs
//! from the fast one alone is noise. A change of the light shifts all cells alike, which is measured and taken out; when half of the
//! picture changes at once in spite of that, it is another light or another view, and told as such. A cell counts only with
//! neighbours that moved too: rain, snow and coding noise are single cells.

use std::time::Duration;

use parapet_config::Sensitivity;

use super::{mask::Mask, thumbnail::Thumbnail};

/// Time constant of what is usually there.
const SLOW: Duration = Duration::from_secs(8);
/// Time constant of what was there a moment ago.
const FAST: Duration = Duration::from_millis(600);
/// Fractions of a grey level in a mean.
const SCALE: i32 = 64;
/// A change of the light is measured by cells that differ by no more than this many grey levels: others are things.
const LIGHT: i32 = 24;
/// Cells of the 3×3 around a cell, itself included, that have to have moved.
const NEIGHBOURS: u8 = 4;
/// The numbers of cells are those of a thumbnail of 160×90; a smaller one needs less.
const CELLS: usize = 160 * 90;

/// What moved.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Motion {
    /// Cells that moved.
    pub cells: usize,
    /// Cells that moved, of those that count, 0 to 1.
    pub share: f32,
    /// Whether so many moved that something did.
    pub moves: bool,
    /// Whether most of the picture changed at once: another light, or another view. Nothing is known of motion then.
    pub upheaval: bool,
}

/// See the module.
#[derive(Debug)]
pub struct MotionDetector {
    threshold: i32,
    least: usize,
    mask: Mask,
    slow: Vec<i16>,
    fast: Vec<i16>,
    moved: Vec<u8>,
    columns: Vec<u8>,
}

impl MotionDetector {
    /// One that has seen nothing. The mask decides the size of the thumbnails.
    pub fn new(sensitivity: Sensitivity, mask: Mask) -> Self {
        let (threshold, least) = match sensitivity {
            Sensitivity::Low => (24, 24),
            Sensitivity::Medium => (14, 10),
            Sensitivity::High => (8, 6),
        };
        let cells = mask.cells().len();
        let least = (least * cells).div_ceil(CELLS).clamp(1, least);
        let (slow, fast, columns) = Default::default();
        Self { threshold: threshold * SCALE, least, mask, slow, fast, moved: vec![0; cells], columns }
    }

    /// True when thumbnails of this size can be compared.
    pub fn fits(&self, thumbnail: &Thumbnail) -> bool {
        self.mask.fits(thumbnail.width(), thumbnail.height())
    }

    /// Compares a thumbnail that was taken `passed` after the one before; nothing moved in the first one.
    ///
    /// # Panics
    /// When the thumbnail is of another size than the mask: see [`MotionDetector::fits`].
    pub fn look(&mut self, thumbnail: &Thumbnail, passed: Duration) -> Motion {
        assert!(self.fits(thumbnail), "the thumbnail is not of the mask's size");
        let cells = thumbnail.cells();
        if self.slow.is_empty() {
            self.learn(cells);
            return Motion::default();
        }
        let (slow_light, fast_light) = (light(cells, &self.slow), light(cells, &self.fast));
        let (threshold, half) = (self.threshold, self.threshold / 2);
        let means = self.slow.iter().zip(&self.fast);
        for (((moved, &cell), (&slow, &fast)), &counts) in
            self.moved.iter_mut().zip(cells).zip(means).zip(self.mask.cells())
        {
            let now = i32::from(cell) * SCALE;
            let usual = (now - i32::from(slow) - slow_light).abs() > threshold;
            let recent = (now - i32::from(fast) - fast_light).abs() > half;
            *moved = u8::from(usual & recent) & counts;
        }
        let raw: usize = self.moved.iter().map(|&moved| usize::from(moved)).sum();
        let counting: usize = self.mask.cells().iter().map(|&counts| usize::from(counts)).sum();
        if raw * 2 > counting && counting > 0 {
            self.learn(cells);
            return Motion { cells: raw, share: raw as f32 / counting as f32, moves: false, upheaval: true };
        }
        blend(&mut self.slow, cells, passed, SLOW);
        blend(&mut self.fast, cells, passed, FAST);
        let cells = if raw < self.least { 0 } else { self.with_neighbours(thumbnail.width()) };
        Motion { cells, share: cells as f32 / counting.max(1) as f32, moves: cells >= self.least, upheaval: false }
    }

    fn learn(&mut self, cells: &[u8]) {
        self.slow = cells.iter().map(|&cell| i16::from(cell) * SCALE as i16).collect();
        self.fast = self.slow.clone();
    }

    /// How many cells moved among others that did.
    fn with_neighbours(&mut self, width: usize) -> usize {
        let rows = self.moved.len() / width.max(1);
        let mut count = 0;
        for y in 0..rows {
            // The sums of three cells above each other, with an empty column at either side.
            self.columns.clear();
            self.columns.resize(width + 2, 0);
            for row in y.saturating_sub(1)..(y + 2).min(rows) {
                let line = &self.moved[row * width..(row + 1) * width];
                self.columns[1..=width].iter_mut().zip(line).for_each(|(sum, moved)| *sum += moved);
            }
            let line = &self.moved[y * width..(y + 1) * width];
            let around = self.columns.windows(3).zip(line);
            count += around.filter(|(sums, moved)| **moved == 1 && sums.iter().sum::<u8>() >= NEIGHBOURS).count();
        }
        count
    }
}

/// By how much the light has changed, in fractions of a grey level.
fn light(cells: &[u8], means: &[i16]) -> i32 {
    let shift =
        |(&cell, &mean): (&u8, &i16)| (i32::from(cell) * SCALE - i32::from(mean)).clamp(-LIGHT * SCALE, LIGHT * SCALE);
    let sum: i32 = cells.iter().zip(means).map(shift).sum();
    sum / (cells.len().max(1) as i32)
}

fn blend(means: &mut [i16], cells: &[u8], passed: Duration, constant: Duration) {
    let weight = ((1.0 - (-passed.as_secs_f32() / constant.as_secs_f32()).exp()) * 256.0).round() as i32;
    for (mean, &cell) in means.iter_mut().zip(cells) {
        let step = (i32::from(cell) * SCALE - i32::from(*mean)) * weight;
        // Rounded away from zero: a mean that is nearly there arrives.
        *mean += ((step + if step > 0 { 255 } else { 0 }) >> 8) as i16;
    }
}
