//! One stream's life: a control thread that plays the pipeline, listens to its bus, and takes it down again.
//!
//! A recording that repeats gets a fresh pipeline each round: that works for every container and codec, and costs milliseconds.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};
use parapet_contracts::{
    ports::media::{Attention, MediaError, MediaEvent, MediaStats, MediaStream},
    stats::DropReason,
};
use parking_lot::Mutex;

use crate::{errors, flow::Flow};

/// How long dropping a stream may block.
const DROP_BOUND: Duration = Duration::from_millis(1800);
/// The control thread looks up this often when nothing happens.
const IDLE: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// Builds the pipeline of one round.
pub(crate) type Build = Box<dyn Fn(&Arc<Flow>) -> Result<gst::Pipeline, MediaError> + Send>;

/// How a stream goes on at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// It was a recording: tell its end.
    Tell,
    /// Begin again.
    Repeat,
    /// A live stream does not end; the server went away.
    Fail,
}

/// A stream that runs on a thread of its own.
pub(crate) struct Running {
    flow: Arc<Flow>,
    wake: Box<dyn Fn() + Send>,
    finished: Receiver<()>,
}

impl Running {
    /// Runs `work` on a thread of its own; `wake` must make it look at the gate, which is closed when it is to end.
    pub(crate) fn start(
        flow: Arc<Flow>,
        wake: Box<dyn Fn() + Send>,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<Self, MediaError> {
        let (done, finished) = mpsc::channel();
        thread::Builder::new()
            .name("media-control".into())
            .spawn(move || {
                work();
                drop(done);
            })
            .map_err(|error| errors::retry("internal", format!("no thread could be started: {error}")))?;
        Ok(Self { flow, wake, finished })
    }
}

impl MediaStream for Running {
    fn stats(&self) -> MediaStats {
        self.flow.counters.snapshot()
    }

    fn set_attention(&self, attention: Attention) {
        self.flow.keyframes_only.store(attention == Attention::Keyframes, Ordering::Relaxed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let deadline = Instant::now() + DROP_BOUND;
        let quiet = self.flow.gate.close(DROP_BOUND);
        (self.wake)();
        let left = deadline.saturating_duration_since(Instant::now());
        let torn_down = self.finished.recv_timeout(left) != Err(mpsc::RecvTimeoutError::Timeout);
        if !quiet || !torn_down {
            tracing::warn!(source = %self.flow.context.shown, "the stream is still being taken down; it goes on in the background");
        }
    }
}

/// Plays pipelines until the stream ends.
pub(crate) struct Player {
    flow: Arc<Flow>,
    build: Build,
    at_end: AtEnd,
    bus: Arc<Mutex<Option<gst::Bus>>>,
    missing: Option<String>,
    damage_told: bool,
}

/// How a round ended.
enum End {
    Eos,
    Error(MediaError),
    Closed,
}

impl Player {
    pub(crate) fn start(flow: Arc<Flow>, build: Build, at_end: AtEnd) -> Result<Running, MediaError> {
        // The first pipeline is built here, so that what can't even be tried is told by `open`.
        let pipeline = build(&flow)?;
        let bus = Arc::new(Mutex::new(pipeline.bus()));
        let wake = {
            let bus = Arc::clone(&bus);
            Box::new(move || {
                if let Some(bus) = bus.lock().as_ref()
                    && bus.post(gst::message::Application::new(gst::Structure::new_empty("stop"))).is_err()
                {
                    tracing::debug!("the pipeline was already being taken down");
                }
            })
        };
        let player = Self { flow: Arc::clone(&flow), build, at_end, bus, missing: None, damage_told: false };
        Running::start(flow, wake, move || player.run(pipeline))
    }

    fn run(mut self, first: gst::Pipeline) {
        let mut pipeline = first;
        let mut begun = false;
        loop {
            // An empty recording that repeats would spin.
            let brought_frames = self.flow.begin_round();
            if begun && !brought_frames {
                self.last(&pipeline, MediaEvent::Failed(self.no_frames()));
                return;
            }
            let end = self.play(&pipeline);
            let again = match end {
                End::Closed => false,
                End::Error(error) if self.flow.hardware_failed() => {
                    let decoder = self.flow.decoding().decoder;
                    self.flow.warn(format!("{}; going on without the hardware decoder {decoder}", error.text));
                    begun = false;
                    true
                }
                End::Error(error) => {
                    self.last(&pipeline, MediaEvent::Failed(error));
                    return;
                }
                End::Eos if self.at_end == AtEnd::Repeat => {
                    begun = true;
                    true
                }
                End::Eos => {
                    self.last(&pipeline, self.ended());
                    return;
                }
            };
            take_down(&pipeline);
            if !again || self.flow.gate.is_closed() {
                return;
            }
            match (self.build)(&self.flow) {
                Ok(next) => pipeline = next,
                Err(error) => {
                    self.flow.gate.last(MediaEvent::Failed(error));
                    return;
                }
            }
            *self.bus.lock() = pipeline.bus();
        }
    }

