//! From a picture with strides to packed RGB.
//!
//! The matrices follow from the luma weights of ITU-R BT.601-7 (Kr 0.299, Kb 0.114) and BT.709-6 (Kr 0.2126, Kb 0.0722); limited
//! range has 219 steps of luma above 16 and 224 of chroma about 128. Values are fixed-point with 16 bits of fraction, exact to
//! one step. Chroma is repeated, not interpolated: four pixels share a sample.

use parapet_contracts::{Picture, PixelFormat, picture::Colorimetry};

const ONE: f64 = 65_536.0;
const HALF: i32 = 1 << 15;

/// What a step of each channel adds, as 16.16 fixed-point numbers.
struct Matrix {
    black: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl Matrix {
    fn new(colorimetry: Colorimetry) -> Self {
        let (kr, kb) = if colorimetry.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let kg = 1.0 - kr - kb;
        let (black, luma, chroma) =
            if colorimetry.full_range { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        let fixed = |value: f64| (value * ONE).round() as i32;
        Self {
            black,
            luma: fixed(luma),
            red_v: fixed(2.0 * (1.0 - kr) * chroma),
            green_u: fixed(-2.0 * (1.0 - kb) * kb / kg * chroma),
            green_v: fixed(-2.0 * (1.0 - kr) * kr / kg * chroma),
            blue_u: fixed(2.0 * (1.0 - kb) * chroma),
        }
    }

    /// What the chroma of a sample adds to red, green and blue, rounding included.
    fn chroma(&self, u: u8, v: u8) -> [i32; 3] {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        [self.red_v * v + HALF, self.green_u * u + self.green_v * v + HALF, self.blue_u * u + HALF]
    }

    fn pixel(&self, y: u8, chroma: [i32; 3]) -> [u8; 3] {
        let luma = (i32::from(y) - self.black) * self.luma;
        chroma.map(|part| ((luma + part) >> 16).clamp(0, 255) as u8)
    }
}

/// The picture as packed RGB, three bytes a pixel, no padding.
pub fn packed(picture: &Picture) -> Vec<u8> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut rgb = vec![0; width * height * 3];
    if rgb.is_empty() {
        return rgb;
    }
    let matrix = Matrix::new(picture.colorimetry);
    let (first, stride) = picture.plane(0);
    for (row, out) in rgb.chunks_exact_mut(width * 3).enumerate() {
        let line = &first[row * stride..];
        match picture.format {
            PixelFormat::Rgb => out.copy_from_slice(&line[..width * 3]),
            PixelFormat::Grey => {
                for (pixel, grey) in out.chunks_exact_mut(3).zip(line) {
                    pixel.fill(*grey);
                }
            }
            PixelFormat::I420 => {
                let ((u, u_stride), (v, v_stride)) = (picture.plane(1), picture.plane(2));
                let (u, v) = (&u[row / 2 * u_stride..], &v[row / 2 * v_stride..]);
                let chroma = u.iter().zip(v).map(|(u, v)| (*u, *v));
                yuv_row(&matrix, out, &line[..width], chroma);
            }
            PixelFormat::Nv12 => {
                let (uv, uv_stride) = picture.plane(1);
                let chroma = uv[row / 2 * uv_stride..].as_chunks::<2>().0.iter().map(|[u, v]| (*u, *v));
                yuv_row(&matrix, out, &line[..width], chroma);
            }
        }
    }
    rgb
}

fn yuv_row(matrix: &Matrix, out: &mut [u8], luma: &[u8], chroma: impl Iterator<Item = (u8, u8)>) {
    for ((pixels, luma), (u, v)) in out.chunks_mut(6).zip(luma.chunks(2)).zip(chroma) {
        let chroma = matrix.chroma(u, v);
        for (pixel, y) in pixels.chunks_exact_mut(3).zip(luma) {
            pixel.copy_from_slice(&matrix.pixel(*y, chroma));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FULL_601: Colorimetry = Colorimetry { bt709: false, full_range: true };
    const FULL_709: Colorimetry = Colorimetry { bt709: true, full_range: true };

    /// An I420 or NV12 picture of one colour, with padding of another after each row.
    fn plain(format: PixelFormat, colorimetry: Colorimetry, width: u32, height: u32, [y, u, v]: [u8; 3]) -> Picture {
        let planes = (0..format.planes())
            .map(|plane| {
                let (row, rows) = format.plane_size(plane, width, height);
                let mut bytes = Vec::new();
                for _ in 0..rows {
                    bytes.extend((0..row).map(|x| match (plane, format) {
                        (0, _) => y,
                        (1, PixelFormat::Nv12) => [u, v][x % 2],
                        (1, _) => u,
                        _ => v,
                    }));
                    bytes.extend([0xaa; 5]);
                }
                (bytes, row + 5)
            })
            .collect();
        Picture::from_vecs(width, height, format, colorimetry, planes).unwrap()
    }

    /// The bars are rounded to whole steps: two of 255 is as near as they come.
    fn near(found: &[u8], expected: [u8; 3]) -> bool {
        found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2)
    }

    /// Reference values: the colour bars of BT.601 and BT.709 at 100 %, as tables of the standards' digital forms give them.
    #[test]
    fn the_colour_bars_of_both_standards() {
        let cases = [
            (Colorimetry::BT601, [81, 90, 240], [255, 0, 0]),
            (Colorimetry::BT601, [145, 54, 34], [0, 255, 0]),
            (Colorimetry::BT601, [41, 240, 110], [0, 0, 255]),
            (Colorimetry::BT709, [63, 102, 240], [255, 0, 0]),
            (Colorimetry::BT709, [173, 42, 26], [0, 255, 0]),
            (Colorimetry::BT709, [32, 240, 118], [0, 0, 255]),
            (Colorimetry::BT709, [235, 128, 128], [255, 255, 255]),
            (Colorimetry::BT601, [16, 128, 128], [0, 0, 0]),
            (FULL_601, [76, 85, 255], [254, 0, 0]),
            (FULL_709, [54, 99, 255], [254, 0, 0]),
            (FULL_601, [77, 128, 128], [77, 77, 77]),
        ];
        for (colorimetry, yuv, expected) in cases {
            for format in [PixelFormat::I420, PixelFormat::Nv12] {
                for (width, height) in [(4, 2), (5, 3), (1, 1)] {
                    let rgb = packed(&plain(format, colorimetry, width, height, yuv));
                    assert_eq!(rgb.len() as u32, width * height * 3);
                    for pixel in rgb.chunks(3) {
                        assert!(
                            near(pixel, expected),
                            "{format:?} {colorimetry:?} {yuv:?}: {pixel:?}, not {expected:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rows_of_grey_and_rgb_are_taken_without_their_padding() {
        let grey =
            Picture::from_vecs(3, 2, PixelFormat::Grey, FULL_601, vec![(vec![1, 2, 3, 99, 4, 5, 6], 4)]).unwrap();
        assert_eq!(packed(&grey), [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6]);
        let rgb = Picture::from_vecs(1, 2, PixelFormat::Rgb, FULL_601, vec![(vec![1, 2, 3, 99, 4, 5, 6], 4)]).unwrap();
        assert_eq!(packed(&rgb), [1, 2, 3, 4, 5, 6]);
        let none = Picture::from_vecs(0, 0, PixelFormat::Rgb, FULL_601, vec![(vec![], 0)]).unwrap();
        assert!(packed(&none).is_empty());
    }
}
