//! Where a box will be: a Kalman filter whose clock is the time of capture, not the number of frames.
//!
//! ByteTrack's filter has eight states (centre, size and their rates) whose noise is diagonal, so it falls apart into four filters of
//! two states, which is how it is written here. Between frames each rate is disturbed by white noise (the continuous
//! white-noise-acceleration model: Bar-Shalom, Li, Kirubarajan, *Estimation with Applications to Tracking and Navigation*, 6.2.2), so
//! that a prediction over 0.5 s is the same, in one step or in fifteen. All noise is proportional to the size of the object.

use parapet_contracts::BBox;

/// Standard deviation of a measured edge, in sizes of the object. ByteTrack: 1/20 of the height.
const MEASUREMENT: f32 = 0.06;
/// Standard deviation of the speed of what is seen first, in sizes a second: a person walks 1 to 2 of them, a near car drives 4.
const FIRST_SPEED: f32 = 2.5;
/// Standard deviation of the rate at which what is seen first grows, in sizes a second.
const FIRST_GROWTH: f32 = 0.5;
/// How fast speed changes by itself: variance a second, in sizes²/s².
const AGILITY: f32 = 2.0;
/// How fast growth changes by itself: variance a second, in sizes²/s².
const GROWTH_AGILITY: f32 = 0.2;
/// The speed of what is not seen fades with this time constant, in seconds: nobody walks on for ever.
const FADING: f32 = 1.0;

/// One coordinate and its rate, with their covariance.
#[derive(Debug, Clone, Copy)]
struct Axis {
    at: f32,
    rate: f32,
    var_at: f32,
    covariance: f32,
    var_rate: f32,
}

impl Axis {
    fn new(at: f32, var_at: f32, var_rate: f32) -> Self {
        Self { at, rate: 0.0, var_at, covariance: 0.0, var_rate }
    }

    /// `noise` is the variance that the rate gains in a second.
    fn predict(&mut self, seconds: f32, noise: f32) {
        self.at += self.rate * seconds;
        self.var_at += seconds * (2.0 * self.covariance + seconds * (self.var_rate + noise * seconds / 3.0));
        self.covariance += seconds * (self.var_rate + noise * seconds / 2.0);
        self.var_rate += noise * seconds;
    }

    fn correct(&mut self, measured: f32, variance: f32) {
        let total = self.var_at + variance;
        let (gain_at, gain_rate) = (self.var_at / total, self.covariance / total);
        let error = measured - self.at;
        self.at += gain_at * error;
        self.rate += gain_rate * error;
        self.var_rate = (self.var_rate - gain_rate * self.covariance).max(0.0);
        self.covariance *= 1.0 - gain_at;
        self.var_at *= 1.0 - gain_at;
    }
}

/// The state of one box.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxFilter {
    x: Axis,
    y: Axis,
    width: Axis,
    height: Axis,
}

impl BoxFilter {
    /// What is seen for the first time.
    pub(super) fn new(seen: &BBox) -> Self {
        let [x, y, width, height] = measures(seen);
        let square = size(width, height).powi(2);
        let noise = MEASUREMENT.powi(2) * square;
        let centre = |at| Axis::new(at, noise, FIRST_SPEED.powi(2) * square);
        let side = |at| Axis::new(at, noise, FIRST_GROWTH.powi(2) * square);
        Self { x: centre(x), y: centre(y), width: side(width), height: side(height) }
    }

    /// Moves the state on by `seconds`. What is `seen` keeps its speed; what is lost fades to a standstill and keeps its size.
    pub(super) fn predict(&mut self, seconds: f32, seen: bool) {
        if !seen {
            let fading = (-seconds / FADING).exp();
            self.x.rate *= fading;
            self.y.rate *= fading;
            self.width.rate = 0.0;
            self.height.rate = 0.0;
        }
        let square = self.size().powi(2);
        for centre in [&mut self.x, &mut self.y] {
            centre.predict(seconds, AGILITY * square);
        }
        for side in [&mut self.width, &mut self.height] {
            side.predict(seconds, GROWTH_AGILITY * square);
        }
    }

