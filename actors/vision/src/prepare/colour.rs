//! From YUV to RGB, and from levels 0 to 255 to what a model wants.

use parapet_contracts::picture::Colorimetry;

use crate::settings::ModelSettings;

/// Rounds to the nearest whole number, for 0 to 2²²: adding and taking away 1.5 × 2²³ leaves no bits for a fraction. A
/// vectorised `round` needs instructions that not every machine has.
#[inline(always)]
fn whole(value: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (value + SHIFT) - SHIFT
}

/// Rounds a row.
#[inline(always)]
pub(super) fn round(values: &mut [f32]) {
    for value in values {
        *value = whole(*value);
    }
}

/// The coefficients of ITU-R BT.601 and BT.709, for the range that the values use.
pub(super) struct Matrix {
    black: f32,
    luma: f32,
    red_v: f32,
    green_u: f32,
    green_v: f32,
    blue_u: f32,
}

impl Matrix {
    pub(super) fn new(colorimetry: Colorimetry) -> Self {
        // R = Y + 2 (1 − Kr) V, B = Y + 2 (1 − Kb) U, and Y = Kr R + Kg G + Kb B (BT.601-7, section 2.5; BT.709-6, section 3).
        let (kr, kb) = if colorimetry.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let kg = 1.0 - kr - kb;
        let (black, luma, chroma) =
            if colorimetry.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
        Self {
            black,
            luma,
            red_v: 2.0 * (1.0 - kr) * chroma,
            green_u: -2.0 * (1.0 - kb) * kb / kg * chroma,
            green_v: -2.0 * (1.0 - kr) * kr / kg * chroma,
            blue_u: 2.0 * (1.0 - kb) * chroma,
        }
    }

    /// `luma` is a row of Y, `chroma` a row of U then one of V, `rgb` becomes a row of red, one of green, one of blue.
    #[inline(always)]
    pub(super) fn to_rgb(&self, luma: &[f32], chroma: &[f32], rgb: &mut [f32]) {
        let n = luma.len();
        let (u, v) = chroma.split_at(n);
        let (red, rest) = rgb.split_at_mut(n);
        let (green, blue) = rest.split_at_mut(n);
        let (v, green, blue) = (&v[..n], &mut green[..n], &mut blue[..n]);
        for i in 0..n {
            let y = (luma[i] - self.black) * self.luma;
            let (u, v) = (u[i] - 128.0, v[i] - 128.0);
            red[i] = whole((y + self.red_v * v).clamp(0.0, 255.0));
            green[i] = whole((y + self.green_u * u + self.green_v * v).clamp(0.0, 255.0));
            blue[i] = whole((y + self.blue_u * u).clamp(0.0, 255.0));
        }
    }
}

/// `(value × scale − mean) / std` as one factor and one offset a channel.
pub(super) struct Levels([(f32, f32); 3]);

impl Levels {
    pub(super) fn new(settings: &ModelSettings) -> Self {
        Self(std::array::from_fn(|c| (settings.scale / settings.std[c], -settings.mean[c] / settings.std[c])))
    }

    #[inline(always)]
    pub(super) fn of(&self, channel: usize) -> (f32, f32) {
        self.0[channel]
    }

    pub(super) fn apply(&self, channel: usize, value: f32) -> f32 {
        let (factor, offset) = self.of(channel);
        value * factor + offset
    }
}
