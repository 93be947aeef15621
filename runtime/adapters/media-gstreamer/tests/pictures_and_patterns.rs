//! Folders of pictures, single pictures, and test patterns.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::*;
use parapet_contracts::{
    PixelFormat,
    camera::{Location, Pace, SourceSpec},
    stats::DropReason,
};

fn picture(path: &std::path::Path, width: u32, height: u32, encode: &str, pattern: &str) {
    launch(&format!(
        "videotestsrc num-buffers=1 pattern={pattern} ! video/x-raw,width={width},height={height} ! videoconvert ! {encode} ! filesink location={}",
        path.display()
    ));
}

#[test]
fn a_folder_of_pictures_shows_them_by_name_and_passes_over_damaged_ones() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    picture(&at("c.JPG"), 320, 240, "jpegenc", "white");
    picture(&at("a.png"), 101, 57, "pngenc", "white");
    picture(&at("d.jpeg"), 320, 240, "jpegenc", "black");
    fs::write(at("b.jpg"), b"\xff\xd8\xffno picture").unwrap();
    fs::write(at("notes.txt"), b"not shown").unwrap();
    let spec = |repeat| {
        SourceSpec::new(Location::Images { path: folder.path().to_owned(), fps: 4.0, pace: Pace::Fast, repeat })
    };
    let sink = Collector::new();
    let stream = open(&spec(false), &sink);
    sink.wait_end(10);
    assert!(sink.ended(), "{}", sink.words());
    {
        let seen = sink.seen.lock().unwrap();
        let shown: Vec<_> = seen.frames.iter().map(|f| (f.index, f.pts, f.size, f.luma > 128.0)).collect();
        assert_eq!(shown, [(0, 0.0, (101, 57), true), (1, 0.5, (320, 240), true), (2, 0.75, (320, 240), false)]);
        assert_eq!(seen.last.as_ref().unwrap().picture.format, PixelFormat::Rgb);
    }
    assert_eq!(dropped(stream.as_ref(), DropReason::Corrupt), 1);
    assert!(sink.warnings().len() == 1 && sink.warnings()[0].contains("b.jpg"), "{:?}", sink.warnings());
    assert_eq!(sink.formats().len(), 2, "PNG of 101×57, then JPEG of 320×240");

    let sink = Collector::new();
    let stream = open(&spec(true), &sink);
    sink.wait_frames(8, 10);
    drop(stream);
    let seen = sink.seen.lock().unwrap();
    assert!(seen.frames.windows(2).all(|pair| pair[1].pts > pair[0].pts && pair[1].index == pair[0].index + 1));
}

#[test]
fn pictures_in_real_time_wait_for_each_other_and_can_be_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        picture(&folder.path().join(name), 64, 64, "pngenc", "black");
    }
    let spec = |fps| {
        SourceSpec::new(Location::Images { path: folder.path().to_owned(), fps, pace: Pace::RealTime, repeat: true })
    };
    let sink = Collector::new();
    let stream = open(&spec(10.0), &sink);
    sink.wait_frames(7, 10);
    drop(stream);
    {
        let seen = sink.seen.lock().unwrap();
        let took = (seen.frames[6].at - seen.frames[0].at).as_secs_f64();
        assert!(took > 0.5, "6 intervals of 100 ms took {took} s");
    }
    let sink = Collector::new();
    let stream = open(&spec(0.01), &sink);
    sink.wait_frames(1, 10);
    let began = std::time::Instant::now();
    drop(stream);
    assert!(began.elapsed().as_secs_f64() < 1.0, "the drop took {:?}", began.elapsed());
}

#[test]
fn a_folder_without_pictures_and_one_with_damaged_ones_only() {
    let folder = tempfile::tempdir().unwrap();
    let spec = |path: &std::path::Path| {
        SourceSpec::new(Location::Images { path: path.to_owned(), fps: 1.0, pace: Pace::Fast, repeat: true })
    };
    assert_eq!(refused(&spec(folder.path())).code, "no_video");
    assert_eq!(refused(&spec(&folder.path().join("none"))).code, "not_found");
    fs::write(folder.path().join("a.jpg"), b"none").unwrap();
    let sink = Collector::new();
    let _stream = open(&spec(folder.path()), &sink);
    assert_eq!(sink.wait_failure(10).code, "no_video");
}

#[test]
fn a_single_picture_is_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    for (name, encode, codec) in [("a.jpg", "jpegenc quality=100", "JPEG"), ("a.png", "pngenc", "PNG")] {
        let path = folder.path().join(name);
        picture(&path, 101, 57, encode, "white");
        let (sink, _stream) = play(&path);
        assert!(sink.ended() && sink.frames() == 1, "{}", sink.words());
        assert_eq!(sink.formats()[0].codec, codec);
        assert!(sink.seen.lock().unwrap().frames[0].luma > 230.0);
    }
}

#[test]
fn a_pattern_is_a_live_camera() {
    let sink = Collector::new();
    let mut spec = SourceSpec::new(Location::Test { pattern: "ball".into(), width: 642, height: 362, fps: 30.0 });
    spec.max_fps = Some(10.0);
    let stream = open(&spec, &sink);
    sink.wait_frames(10, 15);
    let stats = stream.stats();
    drop(stream);
    let format = &sink.formats()[0];
    assert_eq!(
        (format.width, format.height, format.codec.as_str(), format.decoder.as_str()),
        (642, 362, "raw", "none")
    );
    assert!(stats.frames_in >= 27 && dropped_of(&stats.dropped) >= 18, "{stats:?}");
    let seen = sink.seen.lock().unwrap();
    let took = (seen.frames[9].at - seen.frames[0].at).as_secs_f64();
    assert!(took > 0.7, "a live pattern takes its time: {took} s");
    let age = seen.frames[0].capture.at.duration_until(jiff::Timestamp::now()).as_secs_f64();
    assert!((0.0..15.0).contains(&age));
}

fn dropped_of(dropped: &[(DropReason, u64)]) -> u64 {
    dropped.iter().find(|(reason, _)| *reason == DropReason::RateLimit).map_or(0, |(_, n)| *n)
}
