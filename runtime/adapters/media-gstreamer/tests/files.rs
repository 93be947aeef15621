//! Recordings: every frame comes, in order, with its own time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::*;
use parapet_contracts::{PixelFormat, TimeSource, camera::Pace, stats::DropReason};

/// Frames, frames a second, size.
const VIDEOS: [(&str, usize, f64, (u32, u32)); 3] = [
    ("videos/azure_perimeterdemo720.mp4", 2026, 20.0, (1280, 720)),
    ("videos/ahmetozlu_vehicle.mp4", 265, 24.0, (640, 352)),
    ("videos/intel_one-by-one-person.mp4", 1394, 10.0, (768, 432)),
];

#[test]
fn every_frame_of_a_video_comes_once_and_in_order() {
    for (name, frames, fps, size) in VIDEOS {
        let (sink, stream) = play(&shared(name));
        let seen = sink.seen.lock().unwrap();
        assert_eq!(seen.frames.len(), frames, "{name}: {:?}", seen.events);
        for (i, frame) in seen.frames.iter().enumerate() {
            assert_eq!(frame.index, i as u64, "{name}");
            assert_eq!(frame.size, size, "{name}");
            assert!((frame.pts - i as f64 / fps).abs() < 0.5, "{name}: frame {i} at {}", frame.pts);
            assert!(frame.luma > 16.0 && frame.luma < 235.0, "{name}: frame {i} has a mean luma of {}", frame.luma);
        }
        assert!(seen.frames.windows(2).all(|pair| pair[0].pts < pair[1].pts), "{name}: times must grow");
        assert!(seen.frames[0].pts.abs() < 1e-6, "{name}: the first frame is at {}", seen.frames[0].pts);
        assert!(seen.frames.iter().all(|f| f.capture.source == TimeSource::Pts), "{name}");
        let span = seen.frames[frames - 1].capture.at.duration_since(seen.frames[0].capture.at).as_secs_f64();
        assert!((span - seen.frames[frames - 1].pts).abs() < 1e-3, "{name}: capture times span {span}");
        let stats = stream.stats();
        assert_eq!((stats.frames_in, stats.frames_wanted), (frames as u64, frames as u64), "{name}");
        assert!(
            stats.dropped.is_empty() && stats.bytes_in > 500_000 && !stats.decode_time.is_zero(),
            "{name}: {stats:?}"
        );
        drop(seen);
        let formats = sink.formats();
        assert_eq!(formats.len(), 1, "{name}: {formats:?}");
        assert_eq!((formats[0].width, formats[0].height, formats[0].codec.as_str()), (size.0, size.1, "H.264"));
        assert!(formats[0].decoder.ends_with("dec") || formats[0].decoder.starts_with("avdec_"), "{formats:?}");
    }
}

#[test]
fn fewer_frames_a_second_keep_their_numbers() {
    let mut spec = file(&shared("videos/intel_one-by-one-person.mp4"), Pace::Fast, false);
    spec.max_fps = Some(5.0);
    let sink = Collector::new();
    let stream = open(&spec, &sink);
    sink.wait_end(60);
    let seen = sink.seen.lock().unwrap();
    assert_eq!(seen.frames.len(), 697);
    assert!(seen.frames.iter().enumerate().all(|(i, frame)| frame.index == 2 * i as u64));
    let stats = stream.stats();
    assert_eq!((stats.frames_in, stats.frames_wanted), (1394, 697));
    assert_eq!(dropped(stream.as_ref(), DropReason::RateLimit), 697);
}

#[test]
fn a_recording_that_repeats_goes_on_in_number_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "short.mp4", 10, 320, 180, 10);
    let sink = Collector::new();
    let stream = open(&file(&path, Pace::Fast, true), &sink);
    sink.wait_frames(55, 30);
    drop(stream);
    let seen = sink.seen.lock().unwrap();
    for (i, frame) in seen.frames.iter().enumerate() {
        assert_eq!(frame.index, i as u64);
        assert!((frame.pts - i as f64 / 10.0).abs() < 0.02, "frame {i} at {}", frame.pts);
    }
    assert_eq!(sink_formats(&seen.events), 1, "the format does not change from round to round: {:?}", seen.events);
}

fn sink_formats(events: &[parapet_contracts::ports::media::MediaEvent]) -> usize {
    events.iter().filter(|e| matches!(e, parapet_contracts::ports::media::MediaEvent::Format(_))).count()
}

#[test]
fn real_time_takes_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "short.mp4", 20, 320, 180, 20);
    let sink = Collector::new();
    let stream = open(&file(&path, Pace::RealTime, false), &sink);
    sink.wait_end(20);
    drop(stream);
    let seen = sink.seen.lock().unwrap();
    assert_eq!(seen.frames.len(), 20);
    let took = seen.frames[19].at - seen.frames[0].at;
    assert!(took.as_secs_f64() > 0.85, "19 frames at 20 fps took {took:?}");
    let age = seen.frames[19].capture.at.duration_until(jiff::Timestamp::now()).as_secs_f64();
    assert!((0.0..10.0).contains(&age), "the last frame was taken {age} s ago");
}

