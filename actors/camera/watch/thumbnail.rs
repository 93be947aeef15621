//! A small grey picture of a picture: what motion and faults are judged by.

use parapet_contracts::{Picture, PixelFormat};

/// Cells along the longer side. At 16:9 a thumbnail has 160×90 cells.
const LONGER_SIDE: usize = 160;
/// Rows of the picture that are read for a row of cells.
const ROWS: usize = 2;

/// The mean luma of each cell of a grid over a picture, row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thumbnail {
    width: usize,
    height: usize,
    cells: Vec<u8>,
    sums: Vec<u32>,
}

impl Thumbnail {
    /// An empty one, to be filled by [`Thumbnail::take`].
    pub fn new() -> Self {
        Self::default()
    }

    /// One of given cells, row by row.
    pub fn of_cells(width: usize, cells: Vec<u8>) -> Self {
        Self { width, height: cells.len().checked_div(width).unwrap_or(0), cells, sums: Vec::new() }
    }

    /// Looks at a picture. The buffers are used again, so that nothing is allocated while the size stays.
    pub fn take(&mut self, picture: &Picture) {
        let (source_width, source_height) = (picture.width as usize, picture.height as usize);
        let longer = source_width.max(source_height).max(1);
        let side = |source: usize| if longer <= LONGER_SIDE { source } else { (source * LONGER_SIDE / longer).max(1) };
        (self.width, self.height) = (side(source_width), side(source_height));
        self.cells.resize(self.width * self.height, 0);
        self.sums.resize(self.width, 0);
        // Of a packed RGB picture the green of each pixel is near enough to its luma.
        let (bytes, first) = if picture.format == PixelFormat::Rgb { (3, 1) } else { (1, 0) };
        let (plane, stride) = picture.plane(0);
        for (row, cells) in self.cells.chunks_exact_mut(self.width.max(1)).enumerate() {
            let (top, bottom) = (row * source_height / self.height, (row + 1) * source_height / self.height);
            let rows = ROWS.min(bottom - top);
            self.sums.fill(0);
            for taken in 0..rows {
                let y = top + (2 * taken + 1) * (bottom - top) / (2 * rows);
                let line = &plane[y * stride + first..];
                if bytes == 1 {
                    add_row(&mut self.sums, &line[..source_width]);
                } else {
                    for (cell, sum) in self.sums.iter_mut().enumerate() {
                        *sum += u32::from(line[cell * source_width / self.width * bytes]);
                    }
                }
            }
            for (x, (cell, sum)) in cells.iter_mut().zip(&self.sums).enumerate() {
                let across =
                    if bytes == 1 { (x + 1) * source_width / self.width - x * source_width / self.width } else { 1 };
                *cell = u8::try_from(sum / ((across * rows) as u32).max(1)).unwrap_or(u8::MAX);
            }
        }
    }

    /// Cells in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The cells, row by row.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }
}

/// Adds up the pixels of each cell. Whole cells of the usual widths are summed by code that the compiler can unroll.
fn add_row(sums: &mut [u32], line: &[u8]) {
    let (cells, width) = (sums.len(), line.len());
    match width / cells.max(1) {
        4 if width == 4 * cells => add_chunks::<4>(sums, line),
        8 if width == 8 * cells => add_chunks::<8>(sums, line),
        12 if width == 12 * cells => add_chunks::<12>(sums, line),
        _ => {
            for (cell, sum) in sums.iter_mut().enumerate() {
                let (from, to) = (cell * width / cells, (cell + 1) * width / cells);
                *sum += line[from..to].iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
            }
        }
    }
}

fn add_chunks<const N: usize>(sums: &mut [u32], line: &[u8]) {
    for (sum, pixels) in sums.iter_mut().zip(line.as_chunks::<N>().0) {
        *sum += u32::from(pixels.iter().map(|&pixel| u16::from(pixel)).sum::<u16>());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::picture::Colorimetry;

    use super::*;

    fn picture(width: u32, height: u32, format: PixelFormat, luma: impl Fn(usize, usize) -> u8) -> Picture {
        let (w, h) = (width as usize, height as usize);
        let bytes = if format == PixelFormat::Rgb { 3 } else { 1 };
        // Padded rows: what lies behind a row must not be read as a part of it.
        let stride = w * bytes + 16;
        let mut plane = vec![255; stride * h];
        for y in 0..h {
            for x in 0..w {
                plane[y * stride + x * bytes..][..bytes].fill(luma(x, y));
            }
        }
        Picture::from_vecs(width, height, format, Colorimetry::BT601, vec![(plane, stride)]).unwrap()
    }

    #[test]
    fn a_cell_is_the_mean_of_its_pixels_whatever_the_size() {
        for (width, height, cells) in [
            (1920, 1080, (160, 90)),
            (1280, 720, (160, 90)),
            (640, 352, (160, 88)),
            (768, 432, (160, 90)),
            (90, 160, (90, 160)),
            (301, 900, (53, 160)),
        ] {
            for format in [PixelFormat::Grey, PixelFormat::Rgb] {
                let mut thumbnail = Thumbnail::new();
                thumbnail.take(&picture(width, height, format, |x, _| if x < width as usize / 2 { 40 } else { 200 }));
                assert_eq!((thumbnail.width(), thumbnail.height()), cells, "{width}×{height}");
                for row in thumbnail.cells().chunks(cells.0) {
                    assert_eq!(
                        (row[0], row[cells.0 / 2 - 1], row[cells.0 - 1]),
                        (40, 40, 200),
                        "{width}×{height} {format:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_picture_without_pixels_has_no_cells() {
        let mut thumbnail = Thumbnail::new();
        thumbnail.take(&picture(0, 0, PixelFormat::Grey, |_, _| 0));
        assert!(thumbnail.cells().is_empty());
    }
}
