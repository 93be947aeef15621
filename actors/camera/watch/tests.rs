//! What motion and faults promise, on a scene that is made here: blocks of different greys, with the noise of a sensor.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use jiff::SignedDuration;
use parapet_config::Sensitivity;
use parapet_contracts::{Picture, PixelFormat, Polygon, Timestamp, picture::Colorimetry, status::PictureFault};

use super::*;

const WIDTH: usize = 640;
const HEIGHT: usize = 360;

/// What becomes of the luma at a place: place in, luma out.
type Luma<'a> = &'a dyn Fn(i32, i32) -> f32;

/// A number that is always the same for the same three.
fn dice(x: i32, y: i32, n: u32) -> f32 {
    let mut h =
        (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ n.wrapping_mul(0xc2b2_ae3d);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

/// Blocks of 40×30 pixels, each of its own grey.
fn scene(x: i32, y: i32) -> f32 {
    50.0 + 150.0 * dice(x.div_euclid(40), y.div_euclid(30), 7)
}

/// The scene out of focus: each edge is a slope of 16 pixels.
fn soft(x: i32, y: i32) -> f32 {
    (-2..=2).flat_map(|i| (-2..=2).map(move |j| scene(x + 4 * i, y + 4 * j))).sum::<f32>() / 25.0
}

fn picture(number: u32, noise: f32, luma: Luma<'_>) -> Picture {
    let pixel = |index: usize| {
        let (x, y) = ((index % WIDTH) as i32, (index / WIDTH) as i32);
        (luma(x, y) + noise * (dice(x, y, number) - 0.5)).clamp(0.0, 255.0) as u8
    };
    let plane = (0..WIDTH * HEIGHT).map(pixel).collect();
    let (width, height) = (WIDTH as u32, HEIGHT as u32);
    Picture::from_vecs(width, height, PixelFormat::Grey, Colorimetry::BT601, vec![(plane, WIDTH)]).unwrap()
}

/// The scene with a dark thing of 24×60 pixels at x.
fn with_thing_at(at: i32) -> impl Fn(i32, i32) -> f32 {
    move |x, y| if (at..at + 24).contains(&x) && (150..210).contains(&y) { 20.0 } else { scene(x, y) }
}

struct Movie {
    detector: MotionDetector,
    number: u32,
}

impl Movie {
    fn new(sensitivity: Sensitivity, masks: &[Polygon]) -> Self {
        Self { detector: MotionDetector::new(sensitivity, Mask::new(160, 90, &[], masks)), number: 0 }
    }

    /// As [`Movie::next`], whatever it shows.
    fn pass(&mut self, luma: Luma<'_>) {
        let _shown: Motion = self.next(luma);
    }

    /// The next picture, a fifth of a second later.
    fn next(&mut self, luma: Luma<'_>) -> Motion {
        self.number += 1;
        let mut thumbnail = Thumbnail::new();
        thumbnail.take(&picture(self.number, 12.0, luma));
        self.detector.look(&thumbnail, Duration::from_millis(200))
    }
}

#[test]
fn a_thing_that_goes_moves_and_one_that_stays_does_not() {
    let mut movie = Movie::new(Sensitivity::Medium, &[]);
    assert!((0..10).all(|_| !movie.next(&scene).moves), "noise is no motion");
    assert!((0..10).all(|i| movie.next(&with_thing_at(100 + 8 * i)).moves));
    (0..10).for_each(|_| movie.pass(&with_thing_at(172)));
    assert!((0..40).all(|_| !movie.next(&with_thing_at(172)).moves), "it stands");
    // When it leaves, it moves; its ghost does not.
    assert!((1..5).all(|i| movie.next(&with_thing_at(172 + 8 * i)).moves));
    (0..10).for_each(|_| movie.pass(&scene));
    assert!((0..30).all(|_| !movie.next(&scene).moves), "a ghost is no motion");
}

#[test]
fn the_light_may_change_and_a_lamp_is_an_upheaval() {
    let mut movie = Movie::new(Sensitivity::Medium, &[]);
    (0..10).for_each(|_| movie.pass(&scene));
    for step in 0..40 {
        let light = 0.5 * step as f32;
        let motion = movie.next(&|x, y| scene(x, y) + light);
        assert!(!motion.moves && !motion.upheaval, "dusk, step {step}: {motion:?}");
    }
    let jump = movie.next(&|x, y| scene(x, y) + 35.0);
    assert!(!jump.moves, "all cells alike: {jump:?}");
    (0..10).for_each(|_| movie.pass(&scene));
    let lamp = movie.next(&|x, y| 255.0 - scene(x, y));
    assert!(lamp.upheaval && !lamp.moves, "{lamp:?}");
    assert!(!movie.next(&|x, y| 255.0 - scene(x, y)).upheaval, "once");
}

#[test]
fn what_is_masked_does_not_move_and_sensitivity_decides_on_what_is_faint() {
    let left = Polygon(vec![[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]);
    let mut masked = Movie::new(Sensitivity::High, &[left]);
    assert!((0..20).all(|i| !masked.next(&with_thing_at(100 + 8 * i)).moves));
    assert!((0..10).any(|i| masked.next(&with_thing_at(400 + 8 * i)).moves));

    let moves = |sensitivity| {
        let mut movie = Movie::new(sensitivity, &[]);
        let faint = |at: i32| {
            move |x: i32, y: i32| {
                if (at..at + 20).contains(&x) && (150..180).contains(&y) { scene(x, y) - 16.0 } else { scene(x, y) }
            }
        };
        (0..5).for_each(|_| movie.pass(&scene));
        (0..10).filter(|i| movie.next(&faint(100 + 10 * i)).moves).count()
    };
    assert_eq!(moves(Sensitivity::Low), 0);
    assert!(moves(Sensitivity::High) >= 8, "{}", moves(Sensitivity::High));
}

/// A camera that is looked at once a second.
struct Watched {
    watch: FaultWatch,
    second: u32,
}

impl Watched {
    fn new() -> Self {
        let mut watched = Self { watch: FaultWatch::new(PictureFault::ALL.into()), second: 0 };
        assert_eq!(watched.play(30, &scene), [], "a sound camera");
        watched
    }

    /// What is found in so many seconds of this, and how many seconds after the first.
    fn play(&mut self, seconds: u32, luma: Luma<'_>) -> Vec<(u32, Option<PictureFault>)> {
        self.film(seconds, |second| picture(second, 6.0, luma))
    }

    fn film(&mut self, seconds: u32, make: impl Fn(u32) -> Picture) -> Vec<(u32, Option<PictureFault>)> {
        let mut found = Vec::new();
        for played in 0..seconds {
            self.second += 1;
            let (picture, mut thumbnail) = (make(self.second), Thumbnail::new());
            thumbnail.take(&picture);
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(self.second));
            if let Finding::Changed(fault) = self.watch.look(&picture, &thumbnail, at) {
                found.push((played, fault));
            }
        }
        found
    }

    /// The fault, told once within `seconds`, and that it is over within six seconds of good pictures.
    fn suffers(&mut self, seconds: u32, luma: Luma<'_>) -> PictureFault {
        let found = self.play(seconds, luma);
        let [(_, Some(fault))] = found[..] else { panic!("{found:?}") };
        let healed = self.play(10, &scene);
        assert!(matches!(healed[..], [(..=6, None)]), "{fault:?} is over: {healed:?}");
        fault
    }
}

#[test]
fn each_fault_is_told_as_what_it_is_and_is_over_when_it_is_over() {
    let mut camera = Watched::new();
    assert_eq!(camera.suffers(10, &|_, _| 90.0), PictureFault::Covered, "a hand");
    assert_eq!(camera.suffers(10, &|x, y| 60.0 + 0.02 * (x + y) as f32), PictureFault::Covered, "a bag");
    assert_eq!(camera.suffers(10, &|x, y| 16.0 + 0.03 * scene(x, y)), PictureFault::Dark, "night");
    assert_eq!(camera.suffers(20, &soft), PictureFault::Defocused);
    assert_eq!(camera.suffers(20, &|x, y| scene(x + 64, y)), PictureFault::Moved, "a tenth of the picture");
    let still = picture(1, 6.0, &scene);
    assert_eq!(camera.film(30, |_| still.clone()), [(21, Some(PictureFault::Frozen))]);
    assert!(matches!(camera.play(10, &scene)[..], [(_, None)]));
}

#[test]
fn what_passes_or_is_another_light_is_no_fault() {
    let mut camera = Watched::new();
    assert_eq!(camera.play(2, &|_, _| 90.0), [], "a bird before the lens");
    assert_eq!(camera.play(8, &|x, y| scene(x + 64, y)), [], "a shake");
    assert_eq!(camera.play(10, &scene), []);
    for dusk in 0..60 {
        let light = 1.0 - 0.01 * dusk as f32;
        assert_eq!(camera.play(1, &|x, y| 16.0 + light * (scene(x, y) - 16.0)), [], "dusk, second {dusk}");
    }
    let mut camera = Watched::new();
    assert_eq!(camera.play(30, &|x, y| 16.0 + 0.3 * (scene(x, y) - 16.0)), [], "a light was put out");
    assert_eq!(camera.play(30, &with_thing_at(300)), [], "something was put there");
}

#[test]
fn a_camera_that_was_moved_learns_its_new_view_after_ten_minutes() {
    let mut camera = Watched::new();
    let moved = |x, y| scene(x + 215, y + 8);
    let found = camera.play(630, &moved);
    assert!(matches!(found[..], [(10..=12, Some(PictureFault::Moved)), (600..=625, None)]), "{found:?}");
    let back = camera.play(20, &scene);
    assert!(matches!(back[..], [(_, Some(PictureFault::Moved))]), "the old view is the wrong one now: {back:?}");
}

#[test]
fn a_camera_that_starts_covered_or_dark_is_told_and_what_is_not_watched_is_not() {
    let start = |luma: Luma<'_>| {
        let mut camera = Watched { watch: FaultWatch::new(PictureFault::ALL.into()), second: 0 };
        camera.play(10, luma)
    };
    assert!(matches!(start(&|_, _| 120.0)[..], [(_, Some(PictureFault::Covered))]));
    assert!(matches!(start(&|_, _| 17.0)[..], [(_, Some(PictureFault::Dark))]));
    let mut blind = Watched { watch: FaultWatch::new([PictureFault::Frozen].into()), second: 0 };
    assert_eq!(blind.play(30, &|_, _| 17.0), []);
    let ball =
        |at: u32| move |x: i32, y: i32| if (x - at as i32).abs() < 12 && (y - 100).abs() < 12 { 235.0 } else { 16.0 };
    let mut bare = Watched { watch: FaultWatch::new(PictureFault::ALL.into()), second: 0 };
    assert_eq!(bare.film(60, |second| picture(second, 2.0, &ball(7 * second))), [], "a bare scene says too little");
}
