//! What tapes, recorder and archivist promise together, on fakes of the muxer and the folder.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use parapet_config::{RecordConfig, RecordMode, RecordingsConfig};
use parapet_contracts::{
    CameraId, Clock, ErrorKind, Hold, Selection, Timestamp,
    ports::{clip::Clip, evidence::EvidenceError, media::EncodedFrame, recording::RecordingPort as _},
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    MemoryClips, MemoryRecordings,
    wait::{PATIENCE, until_async},
};

use super::{Archivist, Recorder, RecordingState, Tape, Tapes};
use crate::{children, evidence::Holds, journal::Journal, worker::Body};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_392_000 + seconds).unwrap()
}

/// The time is a day after the first frames.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        at(86_400)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn config(mode: RecordMode) -> RecordConfig {
    let seconds = Duration::from_secs;
    RecordConfig {
        mode,
        keep_for: seconds(7 * 86_400),
        most: None,
        segment: seconds(10),
        before: seconds(5),
        after: seconds(5),
    }
}

struct Fixture {
    tapes: Arc<Tapes>,
    recordings: MemoryRecordings,
    journal: Journal,
    holds: Arc<Holds>,
    gate: CameraId,
    root: SupervisorHandle,
}

async fn start() -> Fixture {
    let (tapes, queue) = Tapes::new();
    let (recordings, journal) = (MemoryRecordings::default(), Journal::new(Arc::new(Later)));
    let recorder = Recorder {
        queue,
        tapes: Arc::clone(&tapes),
        clips: Arc::new(MemoryClips),
        recordings: Arc::new(recordings.clone()),
        journal: journal.clone(),
    };
    let spec = children::edge_worker("recorder", "recorder", move |heartbeat| {
        let recorder = recorder.clone();
        Body::task(move |stop| recorder.run(heartbeat, stop))
    });
    let root = SupervisorSpec::new("site").child(spec).start().await.unwrap();
    root.settled(PATIENCE).await.unwrap();
    Fixture { tapes, recordings, journal, holds: Arc::default(), gate: "gate".parse().unwrap(), root }
}

impl Fixture {
    fn tape(&self, config: RecordConfig) -> Arc<Tape> {
        let tape = self.tapes.of(&self.gate);
        tape.configure(Some(config));
        tape
    }

    async fn kept(&self, segments: usize) {
        until_async("the segments are written", PATIENCE, || self.recordings.names(&self.gate).len() == segments).await;
    }

    fn archivist(&self, min_free: u64) -> Archivist {
        Archivist::new(
            Arc::clone(&self.tapes),
            Arc::new(self.recordings.clone()),
            Arc::clone(&self.holds),
            RecordingsConfig { path: "r".into(), min_free },
            Duration::from_secs(1),
            self.journal.clone(),
            Arc::new(Later),
        )
    }

    /// Segments of 10 s and 100 bytes, one after the other.
    fn put(&self, count: i64) {
        for number in 0..count {
            let clip = Clip { media_type: "video/mp4", extension: "mp4", bytes: vec![0; 100] };
            self.recordings.keep(&self.gate, at(number * 10)..at(number * 10 + 10), &clip).unwrap();
        }
    }
}

