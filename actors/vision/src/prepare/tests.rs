//! Strides, odd sizes, formats and regions, against a slow and plain way of doing the same.
#![allow(clippy::unwrap_used)]

use parapet_contracts::picture::Colorimetry;
use proptest::prelude::*;

use super::*;
use crate::settings::Resize;

fn settings(size: SizePx, resize: Resize, channels: Channels) -> ModelSettings {
    ModelSettings {
        layout: "yolox".into(),
        size,
        channels,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        resize,
        pad: 114,
        labels: vec!["thing".into()],
        min_score: 0.25,
        label_scores: Default::default(),
        iou: 0.45,
        class_agnostic: false,
        max_detections: 300,
    }
}

/// A picture of any format whose rows end in `slack` bytes of rubbish.
fn picture(format: PixelFormat, (w, h): (u32, u32), slack: usize, seed: u32) -> Picture {
    let mut state = seed;
    let planes = (0..format.planes())
        .map(|plane| {
            let (row, rows) = format.plane_size(plane, w, h);
            let mut data = vec![255u8; (row + slack) * rows];
            for r in 0..rows {
                for (c, byte) in data[r * (row + slack)..][..row].iter_mut().enumerate() {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Smooth, so that interpolation matters, with some noise.
                    *byte = (r * 3 + c * 2 + plane * 60 + (state >> 28) as usize) as u8;
                }
            }
            (data, row + slack)
        })
        .collect();
    Picture::from_vecs(w, h, format, Colorimetry::BT709, planes).unwrap()
}

fn at(samples: (&[u8], usize), (step, offset): (usize, usize), (w, h): (usize, usize), x: f64, y: f64) -> f64 {
    let (data, stride) = samples;
    let (x, y) = (x.clamp(0.0, (w - 1) as f64), y.clamp(0.0, (h - 1) as f64));
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let value = |x: usize, y: usize| f64::from(data[y * stride + x * step + offset]);
    let (fx, fy) = (x - x0 as f64, y - y0 as f64);
    let top = value(x0, y0) * (1.0 - fx) + value(x1, y0) * fx;
    let bottom = value(x0, y1) * (1.0 - fx) + value(x1, y1) * fx;
    top * (1.0 - fy) + bottom * fy
}

/// RGB at a position of the picture, BT.709 limited with its published constants.
fn rgb_at(picture: &Picture, x: f64, y: f64) -> [f64; 3] {
    let (w, h) = (picture.width as usize, picture.height as usize);
    let half = (w.div_ceil(2), h.div_ceil(2));
    let (cx, cy) = (x / 2.0, (y - 0.5) / 2.0);
    let yuv = |u: f64, v: f64| {
        let luma = 1.164_384 * (at(picture.plane(0), (1, 0), (w, h), x, y) - 16.0);
        let (u, v) = (u - 128.0, v - 128.0);
        [luma + 1.792_741 * v, luma - 0.213_249 * u - 0.532_909 * v, luma + 2.112_402 * u].map(|c| c.clamp(0.0, 255.0))
    };
    match picture.format {
        PixelFormat::Rgb => [0, 1, 2].map(|c| at(picture.plane(0), (3, c), (w, h), x, y)),
        PixelFormat::Grey => [at(picture.plane(0), (1, 0), (w, h), x, y); 3],
        PixelFormat::I420 => {
            yuv(at(picture.plane(1), (1, 0), half, cx, cy), at(picture.plane(2), (1, 0), half, cx, cy))
        }
        PixelFormat::Nv12 => {
            yuv(at(picture.plane(1), (2, 0), half, cx, cy), at(picture.plane(1), (2, 1), half, cx, cy))
        }
    }
}

fn formats() -> impl Strategy<Value = PixelFormat> {
    prop_oneof![Just(PixelFormat::I420), Just(PixelFormat::Nv12), Just(PixelFormat::Rgb), Just(PixelFormat::Grey)]
}

