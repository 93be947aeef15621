//! The tapes of all cameras, and the bounded way of their segments to the recorder.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parapet_config::SiteConfig;
use parapet_contracts::CameraId;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::{recorder::SegmentQueue, segmenter::Cut, tape::Tape};

/// Bytes of segments that wait to be written, of all cameras together; what does not fit is dropped.
pub const WAITING: usize = 128 << 20;
/// Segments that wait at most.
const CAPACITY: usize = 256;

/// A segment on its way; while it lives, its bytes count.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) camera: CameraId,
    pub(super) cut: Cut,
    _room: Room,
}

#[derive(Debug)]
struct Room(Arc<AtomicUsize>, usize);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

/// The way to the recorder; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    queue: mpsc::Sender<Waiting>,
    held: Arc<AtomicUsize>,
}

impl Segments {
    /// Hands a segment on, or says in a word why it can't. Never waits.
    pub(super) fn hand_on(&self, camera: &CameraId, cut: Cut) -> Result<(), &'static str> {
        let bytes = cut.bytes;
        let room = Room(Arc::clone(&self.held), bytes);
        if self.held.fetch_add(bytes, Ordering::AcqRel) + bytes > WAITING {
            return Err("busy");
        }
        self.queue.try_send(Waiting { camera: camera.clone(), cut, _room: room }).map_err(|_| "busy")
    }
}

/// See the module.
#[derive(Debug)]
pub struct Tapes {
    tapes: RwLock<HashMap<CameraId, Arc<Tape>>>,
    segments: Segments,
    low: AtomicBool,
}

impl Tapes {
    /// No tapes yet, and the queue that the recorder reads.
    pub fn new() -> (Arc<Self>, SegmentQueue) {
        let (queue, receiver) = mpsc::channel(CAPACITY);
        let segments = Segments { queue, held: Arc::default() };
        let (tapes, low) = Default::default();
        (Arc::new(Self { tapes, segments, low }), SegmentQueue::new(receiver))
    }

    /// The tape of a camera.
    pub fn of(&self, camera: &CameraId) -> Arc<Tape> {
        if let Some(tape) = self.tapes.read().get(camera) {
            return Arc::clone(tape);
        }
        let new = || Tape::new(camera.clone(), self.segments.clone());
        Arc::clone(self.tapes.write().entry(camera.clone()).or_insert_with(new))
    }

    /// Records as the cameras' files say. A camera that is gone is recorded no more; what there is of it stays for its time.
    pub fn configure(&self, config: &SiteConfig) {
        for (camera, tape) in self.tapes.read().iter() {
            if !config.cameras.contains_key(camera) {
                tape.configure(None);
            }
        }
        for camera in config.cameras.values() {
            self.of(&camera.id).configure(camera.record);
        }
    }

    /// The disk has too little room for recordings.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    pub(super) fn set_low(&self, low: bool) {
        self.low.store(low, Ordering::Relaxed);
        metrics::gauge!("parapet_recording_stopped_info").set(f64::from(u8::from(low)));
    }

    /// All streams have ended.
    pub(super) fn end(&self) {
        self.tapes.read().values().for_each(|tape| tape.end());
    }
}
