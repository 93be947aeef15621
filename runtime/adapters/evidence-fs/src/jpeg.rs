//! JPEG, in and out.

use std::io::Cursor;

use image::{ExtendedColorType, ImageFormat, ImageReader, Limits, RgbImage, codecs::jpeg::JpegEncoder};
use parapet_contracts::{ErrorKind, Picture, ports::evidence::EvidenceError};

use crate::{error::reject, rgb};

/// JPEG quality where nobody says otherwise: 1 to 100.
pub const DEFAULT_QUALITY: u8 = 85;

/// No camera's picture is wider or higher: 8K video is 7,680 × 4,320.
const MAX_SIDE: u32 = 16_384;

/// The picture as JPEG; `quality` is 1 to 100.
///
/// # Errors
/// `encode`: no JPEG is that large.
pub fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    encode_rgb(&rgb::packed(picture), picture.width, picture.height, quality)
}

/// The picture as JPEG, made smaller when it is wider than `width` pixels.
///
/// # Errors
/// As [`encode`].
pub fn encode_within(picture: &Picture, width: u32, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    if picture.width <= width {
        return encode(picture, quality);
    }
    let whole = RgbImage::from_raw(picture.width, picture.height, rgb::packed(picture));
    let whole = whole.ok_or_else(|| reject("encode", "the picture has not the size that it says".to_owned()))?;
    encode_small(&whole, width, quality)
}

/// The JPEG as it is, or a smaller one when it is wider than `width` pixels.
///
/// # Errors
/// As [`decode`].
pub fn smaller(jpeg: Vec<u8>, width: u32, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    let whole = decode(&jpeg)?;
    if whole.width() <= width { Ok(jpeg) } else { encode_small(&whole, width, quality) }
}

fn encode_small(whole: &RgbImage, width: u32, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    let width = width.max(1);
    let height = u64::from(whole.height()) * u64::from(width) / u64::from(whole.width()).max(1);
    let height = u32::try_from(height.max(1)).unwrap_or(u32::MAX);
    let small = image::imageops::thumbnail(whole, width, height);
    encode_rgb(small.as_raw(), width, height, quality)
}

/// Packed RGB as JPEG.
///
/// # Errors
/// As [`encode`].
pub fn encode_rgb(rgb: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = Vec::with_capacity(rgb.len() / 8 + 1024);
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(rgb, width, height, ExtendedColorType::Rgb8)
        .map_err(|e| reject("encode", format!("a picture of {width}×{height} can't be a JPEG: {e}")))?;
    Ok(bytes)
}

/// A JPEG as packed RGB.
///
/// # Errors
/// `encode`: it is none, or larger than any camera's picture.
pub fn decode(jpeg: &[u8]) -> Result<RgbImage, EvidenceError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    let mut reader = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg);
    reader.limits(limits);
    match reader.decode() {
        Ok(image) => Ok(image.into_rgb8()),
        Err(e) => Err(EvidenceError {
            kind: ErrorKind::Reject,
            code: "encode",
            text: format!("the evidence is no JPEG that can be read: {e}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wide_picture_becomes_smaller_in_its_own_shape_and_a_narrow_one_stays() {
        let wide = encode_rgb(&[90; 64 * 36 * 3], 64, 36, 90).unwrap();
        let small = decode(&smaller(wide.clone(), 16, 75).unwrap()).unwrap();
        assert_eq!((small.width(), small.height()), (16, 9));
        assert_eq!(smaller(wide.clone(), 64, 75).unwrap(), wide);
        let line = decode(&smaller(wide, 0, 75).unwrap()).unwrap();
        assert_eq!((line.width(), line.height()), (1, 1), "no picture has no size");
    }
}