fn resizes() -> impl Strategy<Value = Resize> {
    prop_oneof![Just(Resize::Letterbox), Just(Resize::LetterboxCentre), Just(Resize::Stretch)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_format_size_and_stride_is_read_as_the_plain_way_reads_it(
        format in formats(), resize in resizes(), w in 1u32..70, h in 1u32..70, slack in 0usize..9,
        to_w in 1u32..50, to_h in 1u32..50, seed: u32, bgr: bool, bytes: bool, hwc: bool,
    ) {
        let size = SizePx { width: to_w, height: to_h };
        let channels = if bgr { Channels::Bgr } else { Channels::Rgb };
        let settings = settings(size, resize, channels);
        let picture = picture(format, (w, h), slack, seed);
        let mut input = InputTensor::new(if hwc { Order::Hwc } else { Order::Chw }, size, bytes);
        let place = input.fill(0, &picture, None, &settings).unwrap();
        let view = input.view();
        let value = |c: usize, x: usize, y: usize| {
            let (w, h) = (to_w as usize, to_h as usize);
            let index = if hwc { (y * w + x) * 3 + c } else { (c * h + y) * w + x };
            match view.data {
                TensorData::F32(values) => f64::from(values[index]),
                TensorData::U8(values) => f64::from(values[index]),
                _ => f64::NAN,
            }
        };
        let (sx, sy) = (f64::from(w) / f64::from(place.width), f64::from(h) / f64::from(place.height));
        for y in 0..to_h {
            for x in 0..to_w {
                let inside = (place.left..place.left + place.width).contains(&x)
                    && (place.top..place.top + place.height).contains(&y);
                // Positions are those of the clamped luma grid for chroma as well, as far as the edges go.
                let px = (f64::from(x.wrapping_sub(place.left)) + 0.5) * sx - 0.5;
                let py = (f64::from(y.wrapping_sub(place.top)) + 0.5) * sy - 0.5;
                let want = if inside { rgb_at(&picture, px, py) } else { [114.0; 3] };
                for c in 0..3 {
                    let got = value(c, x as usize, y as usize);
                    let want = want[if bgr { 2 - c } else { c }];
                    // Half a level of rounding, and what weights in 2048ths make of it.
                    prop_assert!((got - want).abs() <= 0.75, "{format:?} {w}×{h} at {x},{y},{c}: {got} is not {want}");
                }
            }
        }
    }
}

#[test]
fn a_region_is_scaled_as_if_it_were_the_picture() {
    let size = SizePx { width: 24, height: 24 };
    let settings = settings(size, Resize::Letterbox, Channels::Rgb);
    let whole = picture(PixelFormat::Rgb, (60, 40), 5, 7);
    let (data, stride) = whole.plane(0);
    let region = Region { x: 13, y: 9, width: 30, height: 20 };
    let cut: Vec<u8> = (9..29).flat_map(|y| data[y * stride + 13 * 3..][..90].to_vec()).collect();
    let cut = Picture::from_vecs(30, 20, PixelFormat::Rgb, Colorimetry::BT709, vec![(cut, 90)]).unwrap();
    let mut a = InputTensor::new(Order::Chw, size, true);
    let mut b = InputTensor::new(Order::Chw, size, true);
    a.fill(0, &whole, Some(region), &settings).unwrap();
    b.fill(0, &cut, None, &settings).unwrap();
    let (TensorData::U8(a), TensorData::U8(b)) = (a.view().data, b.view().data) else { panic!("bytes are wanted") };
    assert_eq!(a, b);
}

#[test]
fn a_tensor_that_is_used_again_holds_nothing_of_the_picture_before() {
    let size = SizePx { width: 32, height: 32 };
    let settings = settings(size, Resize::LetterboxCentre, Channels::Rgb);
    let mut used = InputTensor::new(Order::Chw, size, true);
    for (n, dims) in [(64u32, 20u32), (20, 64), (33, 31), (64, 20)].into_iter().enumerate() {
        let picture = picture(PixelFormat::I420, dims, n, n as u32);
        used.fill(0, &picture, None, &settings).unwrap();
        let mut fresh = InputTensor::new(Order::Chw, size, true);
        fresh.fill(0, &picture, None, &settings).unwrap();
        let (TensorData::U8(a), TensorData::U8(b)) = (used.view().data, fresh.view().data) else {
            panic!("bytes are wanted")
        };
        assert_eq!(a, b);
    }
}

#[test]
fn a_region_beside_the_picture_and_another_models_tensor_are_refused() {
    let size = SizePx { width: 8, height: 8 };
    let settings = settings(size, Resize::Stretch, Channels::Rgb);
    let picture = picture(PixelFormat::Grey, (10, 10), 0, 1);
    let beside = Region { x: 10, y: 0, width: 5, height: 5 };
    assert!(InputTensor::new(Order::Chw, size, false).fill(0, &picture, Some(beside), &settings).is_err());
    let other = SizePx { width: 9, height: 8 };
    assert!(InputTensor::new(Order::Chw, other, false).fill(0, &picture, None, &settings).is_err());
}

#[test]
fn each_place_of_a_batch_holds_its_own_picture() {
    let size = SizePx { width: 32, height: 32 };
    let settings = settings(size, Resize::LetterboxCentre, Channels::Rgb);
    let numbers = |input: &InputTensor| match input.view().data {
        TensorData::U8(values) => values.to_vec(),
        _ => panic!("bytes are wanted"),
    };
    let mut batch = InputTensor::new(Order::Chw, size, true);
    // The second round fills the places with pictures of other shapes, and fewer of them.
    for round in [&[(64u32, 20u32), (20, 64), (33, 31)][..], &[(20, 64), (64, 20)]] {
        let mut alone = Vec::new();
        for (place, dims) in round.iter().enumerate() {
            let picture = picture(PixelFormat::I420, *dims, place, place as u32 + dims.0);
            batch.fill(place, &picture, None, &settings).unwrap();
            let mut one = InputTensor::new(Order::Chw, size, true);
            one.fill(0, &picture, None, &settings).unwrap();
            alone.extend(numbers(&one));
        }
        assert_eq!(batch.view().shape, [round.len(), 3, 32, 32]);
        assert_eq!(numbers(&batch), alone);
    }
}
