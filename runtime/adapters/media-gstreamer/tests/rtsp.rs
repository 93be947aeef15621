//! RTSP cameras: they play, they die, they come back, and nobody sees their password.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use parapet_contracts::{
    Secret, TimeSource,
    camera::{Credentials, Location, SourceSpec, Transport},
    ports::media::MediaError,
};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions, SimSource};

fn spec(url: &str, transport: Transport) -> SourceSpec {
    let mut spec = SourceSpec::new(Location::Rtsp { url: url.to_owned() });
    spec.transport = transport;
    spec
}

fn user(name: &str, password: &str) -> Credentials {
    Credentials { username: Secret::new(name), password: Secret::new(password) }
}

#[test]
fn a_camera_plays_over_tcp_and_udp() {
    let camera = RtspSimulator::start(shared("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    for transport in [Transport::Tcp, Transport::Udp] {
        let sink = Collector::new();
        let stream = open(&spec(camera.url(), transport), &sink);
        sink.wait_frames(48, 15);
        let formats = sink.formats();
        assert_eq!((formats[0].width, formats[0].height, formats[0].codec.as_str()), (640, 352, "H.264"));
        let stats = stream.stats();
        assert!(stats.frames_in >= 48 && stats.bytes_in > 0 && !stats.decode_time.is_zero(), "{stats:?}");
        assert!(stats.dropped.is_empty(), "{transport:?}: {stats:?}");
        drop(stream);
        let seen = sink.seen.lock().unwrap();
        assert!(seen.frames[0].pts.abs() < 1e-9);
        for pair in seen.frames.windows(2) {
            assert_eq!(pair[1].index, pair[0].index + 1, "{transport:?}");
            assert!(
                (pair[1].pts - pair[0].pts - 1.0 / 24.0).abs() < 0.02,
                "{transport:?}: {} {}",
                pair[0].pts,
                pair[1].pts
            );
        }
    }
}

#[test]
fn capture_time_comes_from_sender_reports() {
    let camera = RtspSimulator::start(shared("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    let sink = Collector::new();
    let _stream = open(&spec(camera.url(), Transport::Tcp), &sink);
    sink.wait(20, "a capture time by RTCP", |c| {
        c.seen.lock().unwrap().frames.last().is_some_and(|f| f.capture.source == TimeSource::Rtcp)
    });
    let frame = sink.seen.lock().unwrap().frames.last().unwrap().clone();
    let age = frame.capture.at.duration_until(jiff::Timestamp::now()).as_secs_f64();
    assert!((-0.5..3.0).contains(&age), "taken {age} s ago");
}

#[test]
fn the_video_goes_on_past_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "short.mp4", 20, 320, 180, 20);
    let options = SimOptions { speed: 4.0, ..SimOptions::default() };
    let camera = RtspSimulator::start(path, &options).unwrap();
    let sink = Collector::new();
    let _stream = open(&spec(camera.url(), Transport::Tcp), &sink);
    sink.wait_frames(90, 15);
    let seen = sink.seen.lock().unwrap();
    assert!(seen.frames.windows(2).all(|pair| pair[0].pts < pair[1].pts));
    let span = seen.frames[80].pts - seen.frames[0].pts;
    assert!((span - 1.0).abs() < 0.1, "80 frames at 80 fps span {span} s");
}

#[test]
fn a_camera_with_a_password_lets_the_right_one_in() {
    let video = shared("videos/ahmetozlu_vehicle.mp4");
    for digest in [false, true] {
        let options = SimOptions { users: vec![user("canary-user", "s3cr3t/ö @")], digest, ..SimOptions::default() };
        let camera = RtspSimulator::start(video.clone(), &options).unwrap();
        let sink = Collector::new();
        let mut right = spec(camera.url(), Transport::Tcp);
        right.credentials = Some(user("canary-user", "s3cr3t/ö @"));
        let stream = open(&right, &sink);
        sink.wait_frames(5, 15);
        drop(stream);
        for wrong in [Some(user("canary-user", "canary-password")), None] {
            let sink = Collector::new();
            let mut spec = spec(camera.url(), Transport::Tcp);
            spec.credentials = wrong;
            let _stream = open(&spec, &sink);
            let error = sink.wait_failure(15);
            assert_eq!(error.code, "unauthorized", "{error:?}");
            assert!(!sink.words().contains("canary"), "{}", sink.words());
        }
    }
}

#[test]
fn a_camera_that_is_killed_is_told_at_once_and_comes_back_on_its_port() {
    let video = shared("videos/ahmetozlu_vehicle.mp4");
    for transport in [Transport::Tcp, Transport::Udp] {
        let camera = RtspSimulator::start(video.clone(), &SimOptions::default()).unwrap();
        let (url, port) = (camera.url().to_owned(), camera.port());
        let sink = Collector::new();
        let stream = open(&spec(&url, transport), &sink);
        sink.wait_frames(5, 15);
        let killed = Instant::now();
        camera.stop();
        let error = sink.wait_failure(10);
        assert!(killed.elapsed() < Duration::from_secs(5), "{transport:?}: told after {:?}", killed.elapsed());
        assert!(matches!(error.code, "ended" | "unreachable"), "{transport:?}: {error:?}");
        drop(stream);

        let sink = Collector::new();
        let _stream = open(&spec(&url, transport), &sink);
        let error = sink.wait_failure(15);
        assert_eq!(error.code, "unreachable", "{error:?}");
        assert!(error.text.contains("refuses connections"), "{error}");

        let options = SimOptions { port, ..SimOptions::default() };
        let _camera = RtspSimulator::start(video.clone(), &options).unwrap();
        let sink = Collector::new();
        let _stream = open(&spec(&url, transport), &sink);
        sink.wait_frames(5, 15);
    }
}

#[test]
fn the_size_changes_in_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let small = clip(folder.path(), "small.mp4", 15, 320, 180, 30);
    let large = clip(folder.path(), "large.mp4", 15, 638, 354, 30);
    let camera = RtspSimulator::start(SimSource::Files(vec![small, large]), &SimOptions::default()).unwrap();
    let sink = Collector::new();
    let _stream = open(&spec(camera.url(), Transport::Tcp), &sink);
    sink.wait_frames(100, 20);
    let sizes: Vec<_> = sink.formats().iter().map(|f| (f.width, f.height)).collect();
    assert_eq!(sizes[..3], [(320, 180), (638, 354), (320, 180)], "{}", sink.words());
    assert!(sink.failure().is_none());
    let seen = sink.seen.lock().unwrap();
    assert!(seen.frames.windows(2).all(|pair| pair[1].index == pair[0].index + 1 && pair[1].pts > pair[0].pts));
}

