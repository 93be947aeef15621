//! Sources that can't be read: what a user is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{fs, path::Path, sync::Arc, time::Instant};

use common::*;
use parapet_contracts::{
    ErrorKind,
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaEvent, MediaFrame, MediaPort, MediaSink},
    stats::DropReason,
};

/// Opens a file and gives the error, whether it comes at once or later.
fn error_of(path: &Path) -> parapet_contracts::ports::media::MediaError {
    let sink = Collector::new();
    match media().open(&file(path, Pace::Fast, false), Arc::clone(&sink) as Arc<dyn MediaSink>) {
        Err(error) => error,
        Ok(_stream) => sink.wait_failure(20),
    }
}

#[test]
fn a_missing_file_an_empty_one_and_a_folder_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = error_of(&folder.path().join("none.mp4"));
    assert!(missing.code == "not_found" && missing.text.contains("there is no file"), "{missing:?}");
    let empty = folder.path().join("empty.mp4");
    fs::write(&empty, b"").unwrap();
    let empty = error_of(&empty);
    assert!(empty.code == "no_video" && empty.text.contains("is empty"), "{empty:?}");
    let special = error_of(Path::new("/dev/zero"));
    assert!(special.code == "no_video" && special.text.contains("no regular file"), "{special:?}");
    let directory = error_of(folder.path());
    assert!(directory.code == "no_video" && directory.text.contains("folder"), "{directory:?}");
}

#[test]
fn what_is_no_video_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let noise: Vec<u8> = (0..40_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let head = fs::read(shared("videos/ahmetozlu_vehicle.mp4")).unwrap()[..64].to_vec();
    let sound = folder.path().join("sound.wav");
    launch(&format!("audiotestsrc num-buffers=50 ! audioconvert ! wavenc ! filesink location={}", sound.display()));
    for path in [
        write("text.mp4", &b"This is a text.\n".repeat(500)),
        write("noise.mp4", &noise),
        write("head.mp4", &head),
        sound,
    ] {
        let error = error_of(&path);
        assert_eq!(error.code, "no_video", "{}: {error:?}", path.display());
        assert_eq!(error.kind, ErrorKind::Reject);
        assert!(error.text.contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_repeating_source_without_pictures_fails_instead_of_spinning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.h264");
    let clip = clip(folder.path(), "clip.mp4", 30, 320, 180, 10);
    launch(&format!(
        "filesrc location={} ! qtdemux ! h264parse ! video/x-h264,stream-format=byte-stream ! filesink location={}",
        clip.display(),
        path.display()
    ));
    // The start codes stay, what they begin is noise.
    let mut bytes = fs::read(&path).unwrap();
    let codes: Vec<usize> = bytes.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(i, _)| i).collect();
    for (at, byte) in bytes.iter_mut().enumerate() {
        if !codes.iter().any(|code| (*code..code + 4).contains(&at)) {
            *byte = (at as u8).wrapping_mul(31) | 1;
        }
    }
    fs::write(&path, bytes).unwrap();
    let sink = Collector::new();
    let _stream = open(&file(&path, Pace::Fast, true), &sink);
    let error = sink.wait_failure(20);
    assert!(matches!(error.code, "no_video" | "decode"), "{error:?}");
}

#[test]
fn a_damaged_video_plays_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(shared("videos/ahmetozlu_vehicle.mp4")).unwrap();
    for seed in 0u32..6 {
        // One byte in 500 of the pictures' data; the tables at either end stay whole.
        let (from, to) = (20_000, bytes.len() - 20_000);
        for at in (from..to).step_by(500) {
            let offset = (at as u32 ^ seed).wrapping_mul(2_654_435_761) as usize % 500;
            bytes[at + offset.min(to - at - 1)] ^= 0x5a;
        }
        let path = folder.path().join(format!("damaged-{seed}.mp4"));
        fs::write(&path, &bytes).unwrap();
        let (sink, stream) = play(&path);
        let stats = stream.stats();
        assert!(sink.ended(), "{}", sink.words());
        assert!(stats.frames_in > 10 && stats.frames_in < 265, "{stats:?}");
        // Nothing is lost silently: each of the 265 frames was shown or is counted as damaged. Damage may split a frame in two.
        let told = stats.frames_wanted + dropped(stream.as_ref(), DropReason::Corrupt);
        assert!((265..290).contains(&told), "{stats:?}");
    }
}

#[test]
fn devices_and_patterns_that_are_not_there() {
    let missing = refused(&SourceSpec::new(Location::Device { path: "/dev/video-none".into() }));
    assert!(missing.code == "not_found" && missing.text.contains("plugged in"), "{missing:?}");
    let no_camera = refused(&SourceSpec::new(Location::Device { path: "/dev/null".into() }));
    assert!(no_camera.text.contains("/dev/null can't be opened as a camera"), "{no_camera:?}");
    let test = |pattern: &str, width, fps| {
        refused(&SourceSpec::new(Location::Test { pattern: pattern.into(), width, height: 100, fps }))
    };
    assert!(test("none", 100, 5.0).text.contains("smpte"), "{}", test("none", 100, 5.0));
    assert_eq!(test("ball", 0, 5.0).code, "unsupported");
    assert_eq!(test("ball", 100, 0.0).code, "unsupported");
}

/// Blocks in its first frame until it is told to go on.
struct Stuck(std::sync::Mutex<bool>, std::sync::Condvar, std::sync::Mutex<u32>);

impl MediaSink for Stuck {
    fn frame(&self, _: MediaFrame) {
        *self.2.lock().unwrap() += 1;
        let guard = self.0.lock().unwrap();
        drop(self.1.wait_while(guard, |free| !*free).unwrap());
    }
    fn event(&self, _: MediaEvent) {}
}

#[test]
fn a_sink_that_is_stuck_does_not_hold_up_the_drop() {
    let sink = Arc::new(Stuck(Default::default(), Default::default(), Default::default()));
    let spec = file(&shared("videos/ahmetozlu_vehicle.mp4"), Pace::Fast, false);
    let stream = media().open(&spec, Arc::clone(&sink) as Arc<dyn MediaSink>).unwrap();
    wait(10, || *sink.2.lock().unwrap() == 1, || "the first frame".into());
    let began = Instant::now();
    drop(stream);
    assert!(began.elapsed().as_secs_f64() < 2.2, "the drop took {:?}", began.elapsed());
    *sink.0.lock().unwrap() = true;
    sink.1.notify_all();
}

struct Panics;

impl MediaSink for Panics {
    fn frame(&self, frame: MediaFrame) {
        assert!(frame.index < 3, "a sink that panics, on purpose");
    }
    fn event(&self, _: MediaEvent) {}
}

#[test]
fn a_sink_that_panics_does_not_take_the_process_along() {
    let spec = file(&shared("videos/ahmetozlu_vehicle.mp4"), Pace::Fast, false);
    let stream = media().open(&spec, Arc::new(Panics)).unwrap();
    wait(10, || stream.stats().frames_wanted == 4, || format!("four frames: {:?}", stream.stats()));
    drop(stream);
}
