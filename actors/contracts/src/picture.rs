//! A decoded picture that is shared, never copied: planes with strides over a buffer that somebody else may own.

use std::{fmt, sync::Arc};

/// How the pixels lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Planar Y, U, V; U and V have half the width and half the height, rounded up.
    I420,
    /// Planar Y, then U and V interleaved at half the width and half the height, rounded up.
    Nv12,
    /// Packed 8-bit red, green, blue.
    Rgb,
    /// One plane of 8-bit grey.
    Grey,
}

impl PixelFormat {
    /// How many planes a picture of this format has.
    pub fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            Self::Rgb | Self::Grey => 1,
        }
    }

    /// Bytes that are used in a row of plane `plane`, and how many rows it has, for a picture of `width` × `height` pixels.
    pub fn plane_size(self, plane: usize, width: u32, height: u32) -> (usize, usize) {
        let (w, h) = (width as usize, height as usize);
        match (self, plane) {
            (Self::I420, 1 | 2) => (w.div_ceil(2), h.div_ceil(2)),
            (Self::Nv12, 1) => (w.div_ceil(2) * 2, h.div_ceil(2)),
            (Self::Rgb, _) => (w * 3, h),
            _ => (w, h),
        }
    }
}

/// Which matrix turns YUV into RGB, and which range the values use (ITU-R BT.601 and BT.709).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colorimetry {
    /// BT.709 rather than BT.601.
    pub bt709: bool,
    /// Values use 0–255 rather than 16–235.
    pub full_range: bool,
}

impl Colorimetry {
    /// BT.601, limited range: what a stream that says nothing means below 720 lines.
    pub const BT601: Self = Self { bt709: false, full_range: false };
    /// BT.709, limited range.
    pub const BT709: Self = Self { bt709: true, full_range: false };
}

/// A buffer that holds the planes of a picture, mapped for reading for as long as it lives.
pub trait Planes: Send + Sync {
    /// The bytes of plane `index`, rows of [`Planes::stride`] bytes each. The last row may end with its last pixel.
    fn data(&self, index: usize) -> &[u8];
    /// Bytes from the start of one row to the start of the next.
    fn stride(&self, index: usize) -> usize;
}

/// A picture. Cloning shares the buffer.
#[derive(Clone)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How the pixels lie in memory.
    pub format: PixelFormat,
    /// How YUV becomes RGB; without meaning for RGB and grey.
    pub colorimetry: Colorimetry,
    planes: Arc<dyn Planes>,
}

/// Why a buffer holds no such picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "plane {plane} of a {width}×{height} {format:?} picture needs {needed} bytes at stride {stride}, the buffer has {present}"
)]
pub struct PictureTooShort {
    plane: usize,
    width: u32,
    height: u32,
    format: PixelFormat,
    needed: usize,
    stride: usize,
    present: usize,
}

impl Picture {
    /// Checks that the buffer is long enough for the picture, so that nobody who reads rows needs to.
    ///
    /// # Errors
    /// When a plane is shorter than its rows need, or a stride shorter than a row.
    pub fn new(
        width: u32,
        height: u32,
        format: PixelFormat,
        colorimetry: Colorimetry,
        planes: Arc<dyn Planes>,
    ) -> Result<Self, PictureTooShort> {
        for plane in 0..format.planes() {
            let (row, rows) = format.plane_size(plane, width, height);
            let stride = planes.stride(plane);
            let needed = if rows == 0 { 0 } else { stride * (rows - 1) + row };
            let present = planes.data(plane).len();
            if stride < row || present < needed {
                return Err(PictureTooShort { plane, width, height, format, needed, stride, present });
            }
        }
        Ok(Self { width, height, format, colorimetry, planes })
    }

    /// A picture over bytes that it owns, one `Vec` with its stride a plane.
    ///
    /// # Errors
    /// As [`Picture::new`].
    pub fn from_vecs(
        width: u32,
        height: u32,
        format: PixelFormat,
        colorimetry: Colorimetry,
        planes: Vec<(Vec<u8>, usize)>,
    ) -> Result<Self, PictureTooShort> {
        Self::new(width, height, format, colorimetry, Arc::new(OwnedPlanes(planes)))
    }

    /// The bytes of a plane and its stride.
    pub fn plane(&self, index: usize) -> (&[u8], usize) {
        (self.planes.data(index), self.planes.stride(index))
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}×{} {:?})", self.width, self.height, self.format)
    }
}

struct OwnedPlanes(Vec<(Vec<u8>, usize)>);

impl Planes for OwnedPlanes {
    fn data(&self, index: usize) -> &[u8] {
        self.0.get(index).map_or(&[], |p| &p.0)
    }
    fn stride(&self, index: usize) -> usize {
        self.0.get(index).map_or(0, |p| p.1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_buffer_that_is_too_short_is_refused() {
        let rgb = |bytes, stride| {
            Picture::from_vecs(5, 4, PixelFormat::Rgb, Colorimetry::BT601, vec![(vec![0; bytes], stride)])
        };
        assert!(rgb(16 * 3 + 15, 16).is_ok());
        assert!(rgb(16 * 3 + 14, 16).is_err());
        assert!(rgb(1000, 14).is_err());
        let missing = Picture::from_vecs(4, 4, PixelFormat::I420, Colorimetry::BT601, vec![(vec![0; 16], 4)]);
        assert!(missing.is_err());
    }
}
