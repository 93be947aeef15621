//! What the camera actor promises, with a fake source and paused time. Streams are closed on threads of their own, which live in real
//! time: those are waited for with `until`.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parapet_config::Camera;
use parapet_contracts::{
    CameraId, Clock, ErrorKind, ModelId, SiteId, Timestamp,
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaError, MediaEvent},
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    FakeMedia,
    wait::{PATIENCE, until, until_async},
};

use super::{CameraBoard, CameraParts, CameraState};
use crate::{
    bus::BusFeed,
    children,
    journal::Journal,
    model::{ModelPool, Terms},
};

/// A clock that follows tokio's paused time.
struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

struct Fixture {
    media: FakeMedia,
    board: Arc<CameraBoard>,
    journal: Journal,
    pool: Arc<ModelPool>,
    root: SupervisorHandle,
    clock: Arc<dyn Clock>,
}

fn live() -> Location {
    Location::Rtsp { url: "rtsp://camera/stream".to_owned() }
}

fn file(repeat: bool) -> Location {
    Location::File { path: "yard.mp4".into(), pace: Pace::RealTime, repeat }
}

async fn start(location: Location, enabled: bool) -> Fixture {
    let clock: Arc<dyn Clock> = Arc::new(PausedClock(tokio::time::Instant::now()));
    let (media, journal) = (FakeMedia::new(), Journal::new(Arc::clone(&clock)));
    let id = CameraId::new("gate").unwrap();
    let pool = ModelPool::new(ModelId::new("people").unwrap(), Arc::clone(&clock));
    let board = CameraBoard::new(id.clone(), Arc::clone(&clock));
    let config = Camera {
        id: id.clone(),
        name: "Gate".to_owned(),
        enabled,
        source: SourceSpec::new(location),
        stall_after: Duration::from_secs(4),
        priority: parapet_config::Priority::Normal,
        seen_within: None,
        models: vec![pool.model().clone()],
        zones: BTreeMap::new(),
        lines: BTreeMap::new(),
        place: None,
        link: None,
        sim: None,
        tags: Vec::new(),
    };
    let spec = children::camera(CameraParts {
        config: Arc::new(config),
        media: Arc::new(media.clone()),
        feeds: vec![pool.join(&id, Terms::default())],
        board: Arc::clone(&board),
        journal: journal.clone(),
        bus: BusFeed::new(SiteId::new("s").unwrap(), Arc::clone(&clock)),
        clock: Arc::clone(&clock),
    });
    let root = SupervisorSpec::new("cameras").child(spec).start().await.unwrap();
    Fixture { media, board, journal, pool, root, clock }
}

impl Fixture {
    async fn until(&self, what: &str, state: CameraState) {
        until_async(what, Duration::from_secs(60), || self.board.state() == state).await;
    }

    async fn opened(&self, times: usize) {
        until_async("the source is opened", Duration::from_secs(60), || self.media.opened() >= times).await;
    }

    async fn frame(&self, stream: usize) {
        self.media.frame(stream, self.clock.now());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<_> = self.journal.take_unwritten().into_iter().map(|r| r.kind).collect();
        kinds.sort_unstable();
        kinds
    }
}

fn refused() -> MediaError {
    MediaError { kind: ErrorKind::Retry, code: "unreachable", text: "nobody answers".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn frames_reach_the_models_and_the_camera_is_live() {
    let fixture = start(live(), true).await;
    fixture.opened(1).await;
    assert_eq!(fixture.board.state(), CameraState::Connecting);
    fixture.frame(0).await;
    fixture.until("live", CameraState::Live).await;
    assert_eq!(fixture.pool.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_falls_silent_is_opened_again_within_five_seconds() {
    let fixture = start(live(), true).await;
    fixture.opened(1).await;
    fixture.frame(0).await;
    fixture.until("live", CameraState::Live).await;
    let silent_since = tokio::time::Instant::now();
    fixture.until("the stall is noticed", CameraState::Waiting).await;
    assert!(silent_since.elapsed() <= Duration::from_secs(5), "{:?}", silent_since.elapsed());
    fixture.opened(2).await;
    until("the silent stream is closed", PATIENCE, || fixture.media.closed() == 1);
    assert_eq!(fixture.kinds(), ["stall"]);
    fixture.frame(1).await;
    fixture.until("live again", CameraState::Live).await;
    assert_eq!(fixture.board.status().reconnects, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_says_after_it_was_given_up_is_not_heard() {
    let fixture = start(live(), true).await;
    fixture.opened(1).await;
    fixture.frame(0).await;
    fixture.media.event(0, MediaEvent::Failed(refused()));
    fixture.opened(2).await;
    fixture.frame(1).await;
    fixture.until("live on the second stream", CameraState::Live).await;
    let frames = fixture.board.frames();
    fixture.frame(0).await;
    fixture.media.event(0, MediaEvent::Failed(refused()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((fixture.board.frames(), fixture.media.opened()), (frames, 2));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_but_a_camera_that_comes_back_is_seen_within_ten_seconds() {
    let fixture = start(live(), true).await;
    fixture.media.refuse(Some(refused()));
    fixture.opened(1).await;
    fixture.media.event(0, MediaEvent::Failed(refused()));
    fixture.opened(8).await;
    let record = fixture.journal.take_unwritten().into_iter().find(|r| r.kind == "unreachable").unwrap();
    assert!(record.count >= 7, "repeats are one record: {record:?}");
    assert!(record.text.contains("rtsp://camera/stream") && record.text.contains("nobody answers"), "{}", record.text);
    fixture.media.refuse(None);
    let back = tokio::time::Instant::now();
    let opened = fixture.media.opened();
    fixture.opened(opened + 1).await;
    fixture.frame(opened).await;
    fixture.until("live again", CameraState::Live).await;
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_file_is_an_end_and_that_of_a_live_source_a_failure() {
    let once = start(file(false), true).await;
    once.opened(1).await;
    once.frame(0).await;
    once.media.event(0, MediaEvent::Ended);
    once.until("ended", CameraState::Ended).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((once.media.opened(), once.kinds().len()), (1, 0));

    let live = start(live(), true).await;
    live.opened(1).await;
    live.frame(0).await;
    live.media.event(0, MediaEvent::Ended);
    live.opened(2).await;
    assert_eq!(live.kinds(), ["ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_camera_reads_nothing() {
    let fixture = start(live(), false).await;
    fixture.until("disabled", CameraState::Disabled).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(fixture.media.opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn stopping_releases_the_source() {
    let fixture = start(live(), true).await;
    fixture.opened(1).await;
    fixture.frame(0).await;
    fixture.until("live", CameraState::Live).await;
    assert!(fixture.root.shutdown(Duration::from_secs(10)).await.is_clean());
    assert_eq!(fixture.board.state(), CameraState::Stopped);
    until("the source is closed", PATIENCE, || fixture.media.closed() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_warnings_is_counted_and_bounded() {
    let fixture = start(live(), true).await;
    fixture.opened(1).await;
    fixture.frame(0).await;
    for n in 0..10_000 {
        fixture.media.event(0, MediaEvent::Warning(format!("odd {n}")));
    }
    until_async("the warnings that fit are told", Duration::from_secs(5), || fixture.journal.reported() == 8).await;
    assert_eq!(fixture.board.status().warnings, 10_000);
}
