//! What a camera tells of itself: written by its actor and by the decoder's threads, read by anyone, without a message.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parapet_contracts::{
    CameraId, Clock, Timestamp,
    ports::media::{Attention, MediaStats, StreamFormat},
    stats::DropReason,
    status::PictureFault,
};
use parking_lot::Mutex;
use serde::Serialize;

use super::watch::MotionStatus;

/// What a camera is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Its file says `enabled: false`.
    Disabled,
    /// The source is being opened, and no frame has come yet.
    Connecting,
    /// Frames come.
    Live,
    /// The source failed; it is opened again after a pause.
    Waiting,
    /// A file that does not repeat has come to its end.
    Ended,
    /// The actor has stopped.
    Stopped,
}

/// The counters and the state of one camera, shared.
pub struct CameraBoard {
    id: CameraId,
    clock: Arc<dyn Clock>,
    /// Monotonic nanoseconds at the last frame, plus one; 0 before the first.
    last_frame: AtomicU64,
    frames: AtomicU64,
    reconnects: AtomicU64,
    warnings: AtomicU64,
    /// Frames that were held back because nothing moved.
    still: AtomicU64,
    slow: Mutex<Slow>,
}

struct Slow {
    state: CameraState,
    since: Timestamp,
    format: Option<StreamFormat>,
    last_error: Option<String>,
    last_capture: Option<Timestamp>,
    motion: Option<MotionStatus>,
    attention: Attention,
    picture: Option<PictureFault>,
    /// Of the streams that were closed before the one that is open.
    past: MediaStats,
    open: MediaStats,
}

/// A snapshot for people and machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraStatus {
    /// The camera.
    pub camera: CameraId,
    /// What it is doing.
    pub state: CameraState,
    /// Since when.
    pub since: Timestamp,
    /// What was negotiated with the source.
    pub format: Option<StreamFormat>,
    /// Frames that came out of the decoder.
    pub frames_in: u64,
    /// Frames that were wanted.
    pub frames_wanted: u64,
    /// How motion is; absent when the camera's file does not ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion: Option<MotionStatus>,
    /// Which frames are decoded.
    pub attention: Attention,
    /// What is wrong with the picture; `null` when nothing is, or nothing is looked for.
    pub picture: Option<PictureFault>,
    /// Frames that were dropped before a model could want them, by reason.
    pub dropped: Vec<(DropReason, u64)>,
    /// Mean time to decode a frame, in milliseconds.
    pub decode_ms: f64,
    /// Bytes of the encoded stream.
    pub bytes_in: u64,
    /// Packets that were lost on the way from the camera.
    pub packets_lost: u64,
    /// How often the source was opened again.
    pub reconnects: u64,
    /// Oddities that the source told of and survived.
    pub warnings: u64,
    /// Seconds since the last frame.
    pub last_frame_age_s: Option<f64>,
    /// When the last frame was taken, by the stream's clock.
    pub last_capture: Option<Timestamp>,
    /// The last failure.
    pub last_error: Option<String>,
}

impl CameraBoard {
    /// A board for a camera whose actor has not started yet.
    pub fn new(id: CameraId, clock: Arc<dyn Clock>) -> Arc<Self> {
        let slow = Slow {
            state: CameraState::Stopped,
            since: clock.now(),
            format: None,
            last_error: None,
            last_capture: None,
            motion: None,
            attention: Attention::All,
            picture: None,
            past: MediaStats::default(),
            open: MediaStats::default(),
        };
        let (last_frame, frames, reconnects, warnings, still) = Default::default();
        Arc::new(Self { id, clock, last_frame, frames, reconnects, warnings, still, slow: Mutex::new(slow) })
    }

    /// The camera.
    pub fn id(&self) -> &CameraId {
        &self.id
    }

    /// Notes a frame; called on the decoder's thread.
    pub fn frame(&self, capture: Timestamp) {
        let now = u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX - 1);
        self.last_frame.store(now + 1, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.slow.lock().last_capture = Some(capture);
    }

