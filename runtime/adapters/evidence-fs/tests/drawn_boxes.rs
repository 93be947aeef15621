//! Boxes and labels on a copy of the picture.
#![allow(clippy::unwrap_used)]

use image::{ExtendedColorType, RgbImage, codecs::jpeg::JpegEncoder};
use parapet_contracts::BBox;
use parapet_evidence_fs::draw::with_boxes;

const GREY: [u8; 3] = [90, 90, 90];

fn grey(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let image = RgbImage::from_pixel(width, height, image::Rgb(GREY));
    JpegEncoder::new_with_quality(&mut bytes, 95).encode(&image, width, height, ExtendedColorType::Rgb8).unwrap();
    bytes
}

fn draw(width: u32, height: u32, boxes: &[(BBox, &str, f32)]) -> RgbImage {
    image::load_from_memory(&with_boxes(&grey(width, height), (width, height), boxes).unwrap()).unwrap().into_rgb8()
}

fn is_grey(image: &RgbImage, x: u32, y: u32) -> bool {
    image.get_pixel(x, y).0.iter().zip(GREY).all(|(a, b)| a.abs_diff(b) < 12)
}

#[test]
fn the_four_sides_are_drawn_and_the_inside_is_left() {
    let image = draw(640, 360, &[([100.0, 100.0, 300.0, 200.0].into(), "person", 0.87)]);
    assert_eq!(image.dimensions(), (640, 360));
    for (x, y) in [(200, 100), (200, 199), (100, 150), (299, 150)] {
        assert!(!is_grey(&image, x, y), "no line at {x},{y}");
    }
    for (x, y) in [(200, 150), (90, 150), (310, 150), (200, 210), (500, 50)] {
        assert!(is_grey(&image, x, y), "something is drawn at {x},{y}");
    }
    let dark = |image: &RgbImage| image.pixels().filter(|p| p.0.iter().all(|c| *c < 40)).count();
    let plate_above = image.view_rows(88, 100);
    assert!(dark(&plate_above) > 100, "no letters above the box");
}

trait Rows {
    fn view_rows(&self, from: u32, to: u32) -> RgbImage;
}

impl Rows for RgbImage {
    fn view_rows(&self, from: u32, to: u32) -> RgbImage {
        image::imageops::crop_imm(self, 0, from, self.width(), to - from).to_image()
    }
}

#[test]
fn a_box_at_the_top_has_its_label_within() {
    let image = draw(640, 360, &[([10.0, 0.0, 200.0, 100.0].into(), "person", 0.5)]);
    assert!(!is_grey(&image, 15, 5));
    assert!(is_grey(&image, 150, 60));
}

#[test]
fn boxes_outside_empty_huge_or_not_finite_do_no_harm() {
    let odd = [
        [-50.0, -50.0, -10.0, -10.0],
        [1e9, 1e9, 2e9, 2e9],
        [-1e30, -1e30, 1e30, 1e30],
        [50.0, 50.0, 10.0, 10.0],
        [5.0, 5.0, 5.0, 5.0],
        [f32::NAN, 0.0, 10.0, 10.0],
        [0.0, 0.0, f32::INFINITY, 10.0],
    ];
    for bbox in odd {
        for label in ["", "żółw 👀 δ", &"x".repeat(500)] {
            for (width, height) in [(1, 1), (7, 3), (64, 48)] {
                let image = draw(width, height, &[(bbox.into(), label, f32::NAN)]);
                assert_eq!(image.dimensions(), (width, height));
            }
        }
    }
    let untouched = draw(64, 48, &[([f32::NAN, 0.0, 10.0, 10.0].into(), "x", 0.5)]);
    assert!((0..64).all(|x| is_grey(&untouched, x, 0)));
}

#[test]
fn boxes_of_a_smaller_picture_are_drawn_where_the_kept_one_shows_the_same() {
    let jpeg = with_boxes(&grey(640, 360), (320, 120), &[([50.0, 40.0, 150.0, 80.0].into(), "person", 0.9)]).unwrap();
    let image = image::load_from_memory(&jpeg).unwrap().into_rgb8();
    for (x, y) in [(200, 120), (200, 239), (100, 180), (299, 180)] {
        assert!(!is_grey(&image, x, y), "no line at {x},{y}");
    }
    assert!(is_grey(&image, 200, 180) && is_grey(&image, 320, 180));
}

#[test]
fn what_is_no_jpeg_is_refused() {
    let cut = &grey(640, 360)[..40];
    for bytes in [b"".as_slice(), b"GIF89a", cut] {
        let refused = with_boxes(bytes, (0, 0), &[]).unwrap_err();
        assert!(refused.text.contains("no JPEG"), "{refused}");
    }
}
