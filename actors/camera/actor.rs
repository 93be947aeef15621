//! The camera actor: keeps one source open, for ever.
//!
//! It promises: nothing here blocks, opening and closing happen off-thread; a stream that fails, ends, or falls silent for
//! `stall_after` is closed and opened again after a pause that grows, with jitter; every such failure is in the journal; what a
//! stream says after it was given up is not heard; the device is released however the actor ends; what an idle camera does not decode
//! is decoded again as soon as something moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parapet_config::Camera;
use parapet_contracts::{
    Clock, ErrorKind,
    camera::SourceSpec,
    ports::media::{Attention, MediaError, MediaEvent, MediaPort, MediaStream},
    status::PictureFault,
};
use parapet_supervision::Backoff;
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::{
    CameraBoard, CameraState, Downstream, LastFrame, Role,
    patience::{Patience, Silence},
    sink::StreamSink,
    watch::Onlooker,
};
use crate::{bus::BusFeed, clip::CameraRing, journal::Journal, model::Feed, recording::Tape};

/// How often the watchdog looks.
const TICK: Duration = Duration::from_millis(250);
/// The first frame of a source may take this much longer than one between frames: connecting, and the wait for a keyframe.
const CONNECTING: Duration = Duration::from_secs(6);
/// A stream that lived this long was a good one: the next pause is the shortest again.
const PROVEN: Duration = Duration::from_secs(10);
/// A camera that comes back is seen again within the longest pause.
const PAUSES: Backoff =
    Backoff { initial: Duration::from_millis(500), max: Duration::from_secs(3), factor: 2.0, jitter: 0.25 };

/// The actor.
#[derive(Debug, Clone, Copy)]
pub struct CameraActor;

/// Everything that a camera needs.
#[derive(Clone)]
pub struct CameraParts {
    /// Its file.
    pub config: Arc<Camera>,
    /// Which of its streams.
    pub role: Role,
    /// Opens its source.
    pub media: Arc<dyn MediaPort>,
    /// The models that look at it.
    pub feeds: Vec<Feed>,
    /// Where it tells how it fares.
    pub board: Arc<CameraBoard>,
    /// Where its newest frame is found.
    pub last: LastFrame,
    /// Where its stream is kept for clips; `None` when another stream of the camera is.
    pub ring: Option<Arc<CameraRing>>,
    /// Where it is recorded: that of whichever stream has a ring, by what moves in the one that is watched.
    pub tape: Option<Arc<Tape>>,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells others how it is.
    pub bus: Arc<BusFeed>,
    /// Hears of it too, and knows what is followed.
    pub downstream: Arc<dyn Downstream>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl CameraParts {
    /// The stream that this actor keeps open.
    pub fn source(&self) -> &SourceSpec {
        if self.role.is_main() { &self.config.source } else { self.config.watched() }
    }

    /// The tape that this stream is recorded on.
    pub(super) fn taped(&self) -> Option<&Arc<Tape>> {
        self.tape.as_ref().filter(|_| self.ring.is_some())
    }
}

/// What a camera is told.
pub enum CameraMessage {
    /// The attempt to open the source is over.
    Opened {
        /// Which attempt.
        stream: u64,
        /// What came of it.
        result: Result<Box<dyn MediaStream>, MediaError>,
    },
    /// Something happened in a stream.
    Media {
        /// Which stream.
        stream: u64,
        /// What.
        event: MediaEvent,
    },
    /// Other frames are worth decoding now.
    Attention,
    /// Something is wrong with the picture, or nothing is any more.
    Picture {
        /// What.
        fault: Option<PictureFault>,
    },
    /// The watchdog looks.
    Tick,
    /// The pause is over.
    Retry {
        /// The stream whose failure led to the pause.
        after: u64,
    },
}

/// The actor's state.
pub struct CameraStateData {
    pub(super) parts: CameraParts,
    /// Counts attempts; the number of the stream that counts now.
    current: Arc<AtomicU64>,
    warnings: Arc<AtomicUsize>,
    onlooker: Arc<Mutex<Onlooker>>,
    /// Whether only keyframes are worth decoding: said by the decoder's thread, or here for a main stream.
    idle: Arc<AtomicBool>,
    patience: Patience,
    /// The keyframes of this camera are too far apart to live on them.
    never_idle: bool,
    pub(super) fault: Option<PictureFault>,
    open: Option<Guard>,
    phase: Phase,
    /// Failures since a stream last proved good.
    failures: u32,
    seed: u64,
}

/// What the watchdog has to know; times are the clock's monotonic ones.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    Opening { since: Duration, frames: u64 },
    Live { since: Duration },
    Pausing,
}

