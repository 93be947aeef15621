//! Choosing a decoder, putting it into the pipeline, and counting what goes in and out.
//!
//! Hardware decoders come first, then by rank. Software decoders get one thread: a site has many cameras and few cores.
//! Frames before the first keyframe are dropped before they are decoded, for they would show grey; so are all others while nobody needs
//! more than keyframes.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};
use parapet_contracts::{ports::media::MediaError, stats::DropReason};
use parking_lot::Mutex;

use crate::{
    errors,
    flow::Flow,
    idling::{Idling, Step},
    overload::{Overload, Verdict},
    tap,
    timing::{Decoding, Timing},
};

/// So many frames without a keyframe, and the stream has none (it refreshes gradually): then it is decoded as it is.
const KEYFRAME_PATIENCE: u64 = 600;
/// A stream that is too fast stays so; its log should not be.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Decodes what comes out of `src` and hands it to `tail`; raw video goes there at once.
pub(crate) fn attach(
    pipeline: &gst::Pipeline,
    src: &gst::Pad,
    caps: &gst::Caps,
    tail: &gst::Element,
    flow: &Arc<Flow>,
) -> Result<(), MediaError> {
    let sink = tail.static_pad("sink").ok_or_else(|| internal("the end of the pipeline takes nothing"))?;
    if caps.structure(0).is_some_and(|s| s.name() == "video/x-raw") {
        src.link(&sink).map_err(|_| internal("raw video could not be linked"))?;
        return Ok(());
    }
    let codec = codec_name(caps);
    let hardware = flow.allow_hardware.load(Relaxed);
    for factory in candidates(caps, hardware) {
        let Some(decoder) = ready(&factory) else {
            tracing::debug!(decoder = %factory.name(), "this decoder does not start; trying the next one");
            continue;
        };
        if pipeline.add(&decoder).is_err() {
            continue;
        }
        let linked = decoder.static_pad("src").zip(decoder.static_pad("sink")).is_some_and(|(decoded, encoded)| {
            tap::watch(&encoded, flow);
            watch(&encoded, &decoded, flow);
            decoded.link(&sink).is_ok() && src.link(&encoded).is_ok() && decoder.sync_state_with_parent().is_ok()
        });
        if linked {
            // A decoder of single pictures gives them one by one, on the thread that feeds it.
            flow.numbered_early.store(codec == "JPEG" && !is_hardware(&factory), Relaxed);
            flow.set_decoding(Decoding {
                codec,
                decoder: factory.name().to_string(),
                hardware: is_hardware(&factory),
                memory: "SystemMemory".into(),
            });
            return Ok(());
        }
        discard(pipeline, &decoder);
    }
    Err(errors::missing_decoder(&codec, caps.structure(0).map_or("", |s| s.name().as_str())))
}

/// Decoders that take these caps, best first.
fn candidates(caps: &gst::Caps, hardware: bool) -> Vec<gst::ElementFactory> {
    let kind =
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO | gst::ElementFactoryType::MEDIA_IMAGE;
    let mut found: Vec<_> = gst::ElementFactory::factories_with_type(kind, gst::Rank::MARGINAL)
        .iter()
        .filter(|factory| factory.can_sink_any_caps(caps) && (hardware || !is_hardware(factory)))
        .cloned()
        .collect();
    found.sort_by_key(|factory| (!is_hardware(factory), std::cmp::Reverse(factory.rank())));
    found
}

fn is_hardware(factory: &gst::ElementFactory) -> bool {
    factory.has_type(gst::ElementFactoryType::HARDWARE)
        || factory.metadata("klass").is_some_and(|klass| klass.contains("Hardware"))
}

/// Makes a decoder and opens its device, if it has one.
fn ready(factory: &gst::ElementFactory) -> Option<gst::Element> {
    let decoder = factory.create().build().ok()?;
    for (property, value) in [("max-threads", "1"), ("max-errors", "-1"), ("qos", "false"), ("output-corrupt", "true")]
    {
        if decoder.find_property(property).is_some() {
            decoder.set_property_from_str(property, value);
        }
    }
    if decoder.set_state(gst::State::Ready).is_ok() {
        return Some(decoder);
    }
    discard_state(&decoder);
    None
}

fn discard(pipeline: &gst::Pipeline, decoder: &gst::Element) {
    discard_state(decoder);
    if pipeline.remove(decoder).is_err() {
        tracing::debug!("a decoder that is not used could not be removed");
    }
}

fn discard_state(decoder: &gst::Element) {
    if decoder.set_state(gst::State::Null).is_err() {
        tracing::debug!("a decoder that is not used could not be stopped");
    }
}