#[test]
fn a_width_that_is_no_multiple_of_four_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.mp4");
    launch(&format!(
        "videotestsrc num-buffers=5 pattern=smpte ! video/x-raw,format=I420,width=638,height=354,framerate=10/1 \
         ! x264enc speed-preset=ultrafast quantizer=1 pass=quant ! h264parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    let (sink, _stream) = play(&path);
    let seen = sink.seen.lock().unwrap();
    assert_eq!(seen.frames.len(), 5);
    let picture = &seen.last.as_ref().unwrap().picture;
    assert_eq!((picture.width, picture.height, picture.format), (638, 354, PixelFormat::I420));
    // The upper bars are vertical: each row looks like the one above, so a wrong stride would shear them.
    for plane in 0..3 {
        let (row, rows) = picture.format.plane_size(plane, 638, 354);
        let (data, stride) = picture.plane(plane);
        assert!(stride >= row);
        for y in 1..rows / 2 {
            let off: u32 = (0..row).map(|x| u32::from(data[x].abs_diff(data[y * stride + x]))).sum();
            assert!(off / row as u32 <= 3, "plane {plane}, row {y} differs by {off}");
        }
    }
}

#[test]
fn h265_matroska_avi_and_transport_streams_play() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let source = "videotestsrc num-buffers=12 ! video/x-raw,format=I420,width=320,height=240,framerate=12/1";
    let h264 = "x264enc speed-preset=ultrafast ! h264parse";
    let clips = [
        ("a.mp4", "x265enc speed-preset=ultrafast ! h265parse ! mp4mux", "H.265"),
        ("b.mkv", &format!("{h264} ! matroskamux"), "H.264"),
        ("c.ts", &format!("{h264} ! mpegtsmux"), "H.264"),
        ("d.avi", "jpegenc ! avimux", "JPEG"),
        ("e.mjpeg", "jpegenc", "JPEG"),
    ];
    for (name, encode, codec) in clips {
        let path = at(name);
        launch(&format!("{source} ! {encode} ! filesink location={}", path.display()));
        let (sink, stream) = play(&path);
        assert_eq!(sink.frames(), 12, "{name}: {} {:?}", sink.words(), stream.stats());
        assert_eq!(sink.formats()[0].codec, codec, "{name}");
        let seen = sink.seen.lock().unwrap();
        assert!(seen.frames.windows(2).all(|pair| pair[0].pts < pair[1].pts), "{name}: {:?}", seen.frames);
    }
}

#[test]
fn ten_bit_and_4_4_4_become_i420() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.mkv", "Y444"), ("b.mkv", "I420_10LE"), ("c.mkv", "Y42B")] {
        let path = folder.path().join(name);
        launch(&format!(
            "videotestsrc num-buffers=3 ! video/x-raw,format={format},width=320,height=240 ! x264enc ! h264parse ! matroskamux ! filesink location={}",
            path.display()
        ));
        let (sink, _stream) = play(&path);
        assert_eq!(sink.frames(), 3, "{format}: {}", sink.words());
        assert_eq!(sink.seen.lock().unwrap().last.as_ref().unwrap().picture.format, PixelFormat::I420, "{format}");
    }
}

#[test]
fn jpeg_pictures_that_are_not_wanted_are_not_even_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.avi");
    launch(&format!(
        "videotestsrc num-buffers=60 ! video/x-raw,format=I420,width=640,height=480,framerate=20/1 ! jpegenc ! avimux ! filesink location={}",
        path.display()
    ));
    let read = |max_fps| {
        let mut spec = file(&path, Pace::Fast, false);
        spec.max_fps = max_fps;
        let sink = Collector::new();
        let stream = open(&spec, &sink);
        sink.wait_end(30);
        let indices: Vec<u64> = sink.seen.lock().unwrap().frames.iter().map(|frame| frame.index).collect();
        (indices, stream.stats())
    };
    let (all, whole) = read(None);
    assert_eq!(all, (0..60).collect::<Vec<_>>(), "{whole:?}");
    let (some, limited) = read(Some(1.0));
    assert!(some.len() <= 4 && some.windows(2).all(|pair| pair[1] >= pair[0] + 15), "{some:?}");
    assert_eq!((limited.frames_in, limited.frames_wanted as usize), (60, some.len()), "{limited:?}");
    assert_eq!(limited.dropped, [(DropReason::RateLimit, 60 - some.len() as u64)]);
    // A busy machine may hold one run up anywhere; decoding them all would take as long each time.
    let spared = (0..10).any(|_| read(Some(1.0)).1.decode_time < read(None).1.decode_time / 3);
    assert!(spared, "each time as long as decoding them all: {:?} of {:?}", limited.decode_time, whole.decode_time);
}

#[test]
fn sound_beside_the_video_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.mkv");
    launch(&format!(
        "matroskamux name=mux ! filesink location={} \
         videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=320,height=240,framerate=20/1 ! x264enc ! h264parse ! mux. \
         audiotestsrc num-buffers=60 ! audio/x-raw,format=S16LE ! mux.",
        path.display()
    ));
    for pace in [Pace::Fast, Pace::RealTime] {
        let sink = Collector::new();
        let _stream = open(&file(&path, pace, false), &sink);
        sink.wait_end(20);
        assert!(sink.ended() && sink.frames() == 20, "{pace:?}: {}", sink.words());
    }
}

#[test]
fn a_slow_sink_slows_a_fast_file_down_and_loses_nothing() {
    let slow = Collector {
        look: Some(Box::new(|_| std::thread::sleep(std::time::Duration::from_millis(15)))), // a slow model
        ..Collector::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip.mp4", 40, 320, 180, 100);
    let sink = std::sync::Arc::new(slow);
    let stream = open(&file(&path, Pace::Fast, false), &sink);
    sink.wait_end(20);
    assert_eq!(sink.frames(), 40, "no frame may be lost to a slow sink");
    assert!(stream.stats().dropped.is_empty());
    let decode = stream.stats().decode_time;
    assert!(decode.as_millis() < 300, "the sink's 600 ms do not count as decoding: {decode:?}");
}
