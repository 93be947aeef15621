//! The tape of one camera: takes its stream and hands on segments. It outlives streams and restarts of the camera's actor.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jiff::SignedDuration;
use parapet_config::{RecordConfig, RecordMode};
use parapet_contracts::{CameraId, Timestamp, ports::media::EncodedFrame};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    segmenter::{Cut, Segmenter, Sieve},
    tapes::Segments,
};

/// How the recording of a camera fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// Nothing is recorded, as the camera's file says.
    Off,
    /// Nothing was recorded lately: the camera sends nothing, or nothing moves.
    Idle,
    /// Segments are being written.
    Recording,
    /// The disk has too little room: nothing is recorded until there is more.
    DiskLow,
}

/// What a tape tells.
#[derive(Debug, Clone, Serialize)]
pub struct RecordingStatus {
    /// How it fares.
    pub state: RecordingState,
    /// Segments on the disk.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest begins.
    pub oldest: Option<Timestamp>,
    /// When the newest ends.
    pub newest: Option<Timestamp>,
    /// Segments that were dropped since the start, for whatever reason.
    pub dropped: u64,
    /// What last went wrong.
    pub last_error: Option<String>,
}

/// What is known of what a camera has on the disk.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) oldest: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    pub(super) dropped: u64,
    pub(super) last_error: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Tape {
    camera: CameraId,
    wanted: AtomicBool,
    inner: Mutex<Inner>,
    pub(super) shelf: Mutex<Shelf>,
    segments: Segments,
}

#[derive(Debug, Default)]
struct Inner {
    config: Option<RecordConfig>,
    segmenter: Segmenter,
    sieve: Sieve,
}

impl Tape {
    /// The tape of a camera that nobody wants yet.
    pub(super) fn new(camera: CameraId, segments: Segments) -> Arc<Self> {
        let (wanted, inner, shelf) = Default::default();
        Arc::new(Self { camera, wanted, inner, shelf, segments })
    }

    /// Whether the camera is recorded.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Takes what the camera's file says; what was gathered otherwise is handed on.
    pub(super) fn configure(&self, config: Option<RecordConfig>) {
        let mut inner = self.inner.lock();
        if inner.config == config {
            return;
        }
        let ended = inner.end();
        inner.sieve.clear();
        self.wanted.store(config.as_ref().is_some_and(|config| config.mode != RecordMode::Off), Ordering::Relaxed);
        inner.config = config;
        drop(inner);
        self.hand_on(ended);
    }

    /// What the camera's file says.
    pub(super) fn config(&self) -> Option<RecordConfig> {
        self.inner.lock().config
    }

    /// Takes a frame; called on the stream's thread.
    pub fn put(&self, frame: EncodedFrame) {
        let (cut, left, bytes) = {
            let mut inner = self.inner.lock();
            let Some(RecordConfig { segment, after, mode, .. }) = inner.config else { return };
            let (cut, left) = inner.segmenter.put(frame, span(segment));
            let cut =
                cut.and_then(
                    |cut| if mode == RecordMode::Motion { inner.sieve.sift(cut, span(after)) } else { Some(cut) },
                );
            (cut, left, inner.segmenter.bytes() + inner.sieve.bytes())
        };
        metrics::gauge!("parapet_recording_held_bytes", "camera" => self.camera.to_string()).set(bytes as f64);
        if let Some(left) = left {
            metrics::counter!("parapet_recording_frames_dropped_total", "camera" => self.camera.to_string(), "reason" => left.as_str())
                .increment(1);
        }
        self.hand_on(cut);
    }

    /// Something moved.
    pub fn moved(&self, at: Timestamp) {
        let cut = {
            let mut inner = self.inner.lock();
            let Some(RecordConfig { mode: RecordMode::Motion, before, .. }) = inner.config else { return };
            inner.sieve.moved(at, span(before))
        };
        self.hand_on(cut);
    }

    /// The stream has ended: what it brought is a segment.
    pub fn end(&self) {
        let cut = self.inner.lock().end();
        self.hand_on(cut);
    }

    fn hand_on(&self, cut: Option<Cut>) {
        if let Some(cut) = cut
            && let Err(reason) = self.segments.hand_on(&self.camera, cut)
        {
            self.drop_segment(reason, None);
        }
    }

    /// A segment is not kept.
    pub(super) fn drop_segment(&self, reason: &'static str, error: Option<String>) {
        metrics::counter!("parapet_recording_dropped_total", "camera" => self.camera.to_string(), "reason" => reason)
            .increment(1);
        let mut shelf = self.shelf.lock();
        shelf.dropped += 1;
        shelf.last_error = error.or(shelf.last_error.take());
    }

    /// How it fares.
    pub fn status(&self, now: Timestamp, disk_low: bool) -> RecordingStatus {
        let config = self.config();
        let shelf = self.shelf.lock();
        // Two segments' time without one means that none is made.
        let lately = config.is_some_and(|config| {
            shelf.newest.is_some_and(|newest| {
                now.duration_since(newest) < span(config.segment) * 2 + SignedDuration::from_secs(10)
            })
        });
        let state = match config.map(|config| config.mode) {
            None | Some(RecordMode::Off) => RecordingState::Off,
            Some(_) if disk_low => RecordingState::DiskLow,
            Some(_) if lately => RecordingState::Recording,
            Some(_) => RecordingState::Idle,
        };
        RecordingStatus {
            state,
            segments: shelf.segments,
            bytes: shelf.bytes,
            oldest: shelf.oldest,
            newest: shelf.newest,
            dropped: shelf.dropped,
            last_error: shelf.last_error.clone(),
        }
    }
}

impl Inner {
    /// The segment that is open, when it is worth keeping.
    fn end(&mut self) -> Option<Cut> {
        let cut = self.segmenter.end()?;
        match self.config {
            Some(RecordConfig { mode: RecordMode::Motion, after, .. }) => self.sieve.sift(cut, span(after)),
            Some(RecordConfig { mode: RecordMode::Continuous, .. }) => Some(cut),
            _ => None,
        }
    }
}

fn span(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
