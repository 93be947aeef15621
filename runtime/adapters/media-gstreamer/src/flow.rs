//! What one stream knows while it runs: every decoded frame passes through here on its way to the sink.
//!
//! Frames are counted and numbered where they leave the decoder, dropped there when they are damaged or too many, and
//! only then converted (if at all), mapped, and handed over. Numbers and times go on when a recording begins again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use jiff::Timestamp;
use parapet_contracts::{
    CaptureTime, Picture,
    camera::SourceSpec,
    ports::media::{MediaError, MediaEvent, MediaFrame, StreamFormat},
    stats::DropReason,
};
use parking_lot::Mutex;

use crate::{
    capture_time::{self, CaptureClock},
    decode_timer::DecodeTimer,
    errors::Context,
    gate::Gate,
    picture::{self, Lent},
    rate::RateLimiter,
    stats::Counters,
    timing::{Decoding, Timing, invented_pts, nanoseconds},
};

struct Progress {
    timing: Timing,
    limiter: RateLimiter,
    /// The number of the next frame.
    next: u64,
    /// The number of the frame that is on its way from the decoder to the sink; both ends run on one thread.
    current: u64,
    /// Frames of this round, for recordings without timestamps.
    in_round: u64,
    /// Nanoseconds that earlier rounds of a repeated recording took.
    base: i64,
    first: Option<i64>,
    last: Option<i64>,
    gap: i64,
    mapped_as: Option<(gst::Caps, gst_video::VideoInfo)>,
    told: Option<StreamFormat>,
    decoding: Decoding,
}

/// Shared by the threads of one stream.
pub(crate) struct Flow {
    pub(crate) gate: Gate,
    pub(crate) counters: Counters,
    pub(crate) capture: CaptureClock,
    pub(crate) context: Context,
    pub(crate) timer: DecodeTimer,
    /// Frames are numbered, and dropped when they are too many, before they are decoded: each is a picture of its own.
    pub(crate) numbered_early: AtomicBool,
    /// Only keyframes are decoded.
    pub(crate) keyframes_only: AtomicBool,
    /// Hardware decoders are used until one failed on this stream.
    pub(crate) allow_hardware: AtomicBool,
    progress: Mutex<Progress>,
    failure: Mutex<Option<MediaError>>,
    lent: Arc<Lent>,
    opened: i64,
}

impl Flow {
    pub(crate) fn new(spec: &SourceSpec, context: Context, gate: Gate, timing: Timing) -> Self {
        let decoding =
            Decoding { codec: "raw".into(), decoder: "none".into(), hardware: false, memory: "SystemMemory".into() };
        Self {
            gate,
            counters: Counters::default(),
            capture: CaptureClock::default(),
            context,
            timer: DecodeTimer::default(),
            numbered_early: AtomicBool::new(false),
            keyframes_only: AtomicBool::new(false),
            allow_hardware: AtomicBool::new(true),
            progress: Mutex::new(Progress {
                timing,
                limiter: RateLimiter::new(spec.max_fps),
                next: 0,
                current: 0,
                in_round: 0,
                base: 0,
                first: None,
                last: None,
                gap: 0,
                mapped_as: None,
                told: None,
                decoding,
            }),
            failure: Mutex::default(),
            lent: Arc::default(),
            opened: capture_time::now(),
        }
    }

    /// A frame in the midst of the stream is not decoded: it has a number all the same.
    pub(crate) fn skipped(&self, reason: DropReason) {
        self.counters.dropped(reason, 1);
        self.progress.lock().next += 1;
    }

    /// A new round of the same stream begins; true when the last one brought frames.
    pub(crate) fn begin_round(&self) -> bool {
        let mut progress = self.progress.lock();
        if let Some(last) = progress.last.take() {
            progress.base = last + progress.gap.max(1_000_000);
        }
        self.capture.reset();
        self.timer.reset();
        std::mem::take(&mut progress.in_round) > 0
    }

    pub(crate) fn timing(&self) -> Timing {
        self.progress.lock().timing
    }

    pub(crate) fn set_timing(&self, timing: Timing) {
        self.progress.lock().timing = timing;
    }

