//! What the pool and the slots promise, with a fake engine.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parapet_config::{Isolation, Model, ModelIo, SlotConfig};
use parapet_contracts::{
    CameraId, CaptureTime, Clock, ErrorKind, Frame, ModelId, SiteId, SystemClock, TimeSource, Timestamp,
    ports::inference::Device,
};
use parapet_supervision::{NodeState, SupervisorHandle, SupervisorSpec};
use parapet_testkit::{
    MemoryStore,
    media::grey,
    wait::{PATIENCE, until_async},
};

use super::{
    Engine, EngineError, EngineFactory, ModelBoard, ModelPool, Profile, Seat, Seen, SlotParts, Terms, View, Work,
};
use crate::{bus::BusFeed, children, fanout::Fanout, journal::Journal, outboxes::Outboxes, store::StoreHandle};

fn camera(id: &str) -> CameraId {
    CameraId::new(id).unwrap()
}

pub(super) fn frame(camera: &CameraId, index: u64) -> Frame {
    let capture = CaptureTime { at: Timestamp::now(), source: TimeSource::Pts };
    let (decoded_at, still, focus, main) = Default::default();
    Frame { camera: camera.clone(), index, pts: 0.0, capture, decoded_at, still, focus, main, picture: grey(8, 8) }
}

fn pool() -> Arc<ModelPool> {
    ModelPool::new(ModelId::new("people").unwrap(), Arc::new(SystemClock::new()))
}

/// A slot's place, for a slot that looks at so many at once.
fn seat(pool: &Arc<ModelPool>, batch: usize) -> Seat {
    let profile = Profile::measure(batch, |_| Ok::<_, Infallible>(Duration::from_millis(1)));
    pool.seat("slot-0", profile.unwrap_or_else(|e| match e {}))
}

const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn the_newest_frame_wins_and_the_older_is_counted() {
    let (pool, gate) = (pool(), camera("gate"));
    let feed = pool.join(&gate, Terms::default());
    for index in 0..5 {
        feed.offer(frame(&gate, index));
    }
    assert_eq!(seat(&pool, 8).take(MOMENT)[0].frame.index, 4);
    assert!(seat(&pool, 8).take(MOMENT).is_empty(), "one frame a camera waits at most");
    let dropped: u64 = feed.counters().dropped().map(|(_, n)| n).sum();
    assert_eq!((feed.counters().offered(), feed.counters().taken(), dropped), (5, 1, 4));
}

#[test]
fn frames_that_are_due_together_are_taken_together() {
    let pool = pool();
    for id in ["a", "b", "c"] {
        pool.join(&camera(id), Terms::default()).offer(frame(&camera(id), 0));
    }
    assert_eq!(seat(&pool, 2).take(MOMENT).len(), 2, "no more than a batch");
    assert_eq!(seat(&pool, 2).take(MOMENT).len(), 1, "what is there goes, and nobody waits for a full batch");
}

#[test]
fn a_camera_that_was_never_served_is_not_starved_by_a_fast_one() {
    let (pool, fast, slow) = (pool(), camera("fast"), camera("slow"));
    let (fast_feed, slow_feed) = (pool.join(&fast, Terms::default()), pool.join(&slow, Terms::default()));
    let mut taken = BTreeMap::new();
    for index in 0..20 {
        fast_feed.offer(frame(&fast, index));
        slow_feed.offer(frame(&slow, index));
        *taken.entry(seat(&pool, 1).take(MOMENT).remove(0).frame.camera).or_insert(0) += 1;
    }
    assert_eq!(taken, BTreeMap::from([(fast, 10), (slow, 10)]));
}

#[test]
fn a_camera_that_left_is_forgotten_with_its_frame() {
    let (pool, gate) = (pool(), camera("gate"));
    let feed = pool.join(&gate, Terms::default());
    feed.offer(frame(&gate, 0));
    pool.leave(&gate);
    assert!(seat(&pool, 8).take(MOMENT).is_empty());
    feed.offer(frame(&gate, 1));
    assert_eq!(pool.waiting(), 0);
}

#[test]
fn a_closed_pool_sends_waiting_slots_home() {
    let pool = pool();
    let waiting = std::thread::spawn({
        let pool = Arc::clone(&pool);
        move || seat(&pool, 1).take(Duration::from_secs(60)).is_empty()
    });
    pool.close();
    assert!(waiting.join().unwrap());
}

/// Sees nothing, or hangs, panics or fails when it is told to.
#[derive(Clone, Default)]
struct Script(Arc<ScriptState>);

#[derive(Default)]
struct ScriptState {
    hang: AtomicBool,
    panic: AtomicBool,
    reject: AtomicBool,
    cannot_load: AtomicBool,
    loads: AtomicUsize,
    looks: AtomicUsize,
}

impl EngineFactory for Script {
    fn build(&self, _: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        if self.0.cannot_load.load(Ordering::SeqCst) {
            return Err(EngineError {
                kind: ErrorKind::Fatal,
                code: "corrupt",
                text: "people.onnx is no model".to_owned(),
            });
        }
        Ok(Box::new(self.clone()))
    }
}

impl Engine for Script {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        views.iter().map(|_| self.look_once()).collect()
    }

    fn description(&self) -> String {
        "scripted".to_owned()
    }
}

