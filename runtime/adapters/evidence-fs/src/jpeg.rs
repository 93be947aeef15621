//! JPEG, in and out.

use std::io::Cursor;

use image::{ExtendedColorType, ImageFormat, ImageReader, Limits, RgbImage, codecs::jpeg::JpegEncoder};
use parapet_contracts::{ErrorKind, Picture, ports::evidence::EvidenceError};

use crate::{error::reject, rgb};

/// JPEG quality where nobody says otherwise: 1 to 100.
pub const DEFAULT_QUALITY: u8 = 85;

/// No camera's picture is wider or higher: 8K video is 7,680 × 4,320.
const MAX_SIDE: u32 = 16_384;

/// The picture as JPEG.
pub fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    encode_rgb(&rgb::packed(picture), picture.width, picture.height, quality)
}

/// Packed RGB as JPEG.
pub fn encode_rgb(rgb: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = Vec::with_capacity(rgb.len() / 8 + 1024);
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(rgb, width, height, ExtendedColorType::Rgb8)
        .map_err(|e| reject("encode", format!("a picture of {width}×{height} can't be a JPEG: {e}")))?;
    Ok(bytes)
}

/// A JPEG as packed RGB.
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
