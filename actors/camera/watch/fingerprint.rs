//! How sharp a picture is, and whether it is the same as another one to the last pixel: from one row in a few of the full picture,
//! since a thumbnail is as sharp as ever when the picture is not.

use parapet_contracts::{Picture, PixelFormat};

/// Rows that are read.
const ROWS: usize = 64;
/// Sharpness is the mean of this part of the second differences, the strongest: edges, not planes.
const STRONGEST: usize = 20;
/// Second differences of 8-bit values go to twice 255.
const LEVELS: usize = 511;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fingerprint {
    /// The mean of the strongest second differences along the rows, in grey levels.
    pub(super) sharpness: f32,
    /// The same for two pictures whose rows are the same, and for hardly any others.
    pub(super) hash: u64,
}

impl Fingerprint {
    /// Reads a picture; `None` when it is too small to say.
    pub(super) fn of(picture: &Picture) -> Option<Self> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        if width < 3 || height == 0 {
            return None;
        }
        let bytes = if picture.format == PixelFormat::Rgb { 3 } else { 1 };
        let (plane, stride) = picture.plane(0);
        let mut counts = [0_u32; LEVELS];
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let rows = ROWS.min(height);
        for row in 0..rows {
            let y = (2 * row + 1) * height / (2 * rows);
            let line = &plane[y * stride..][..width * bytes];
            for chunk in line.chunks(8) {
                let word = chunk.iter().fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
                hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
            }
            for at in (bytes..(width - 1) * bytes).step_by(bytes) {
                let [before, here, after] = [line[at - bytes], line[at], line[at + bytes]].map(i32::from);
                counts[(2 * here - before - after).unsigned_abs() as usize] += 1;
            }
        }
        let total = rows * (width - 2);
        Some(Self { sharpness: strongest(&counts, total.div_ceil(STRONGEST)), hash })
    }
}

/// The mean of the `wanted` largest.
fn strongest(counts: &[u32; LEVELS], wanted: usize) -> f32 {
    let (mut left, mut sum) = (wanted as u64, 0_u64);
    for (level, &count) in counts.iter().enumerate().rev() {
        let taken = u64::from(count).min(left);
        sum += taken * level as u64;
        left -= taken;
        if left == 0 {
            break;
        }
    }
    sum as f32 / wanted.max(1) as f32
}
