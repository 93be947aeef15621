//! How long it takes to prepare a picture and to read an answer: `cargo bench -p parapet-vision`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use parapet_contracts::{
    Picture, PixelFormat,
    picture::Colorimetry,
    ports::inference::{DType, ModelSignature, TensorData, TensorSpec, TensorView},
};
use parapet_vision::{Detector, Overrides, guess::guess};

/// The shortest of several rounds: what else the machine does only adds.
fn microseconds(mut work: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        (0..10).for_each(|_| work());
        best = best.min(began.elapsed() / 10);
    }
    best.as_secs_f64() * 1e6
}

fn detector(side: usize) -> Detector {
    let cells = (side / 8).pow(2) + (side / 16).pow(2) + (side / 32).pow(2);
    let tensor = |name: &str, shape: &[usize]| TensorSpec {
        name: name.into(),
        dtype: DType::F32,
        shape: shape.iter().copied().map(Some).collect(),
    };
    let signature = ModelSignature {
        inputs: vec![tensor("images", &[1, 3, side, side])],
        outputs: vec![tensor("output", &[1, cells, 85])],
        metadata: BTreeMap::new(),
    };
    Detector::new(guess(&signature, None, &Overrides::default()).unwrap().settings, &signature).unwrap()
}

fn picture(format: PixelFormat, width: u32, height: u32) -> Picture {
    let planes = (0..format.planes()).map(|plane| {
        let (row, rows) = format.plane_size(plane, width, height);
        ((0..row * rows).map(|i| (i * 7 % 251) as u8).collect(), row)
    });
    Picture::from_vecs(width, height, format, Colorimetry::BT709, planes.collect()).unwrap()
}

fn main() {
    for (width, height, side) in
        [(1280, 720, 416), (1920, 1080, 640), (640, 360, 320), (320, 240, 640), (416, 416, 416)]
    {
        let detector = detector(side);
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgb, PixelFormat::Grey] {
            let picture = picture(format, width, height);
            let mut input = detector.new_input();
            let took = microseconds(|| {
                black_box(detector.prepare(black_box(&picture), None, &mut input).unwrap());
            });
            println!("prepare {width}x{height} {format:?} for {side}x{side}: {took:.0} µs");
        }
    }
    let detector = detector(416);
    let placement = detector.prepare(&picture(PixelFormat::Grey, 1280, 720), None, &mut detector.new_input()).unwrap();
    // One cell in a hundred has something to say.
    let answer: Vec<f32> = (0..3549 * 85).map(|i| if i / 85 % 100 == 0 { 0.9 } else { 0.01 }).collect();
    let took = microseconds(|| {
        let view = TensorView { shape: &[1, 3549, 85], data: TensorData::F32(black_box(&answer)) };
        black_box(detector.decode(&placement, &[view]).unwrap());
    });
    println!("decode [1, 3549, 85] with 36 boxes: {took:.0} µs");
}