/// A frame a second, a keyframe each two.
fn film(tape: &Tape, seconds: std::ops::Range<i64>) {
    for second in seconds {
        let pts = second * 1_000_000_000;
        tape.put(EncodedFrame {
            at: at(second),
            pts,
            dts: None,
            keyframe: second % 2 == 0,
            format: "h264".into(),
            bytes: vec![0; 100].into(),
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_recorded_and_the_last_seconds_too() {
    let site = start().await;
    let tape = site.tape(config(RecordMode::Continuous));
    assert!(tape.is_wanted());
    film(&tape, 0..35);
    site.kept(3).await;
    tape.end();
    site.kept(4).await;
    let day = site.recordings.days(&site.gate).unwrap()[0];
    let times: Vec<_> = site.recordings.day(&site.gate, day).unwrap().iter().map(|s| (s.from, s.until)).collect();
    assert_eq!(times, [(0, 9), (10, 19), (20, 29), (30, 34)].map(|(from, until)| (at(from), at(until))));
    let status = tape.status(at(36), false);
    assert_eq!((status.state, status.segments, status.newest), (RecordingState::Recording, 4, Some(at(34))));
    assert_eq!(tape.status(at(100), false).state, RecordingState::Idle);
    assert_eq!(tape.status(at(36), true).state, RecordingState::DiskLow);
    // What is under way when the site stops is kept as well.
    film(&tape, 36..40);
    site.root.shutdown(Duration::from_secs(10)).await;
    site.kept(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_moves_is_recorded() {
    let site = start().await;
    let tape = site.tape(config(RecordMode::Motion));
    film(&tape, 0..22);
    tape.moved(at(22));
    film(&tape, 22..61);
    tape.end();
    site.kept(2).await;
    let day = site.recordings.days(&site.gate).unwrap()[0];
    let kept: Vec<_> = site.recordings.day(&site.gate, day).unwrap().iter().map(|segment| segment.from).collect();
    assert_eq!(kept, [at(10), at(20)], "the one in which something moved, and the one just before");
    tape.configure(None);
    assert!(!tape.is_wanted());
    assert_eq!(tape.status(at(100), false).state, RecordingState::Off);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_refuses_is_told_and_counted() {
    let site = start().await;
    let tape = site.tape(config(RecordMode::Continuous));
    let full = EvidenceError { kind: ErrorKind::Retry, code: "full", text: "no space left".to_owned() };
    site.recordings.fail_with(Some(full));
    film(&tape, 0..11);
    until_async("it is told", PATIENCE, || site.journal.reported() == 1).await;
    let status = tape.status(at(11), false);
    assert_eq!((status.dropped, status.last_error.unwrap().contains("no space left")), (1, true));
    site.recordings.fail_with(None);
    film(&tape, 11..21);
    site.kept(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_go_by_age_and_size_unless_they_are_held() {
    let site = start().await;
    site.put(10);
    let day = RecordConfig { keep_for: Duration::from_secs(86_400 - 25), ..config(RecordMode::Continuous) };
    let tape = site.tape(day);
    site.archivist(0).look().unwrap();
    assert_eq!(site.recordings.names(&site.gate).len(), 8, "those that ended 25 s before a day ago");
    let first = site.recordings.day(&site.gate, site.recordings.days(&site.gate).unwrap()[0]).unwrap()[0].clone();
    let what =
        Selection { camera: Some(site.gate.clone()), from: Some(first.from), until: Some(first.until), alert: None };
    let hold = Hold { id: uuid::Uuid::nil(), what, at: at(0), by: None, note: "case 7".to_owned() };
    site.holds.set(vec![hold]);
    tape.configure(Some(RecordConfig { most: Some(300), ..day }));
    let archivist = site.archivist(0);
    for _ in 0..2 {
        archivist.look().unwrap();
        let names = site.recordings.names(&site.gate);
        assert_eq!((names.len(), &names[0]), (3, &first.name), "the held one counts, and stays");
    }
    let status = tape.status(at(0), false);
    assert_eq!((status.segments, status.bytes, status.oldest), (3, 300, Some(first.from)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_the_oldest_and_then_stops_recording_until_there_is_room() {
    let site = start().await;
    let tape = site.tape(config(RecordMode::Continuous));
    site.put(10);
    site.recordings.set_disk(1_100);
    let archivist = site.archivist(1 << 30);
    archivist.look().unwrap();
    // A fifth of the disk is 220 bytes, 100 were free.
    assert_eq!((site.recordings.names(&site.gate).len(), site.tapes.is_low()), (8, false));
    site.recordings.set_disk(10);
    archivist.look().unwrap();
    assert!(site.recordings.names(&site.gate).is_empty());
    archivist.look().unwrap();
    assert!(!site.tapes.is_low(), "nothing of ours is in the way any more");

    site.tapes.set_low(true);
    film(&tape, 0..11);
    until_async("it is counted", PATIENCE, || tape.status(at(0), true).dropped == 1).await;
    assert!(site.recordings.names(&site.gate).is_empty(), "nothing is written");
    archivist.look().unwrap();
    assert!(!site.tapes.is_low());
    film(&tape, 11..21);
    site.kept(1).await;
}