impl Script {
    fn look_once(&self) -> Result<Seen, EngineError> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        assert!(!self.0.panic.swap(false, Ordering::SeqCst), "a bug in the engine");
        if self.0.hang.swap(false, Ordering::SeqCst) {
            loop {
                std::thread::park();
            }
        }
        if self.0.reject.load(Ordering::SeqCst) {
            return Err(EngineError { kind: ErrorKind::Reject, code: "wrong_shape", text: "odd".to_owned() });
        }
        Ok(Seen::default())
    }
}

struct Fixture {
    script: Script,
    pool: Arc<ModelPool>,
    board: Arc<ModelBoard>,
    journal: Journal,
    root: SupervisorHandle,
}

async fn start(script: Script) -> Fixture {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let journal = Journal::new(Arc::clone(&clock));
    let site = SiteId::new("s").unwrap();
    let (store, _queue) = StoreHandle::new(Arc::new(MemoryStore::new()));
    let bus = BusFeed::new(site.clone(), Arc::clone(&clock));
    let fanout = Fanout::new(site, bus, store, Arc::new(Outboxes::default()), journal.clone());
    let pool = pool();
    let board = ModelBoard::new(Arc::clone(&pool), Arc::clone(&clock));
    let model = Arc::new(Model {
        id: ModelId::new("people").unwrap(),
        file: Some("people.onnx".into()),
        digest: None,
        io: ModelIo::default(),
        min_score: 0.25,
        min_score_by_label: BTreeMap::new(),
        nms_iou: 0.45,
        max_detections: 100,
        slots: vec![SlotConfig { device: Device::Cpu, fallback: None, threads: 1 }],
        max_fps: None,
        seen_within: Duration::from_millis(500),
        overload: None,
        track: true,
        after: None,
        shadow: None,
        canary: None,
        isolation: Isolation::default(),
        hung_after: Duration::from_millis(300),
    });
    let parts = SlotParts {
        model,
        work: Work::Frames(Arc::clone(&pool)),
        engines: Arc::new(script.clone()),
        fanout,
        board: Arc::clone(&board),
        journal: journal.clone(),
        clock,
        canary: None,
    };
    let root = SupervisorSpec::new("site").child(children::model(&parts, None, Vec::new())).start().await.unwrap();
    Fixture { script, pool, board, journal, root }
}

/// Offers frames until the engine has looked `more` times again.
async fn looked_again(fixture: &Fixture, more: usize) {
    let gate = camera("gate");
    let feed = fixture.pool.join(&gate, Terms::default());
    let goal = fixture.script.0.looks.load(Ordering::SeqCst) + more;
    until_async("the slot looks", PATIENCE, || {
        feed.offer(frame(&gate, 0));
        fixture.script.0.looks.load(Ordering::SeqCst) >= goal
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_hangs_is_replaced_and_the_frames_go_on() {
    let fixture = start(Script::default()).await;
    looked_again(&fixture, 1).await;
    fixture.script.0.hang.store(true, Ordering::SeqCst);
    looked_again(&fixture, 3).await;
    assert_eq!(fixture.script.0.loads.load(Ordering::SeqCst), 2);
    let tree = fixture.root.tree();
    let slot = tree.find("people/slot-0").unwrap();
    assert_eq!((slot.state, slot.restarts), (NodeState::Running, 1));
    assert_eq!(fixture.board.status().failures, 1, "the frame that it hung on is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_whose_engine_panics_starts_anew() {
    let fixture = start(Script::default()).await;
    fixture.script.0.panic.store(true, Ordering::SeqCst);
    looked_again(&fixture, 3).await;
    let error = fixture.root.tree().find("people/slot-0").unwrap().last_error.clone().unwrap();
    assert!(error.text.contains("a bug in the engine"), "{}", error.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_refused_is_counted_and_costs_nobody_else_anything() {
    let fixture = start(Script::default()).await;
    fixture.script.0.reject.store(true, Ordering::SeqCst);
    let feed = fixture.pool.join(&camera("gate"), Terms::default());
    until_async("three frames are refused", PATIENCE, || {
        feed.offer(frame(&camera("gate"), 0));
        fixture.board.status().failures >= 3
    })
    .await;
    fixture.script.0.reject.store(false, Ordering::SeqCst);
    looked_again(&fixture, 1).await;
    until_async("a frame is done", PATIENCE, || fixture.board.status().inferences > 0).await;
    let counters = &fixture.board.status().cameras[0];
    assert!(counters.failed >= 3 && counters.failed < counters.taken, "{counters:?}");
    assert!(
        fixture.journal.take_unwritten().iter().any(|r| r.actor == "models/people/slot-0" && r.kind == "wrong_shape")
    );
    assert_eq!(fixture.root.tree().find("people/slot-0").unwrap().restarts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_be_loaded_says_why_and_is_tried_again() {
    let script = Script::default();
    script.0.cannot_load.store(true, Ordering::SeqCst);
    let fixture = start(script).await;
    until_async("it was tried twice", PATIENCE, || fixture.script.0.loads.load(Ordering::SeqCst) >= 2).await;
    let error = fixture.root.tree().find("people/slot-0").unwrap().last_error.clone().unwrap();
    assert!(error.text.contains("people.onnx is no model"), "{}", error.text);
    fixture.script.0.cannot_load.store(false, Ordering::SeqCst);
    looked_again(&fixture, 1).await;
}
