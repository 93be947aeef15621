//! Boxes on a copy of the evidence, for people to look at.

use font8x8::{BASIC_FONTS, GREEK_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};
use parapet_contracts::{BBox, Picture, ports::evidence::EvidenceError};

use crate::{jpeg, rgb};

/// Colours that differ from each other and from most scenes; a label always has the same one.
const COLOURS: [[u8; 3]; 8] = [
    [255, 64, 64],
    [64, 224, 96],
    [255, 208, 32],
    [64, 160, 255],
    [255, 96, 224],
    [32, 224, 224],
    [255, 144, 48],
    [176, 128, 255],
];
const BLACK: [u8; 3] = [0, 0, 0];
/// Pixels of a glyph's side before it is scaled.
const GLYPH: i64 = 8;
/// Characters of a label that are drawn.
const MAX_TEXT: usize = 40;

/// The picture with a rectangle about each box and its label and score (0 to 1) above, or within where there is no room above.
/// Lines and letters grow with the picture: letters are 16 pixels high at 720 lines. Boxes that are not finite are left out.
/// Boxes are in pixels of a picture of the size `seen`, width and height: a substream's may be smaller than the one that was kept.
/// Where a side of it is 0, they are in pixels of this one.
///
/// # Errors
/// When `jpeg` is no JPEG.
pub fn with_boxes(jpeg: &[u8], seen: (u32, u32), boxes: &[(BBox, &str, f32)]) -> Result<Vec<u8>, EvidenceError> {
    let mut image = jpeg::decode(jpeg)?;
    let (width, height) = image.dimensions();
    let boxes: Vec<_> =
        boxes.iter().map(|(bbox, label, score)| (scaled(*bbox, seen, (width, height)), *label, *score)).collect();
    draw(&mut image, &boxes);
    jpeg::encode_rgb(image.as_raw(), width, height, jpeg::DEFAULT_QUALITY)
}

fn scaled(bbox: BBox, from: (u32, u32), to: (u32, u32)) -> BBox {
    let factor = |from: u32, to: u32| if from == 0 { 1.0 } else { (f64::from(to) / f64::from(from)) as f32 };
    let (x, y) = (factor(from.0, to.0), factor(from.1, to.1));
    BBox { x1: bbox.x1 * x, y1: bbox.y1 * y, x2: bbox.x2 * x, y2: bbox.y2 * y }
}

/// The same on a picture as a decoder gave it: packed RGB, width × height × 3 bytes.
pub fn packed_with_boxes(picture: &Picture, boxes: &[(BBox, &str, f32)]) -> Vec<u8> {
    let packed = rgb::packed(picture);
    let Some(mut image) = RgbImage::from_raw(picture.width, picture.height, packed) else { return Vec::new() };
    draw(&mut image, boxes);
    image.into_raw()
}

fn draw(image: &mut RgbImage, boxes: &[(BBox, &str, f32)]) {
    let scale = i64::from((image.height() + 180) / 360).max(1);
    // All lines first: a box must not cut through another's label.
    let finite = || boxes.iter().filter(|(bbox, ..)| bbox.is_finite());
    for (bbox, label, _) in finite() {
        outline(image, bbox, scale, colour(label));
    }
    for (bbox, label, score) in finite() {
        let name: String = label.chars().take(MAX_TEXT).collect();
        caption(image, bbox, scale, colour(label), &format!("{name} {:.0}%", score * 100.0));
    }
}

/// FNV-1a picks the colour: the same label looks the same in every picture.
fn colour(label: &str) -> [u8; 3] {
    let hash = label.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    COLOURS[(hash ^ (hash >> 16)) as usize % COLOURS.len()]
}

/// Left, top, right, bottom in whole pixels, within the picture.
fn edges(image: &RgbImage, bbox: &BBox) -> [i64; 4] {
    let b = bbox.clipped(image.width(), image.height());
    [b.x1.floor() as i64, b.y1.floor() as i64, b.x2.ceil() as i64, b.y2.ceil() as i64]
}

fn outline(image: &mut RgbImage, bbox: &BBox, scale: i64, colour: [u8; 3]) {
    let [x1, y1, x2, y2] = edges(image, bbox);
    let line = (scale * 3 / 2).max(2);
    for (left, top, right, bottom) in
        [(x1, y1, x2, y1 + line), (x1, y2 - line, x2, y2), (x1, y1, x1 + line, y2), (x2 - line, y1, x2, y2)]
    {
        fill(image, [left, top, right, bottom], colour);
    }
}

/// Black letters on a plate of the box's colour.
fn caption(image: &mut RgbImage, bbox: &BBox, scale: i64, colour: [u8; 3], text: &str) {
    let [x1, y1, ..] = edges(image, bbox);
    let margin = scale;
    let width = text.chars().count() as i64 * GLYPH * scale + 2 * margin;
    let height = GLYPH * scale + 2 * margin;
    let left = x1.min(i64::from(image.width()) - width).max(0);
    let top = if y1 >= height { y1 - height } else { y1 };
    fill(image, [left, top, left + width, top + height], colour);
    let mut x = left + margin;
    for character in text.chars() {
        glyph(image, x, top + margin, scale, character);
        x += GLYPH * scale;
    }
}

fn glyph(image: &mut RgbImage, x: i64, y: i64, scale: i64, character: char) {
    let shape = [BASIC_FONTS.get(character), LATIN_FONTS.get(character), GREEK_FONTS.get(character)]
        .into_iter()
        .flatten()
        .next()
        .or_else(|| BASIC_FONTS.get('?'))
        .unwrap_or_default();
    for (row, bits) in (0..).zip(shape) {
        for column in (0..GLYPH).filter(|column| bits >> column & 1 == 1) {
            let (left, top) = (x + column * scale, y + row * scale);
            fill(image, [left, top, left + scale, top + scale], BLACK);
        }
    }
}

/// Fills what of the rectangle lies within the picture.
fn fill(image: &mut RgbImage, [left, top, right, bottom]: [i64; 4], colour: [u8; 3]) {
    let within = |value: i64, side: u32| u32::try_from(value.max(0)).unwrap_or(u32::MAX).min(side);
    let (width, height) = image.dimensions();
    for y in within(top, height)..within(bottom, height) {
        for x in within(left, width)..within(right, width) {
            image.put_pixel(x, y, Rgb(colour));
        }
    }
}