    /// Nothing has moved: it is where it was.
    pub(super) fn rest(&mut self) {
        for axis in [&mut self.x, &mut self.y, &mut self.width, &mut self.height] {
            axis.rate = 0.0;
        }
    }

    /// How fast the centre moves, to the right and down, in pixels a second.
    pub(super) fn velocity(&self) -> [f32; 2] {
        [self.x.rate, self.y.rate]
    }

    /// Takes what was seen.
    pub(super) fn correct(&mut self, seen: &BBox) {
        let noise = (MEASUREMENT * self.size()).powi(2);
        let axes = [&mut self.x, &mut self.y, &mut self.width, &mut self.height];
        for (axis, measured) in axes.into_iter().zip(measures(seen)) {
            axis.correct(measured, noise);
        }
    }

    /// The box, in pixels. Its sides are at least a pixel long.
    pub(super) fn bbox(&self) -> BBox {
        let (w, h) = (self.width.at.max(1.0) / 2.0, self.height.at.max(1.0) / 2.0);
        let (x, y) = (self.x.at, self.y.at);
        BBox::from([x - w, y - h, x + w, y + h])
    }

    /// The geometric mean of width and height in pixels, at least 1.
    pub(super) fn size(&self) -> f32 {
        size(self.width.at, self.height.at)
    }

    /// How uncertain the centre is, to the side and up and down: standard deviations in pixels.
    pub(super) fn spread(&self) -> [f32; 2] {
        [self.x.var_at.max(0.0).sqrt(), self.y.var_at.max(0.0).sqrt()]
    }
}

fn measures(b: &BBox) -> [f32; 4] {
    [(b.x1 + b.x2) / 2.0, (b.y1 + b.y2) / 2.0, b.width(), b.height()]
}

fn size(width: f32, height: f32) -> f32 {
    (width.max(1.0) * height.max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32) -> BBox {
        BBox::from([x, 100.0, x + 40.0, 200.0])
    }

    #[test]
    fn the_speed_of_a_walker_is_learnt_at_any_frame_rate() {
        for fps in [2.0_f32, 5.0, 30.0] {
            let mut filter = BoxFilter::new(&at(0.0));
            for i in 1..=(3.0 * fps) as i32 {
                filter.predict(1.0 / fps, true);
                filter.correct(&at(60.0 * i as f32 / fps));
            }
            let [vx, vy] = filter.velocity();
            assert!((vx - 60.0).abs() < 3.0 && vy.abs() < 1.0, "{fps} fps: {vx}, {vy}");
        }
    }

    #[test]
    fn one_long_step_predicts_as_many_short_ones() {
        let mut learnt = BoxFilter::new(&at(0.0));
        learnt.predict(0.2, true);
        learnt.correct(&at(20.0));
        let (mut once, mut often) = (learnt, learnt);
        once.predict(0.5, true);
        (0..15).for_each(|_| often.predict(0.5 / 15.0, true));
        assert!(once.bbox().iou(&often.bbox()) > 0.98, "{:?} {:?}", once.bbox(), often.bbox());
        assert!((once.spread()[0] / often.spread()[0] - 1.0).abs() < 0.05, "{:?} {:?}", once.spread(), often.spread());
    }

    #[test]
    fn what_is_lost_comes_to_a_stop_and_grows_uncertain() {
        let mut filter = BoxFilter::new(&at(0.0));
        filter.predict(0.2, true);
        filter.correct(&at(20.0));
        let known = filter.spread()[0];
        (0..100).for_each(|_| filter.predict(0.2, false));
        assert!(filter.velocity()[0] < 1.0);
        assert!(filter.bbox().x1 < 150.0, "{:?}", filter.bbox());
        assert!(filter.spread()[0] > 10.0 * known);
    }
}