/// Closes its stream off-thread, wherever it is dropped.
struct Guard(Option<Box<dyn MediaStream>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            // A thread and not the runtime's pool: during a shutdown the pool takes no more work.
            let closing = std::thread::Builder::new().name("camera-close".into()).spawn(move || drop(stream));
            if let Err(error) = closing {
                tracing::error!(%error, "no thread to close a stream on: it was closed in place");
            }
        }
    }
}

impl Actor for CameraActor {
    type Msg = CameraMessage;
    type State = CameraStateData;
    type Arguments = CameraParts;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        parts: CameraParts,
    ) -> Result<Self::State, ActorProcessingErr> {
        fail::fail_point!("camera::start", |text| Err(text.unwrap_or_default().into()));
        let seed = parts
            .config
            .id
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let (onlooker, stall_after) = (Onlooker::new(&parts.config), parts.config.stall_after);
        let mut state = CameraStateData {
            parts,
            onlooker: Arc::new(Mutex::new(onlooker)),
            idle: Arc::default(),
            patience: Patience::new(stall_after),
            never_idle: false,
            fault: None,
            current: Arc::default(),
            warnings: Arc::default(),
            open: None,
            phase: Phase::Idle,
            failures: 0,
            seed,
        };
        if state.parts.config.enabled {
            state.connect(&myself);
            myself.send_after(TICK, || CameraMessage::Tick);
        } else {
            state.enter(CameraState::Disabled, None);
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        fail::fail_point!("camera::handle");
        let current = state.current.load(Ordering::Acquire);
        match message {
            CameraMessage::Opened { stream, result } if stream == current => match result {
                Ok(open) => {
                    state.open = Some(Guard(Some(open)));
                    state.attend();
                }
                Err(error) => state.fail(&myself, &error),
            },
            // The attempt was given up meanwhile: close what it opened, off-thread.
            CameraMessage::Opened { result, .. } => drop(result.map(|stream| Guard(Some(stream)))),
            CameraMessage::Media { stream, event } if stream == current => state.on_event(&myself, event),
            CameraMessage::Media { .. } => {}
            CameraMessage::Attention => state.attend(),
            CameraMessage::Picture { fault } => state.judge_picture(fault),
            CameraMessage::Tick => {
                state.watch(&myself);
                myself.send_after(TICK, || CameraMessage::Tick);
            }
            CameraMessage::Retry { after } if after == current && state.phase == Phase::Pausing => {
                state.parts.board.count_reconnect();
                metrics::counter!("parapet_camera_reconnects_total", "camera" => state.parts.config.id.to_string())
                    .increment(1);
                state.connect(&myself);
            }
            CameraMessage::Retry { .. } => {}
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.close();
        state.enter(CameraState::Stopped, Some("the site has stopped, or the camera was taken out of it".to_owned()));
        Ok(())
    }
}

impl CameraStateData {
    fn connect(&mut self, myself: &ActorRef<CameraMessage>) {
        let stream = self.current.fetch_add(1, Ordering::AcqRel) + 1;
        let parts = &self.parts;
        if let Some(ring) = &self.parts.ring {
            ring.clear();
        }
        let sink = Arc::new(StreamSink {
            stream,
            current: Arc::clone(&self.current),
            parts: parts.clone(),
            onlooker: Arc::clone(&self.onlooker),
            idle: Arc::clone(&self.idle),
            actor: myself.clone(),
            warnings: Arc::clone(&self.warnings),
        });
        self.phase = Phase::Opening { since: parts.clock.monotonic(), frames: parts.board.frames() };
        let (media, source, myself) = (Arc::clone(&parts.media), parts.source().clone(), myself.clone());
        tokio::task::spawn_blocking(move || {
            let result = media.open(&source, sink);
            if let Err(error) = myself.cast(CameraMessage::Opened { stream, result }) {
                tracing::debug!(%error, "the camera stopped while its source was being opened");
            }
        });
        if self.parts.board.state() != CameraState::Waiting {
            self.enter(CameraState::Connecting, None);
        }
    }

    /// Tells the open stream which frames are worth decoding.
    fn attend(&mut self) {
        let idle = self.idle.load(Ordering::Acquire) && !self.never_idle;
        let attention = if idle { Attention::Keyframes } else { Attention::All };
        self.patience.turn(attention, self.parts.clock.monotonic());
        self.parts.board.set_attention(attention);
        if let Some(Guard(Some(open))) = &self.open {
            open.set_attention(attention);
        }
    }

    /// A main stream is worth decoding while something is followed.
    fn follow(&mut self) {
        let idle = !self.parts.downstream.is_followed(&self.parts.config.id);
        if self.parts.role.is_main() && self.idle.swap(idle, Ordering::AcqRel) != idle {
            self.attend();
        }
    }

    fn on_event(&mut self, myself: &ActorRef<CameraMessage>, event: MediaEvent) {
        match event {
            MediaEvent::Format(format) => {
                let camera = &self.parts.config.id;
                tracing::info!(%camera, decoder = %format.decoder, codec = %format.codec, hardware = format.hardware,
                    memory = %format.memory, width = format.width, height = format.height, "negotiated");
                self.parts.board.set_format(format);
            }
            MediaEvent::Warning(text) => {
                self.warnings.fetch_sub(1, Ordering::Relaxed);
                self.report("warning", text);
            }
            MediaEvent::Ended if self.parts.source().is_live() => {
                let text = "the stream ended; it is opened again".to_owned();
                self.fail(myself, &MediaError { kind: ErrorKind::Retry, code: "ended", text });
            }
            MediaEvent::Ended => {
                self.close();
                self.phase = Phase::Idle;
                self.enter(CameraState::Ended, None);
            }
            MediaEvent::Failed(error) => self.fail(myself, &error),
        }
    }

    fn watch(&mut self, myself: &ActorRef<CameraMessage>) {
        let now = self.parts.clock.monotonic();
        if let Some(Guard(Some(open))) = &self.open {
            let stats = open.stats();
            self.patience.received(stats.bytes_in, now);
            self.parts.board.set_open_stats(stats);
        }
        self.follow();
        match self.phase {
            Phase::Opening { since, frames } => {
                if self.parts.board.frames() > frames {
                    self.phase = Phase::Live { since: now };
                    self.enter(CameraState::Live, None);
                } else if now.saturating_sub(since) > self.parts.config.stall_after.max(CONNECTING) {
                    self.stalled(myself, now.saturating_sub(since), "no first frame came within");
                }
            }
            Phase::Live { since } => {
                if now.saturating_sub(since) > PROVEN {
                    self.failures = 0;
                }
                let age = self.parts.board.last_frame_age().unwrap_or_default();
                match self.patience.judge(age, now) {
                    Silence::Fine => {}
                    Silence::Dead => self.stalled(myself, age, "no frame came for"),
                    Silence::KeyframesTooRare => {
                        self.never_idle = true;
                        self.attend();
                        let text = "its keyframes are too far apart to live on them while nothing moves: all frames are decoded; set the camera to a keyframe every few seconds";
                        self.report("keyframes", text.to_owned());
                        // The keyframe that is awaited now has as long as the first one of a stream.
                        self.phase = Phase::Opening { since: now, frames: self.parts.board.frames() };
                    }
                }
            }
            Phase::Idle | Phase::Pausing => {}
        }
    }

    fn stalled(&mut self, myself: &ActorRef<CameraMessage>, silent: Duration, what: &str) {
        let text = format!("{what} {:.1} s; the source is opened again", silent.as_secs_f64());
        self.fail(myself, &MediaError { kind: ErrorKind::Retry, code: "stall", text });
    }

    fn fail(&mut self, myself: &ActorRef<CameraMessage>, error: &MediaError) {
        self.close();
        self.phase = Phase::Pausing;
        let text = self.placed(&error.text);
        self.parts.board.set_error(text.clone());
        self.report(error.code, text.clone());
        self.enter(CameraState::Waiting, Some(text));
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (self.seed >> 11) as f64 / (1_u64 << 53) as f64;
        let pause = PAUSES.delay(self.failures, unit);
        self.failures = self.failures.saturating_add(1);
        let after = self.current.load(Ordering::Acquire);
        myself.send_after(pause, move || CameraMessage::Retry { after });
    }

    /// Gives the open stream up: from here on it is not heard any more.
    fn close(&mut self) {
        self.current.fetch_add(1, Ordering::AcqRel);
        if let Some(guard) = self.open.take() {
            if let Guard(Some(open)) = &guard {
                self.parts.board.set_open_stats(open.stats());
            }
            self.parts.board.stream_closed();
        }
        if let Some(tape) = self.parts.taped() {
            tape.end();
        }
        if let Role::Main(view) = &self.parts.role {
            view.clear();
        }
    }
}