    pub(crate) fn set_decoding(&self, decoding: Decoding) {
        self.progress.lock().decoding = decoding;
    }

    pub(crate) fn decoding(&self) -> Decoding {
        self.progress.lock().decoding.clone()
    }

    /// The control thread takes this up at its next message.
    pub(crate) fn fail(&self, error: MediaError) {
        self.failure.lock().get_or_insert(error);
    }

    pub(crate) fn failure(&self) -> Option<MediaError> {
        self.failure.lock().take()
    }

    pub(crate) fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        tracing::debug!(source = %self.context.shown, "{text}");
        self.gate.event(MediaEvent::Warning(text));
    }

    /// A decoded frame comes: numbers it, and says whether it is wanted.
    pub(crate) fn decoded(&self, pad: &gst::Pad, buffer: &mut gst::Buffer) -> bool {
        if !self.numbered_early.load(Relaxed) {
            return self.examined(pad, buffer);
        }
        let corrupt = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
        if corrupt {
            self.counters.dropped(DropReason::Corrupt, 1);
        }
        !corrupt
    }

    /// Numbers a frame and says whether it is wanted; a recording without timestamps gets them here.
    pub(crate) fn examined(&self, pad: &gst::Pad, buffer: &mut gst::Buffer) -> bool {
        self.counters.frame_in();
        let mut progress = self.progress.lock();
        let round = progress.in_round;
        progress.in_round += 1;
        if buffer.pts().is_none() {
            let pts = match progress.timing {
                Timing::Recorded | Timing::Clocked { live: false } => invented_pts(pad, round),
                _ => pad.parent_element().and_then(|element| element.current_running_time()),
            };
            buffer.make_mut().set_pts(pts);
        }
        let at = progress.base + buffer.pts().map_or(0, nanoseconds);
        let corrupt = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
        self.number(&mut progress, at, corrupt)
    }

    /// As [`Flow::decoded`] for pictures that no pipeline decoded; `at` is nanoseconds since the start of this round.
    pub(crate) fn numbered(&self, at: i64) -> Option<u64> {
        self.counters.frame_in();
        let mut progress = self.progress.lock();
        progress.in_round += 1;
        let at = progress.base + at;
        self.number(&mut progress, at, false).then_some(progress.current)
    }

    fn number(&self, progress: &mut Progress, at: i64, corrupt: bool) -> bool {
        progress.current = progress.next;
        progress.next += 1;
        if corrupt {
            self.counters.dropped(DropReason::Corrupt, 1);
            return false;
        }
        let wanted = progress.limiter.admit(at);
        if !wanted {
            self.counters.dropped(DropReason::RateLimit, 1);
        }
        wanted
    }

    /// Takes a frame from the end of the pipeline to the sink.
    pub(crate) fn deliver(
        &self,
        sink: &gst_app::AppSink,
        sample: &gst::Sample,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let now = capture_time::now();
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps_owned()) else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let pts = buffer.pts();
        let running = pts.and_then(|pts| {
            sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>()?.to_running_time(pts))
        });
        let (info, index, decoding) = {
            let mut progress = self.progress.lock();
            if progress.mapped_as.as_ref().is_none_or(|(known, _)| *known != caps) {
                let info = gst_video::VideoInfo::from_caps(&caps).map_err(|_| gst::FlowError::NotNegotiated)?;
                progress.mapped_as = Some((caps, info));
            }
            let Some((_, info)) = &progress.mapped_as else { return Err(gst::FlowError::NotNegotiated) };
            (info.clone(), progress.current, progress.decoding.clone())
        };
        self.tell_format(info.width(), info.height(), &decoding);
        let (seconds, capture) = self.time(sink, pts, running, now);
        match picture::map(buffer, &info, &self.lent, decoding.hardware) {
            Ok(picture) => self.hand_over(index, seconds, capture, picture),
            Err(why) => {
                self.counters.dropped(DropReason::Corrupt, 1);
                self.warn(format!("{}: frame {index} was dropped: {why}", self.context.shown));
            }
        }
        if self.gate.is_closed() { Err(gst::FlowError::Flushing) } else { Ok(gst::FlowSuccess::Ok) }
    }

    fn time(
        &self,
        sink: &gst_app::AppSink,
        pts: Option<gst::ClockTime>,
        running: Option<gst::ClockTime>,
        now: i64,
    ) -> (f64, CaptureTime) {
        let timing = self.timing();
        let at = running.map_or(0, nanoseconds);
        let seconds = self.seconds(at);
        let capture = match timing {
            Timing::Arrival => self.capture.at(None, None, now),
            Timing::Clocked { .. } => {
                // The clock says what the running time is now, so running time 0 was that long ago.
                self.capture.anchor(|| now - sink.current_running_time().map_or(at, nanoseconds));
                self.capture.at(pts, running, now)
            }
            Timing::Recorded => {
                // Never lock the progress inside of the clock: a new round locks them the other way round.
                let base = self.base();
                self.capture.anchor(|| self.opened + base);
                self.capture.at(None, running, now)
            }
        };
        (seconds, capture)
    }

    /// Presentation time since the start of the stream: of a recording its own, of a live stream since its first frame.
    pub(crate) fn seconds(&self, at: i64) -> f64 {
        let mut progress = self.progress.lock();
        let live = matches!(progress.timing, Timing::Clocked { live: true } | Timing::Arrival);
        let at = progress.base + at;
        if let Some(last) = progress.last.filter(|last| *last < at) {
            progress.gap = at - last;
        }
        progress.last = Some(at);
        let first = *progress.first.get_or_insert(at);
        (if live { at - first } else { at }) as f64 / 1e9
    }

    /// When a picture that no pipeline decoded counts as taken.
    pub(crate) fn captured(&self, at: i64, real_time: bool) -> CaptureTime {
        let now = capture_time::now();
        let base = self.progress.lock().base;
        self.capture.anchor(|| if real_time { now - at } else { self.opened + base });
        self.capture.at(None, u64::try_from(at).ok().map(gst::ClockTime::from_nseconds), now)
    }

    /// When a frame that is not decoded yet was taken: as [`Flow::deliver`] says it later.
    pub(crate) fn encoded_at(&self, pad: &gst::Pad, pts: gst::ClockTime, running: Option<gst::ClockTime>) -> Timestamp {
        let now = capture_time::now();
        let at = running.map_or(0, nanoseconds);
        match self.timing() {
            Timing::Arrival => self.capture.at(None, None, now).at,
            Timing::Clocked { .. } => {
                let clock = pad.parent_element().and_then(|element| element.current_running_time());
                self.capture.anchor(|| now - clock.map_or(at, nanoseconds));
                self.capture.at(Some(pts), running, now).at
            }
            Timing::Recorded => {
                let base = self.base();
                self.capture.anchor(|| self.opened + base);
                self.capture.at(None, running, now).at
            }
        }
    }

    /// Nanoseconds that earlier rounds of a repeated recording took.
    pub(crate) fn base(&self) -> i64 {
        self.progress.lock().base
    }

    /// Tells the format, the first time and whenever it changes.
    pub(crate) fn tell_format(&self, width: u32, height: u32, decoding: &Decoding) {
        let format = StreamFormat {
            width,
            height,
            codec: decoding.codec.clone(),
            decoder: decoding.decoder.clone(),
            hardware: decoding.hardware,
            memory: decoding.memory.clone(),
        };
        let mut progress = self.progress.lock();
        if progress.told.as_ref() != Some(&format) {
            progress.told = Some(format.clone());
            drop(progress);
            self.gate.event(MediaEvent::Format(format));
        }
    }

    /// Hands a frame to the sink, if that still wants any.
    pub(crate) fn hand_over(&self, index: u64, pts: f64, capture: CaptureTime, picture: Picture) {
        // Counted first: who sees the frame finds it in the counters.
        if !self.gate.is_closed() {
            self.counters.wanted();
            self.gate.frame(MediaFrame { index, pts, capture, picture });
        }
    }

    pub(crate) fn hardware_failed(&self) -> bool {
        self.decoding().hardware && self.counters.frames() == 0 && self.allow_hardware.swap(false, Relaxed)
    }
}