    /// The end is told before the pipeline is taken down, which may take a while when a server hangs.
    fn last(&self, pipeline: &gst::Pipeline, event: MediaEvent) {
        if let MediaEvent::Failed(error) = &event {
            tracing::debug!(source = %self.flow.context.shown, code = error.code, "{error}");
        }
        self.flow.gate.last(event);
        take_down(pipeline);
    }

    fn ended(&self) -> MediaEvent {
        if self.at_end == AtEnd::Fail {
            let text = format!("{}: the stream ended; the camera or its server went away", self.flow.context.shown);
            return MediaEvent::Failed(errors::retry("ended", text));
        }
        if self.flow.counters.frames() == 0 {
            return MediaEvent::Failed(self.no_frames());
        }
        MediaEvent::Ended
    }

    fn no_frames(&self) -> MediaError {
        errors::reject("no_video", format!("{} holds no picture that can be decoded", self.flow.context.shown))
    }

    fn play(&mut self, pipeline: &gst::Pipeline) -> End {
        let Some(bus) = pipeline.bus() else {
            return End::Error(errors::retry("internal", "a pipeline has no bus"));
        };
        let refused = pipeline.set_state(gst::State::Playing).is_err();
        loop {
            if self.flow.gate.is_closed() {
                return End::Closed;
            }
            // When the start was refused, its reason lies on the bus already.
            let wait = if refused { gst::ClockTime::ZERO } else { IDLE };
            let message = bus.timed_pop(wait);
            if let Some(error) = self.flow.failure() {
                return End::Error(error);
            }
            match message {
                Some(message) => {
                    if let Some(end) = self.heard(pipeline, &message) {
                        return end;
                    }
                }
                None if refused => {
                    let text = format!("{}: GStreamer does not start it and does not say why", self.flow.context.shown);
                    return End::Error(errors::retry("internal", text));
                }
                None if self.flow.counters.frames() == 0 && gave_up(pipeline) => return End::Error(self.no_frames()),
                None => {}
            }
        }
    }

    fn heard(&mut self, pipeline: &gst::Pipeline, message: &gst::Message) -> Option<End> {
        let context = &self.flow.context;
        match message.view() {
            gst::MessageView::Eos(_) => return Some(End::Eos),
            gst::MessageView::Error(error) if is_depayloader(error.src()) => {
                // A packet that can't be unpacked; the next one may.
                self.flow.counters.dropped(DropReason::Corrupt, 1);
                if !std::mem::replace(&mut self.damage_told, true) {
                    self.flow.warn(format!("{}: damaged packets arrive; they are dropped", context.shown));
                }
            }
            gst::MessageView::Error(error) => {
                let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
                return Some(End::Error(context.explain(&error.error(), &debug, self.missing.as_deref())));
            }
            gst::MessageView::Warning(warning) => {
                self.flow.warn(format!("{}: {}", context.shown, context.redact(warning.error().message())));
            }
            gst::MessageView::Element(element) => {
                self.missing = element
                    .structure()
                    .filter(|s| s.name() == "missing-plugin")
                    .and_then(|s| s.get::<String>("name").ok())
                    .or_else(|| self.missing.take());
            }
            gst::MessageView::StreamCollection(streams) if without_video(&streams.stream_collection()) => {
                let text = format!("{} holds no video", context.shown);
                return Some(End::Error(errors::reject("no_video", text)));
            }
            gst::MessageView::Latency(_) if pipeline.recalculate_latency().is_err() => {
                tracing::debug!(source = %context.shown, "the latency could not be computed");
            }
            gst::MessageView::ClockLost(_) => {
                let renewed =
                    pipeline.set_state(gst::State::Paused).and_then(|_| pipeline.set_state(gst::State::Playing));
                if renewed.is_err() {
                    return Some(End::Error(errors::retry(
                        "internal",
                        format!("{}: the pipeline lost its clock", context.shown),
                    )));
                }
            }
            _ => {}
        }
        None
    }
}

/// Whether a demuxer has found nothing and does not look any more. It says so by an error, which parsebin loses when it comes while parsebin is
/// still about to take the demuxer in.
fn gave_up(pipeline: &gst::Pipeline) -> bool {
    let mut elements = pipeline.iterate_recurse().into_iter().flatten();
    elements.any(|element| {
        let is_demuxer = element.factory().is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DEMUXER));
        let rests = |pad: &gst::Pad| pad.mode() == gst::PadMode::Pull && pad.task_state() != gst::TaskState::Started;
        is_demuxer && element.num_src_pads() == 0 && element.sink_pads().iter().any(rests)
    })
}

fn is_depayloader(element: Option<&gst::Object>) -> bool {
    let factory = element.and_then(|element| element.downcast_ref::<gst::Element>()).and_then(gst::Element::factory);
    factory.is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DEPAYLOADER))
}

/// True when all streams are known, and none of them is a video.
fn without_video(streams: &gst::StreamCollection) -> bool {
    let other = gst::StreamType::AUDIO | gst::StreamType::TEXT;
    !streams.is_empty()
        && streams.iter().all(|stream| !stream.stream_type().is_empty() && other.contains(stream.stream_type()))
}

fn take_down(pipeline: &gst::Pipeline) {
    if pipeline.set_state(gst::State::Null).is_err() {
        tracing::debug!("a pipeline did not stop cleanly");
    }
}
