//! What a camera usually shows, and how much a new picture is like it.

use super::{fingerprint::Fingerprint, thumbnail::Thumbnail};

/// A gradient is cut to this, in grey levels: one bright edge must not outweigh all others.
const STEEPEST: f32 = 60.0;
/// Looks after which the newest weighs no more than this part: at one a second, a minute.
const MEMORY: u32 = 60;
/// Looks without which a reference says nothing yet.
const LEARNING: u32 = 10;

/// What a thumbnail shows, ready to be compared.
#[derive(Debug, Clone)]
pub(super) struct View {
    cells: Vec<f32>,
    /// How steep the picture is at each cell, smoothed over its neighbours so that a camera may tremble.
    slopes: Vec<f32>,
    width: usize,
}

/// How a view compares with the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    /// Correlation of the grey levels, −1 to 1.
    pub(super) levels: f32,
    /// Correlation of the slopes, −1 to 1.
    pub(super) slopes: f32,
    /// The mean slope of the reference, in grey levels.
    pub(super) usual: f32,
    /// Mean slope ÷ that of the reference: how much structure there is.
    pub(super) structure: f32,
    /// Sharpness ÷ that of the reference.
    pub(super) sharpness: f32,
}

/// The running mean of what was seen.
#[derive(Debug, Default)]
pub(super) struct Reference {
    cells: Vec<f32>,
    sharpness: f32,
    looks: u32,
}

impl View {
    pub(super) fn of(thumbnail: &Thumbnail) -> Self {
        let cells: Vec<f32> = thumbnail.cells().iter().map(|&cell| f32::from(cell)).collect();
        let slopes = slopes(&cells, thumbnail.width());
        Self { cells, slopes, width: thumbnail.width() }
    }

    pub(super) fn mean(&self) -> f32 {
        mean(&self.cells)
    }

    pub(super) fn brightest(&self) -> f32 {
        self.cells.iter().copied().fold(0.0, f32::max)
    }

    /// By how much the brightest cell is brighter than the darkest.
    pub(super) fn range(&self) -> f32 {
        self.brightest() - self.cells.iter().copied().fold(255.0, f32::min)
    }
}

impl Reference {
    /// Takes what is as it should be.
    pub(super) fn learn(&mut self, view: &View, print: Fingerprint) {
        if self.cells.len() != view.cells.len() {
            *self = Self { cells: view.cells.clone(), sharpness: print.sharpness, looks: 0 };
        }
        self.looks = (self.looks + 1).min(MEMORY);
        let weight = 1.0 / self.looks as f32;
        self.cells.iter_mut().zip(&view.cells).for_each(|(mean, cell)| *mean += weight * (cell - *mean));
        self.sharpness += weight * (print.sharpness - self.sharpness);
    }

    /// True once enough was seen to compare with.
    pub(super) fn is_known(&self, view: &View) -> bool {
        self.looks >= LEARNING && self.cells.len() == view.cells.len()
    }

    pub(super) fn likeness(&self, view: &View, print: Fingerprint) -> Likeness {
        let own = slopes(&self.cells, view.width);
        let usual = mean(&own);
        Likeness {
            usual,
            levels: correlation(&self.cells, &view.cells),
            slopes: correlation(&own, &view.slopes),
            structure: mean(&view.slopes) / usual.max(0.1),
            sharpness: print.sharpness / self.sharpness.max(0.1),
        }
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// The sum of the differences across and down at each cell, then the mean of each 3×3. Cells at the edge have none.
fn slopes(cells: &[f32], width: usize) -> Vec<f32> {
    let rows = cells.len().checked_div(width).unwrap_or(0);
    let mut steep = vec![0.0_f32; cells.len()];
    for y in 1..rows.saturating_sub(1) {
        for x in 1..width - 1 {
            let at = y * width + x;
            let (across, down) = (cells[at + 1] - cells[at - 1], cells[at + width] - cells[at - width]);
            steep[at] = (across.abs() + down.abs()).min(STEEPEST);
        }
    }
    let mut smooth = vec![0.0_f32; cells.len()];
    for y in 1..rows.saturating_sub(1) {
        for x in 1..width - 1 {
            let rows = [y - 1, y, y + 1].map(|row| &steep[row * width + x - 1..row * width + x + 2]);
            smooth[y * width + x] = rows.into_iter().flatten().sum::<f32>() / 9.0;
        }
    }
    smooth
}

/// Pearson's; 0 when one of both is flat.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    let norm = (aa * bb).sqrt();
    if norm > 1e-3 { ab / norm } else { 0.0 }
}
