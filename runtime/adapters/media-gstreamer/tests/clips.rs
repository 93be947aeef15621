//! Frames are handed on as they came, and become a file that can be played: nothing is decoded for it, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{Collector, clip, file, launch, media, play, shared};
use parapet_contracts::{
    camera::Pace,
    ports::{
        clip::ClipPort,
        media::{Attention, EncodedFrame, MediaEvent, MediaFrame, MediaPort, MediaSink},
    },
};

/// A sink that keeps frames as they came, while it wants them.
#[derive(Default)]
struct Tapped {
    wants: AtomicBool,
    encoded: Mutex<Vec<EncodedFrame>>,
    rest: Collector,
}

impl MediaSink for Tapped {
    fn frame(&self, frame: MediaFrame) {
        self.rest.frame(frame);
    }
    fn event(&self, event: MediaEvent) {
        self.rest.event(event);
    }
    fn wants_encoded(&self) -> bool {
        self.wants.load(Ordering::Relaxed)
    }
    fn encoded(&self, frame: EncodedFrame) {
        self.encoded.lock().unwrap().push(frame);
    }
}

/// Reads a whole file, and gives its frames as they came.
fn tapped(path: &Path, attention: Attention) -> Vec<EncodedFrame> {
    let sink = Arc::new(Tapped { wants: true.into(), ..Tapped::default() });
    let stream = media().open(&file(path, Pace::Fast, false), Arc::clone(&sink) as _).unwrap();
    stream.set_attention(attention);
    sink.rest.wait_end(120);
    drop(stream);
    let frames = sink.encoded.lock().unwrap().clone();
    // Decoded frames were taken at the same times.
    for short in &sink.rest.seen.lock().unwrap().frames {
        assert!(frames.iter().any(|frame| frame.at == short.capture.at), "no encoded frame of {:?}", short.capture);
    }
    frames
}

/// Makes a clip, reads it, and gives its frames' times in seconds.
fn played(frames: &[EncodedFrame]) -> Vec<f64> {
    let made = media().clip(frames).unwrap();
    assert_eq!((made.media_type, made.extension), ("video/mp4", "mp4"));
    let head = &made.bytes[..made.bytes.len().min(4096)];
    assert!(head.windows(4).any(|four| four == b"moov"), "the index is in front, so that it plays while it loads");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    std::fs::write(&path, &made.bytes).unwrap();
    let (sink, _stream) = play(&path);
    assert_eq!(sink.failure(), None);
    let seen = sink.seen.lock().unwrap();
    seen.frames.iter().map(|frame| frame.pts).collect()
}

#[test]
fn a_part_of_a_stream_becomes_a_file_with_exactly_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let frames = tapped(&clip(folder.path(), "c.mp4", 90, 160, 120, 30), Attention::All);
    assert_eq!(frames.len(), 90);
    let keys: Vec<_> = (0..90).filter(|at| frames[*at].keyframe).collect();
    assert!(keys.len() >= 6 && keys[0] == 0, "{keys:?}");
    let times = played(&frames[keys[2]..keys[4]]);
    assert_eq!(times.len(), keys[4] - keys[2]);
    assert!(times[0] < 0.1, "it begins at once: {}", times[0]);
    assert!(times.windows(2).all(|two| (two[1] - two[0] - 1.0 / 30.0).abs() < 0.002), "{times:?}");
}

#[test]
fn frames_in_another_order_than_they_are_shown_in_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.mp4");
    launch(&format!(
        "videotestsrc num-buffers=90 pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=30/1 \
         ! x264enc bframes=3 b-adapt=false key-int-max=30 threads=1 ! h264parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    let frames = tapped(&path, Attention::All);
    assert_eq!(frames.len(), 90);
    assert!(frames.windows(2).any(|two| two[1].pts < two[0].pts), "frames come in another order");
    let even = |times: &[f64]| times.windows(2).all(|two| (two[1] - two[0] - 1.0 / 30.0).abs() < 0.002);
    let times = played(&frames);
    assert!(times.len() == 90 && even(&times), "{times:?}");
    // The same as RTP brings it: nothing tells when a frame is to be decoded.
    let untold: Vec<_> = frames.iter().map(|frame| EncodedFrame { dts: None, ..frame.clone() }).collect();
    let times = played(&untold);
    assert!(times.len() == 90 && even(&times), "{times:?}");
}

#[test]
fn a_whole_real_video_becomes_a_file_with_all_of_its_frames() {
    let frames = tapped(&shared("videos/ahmetozlu_vehicle.mp4"), Attention::All);
    assert_eq!(frames.len(), 265);
    assert_eq!(played(&frames).len(), 265);
}

#[test]
fn frames_that_are_not_decoded_are_handed_on_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "c.mp4", 60, 160, 120, 30);
    assert_eq!(tapped(&path, Attention::Keyframes).len(), 60);
}

#[test]
fn h265_becomes_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.mp4");
    launch(&format!(
        "videotestsrc num-buffers=45 ! video/x-raw,format=I420,width=160,height=120,framerate=30/1 ! x265enc key-int-max=15 speed-preset=ultrafast ! h265parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    assert_eq!(played(&tapped(&path, Attention::All)).len(), 45);
}

#[test]
fn nobody_is_given_what_nobody_wants() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(Tapped::default());
    let path = clip(folder.path(), "c.mp4", 30, 160, 120, 30);
    let stream = media().open(&file(&path, Pace::Fast, false), Arc::clone(&sink) as _).unwrap();
    sink.rest.wait_end(60);
    drop(stream);
    assert_eq!(sink.encoded.lock().unwrap().len(), 0);
}