#[test]
fn h265_jpeg_and_a_pattern_play() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    launch(&format!(
        "videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=320,height=240,framerate=20/1 \
         ! x265enc speed-preset=ultrafast key-int-max=10 ! h265parse ! mp4mux ! filesink location={}",
        path.display()
    ));
    let jpeg = folder.path().join("b.avi");
    launch(&format!(
        "videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=320,height=240,framerate=20/1 \
         ! jpegenc ! avimux ! filesink location={}",
        jpeg.display()
    ));
    let pattern = SimSource::Pattern { pattern: "ball".into(), width: 320, height: 240, fps: 20 };
    for (source, codec) in [(SimSource::from(path), "H.265"), (SimSource::from(jpeg), "JPEG"), (pattern, "H.264")] {
        let camera = RtspSimulator::start(source, &SimOptions::default()).unwrap();
        let sink = Collector::new();
        let _stream = open(&spec(camera.url(), Transport::Tcp), &sink);
        sink.wait_frames(30, 20);
        assert_eq!(sink.formats()[0].codec, codec);
    }
}

#[test]
fn a_camera_at_a_hundred_times_its_rate_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "slow.mp4", 50, 320, 180, 5);
    let camera = RtspSimulator::start(path, &SimOptions::default()).unwrap();
    let sink = Collector::new();
    let mut limited = spec(camera.url(), Transport::Tcp);
    limited.max_fps = Some(5.0);
    let stream = open(&limited, &sink);
    sink.wait_frames(5, 20);
    let before = stream.stats().frames_in;
    camera.set_speed(100.0).unwrap();
    wait(20, || stream.stats().frames_in > before + 600, || format!("600 frames: {:?}", stream.stats()));
    let seen = sink.seen.lock().unwrap();
    let (first, last) = (seen.frames.first().unwrap(), seen.frames.last().unwrap());
    let rate = (seen.frames.len() - 1) as f64 / (last.pts - first.pts);
    assert!(rate < 5.6, "{rate} frames a second");
}

#[test]
fn a_silent_camera_can_be_dropped_at_once() {
    let camera = RtspSimulator::start(shared("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    let sink = Collector::new();
    let stream = open(&spec(camera.url(), Transport::Tcp), &sink);
    sink.wait_frames(5, 15);
    camera.hang(true);
    let began = Instant::now();
    drop(stream);
    assert!(began.elapsed() < Duration::from_secs(2), "the drop took {:?}", began.elapsed());
    let frames = sink.frames();
    camera.hang(false);
    assert_eq!(sink.frames(), frames, "no frame may come after the drop");
}

#[test]
fn a_server_that_never_answers_can_be_dropped_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/x", listener.local_addr().unwrap());
    let sink = Collector::new();
    let stream = open(&spec(&url, Transport::Tcp), &sink);
    // The connection is there, and nothing will ever be said.
    let (_connection, _) = listener.accept().unwrap();
    let began = Instant::now();
    drop(stream);
    assert!(began.elapsed() < Duration::from_secs(2), "the drop took {:?}", began.elapsed());
}

#[test]
fn wrong_addresses_are_told_in_words() {
    let camera = RtspSimulator::start(shared("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    let wait_for = |url: &str| -> MediaError {
        let sink = Collector::new();
        let _stream = open(&spec(url, Transport::Tcp), &sink);
        sink.wait_failure(20)
    };
    let wrong_path = wait_for(&camera.url().replace("/stream", "/none?token=canary"));
    assert_eq!(wrong_path.code, "not_found", "{wrong_path:?}");
    assert!(wrong_path.text.contains("/none") && !wrong_path.text.contains("canary"), "{wrong_path}");
    let unknown = wait_for("rtsp://no-such-host.invalid/x");
    assert!(unknown.code == "unreachable" && unknown.text.contains("does not resolve"), "{unknown:?}");
    let malformed = refused(&spec("rtsp://canary:canary@cam/x", Transport::Tcp));
    assert!(!malformed.text.contains("canary"), "{malformed}");
}
