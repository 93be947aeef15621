//! Where a picture lies within a model's input, and the way back from the input to the picture.

use parapet_contracts::{BBox, Region};

use crate::settings::{Resize, SizePx};

/// Where a region of a picture lies within the input, in pixels of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Size of the whole picture that the region was cut from; boxes are clipped to it.
    pub picture: (u32, u32),
    /// The region of the picture.
    pub region: Region,
    /// Left edge of the scaled region in the input.
    pub left: u32,
    /// Top edge.
    pub top: u32,
    /// Width of the scaled region.
    pub width: u32,
    /// Height of the scaled region.
    pub height: u32,
    /// Pixels of the input a pixel of the picture, across.
    pub scale_x: f64,
    /// Pixels of the input a pixel of the picture, down.
    pub scale_y: f64,
}

impl Placement {
    /// Places a region of a picture into an input of `size`.
    ///
    /// The rounding is that of the models' own tools, to the pixel: YOLOX cuts down (`int(w × r)`), Ultralytics rounds, and
    /// gives an odd row or column of padding to the right and the bottom (`round(pad / 2 − 0.1)`).
    pub fn new(picture: (u32, u32), region: Region, size: SizePx, resize: Resize) -> Self {
        let (w, h) = (f64::from(region.width), f64::from(region.height));
        let (to_w, to_h) = (f64::from(size.width), f64::from(size.height));
        let ratio = (to_w / w).min(to_h / h);
        let fit = |value: f64, limit: u32| (value as u32).clamp(1, limit);
        match resize {
            Resize::Stretch => Self {
                picture,
                region,
                left: 0,
                top: 0,
                width: size.width,
                height: size.height,
                scale_x: to_w / w,
                scale_y: to_h / h,
            },
            Resize::Letterbox => Self {
                picture,
                region,
                left: 0,
                top: 0,
                width: fit(w * ratio, size.width),
                height: fit(h * ratio, size.height),
                scale_x: ratio,
                scale_y: ratio,
            },
            Resize::LetterboxCentre => {
                let width = fit((w * ratio).round(), size.width);
                let height = fit((h * ratio).round(), size.height);
                let before = |free: u32| (f64::from(free) / 2.0 - 0.1).round().max(0.0) as u32;
                Self {
                    picture,
                    region,
                    left: before(size.width - width),
                    top: before(size.height - height),
                    width,
                    height,
                    scale_x: ratio,
                    scale_y: ratio,
                }
            }
        }
    }

    /// A box in pixels of the input, as a box in pixels of the picture, not clipped.
    pub fn to_picture(&self, [x1, y1, x2, y2]: [f32; 4]) -> BBox {
        let x = |v: f32| ((f64::from(v) - f64::from(self.left)) / self.scale_x + f64::from(self.region.x)) as f32;
        let y = |v: f32| ((f64::from(v) - f64::from(self.top)) / self.scale_y + f64::from(self.region.y)) as f32;
        BBox { x1: x(x1), y1: y(y1), x2: x(x2), y2: y(y2) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const INPUT: SizePx = SizePx { width: 416, height: 416 };

    fn place(w: u32, h: u32, resize: Resize) -> Placement {
        Placement::new((w, h), Region::whole(w, h), INPUT, resize)
    }

    #[test]
    fn a_wide_picture_is_letterboxed_top_left_or_in_the_middle() {
        let p = place(1280, 720, Resize::Letterbox);
        assert_eq!((p.left, p.top, p.width, p.height), (0, 0, 416, 234));
        let p = place(1280, 720, Resize::LetterboxCentre);
        assert_eq!((p.left, p.top, p.width, p.height), (0, 91, 416, 234));
        let p = place(1280, 720, Resize::Stretch);
        assert_eq!((p.left, p.top, p.width, p.height), (0, 0, 416, 416));
    }

    #[test]
    fn an_odd_rest_of_padding_goes_to_the_bottom() {
        // 417 × 416 in 416 × 416: 415 rows remain, one row is free.
        let p = place(417, 416, Resize::LetterboxCentre);
        assert_eq!((p.width, p.height, p.top), (416, 415, 0));
    }

    #[test]
    fn boxes_find_back_to_the_picture() {
        for resize in [Resize::Letterbox, Resize::LetterboxCentre, Resize::Stretch] {
            let region = Region { x: 100, y: 50, width: 640, height: 320 };
            let p = Placement::new((1280, 720), region, INPUT, resize);
            let into = |x: f64, y: f64| {
                (
                    ((x - 100.0) * p.scale_x + f64::from(p.left)) as f32,
                    ((y - 50.0) * p.scale_y + f64::from(p.top)) as f32,
                )
            };
            let ((x1, y1), (x2, y2)) = (into(120.0, 60.0), into(300.0, 200.0));
            let back = p.to_picture([x1, y1, x2, y2]);
            for (got, want) in <[f32; 4]>::from(back).into_iter().zip([120.0, 60.0, 300.0, 200.0]) {
                assert!((got - want).abs() < 1e-2, "{resize}: {back:?}");
            }
        }
    }
}
