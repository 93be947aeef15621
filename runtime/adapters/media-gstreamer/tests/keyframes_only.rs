//! An idle camera: keyframes only are decoded, each is the frame that it says it is, at its time, and all frames come again when asked for.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, mpsc},
};

use common::*;
use parapet_contracts::{
    camera::Pace,
    ports::media::{Attention, MediaStream},
    stats::DropReason,
};

/// What each frame of a file is when all are decoded: its time, and the mean of its luma.
fn all_frames(path: &Path) -> BTreeMap<u64, (f64, f64)> {
    let (sink, _stream) = play(path);
    let seen = sink.seen.lock().unwrap();
    seen.frames.iter().map(|frame| (frame.index, (frame.pts, frame.luma))).collect()
}

/// A sink that waits at its first frame for a signal, so that the test can turn the attention before the second one comes.
fn waiting_sink() -> (Arc<Collector>, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let look = move |_: &_| {
        if let Some(wait) = wait.lock().unwrap().take() {
            wait.recv().unwrap_or_default();
        }
    };
    (Arc::new(Collector { look: Some(Box::new(look)), ..Collector::default() }), go)
}

/// Reads a file with keyframes only from its second frame on.
fn keyframes(path: &Path) -> (Arc<Collector>, Box<dyn MediaStream>) {
    let (sink, go) = waiting_sink();
    let stream = open(&file(path, Pace::Fast, false), &sink);
    stream.set_attention(Attention::Keyframes);
    go.send(()).unwrap();
    sink.wait_end(120);
    (sink, stream)
}

/// With frames that are shown in another order than they are sent in, as most recordings have.
fn reordered_clip(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("reordered.mp4");
    launch(&format!(
        "videotestsrc num-buffers=200 pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
         ! x264enc bframes=3 b-adapt=false key-int-max=25 threads=1 ! h264parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    path
}

fn agree(seen: &Seen, all: &BTreeMap<u64, (f64, f64)>, what: &str) {
    for frame in &seen.frames {
        let (pts, luma) = all[&frame.index];
        assert!((frame.pts - pts).abs() < 1e-6, "{what}: frame {} is at {}, not {pts}", frame.index, frame.pts);
        assert!((frame.luma - luma).abs() < 0.01, "{what}: frame {} is another picture", frame.index);
    }
}

#[test]
fn keyframes_are_the_frames_that_they_say_they_are_and_the_others_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        shared("videos/azure_perimeterdemo720.mp4"),
        shared("videos/ahmetozlu_vehicle.mp4"),
        shared("videos/intel_one-by-one-person.mp4"),
        reordered_clip(folder.path()),
    ] {
        let all = all_frames(&path);
        let (sink, stream) = keyframes(&path);
        let seen = sink.seen.lock().unwrap();
        let what = path.display().to_string();
        assert!((1..all.len() / 8).contains(&seen.frames.len()), "{what}: {} of {}", seen.frames.len(), all.len());
        agree(&seen, &all, &what);
        let idle = dropped(stream.as_ref(), DropReason::Idle);
        assert_eq!(seen.frames.len() as u64 + idle, all.len() as u64, "{what}: {:?}", stream.stats());
    }
}

#[test]
fn back_from_keyframes_all_frames_come_from_the_next_keyframe_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = reordered_clip(folder.path());
    let all = all_frames(&path);
    let (sink, go) = waiting_sink();
    let stream: Arc<Mutex<Option<Box<dyn MediaStream>>>> = Arc::default();
    let wake = Arc::clone(&stream);
    let woken = Arc::new(Collector {
        look: Some(Box::new(move |frame: &parapet_contracts::ports::media::MediaFrame| {
            sink.look.as_ref().unwrap()(frame);
            if frame.index >= 75 {
                wake.lock().unwrap().as_ref().unwrap().set_attention(Attention::All);
            }
        })),
        ..Collector::default()
    });
    let opened = open(&file(&path, Pace::Fast, false), &woken);
    opened.set_attention(Attention::Keyframes);
    *stream.lock().unwrap() = Some(opened);
    go.send(()).unwrap();
    woken.wait_end(60);
    let seen = woken.seen.lock().unwrap();
    let stats = stream.lock().unwrap().as_ref().unwrap().stats();
    let awaited = stats.dropped.iter().find(|(reason, _)| *reason == DropReason::AwaitingKeyframe).map_or(0, |d| d.1);
    let indexes: Vec<u64> = seen.frames.iter().map(|frame| frame.index).collect();
    assert_eq!(indexes[..4], [0, 25, 50, 75]);
    assert!(awaited > 0, "{stats:?}");
    assert!(indexes[4..].iter().copied().eq(100..200), "from the next keyframe on, each comes: {indexes:?}");
    agree(&seen, &all, "all frames");
}

#[test]
fn a_keyframe_comes_at_its_time_and_not_with_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, go) = waiting_sink();
    let stream = open(&file(&reordered_clip(folder.path()), Pace::RealTime, false), &sink);
    stream.set_attention(Attention::Keyframes);
    go.send(()).unwrap();
    sink.wait_frames(5, 60);
    let seen = sink.seen.lock().unwrap();
    // Keyframes are a second apart: one that waits for the next is late by a second.
    let lags: Vec<f64> = seen.frames.iter().map(|frame| frame.late.as_secs_f64()).collect();
    assert!(lags.iter().all(|lag| *lag < 0.8), "{lags:?}");
}
