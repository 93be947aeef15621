//! Bilinear interpolation, a row at a time: first between two rows of the source, then between neighbours in what came of it.
//!
//! Mixing whole rows first touches samples that a smaller input doesn't need, but in order, so that the compiler makes vectors
//! of it; picking samples one by one, which can't be done so, is left for one row instead of two, and takes both neighbours at
//! once.

use std::ops::Range;

/// Weights between rows are whole 2048ths, as in OpenCV.
const ONE: i32 = 2048;
/// A mixed row is in whole 128ths of a level: as fine as 16 bits allow.
const FINE: i16 = 128;

/// Two neighbouring samples and the weight of the second. Where the first is the last that may be seen, the weight is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tap {
    pub(super) first: u32,
    pub(super) second: u32,
    /// 0 to [`ONE`].
    pub(super) weight: i32,
}

/// Positions on one axis of a picture, one for each pixel of the input.
pub(super) struct Axis {
    positions: Vec<f64>,
    start: u32,
    length: u32,
}

/// Where the pixels of the input fall in the picture: `(i + 0.5) × length / count − 0.5` from `start`, as OpenCV has it.
pub(super) fn taps(start: u32, length: u32, count: u32) -> Axis {
    let step = f64::from(length) / f64::from(count.max(1));
    let positions = (0..count).map(|i| (f64::from(i) + 0.5) * step - 0.5 + f64::from(start)).collect();
    Axis { positions, start, length }
}

impl Axis {
    /// Taps within the region: its edge is repeated, and nothing beyond it is seen.
    pub(super) fn taps(&self) -> Vec<Tap> {
        self.positions.iter().map(|p| tap(*p, self.start, self.start + self.length - 1)).collect()
    }

    /// Taps in a plane of half the size, whose samples sit `offset` luma pixels right of every second one.
    pub(super) fn chroma(&self, offset: f64, length: u32) -> Vec<Tap> {
        self.positions.iter().map(|p| tap((p - offset) / 2.0, 0, length.max(1) - 1)).collect()
    }
}

fn tap(position: f64, lowest: u32, highest: u32) -> Tap {
    let clamped = position.clamp(f64::from(lowest), f64::from(highest));
    let first = clamped as u32;
    let weight = ((clamped - f64::from(first)) * f64::from(ONE)).round() as i32;
    Tap { first, second: (first + 1).min(highest), weight }
}

/// A plane of the source: `data[row × stride + column × samples + sample]`.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) data: &'a [u8],
    pub(super) stride: usize,
}

/// Interpolates rows of one or more planes that share a geometry.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Samples that lie together, a pixel's: one in a plane of its own, two of NV12's chroma, three of RGB.
    samples: usize,
    /// For each pixel of the input where the first of its two neighbours lies in a mixed row.
    across: Vec<u32>,
    /// For each pixel of the input the weight of its second neighbour, 0 to 1.
    weights: Vec<f32>,
    down: Vec<Tap>,
    /// The columns of the source that are read.
    columns: Range<usize>,
    /// Each column becomes a pixel: there is nothing to interpolate across.
    as_it_is: bool,
    /// The levels of these columns between two rows, in 128ths, and what weighs nothing behind them.
    mixed: Vec<u16>,
    /// Covers each place in a mixed row. A place that went through it is within the row's memory: so no sample needs a check,
    /// one by one, whether it is there.
    mask: usize,
    /// A sample of both neighbours of each pixel: the first in the lower half.
    pairs: Vec<u32>,
    out: Vec<f32>,
}

impl Sampler {
    pub(super) fn new(across: &[Tap], down: Vec<Tap>, planes: usize, samples: usize) -> Self {
        let first = across.iter().map(|tap| tap.first).min().unwrap_or(0);
        let last = across.iter().map(|tap| tap.second).max().unwrap_or(0);
        let columns = first as usize..last as usize + 1;
        let places = (columns.len() * samples).next_power_of_two();
        Self {
            samples,
            across: across.iter().map(|tap| (tap.first - first) * samples as u32).collect(),
            weights: across.iter().map(|tap| tap.weight as f32 / ONE as f32).collect(),
            down,
            mixed: vec![0; places + 2 * samples],
            mask: places - 1,
            as_it_is: samples == 1
                && across.iter().enumerate().all(|(i, tap)| tap.weight == 0 && tap.first == first + i as u32),
            columns,
            pairs: vec![0; across.len()],
            out: vec![0.0; across.len() * planes * samples],
        }
    }

