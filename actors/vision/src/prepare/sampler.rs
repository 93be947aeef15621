//! Bilinear interpolation, a row at a time.

/// Weights are whole 2048ths, as in OpenCV: a row is stretched in integers, which is quicker than in floats where samples are
/// picked one by one.
const ONE: i32 = 2048;

/// Two neighbouring samples and the weight of the second.
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

/// Samples of one kind within a plane: `data[row × stride + column × step + offset]`.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) data: &'a [u8],
    pub(super) stride: usize,
    pub(super) offset: usize,
    pub(super) step: usize,
}

/// Interpolates rows of one or more parts that share a geometry. Keeps the two rows of the source that it stretched last:
/// when a picture is enlarged, each is used several times.
#[derive(Debug)]
pub(super) struct Sampler {
    across: Vec<Tap>,
    down: Vec<Tap>,
    /// Rows of the source, each sample times [`ONE`].
    stretched: [(Option<u32>, Vec<i32>); 2],
    out: Vec<f32>,
}

impl Sampler {
    pub(super) fn new(across: Vec<Tap>, down: Vec<Tap>, parts: usize) -> Self {
        let length = across.len() * parts;
        let row = vec![0; length];
        Self { across, down, stretched: [(None, row.clone()), (None, row)], out: vec![0.0; length] }
    }

    /// Forgets the rows that it keeps: another picture follows.
    pub(super) fn forget(&mut self) {
        for (row, _) in &mut self.stretched {
            *row = None;
        }
    }

    /// Row `index` of the input: a row of each part, one after the other.
    pub(super) fn row(&mut self, index: usize, parts: &[Part<'_>]) -> &[f32] {
        let Tap { first, second, weight } = self.down[index];
        for row in [first, second] {
            // Neighbours never share a place.
            let (kept, samples) = &mut self.stretched[(row % 2) as usize];
            if *kept != Some(row) {
                for (part, out) in parts.iter().zip(samples.chunks_exact_mut(self.across.len().max(1))) {
                    stretch(part, row as usize, &self.across, out);
                }
                *kept = Some(row);
            }
        }
        let above = &self.stretched[(first % 2) as usize].1;
        let below = &self.stretched[(second % 2) as usize].1;
        // Whole numbers up to 255 × 2048: a float holds them exactly.
        let (one, weight) = (1.0 / ONE as f32, weight as f32 / (ONE * ONE) as f32);
        for ((out, above), below) in self.out.iter_mut().zip(above).zip(below) {
            *out = *above as f32 * one + (below - above) as f32 * weight;
        }
        &self.out
    }
}

fn stretch(part: &Part<'_>, row: usize, taps: &[Tap], out: &mut [i32]) {
    let samples = &part.data[row * part.stride + part.offset..];
    match part.step {
        1 => stretch_by::<1>(samples, taps, out),
        2 => stretch_by::<2>(samples, taps, out),
        _ => stretch_by::<3>(samples, taps, out),
    }
}

fn stretch_by<const STEP: usize>(samples: &[u8], taps: &[Tap], out: &mut [i32]) {
    for (out, tap) in out.iter_mut().zip(taps) {
        let first = i32::from(samples[tap.first as usize * STEP]);
        let second = i32::from(samples[tap.second as usize * STEP]);
        *out = first * ONE + (second - first) * tap.weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_halved_by_the_mean_of_neighbours_and_kept_at_its_size() {
        let data = [10u8, 20, 30, 50, 0, 0, 0, 0];
        let part = Part { data: &data, stride: 4, offset: 0, step: 1 };
        let mut halved = Sampler::new(taps(0, 4, 2).taps(), taps(0, 1, 1).taps(), 1);
        assert_eq!(halved.row(0, &[part]), [15.0, 40.0]);
        let mut same = Sampler::new(taps(0, 4, 4).taps(), taps(0, 2, 2).taps(), 1);
        assert_eq!(same.row(0, &[part]), [10.0, 20.0, 30.0, 50.0]);
        assert_eq!(same.row(1, &[part]), [0.0; 4]);
    }

    #[test]
    fn taps_never_leave_the_region() {
        for (start, length, count) in [(0, 1, 416), (7, 3, 100), (5, 1000, 3), (0, 2, 1)] {
            for tap in taps(start, length, count).taps() {
                assert!(tap.first >= start && tap.second < start + length, "{tap:?} of {start}+{length}");
                assert!((0..=ONE).contains(&tap.weight));
            }
        }
    }
}
