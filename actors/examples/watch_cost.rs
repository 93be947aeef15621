//! What looking for motion and for faults costs a frame: `cargo run --release -p parapet-actors --example watch_cost`.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use parapet_actors::camera::watch::{FaultWatch, Mask, MotionDetector, Thumbnail};
use parapet_config::Sensitivity;
use parapet_contracts::{Picture, PixelFormat, Timestamp, picture::Colorimetry, status::PictureFault};

const ROUNDS: u32 = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    for (width, height) in [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)] {
        let pictures = [picture(width, height, 1)?, picture(width, height, 2)?];
        let mut thumbnail = Thumbnail::new();
        thumbnail.take(&pictures[0]);
        let mask = Mask::new(thumbnail.width(), thumbnail.height(), &[], &[]);
        let mut detector = MotionDetector::new(Sensitivity::Medium, mask);
        let mut faults = FaultWatch::new(PictureFault::ALL.into());
        let scaled = each(ROUNDS, |round| thumbnail.take(&pictures[round as usize % 2]));
        let mut moved = 0;
        let compared = each(ROUNDS, |_| moved += detector.look(&thumbnail, Duration::from_millis(200)).cells);
        let judged = each(ROUNDS / 20, |round| {
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(round));
            std::hint::black_box(faults.look(&pictures[round as usize % 2], &thumbnail, at));
        });
        println!(
            "{width}×{height}: thumbnail {scaled:.1} µs, motion {compared:.1} µs, faults {judged:.0} µs once a second ({moved} cells)"
        );
    }
    Ok(())
}

/// Microseconds a round: the median of eleven runs.
fn each(rounds: u32, mut work: impl FnMut(u32)) -> f64 {
    let mut runs: Vec<f64> = (0..11)
        .map(|_| {
            let began = Instant::now();
            (0..rounds).for_each(&mut work);
            began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[5]
}

/// Blocks with noise.
fn picture(width: usize, height: usize, number: u64) -> Result<Picture, Box<dyn Error>> {
    let pixel = |i: usize| {
        let noise = ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number) >> 61;
        (40 + (i % width / 40 * 7 + i / width / 30 * 13) % 160 + noise as usize) as u8
    };
    let planes = vec![((0..width * height).map(pixel).collect(), width)];
    let (w, h) = (u32::try_from(width)?, u32::try_from(height)?);
    Ok(Picture::from_vecs(w, h, PixelFormat::Grey, Colorimetry::BT601, planes)?)
}
