//! What the camera actor promises, with a fake source and paused time. Streams are closed on threads of their own, which live in real
//! time: those are waited for with `until`.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parapet_config::Camera;
use parapet_contracts::{
    CameraId, Clock, ErrorKind, ModelId, SiteId, Timestamp,
    camera::{Location, Pace, SourceSpec},
    ports::media::{Attention, MediaError, MediaEvent},
    stats::DropReason,
    status::{Health, PictureFault},
};
use parapet_supervision::{SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    FakeMedia,
    wait::{PATIENCE, until, until_async},
};
use parking_lot::Mutex;

use super::{CameraBoard, CameraParts, CameraState, Downstream, Role};
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
    statuses: Arc<Mutex<Vec<Told>>>,
}

/// A status, as the bus was told.
type Told = (Health, Option<PictureFault>);

/// The test says whether something is followed.
#[derive(Default)]
struct FakeDownstream {
    followed: AtomicBool,
}

impl Downstream for FakeDownstream {
    fn is_followed(&self, _: &CameraId) -> bool {
        self.followed.load(Ordering::SeqCst)
    }
}

fn live() -> Location {
    Location::Rtsp { url: "rtsp://camera/stream".to_owned() }
}

fn file(repeat: bool) -> Location {
    Location::File { path: "yard.mp4".into(), pace: Pace::RealTime, repeat }
}

async fn start(location: Location, enabled: bool) -> Fixture {
    start_with(location, enabled, |_| {}).await
}