/// Counts bytes and time around a decoder, and drops what can't be decoded well.
fn watch(encoded: &gst::Pad, decoded: &gst::Pad, flow: &Arc<Flow>) {
    let before = Arc::clone(flow);
    let awaiting = Mutex::new(Awaiting::default());
    encoded.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer_mut() else { return gst::PadProbeReturn::Ok };
        before.counters.bytes(buffer.size());
        let wanted = awaiting.lock().admit(pad, buffer, &before);
        if !wanted || before.numbered_early.load(Relaxed) && !before.examined(pad, buffer) {
            return gst::PadProbeReturn::Handled;
        }
        before.timer.enter(buffer.pts().filter(|pts| running(pad, *pts).is_some()));
        gst::PadProbeReturn::Ok
    });
    let after = Arc::clone(flow);
    decoded.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let left = after.timer.leave(info.buffer().and_then(|buffer| buffer.pts()));
        if let Some(time) = left.took {
            after.counters.decoding_took(time);
        }
        after.counters.dropped(DropReason::Corrupt, left.lost);
        gst::PadProbeReturn::Ok
    });
    let end = Arc::clone(flow);
    decoded.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
            end.counters.dropped(DropReason::Corrupt, end.timer.end());
        }
        gst::PadProbeReturn::Ok
    });
}

/// What is dropped in front of the decoder.
#[derive(Default)]
struct Awaiting {
    keyframe_seen: bool,
    waited: u64,
    idling: Idling,
    overload: Overload,
    told: Option<Instant>,
}

impl Awaiting {
    fn admit(&mut self, pad: &gst::Pad, buffer: &gst::BufferRef, flow: &Flow) -> bool {
        let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        if !self.keyframe_seen {
            if !keyframe && self.waited < KEYFRAME_PATIENCE {
                self.waited += 1;
                flow.counters.dropped(DropReason::AwaitingKeyframe, 1);
                return false;
            }
            if !keyframe {
                flow.warn(format!(
                    "{}: no keyframe in {} frames; decoding without one",
                    flow.context.shown, self.waited
                ));
            }
            self.keyframe_seen = true;
            self.idling.has_keyframes(keyframe);
        }
        match self.idling.judge(flow.keyframes_only.load(Relaxed), keyframe) {
            Step::Decode => {}
            Step::Skip { drain } => {
                if drain {
                    drain_decoder(pad);
                }
                flow.skipped(DropReason::Idle);
                return false;
            }
            Step::Await => {
                flow.skipped(DropReason::AwaitingKeyframe);
                return false;
            }
        }
        if flow.timing() != (Timing::Clocked { live: true }) {
            return true;
        }
        match self.overload.judge(behind(pad, buffer), keyframe) {
            Verdict::Decode => return true,
            // Every skip is counted, but told once a minute only.
            Verdict::Skip if self.told.is_none_or(|told| told.elapsed() > TELL_AGAIN) => {
                self.told = Some(Instant::now());
                flow.warn(format!(
                    "{}: its frames come faster than they are decoded; skipping to the next keyframe",
                    flow.context.shown
                ));
            }
            Verdict::Skip | Verdict::SkipOn => {}
        }
        flow.counters.dropped(DropReason::QueueFull, 1);
        false
    }
}

/// Makes the decoder give what it holds: a keyframe would wait inside for frames that are not coming. A decoder gives everything when
/// its stream begins anew, and nothing else changes when it is the same stream.
fn drain_decoder(pad: &gst::Pad) {
    let began = pad.sticky_event::<gst::event::StreamStart>(0);
    if !began.is_some_and(|began| pad.send_event(began)) {
        tracing::debug!("the decoder was not drained");
    }
}

/// How long ago this buffer's time was.
fn behind(pad: &gst::Pad, buffer: &gst::BufferRef) -> gst::ClockTime {
    let due = buffer.dts_or_pts().and_then(|at| running(pad, at));
    let now = pad.parent_element().and_then(|element| element.current_running_time());
    due.zip(now).map_or(gst::ClockTime::ZERO, |(due, now)| now.saturating_sub(due))
}

/// The running time of a timestamp; `None` for what lies outside of the part that is to be shown.
pub(crate) fn running(pad: &gst::Pad, at: gst::ClockTime) -> Option<gst::ClockTime> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    event.segment().downcast_ref::<gst::ClockTime>()?.to_running_time(at)
}

/// What people call the codec of these caps.
fn codec_name(caps: &gst::Caps) -> String {
    let Some(structure) = caps.structure(0) else { return "unknown".into() };
    match structure.name().as_str() {
        "video/x-h264" => "H.264".into(),
        "video/x-h265" => "H.265".into(),
        "image/jpeg" => "JPEG".into(),
        "video/x-vp8" => "VP8".into(),
        "video/x-vp9" => "VP9".into(),
        "video/x-av1" => "AV1".into(),
        "video/mpeg" => structure.get::<i32>("mpegversion").map_or("MPEG".into(), |version| format!("MPEG-{version}")),
        other => other.rsplit('/').next().unwrap_or(other).trim_start_matches("x-").to_uppercase(),
    }
}

fn internal(text: &str) -> MediaError {
    errors::retry("internal", text)
}