    /// Time since the last frame; `None` before the first.
    pub fn last_frame_age(&self) -> Option<Duration> {
        match self.last_frame.load(Ordering::Relaxed) {
            0 => None,
            then => Some(self.clock.monotonic().saturating_sub(Duration::from_nanos(then - 1))),
        }
    }

    /// Frames that were handed on since the site started.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Notes what was seen in the frame that [`CameraBoard::frame`] told of, and whether the models get it.
    pub(super) fn saw(&self, motion: Option<MotionStatus>, wanted: bool) {
        if !wanted {
            self.still.fetch_add(1, Ordering::Relaxed);
        }
        if motion.is_some() {
            self.slow.lock().motion = motion;
        }
    }

    pub(super) fn set_attention(&self, attention: Attention) {
        self.slow.lock().attention = attention;
    }

    pub(super) fn set_picture(&self, picture: Option<PictureFault>) {
        self.slow.lock().picture = picture;
    }

    pub(super) fn warn(&self) {
        self.warnings.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns true when the state is a new one.
    pub(super) fn enter(&self, state: CameraState) -> bool {
        let mut slow = self.slow.lock();
        if slow.state == state {
            return false;
        }
        slow.state = state;
        slow.since = self.clock.now();
        true
    }

    pub(super) fn set_format(&self, format: StreamFormat) {
        self.slow.lock().format = Some(format);
    }

    pub(super) fn set_error(&self, text: String) {
        self.slow.lock().last_error = Some(text);
    }

    pub(super) fn set_open_stats(&self, stats: MediaStats) {
        self.slow.lock().open = stats;
    }

    /// The open stream was closed: what it counted stays.
    pub(super) fn stream_closed(&self) {
        let mut slow = self.slow.lock();
        let open = std::mem::take(&mut slow.open);
        slow.past = sum(&slow.past, &open);
    }

    pub(super) fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// What the camera is doing.
    pub fn state(&self) -> CameraState {
        self.slow.lock().state
    }

    /// A snapshot.
    pub fn status(&self) -> CameraStatus {
        let slow = self.slow.lock();
        let mut stats = sum(&slow.past, &slow.open);
        if slow.motion.is_some() {
            stats.dropped.push((DropReason::Still, self.still.load(Ordering::Relaxed)));
        }
        let decoded = stats.frames_in.max(1) as f64;
        CameraStatus {
            camera: self.id.clone(),
            state: slow.state,
            since: slow.since,
            format: slow.format.clone(),
            frames_in: stats.frames_in,
            frames_wanted: stats.frames_wanted,
            motion: slow.motion,
            attention: slow.attention,
            picture: slow.picture,
            dropped: stats.dropped,
            decode_ms: stats.decode_time.as_secs_f64() * 1e3 / decoded,
            bytes_in: stats.bytes_in,
            packets_lost: stats.packets_lost,
            reconnects: self.reconnects.load(Ordering::Relaxed),
            warnings: self.warnings.load(Ordering::Relaxed),
            last_frame_age_s: self.last_frame_age().map(|age| age.as_secs_f64()),
            last_capture: slow.last_capture,
            last_error: slow.last_error.clone(),
        }
    }
}

fn sum(a: &MediaStats, b: &MediaStats) -> MediaStats {
    let mut dropped = a.dropped.clone();
    for &(reason, count) in &b.dropped {
        match dropped.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += count,
            None => dropped.push((reason, count)),
        }
    }
    MediaStats {
        frames_in: a.frames_in + b.frames_in,
        frames_wanted: a.frames_wanted + b.frames_wanted,
        dropped,
        decode_time: a.decode_time + b.decode_time,
        bytes_in: a.bytes_in + b.bytes_in,
        packets_lost: a.packets_lost + b.packets_lost,
    }
}