async fn start_with(location: Location, enabled: bool, change: impl FnOnce(&mut Camera)) -> Fixture {
    let clock: Arc<dyn Clock> = Arc::new(PausedClock(tokio::time::Instant::now()));
    let (media, journal) = (FakeMedia::new(), Journal::new(Arc::clone(&clock)));
    let id = CameraId::new("gate").unwrap();
    let pool = ModelPool::new(ModelId::new("people").unwrap(), Arc::clone(&clock));
    let board = CameraBoard::new(id.clone(), Arc::clone(&clock));
    let mut config = Camera::new(id.clone(), SourceSpec::new(location));
    config.enabled = enabled;
    config.models = vec![pool.model().clone()];
    change(&mut config);
    let downstream = Arc::new(FakeDownstream::default());
    let bus = BusFeed::new(SiteId::new("s").unwrap(), Arc::clone(&clock));
    let statuses = Arc::<Mutex<Vec<Told>>>::default();
    let told = Arc::clone(&statuses);
    bus.on_status(move |status| told.lock().push((status.health, status.picture)));
    let spec = children::camera(CameraParts {
        config: Arc::new(config),
        role: Role::Watched { main: None },
        media: Arc::new(media.clone()),
        feeds: vec![pool.join(&id, Terms::default())],
        board: Arc::clone(&board),
        journal: journal.clone(),
        bus,
        last: Default::default(),
        ring: None,
        tape: None,
        downstream: downstream as _,
        clock: Arc::clone(&clock),
    });
    let root = SupervisorSpec::new("cameras").child(spec).start().await.unwrap();
    Fixture { media, board, journal, pool, root, clock, statuses }
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

/// A picture of blocks with a thing in it, and the noise of a sensor.
fn scene(number: u64, thing_at: Option<usize>) -> parapet_contracts::Picture {
    let pixel = |index: usize| {
        let (x, y) = (index % 160, index / 160);
        let thing = thing_at.is_some_and(|at| (at..at + 12).contains(&x) && (30..60).contains(&y));
        let noise = ((index as u64).wrapping_mul(2_654_435_761) ^ number.wrapping_mul(40_503)) % 3;
        if thing { 20 } else { 60 + ((x / 16 + 3 * (y / 10)) % 8 * 20) as u8 + noise as u8 }
    };
    let plane = (0..160 * 90).map(pixel).collect();
    let colours = parapet_contracts::picture::Colorimetry::BT601;
    parapet_contracts::Picture::from_vecs(160, 90, parapet_contracts::PixelFormat::Grey, colours, vec![(plane, 160)])
        .unwrap()
}

impl Fixture {
    /// Five frames a second, each of a picture; returns how many of them were offered to the model.
    async fn film(&self, seconds: u64, picture: impl Fn(u64) -> parapet_contracts::Picture) -> u64 {
        let offered = || self.pool.reports()[0].counters.offered();
        let before = offered();
        for number in 0..5 * seconds {
            self.media.picture(self.media.opened() - 1, self.clock.now(), picture(number));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        offered() - before
    }
}

#[tokio::test(start_paused = true)]
async fn while_nothing_moves_a_model_looks_now_and_then_and_what_is_held_back_is_counted() {
    let motion = |config: &mut Camera| config.motion = Some(parapet_config::MotionConfig::default());
    let fixture = start_with(live(), true, motion).await;
    fixture.opened(1).await;
    assert_eq!(fixture.film(35, |n| scene(n, None)).await, 4, "at once, and each ten seconds");
    let status = fixture.board.status();
    assert!(status.motion.is_some_and(|motion| !motion.open && motion.last.is_none()), "{status:?}");
    let held: u64 = status.dropped.iter().filter(|(reason, _)| *reason == DropReason::Still).map(|(_, n)| n).sum();
    assert_eq!(held, 5 * 35 - 4);
    assert!(fixture.film(5, |n| scene(n, Some(4 * n as usize))).await >= 23, "something moves");
    assert!(fixture.board.status().motion.is_some_and(|motion| motion.open && motion.last.is_some()));
}

#[tokio::test(start_paused = true)]
async fn an_idle_camera_decodes_keyframes_until_something_moves_and_is_not_taken_for_dead() {
    let idles = |config: &mut Camera| {
        config.motion = Some(parapet_config::MotionConfig::default());
        config.idle_keyframes = true;
    };
    let fixture = start_with(live(), true, idles).await;
    fixture.opened(1).await;
    fixture.film(12, |n| scene(n, None)).await;
    until_async("keyframes are enough", Duration::from_secs(9), || {
        fixture.media.attention().last() == Some(&Attention::Keyframes)
    })
    .await;
    assert_eq!(fixture.board.status().attention, Attention::Keyframes);
    // Keyframes come each eight seconds; in between there are bytes, and nothing is decoded.
    for number in 0..3 {
        for _ in 0..8 {
            fixture.media.bytes(1_000);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        fixture.media.picture(0, fixture.clock.now(), scene(number, None));
    }
    assert_eq!((fixture.board.state(), fixture.media.opened()), (CameraState::Live, 1));
    fixture.media.picture(0, fixture.clock.now(), scene(9, Some(60)));
    until_async("all frames are wanted again", Duration::from_secs(9), || {
        fixture.media.attention().last() == Some(&Attention::All)
    })
    .await;
    // Then the stream dies: no byte comes.
    fixture.until("the stall is noticed", CameraState::Waiting).await;
}

#[tokio::test(start_paused = true)]
async fn a_camera_whose_keyframes_are_too_rare_is_decoded_as_a_whole() {
    let idles = |config: &mut Camera| {
        config.motion = Some(parapet_config::MotionConfig::default());
        config.idle_keyframes = true;
    };
    let fixture = start_with(live(), true, idles).await;
    fixture.opened(1).await;
    fixture.film(12, |n| scene(n, None)).await;
    for _ in 0..14 {
        fixture.media.bytes(1_000);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(fixture.board.status().attention, Attention::All);
    assert_eq!(fixture.kinds(), ["keyframes"]);
    assert_eq!(fixture.media.opened(), 1, "the stream is not to blame");
}

#[tokio::test(start_paused = true)]
async fn a_covered_lens_degrades_the_camera_and_is_told() {
    let watched = |config: &mut Camera| config.picture_faults = PictureFault::ALL.into();
    let fixture = start_with(live(), true, watched).await;
    fixture.opened(1).await;
    fixture.film(20, |n| scene(n, None)).await;
    fixture.until("live", CameraState::Live).await;
    fixture.film(8, |n| parapet_testkit::media::plain(160, 90, 90 + (n % 2) as u8)).await;
    let told = fixture.statuses.lock().last().copied();
    assert_eq!(told, Some((Health::Degraded, Some(PictureFault::Covered))));
    assert_eq!(fixture.board.status().picture, Some(PictureFault::Covered));
    assert_eq!(fixture.kinds(), ["covered"]);
    // It fails meanwhile, and comes back: a stream that was cut does not make it honest.
    fixture.media.event(0, MediaEvent::Failed(refused()));
    fixture.opened(2).await;
    fixture.film(2, |n| parapet_testkit::media::plain(160, 90, 90 + (n % 2) as u8)).await;
    let told = fixture.statuses.lock().last().copied();
    assert_eq!(told, Some((Health::Degraded, Some(PictureFault::Covered))));
    fixture.film(12, |n| scene(n, None)).await;
    assert_eq!(fixture.statuses.lock().last().copied(), Some((Health::Online, None)));
}