    /// Row `index` of the input: a row of each sample of each plane, one after the other.
    #[inline(always)]
    pub(super) fn row(&mut self, index: usize, planes: &[Plane<'_>]) -> &[f32] {
        let tap = self.down[index];
        let width = self.across.len().max(1);
        for (plane, out) in planes.iter().zip(self.out.chunks_exact_mut(width * self.samples)) {
            let columns = self.columns.start * self.samples..self.columns.end * self.samples;
            let above = &plane.data[tap.first as usize * plane.stride..][columns.clone()];
            if self.as_it_is && tap.weight == 0 {
                for (out, level) in out.iter_mut().zip(above) {
                    *out = f32::from(*level);
                }
                continue;
            }
            let below = &plane.data[tap.second as usize * plane.stride..][columns];
            mix(above, below, tap.weight, &mut self.mixed);
            for (sample, out) in out.chunks_exact_mut(width).enumerate() {
                match self.samples {
                    1 => pick::<1>(&self.mixed[sample..], self.mask, &self.across, &mut self.pairs),
                    2 => pick::<2>(&self.mixed[sample..], self.mask, &self.across, &mut self.pairs),
                    _ => pick::<3>(&self.mixed[sample..], self.mask, &self.across, &mut self.pairs),
                }
                stretch(&self.pairs, &self.weights, out);
            }
        }
        &self.out
    }
}

/// Mixes two rows of samples.
#[inline(always)]
fn mix(above: &[u8], below: &[u8], weight: i32, mixed: &mut [u16]) {
    // The upper half of a product of 16 bits each, which has an instruction of its own: so the weight goes up to 2¹⁵, not
    // quite reached, and half of the difference comes out.
    let weight = (weight * (32_768 / ONE)).min(i32::from(i16::MAX)) as i16;
    for ((mixed, above), below) in mixed.iter_mut().zip(above).zip(below) {
        let (above, below) = (i16::from(*above), i16::from(*below));
        let half = ((i32::from((below - above) * FINE) * i32::from(weight)) >> 16) as i16;
        *mixed = (above * FINE + 2 * half) as u16;
    }
}

/// Takes a sample of both neighbours of each pixel, which lie `SAMPLES` apart.
#[inline(always)]
fn pick<const SAMPLES: usize>(mixed: &[u16], mask: usize, across: &[u32], pairs: &mut [u32]) {
    let (firsts, seconds) = (&mixed[..mask + 1], &mixed[SAMPLES..][..mask + 1]);
    let pair = |first: u32| {
        let first = first as usize & mask;
        u32::from(firsts[first]) | u32::from(seconds[first]) << 16
    };
    let (mut pairs, mut across) = (pairs.chunks_exact_mut(8), across.chunks_exact(8));
    for (pairs, across) in pairs.by_ref().zip(across.by_ref()) {
        for i in 0..8 {
            pairs[i] = pair(across[i]);
        }
    }
    for (to, first) in pairs.into_remainder().iter_mut().zip(across.remainder()) {
        *to = pair(*first);
    }
}

/// Interpolates between the two neighbours of each pixel.
#[inline(always)]
fn stretch(pairs: &[u32], weights: &[f32], out: &mut [f32]) {
    for ((out, pair), weight) in out.iter_mut().zip(pairs).zip(weights) {
        // Signed, since machines convert signed numbers at once.
        let (first, second) = ((pair & 0xffff) as i32 as f32, (pair >> 16) as i32 as f32);
        *out = (first + (second - first) * weight) * (1.0 / f32::from(FINE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_halved_by_the_mean_of_neighbours_and_kept_at_its_size() {
        let data = [10u8, 20, 30, 50, 0, 0, 0, 0];
        let plane = Plane { data: &data, stride: 4 };
        let mut halved = Sampler::new(&taps(0, 4, 2).taps(), taps(0, 1, 1).taps(), 1, 1);
        assert_eq!(halved.row(0, &[plane]), [15.0, 40.0]);
        let mut same = Sampler::new(&taps(0, 4, 4).taps(), taps(0, 2, 2).taps(), 1, 1);
        assert_eq!(same.row(0, &[plane]), [10.0, 20.0, 30.0, 50.0]);
        assert_eq!(same.row(1, &[plane]), [0.0; 4]);
    }

    #[test]
    fn taps_never_leave_the_region() {
        for (start, length, count) in [(0, 1, 416), (7, 3, 100), (5, 1000, 3), (0, 2, 1)] {
            for tap in taps(start, length, count).taps() {
                assert!(tap.first >= start && tap.second < start + length, "{tap:?} of {start}+{length}");
                assert!((0..=ONE).contains(&tap.weight));
                assert!(tap.first != tap.second || tap.weight == 0, "{tap:?} of {start}+{length}");
            }
        }
    }
}
