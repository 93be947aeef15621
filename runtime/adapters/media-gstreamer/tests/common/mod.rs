//! What the tests of this crate share: a sink that collects, and clips that GStreamer makes.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};
use parapet_contracts::{
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaError, MediaEvent, MediaFrame, MediaPort, MediaSink, MediaStream, StreamFormat},
    stats::DropReason,
};
use parapet_media_gstreamer::GstMedia;

/// Looks at a frame with its pixels.
pub type Look = Box<dyn Fn(&MediaFrame) + Send + Sync>;

/// Everything that a stream told; frames are kept without their pixels unless `keep` is set.
#[derive(Default)]
pub struct Collector {
    pub seen: Mutex<Seen>,
    /// Called with each frame, on the thread that brings it.
    pub look: Option<Look>,
}

#[derive(Default)]
pub struct Seen {
    pub frames: Vec<Short>,
    pub events: Vec<MediaEvent>,
    pub last: Option<MediaFrame>,
}

/// A frame without its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Short {
    pub index: u64,
    pub pts: f64,
    pub capture: parapet_contracts::CaptureTime,
    pub size: (u32, u32),
    pub luma: f64,
    pub at: Instant,
    /// How long after its capture it came.
    pub late: jiff::SignedDuration,
}

impl MediaSink for Collector {
    fn frame(&self, frame: MediaFrame) {
        if let Some(look) = &self.look {
            look(&frame);
        }
        let short = Short {
            index: frame.index,
            pts: frame.pts,
            capture: frame.capture,
            size: (frame.picture.width, frame.picture.height),
            luma: luma(&frame),
            at: Instant::now(),
            late: jiff::Timestamp::now().duration_since(frame.capture.at),
        };
        let mut seen = self.seen.lock().unwrap();
        seen.frames.push(short);
        seen.last = Some(frame);
    }

    fn event(&self, event: MediaEvent) {
        self.seen.lock().unwrap().events.push(event);
    }
}

impl Collector {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn frames(&self) -> usize {
        self.seen.lock().unwrap().frames.len()
    }

    pub fn formats(&self) -> Vec<StreamFormat> {
        let seen = self.seen.lock().unwrap();
        seen.events.iter().filter_map(|e| if let MediaEvent::Format(f) = e { Some(f.clone()) } else { None }).collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.events.iter().filter_map(|e| if let MediaEvent::Warning(w) = e { Some(w.clone()) } else { None }).collect()
    }

    pub fn failure(&self) -> Option<MediaError> {
        let seen = self.seen.lock().unwrap();
        seen.events.iter().find_map(|e| if let MediaEvent::Failed(f) = e { Some(f.clone()) } else { None })
    }

    pub fn ended(&self) -> bool {
        self.seen.lock().unwrap().events.contains(&MediaEvent::Ended)
    }

    /// Everything that was told in words.
    pub fn words(&self) -> String {
        format!("{:?}", self.seen.lock().unwrap().events)
    }

    /// Waits until the stream ended or failed.
    pub fn wait_end(&self, seconds: u64) {
        self.wait(seconds, "the end", |c| c.ended() || c.failure().is_some());
    }

    pub fn wait_frames(&self, frames: usize, seconds: u64) {
        self.wait(seconds, &format!("{frames} frames"), |c| c.frames() >= frames);
    }

    pub fn wait_failure(&self, seconds: u64) -> MediaError {
        self.wait(seconds, "a failure", |c| c.failure().is_some());
        self.failure().unwrap()
    }

    pub fn wait(&self, seconds: u64, what: &str, condition: impl Fn(&Self) -> bool) {
        wait(seconds, || condition(self), || format!("{what}; {} frames, events {}", self.frames(), self.words()));
    }
}

/// Waits for a condition, and says what was waited for when it does not come.
pub fn wait(seconds: u64, condition: impl Fn() -> bool, what: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !condition() {
        assert!(Instant::now() < deadline, "waited {seconds} s for {}", what());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Mean of the luma (or of all bytes, for RGB), 0 to 255.
pub fn luma(frame: &MediaFrame) -> f64 {
    let picture = &frame.picture;
    let (row, rows) = picture.format.plane_size(0, picture.width, picture.height);
    let (data, stride) = picture.plane(0);
    let sum: u64 =
        (0..rows).map(|y| data[y * stride..y * stride + row].iter().map(|v| u64::from(*v)).sum::<u64>()).sum();
    sum as f64 / (row * rows) as f64
}

pub fn media() -> GstMedia {
    GstMedia::new().unwrap()
}

pub fn open(spec: &SourceSpec, sink: &Arc<Collector>) -> Box<dyn MediaStream> {
    media().open(spec, Arc::clone(sink) as Arc<dyn MediaSink>).unwrap()
}

pub fn refused(spec: &SourceSpec) -> MediaError {
    media().open(spec, Collector::new() as Arc<dyn MediaSink>).err().expect("the source should have been refused")
}

pub fn file(path: &Path, pace: Pace, repeat: bool) -> SourceSpec {
    SourceSpec::new(Location::File { path: path.to_owned(), pace, repeat })
}

/// Reads a file to its end.
pub fn play(path: &Path) -> (Arc<Collector>, Box<dyn MediaStream>) {
    let sink = Collector::new();
    let stream = open(&file(path, Pace::Fast, false), &sink);
    sink.wait_end(120);
    (sink, stream)
}

pub fn dropped(stream: &dyn MediaStream, reason: DropReason) -> u64 {
    stream.stats().dropped.iter().find(|(r, _)| *r == reason).map_or(0, |(_, n)| *n)
}

/// A file of the shared test data, which lies next to the project.
pub fn shared(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data").join(path);
    assert!(path.exists(), "this test needs {}, from the shared test data beside the project", path.display());
    path
}

/// Runs a pipeline to its end: `launch("videotestsrc num-buffers=10 ! … ! filesink location=…")`.
pub fn launch(pipeline: &str) {
    media();
    run_to_end(&gst::parse::launch(pipeline).unwrap());
}

/// Plays a pipeline to its end.
pub fn run_to_end(pipeline: &gst::Element) {
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let message =
        bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos, gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null).unwrap();
    match message.as_ref().map(|m| m.view()) {
        Some(gst::MessageView::Eos(_)) => {}
        other => panic!("the clip was not made: {other:?}"),
    }
}

/// An H.264 clip of a pattern, a keyframe every 15 frames.
pub fn clip(folder: &Path, name: &str, frames: u32, width: u32, height: u32, fps: u32) -> PathBuf {
    let path = folder.join(name);
    launch(&format!(
        "videotestsrc num-buffers={frames} pattern=ball ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 \
         ! x264enc speed-preset=ultrafast key-int-max=15 threads=1 ! h264parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    path
}
