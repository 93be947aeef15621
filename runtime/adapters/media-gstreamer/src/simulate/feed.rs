//! Feeds one client's stream from files, over and over, with timestamps that keep growing.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer_app as gst_app;
use parapet_contracts::ports::media::MediaError;
use parking_lot::{Condvar, Mutex};

use super::reader::{Reader, Unit};
use crate::errors;

/// What all streams of one simulated camera obey.
pub(crate) struct Control {
    speed: AtomicU64,
    stopped: AtomicBool,
    silent: Mutex<bool>,
    changed: Condvar,
}

impl Control {
    pub(crate) fn new(speed: f64) -> Result<Self, MediaError> {
        let control = Self {
            speed: AtomicU64::new(1.0f64.to_bits()),
            stopped: AtomicBool::new(false),
            silent: Mutex::new(false),
            changed: Condvar::new(),
        };
        control.set_speed(speed)?;
        Ok(control)
    }

    pub(crate) fn set_speed(&self, speed: f64) -> Result<(), MediaError> {
        if !(speed.is_finite() && (0.001..=10_000.0).contains(&speed)) {
            return Err(errors::reject("unsupported", format!("a speed of {speed} is not between 0.001 and 10000")));
        }
        self.speed.store(speed.to_bits(), Relaxed);
        Ok(())
    }

    fn speed(&self) -> f64 {
        f64::from_bits(self.speed.load(Relaxed))
    }

    pub(crate) fn hang(&self, silent: bool) {
        *self.silent.lock() = silent;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.hang(false);
    }

    /// Waits while the camera is silent, and says for how long that was.
    fn silence(&self) -> Duration {
        let mut silent = self.silent.lock();
        if !*silent {
            return Duration::ZERO;
        }
        let began = Instant::now();
        while *silent {
            self.changed.wait(&mut silent);
        }
        began.elapsed()
    }
}

/// Maps times of the files to times that are sent: never back, across the ends of files and changes of speed.
#[derive(Debug, Default)]
struct Timeline {
    /// Nanoseconds in the files that passed before this one.
    base: i64,
    /// The end of the picture that ends last in this file.
    end: i64,
    /// The newest decoding time read, and what it was sent as.
    read: i64,
    sent: f64,
}

impl Timeline {
    fn next_file(&mut self) {
        self.base += std::mem::take(&mut self.end);
    }

    fn paused(&mut self, time: Duration) {
        self.sent += time.as_nanos() as f64;
    }

    /// Presentation and decoding time to send, nanoseconds.
    fn map(&mut self, unit: &Unit, speed: f64) -> (u64, u64) {
        self.end = self.end.max(unit.pts + unit.duration.max(1_000_000));
        let decoded_at = (self.base + unit.dts).max(self.read);
        self.sent += (decoded_at - self.read) as f64 / speed;
        self.read = decoded_at;
        let shown_after = (self.base + unit.pts - decoded_at).max(0) as f64 / speed;
        ((self.sent + shown_after) as u64, self.sent as u64)
    }
}

/// Feeds `target` on a thread of its own until it is closed.
pub(crate) fn start(files: Arc<Vec<PathBuf>>, target: gst_app::AppSrc, repeat: bool, control: Arc<Control>) {
    let spawned = thread::Builder::new().name("simulated-camera".into()).spawn(move || {
        let mut timeline = Timeline::default();
        loop {
            for file in files.iter() {
                match play(file, &target, &mut timeline, &control) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::warn!("a simulated camera lost its video: {error}");
                        return end(&target);
                    }
                }
                timeline.next_file();
            }
            if !repeat {
                return end(&target);
            }
        }
    });
    if let Err(error) = spawned {
        tracing::warn!("a simulated camera could not start: {error}");
    }
}

fn end(target: &gst_app::AppSrc) {
    if target.end_of_stream().is_err() {
        tracing::debug!("a simulated camera's client is gone already");
    }
}

/// Plays a file once; false when the client is gone.
fn play(
    file: &std::path::Path,
    target: &gst_app::AppSrc,
    timeline: &mut Timeline,
    control: &Control,
) -> Result<bool, MediaError> {
    let mut reader = Reader::open(file)?;
    let mut any = false;
    while let Some(unit) = reader.next()? {
        any = true;
        timeline.paused(control.silence());
        if control.stopped.load(Relaxed) {
            return Ok(false);
        }
        let (pts, dts) = timeline.map(&unit, control.speed());
        let Some(buffer) = unit.sample.buffer() else { continue };
        let mut buffer = buffer.copy();
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(gst::ClockTime::from_nseconds(pts));
            buffer.set_dts(gst::ClockTime::from_nseconds(dts));
            buffer.set_duration(gst::ClockTime::NONE);
        }
        let mut sample = gst::Sample::builder().buffer(&buffer);
        if let Some(caps) = unit.sample.caps_owned() {
            sample = sample.caps(&caps);
            if target.push_sample(&sample.build()).is_err() {
                return Ok(false);
            }
        }
    }
    if any { Ok(true) } else { Err(errors::reject("no_video", format!("{} holds no video", file.display()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(pts: i64, dts: i64) -> Unit {
        Unit { sample: gst::Sample::builder().build(), pts, dts, duration: 10 }
    }

    #[test]
    fn times_keep_growing_over_files_and_speeds() {
        gst::init().ok();
        let ms = 1_000_000;
        let mut timeline = Timeline::default();
        assert_eq!(timeline.map(&unit(40 * ms, 0), 1.0), (40 * ms as u64, 0));
        assert_eq!(timeline.map(&unit(20 * ms, 20 * ms), 1.0), (20 * ms as u64, 20 * ms as u64));
        timeline.next_file();
        assert_eq!(timeline.map(&unit(0, 0), 1.0), (41 * ms as u64, 41 * ms as u64));
        assert_eq!(timeline.map(&unit(100 * ms, 100 * ms), 100.0), (42 * ms as u64, 42 * ms as u64));
        timeline.paused(Duration::from_millis(8));
        assert_eq!(timeline.map(&unit(100 * ms, 100 * ms), 1.0), (50 * ms as u64, 50 * ms as u64));
    }
}
