//! Streams that come and go leave nothing behind. One test, alone in its process, since it counts threads and files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{fs, sync::Arc};

use common::*;
use parapet_contracts::{
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaPort, MediaSink},
};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn streams_that_come_and_go_leave_nothing_behind() {
    let video = shared("videos/ahmetozlu_vehicle.mp4");
    let camera = RtspSimulator::start(video.clone(), &SimOptions::default()).unwrap();
    let rtsp = |url: &str| SourceSpec::new(Location::Rtsp { url: url.into() });
    let pattern = Location::Test { pattern: "ball".into(), width: 320, height: 240, fps: 25.0 };
    let kinds = [
        (file(&video, Pace::Fast, true), true),
        (file(&video, Pace::RealTime, true), true),
        (SourceSpec::new(pattern), true),
        (rtsp(camera.url()), true),
        (rtsp("rtsp://127.0.0.1:1/x"), false),
    ];
    let round = || {
        for (spec, plays) in &kinds {
            let sink = Collector::new();
            let stream = media().open(spec, Arc::clone(&sink) as Arc<dyn MediaSink>).unwrap();
            if *plays {
                sink.wait_frames(3, 20);
            }
            drop(stream);
        }
    };
    // What is made once (thread pools, type registrations) is made in the first rounds.
    for _ in 0..3 {
        round();
    }
    wait(10, || camera.clients() == 0, || format!("the simulated camera's {} clients to go", camera.clients()));
    let before = (threads(), descriptors());
    for _ in 0..10 {
        round();
    }
    // GStreamer's thread pools let idle threads go after a while.
    wait(
        40,
        || threads() <= before.0 + 4 && descriptors() <= before.1 + 4,
        || format!("threads and files to go back from {:?} to about {before:?}", (threads(), descriptors())),
    );
}
