//! Pictures and films that the benchmark shows.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use parapet_contracts::{
    Picture, PixelFormat,
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaEvent, MediaFrame, MediaPort, MediaSink},
};
use parapet_media_gstreamer::GstMedia;
use parapet_testkit::site::shared_data;

/// The first frame of a video, as the decoder gives it.
pub fn first_frame(video: &str) -> Picture {
    struct First(mpsc::SyncSender<Picture>);
    impl MediaSink for First {
        fn frame(&self, frame: MediaFrame) {
            // Those after the first don't fit, and nobody wants them.
            self.0.try_send(frame.picture).ok();
        }
        fn event(&self, _: MediaEvent) {}
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let location = Location::File { path: shared_data(video), pace: Pace::RealTime, repeat: false };
    let stream = GstMedia::new().unwrap().open(&SourceSpec::new(location), Arc::new(First(sender))).unwrap();
    let picture = receiver.recv_timeout(Duration::from_secs(20)).expect("the video has a frame");
    drop(stream);
    copy(&picture)
}

/// The same picture in memory of its own.
pub fn copy(picture: &Picture) -> Picture {
    part(picture, picture.width, picture.height)
}

/// The top left of a planar picture, in memory of its own.
pub fn part(picture: &Picture, width: u32, height: u32) -> Picture {
    assert_eq!(picture.format, PixelFormat::I420);
    let planes = (0..3).map(|plane| {
        let (data, stride) = picture.plane(plane);
        let (row, rows) = picture.format.plane_size(plane, width, height);
        let bytes: Vec<u8> = (0..rows).flat_map(|y| &data[y * stride..y * stride + row]).copied().collect();
        (bytes, row)
    });
    let planes = planes.collect();
    Picture::from_vecs(width, height, picture.format, picture.colorimetry, planes).unwrap()
}

/// How long a film of 30 frames a second is: the time of its last frame, and that frame's own.
pub fn seconds(film: &Path) -> f64 {
    struct Last(Mutex<f64>, mpsc::Sender<()>);
    impl MediaSink for Last {
        fn frame(&self, frame: MediaFrame) {
            *self.0.lock().unwrap() = frame.pts;
        }
        fn event(&self, event: MediaEvent) {
            if matches!(event, MediaEvent::Ended | MediaEvent::Failed(_)) {
                self.1.send(()).unwrap();
            }
        }
    }
    let (ended, end) = mpsc::channel();
    let last = Arc::new(Last(Mutex::default(), ended));
    let location = Location::File { path: film.to_owned(), pace: Pace::Fast, repeat: false };
    let stream = GstMedia::new().unwrap().open(&SourceSpec::new(location), Arc::clone(&last) as _).unwrap();
    end.recv_timeout(Duration::from_secs(120)).expect("the film ends");
    drop(stream);
    *last.0.lock().unwrap() + 1.0 / 30.0
}

/// A film at 30 frames a second in this size, made once from a shared video and kept in the cache.
pub fn film(width: u32, height: u32) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache/parapet");
    let cache = std::env::var_os("PARAPET_CACHE").map_or_else(home, PathBuf::from).join("clips");
    std::fs::create_dir_all(&cache).unwrap();
    let path = cache.join(format!("vehicles-{width}x{height}-30.mp4"));
    if path.exists() {
        return path;
    }
    let unfinished = path.with_extension("part");
    let size = format!("video/x-raw,width={width},height={height},framerate=30/1,pixel-aspect-ratio=1/1,format=I420");
    let bitrate = format!("bitrate={}", if height > 720 { 4000 } else { 700 });
    let source = format!("location={}", shared_data("videos/ahmetozlu_vehicle.mp4").display());
    let made = Command::new("gst-launch-1.0")
        .args([
            "-q",
            "filesrc",
            &source,
            "!",
            "decodebin",
            "!",
            "videoconvert",
            "!",
            "videoscale",
            "!",
            "videorate",
            "!",
        ])
        .args([&size, "!", "x264enc", &bitrate, "key-int-max=60", "speed-preset=veryfast", "!", "h264parse", "!"])
        .args(["mp4mux", "!", "filesink", &format!("location={}", unfinished.display())])
        .status()
        .expect("gst-launch-1.0");
    assert!(made.success(), "the film could not be made");
    std::fs::rename(unfinished, &path).unwrap();
    path
}
