//! `rtsp://` and `rtsps://`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use gstreamer as gst;
use gstreamer::{glib, prelude::*};
use parapet_contracts::{
    camera::{SourceSpec, Transport},
    ports::media::MediaError,
    stats::DropReason,
};

use super::{decode_first_video, fail, make, tail};
use crate::{
    capture_time::{self, Report},
    decoder, errors,
    flow::Flow,
    packet_loss,
    stream::Build,
};

/// Microseconds without an answer after which a connection attempt ends.
const CONNECT_TIMEOUT: u64 = 5_000_000;

/// How each encoding of RTP is unpacked: encoding name, depayloader, parser, caps.
const ENCODINGS: [(&str, &str, Option<&str>, &str); 6] = [
    ("H264", "rtph264depay", Some("h264parse"), "video/x-h264"),
    ("H265", "rtph265depay", Some("h265parse"), "video/x-h265"),
    ("JPEG", "rtpjpegdepay", None, "image/jpeg"),
    ("VP8", "rtpvp8depay", None, "video/x-vp8"),
    ("VP9", "rtpvp9depay", None, "video/x-vp9"),
    ("MP4V-ES", "rtpmp4vdepay", Some("mpeg4videoparse"), "video/mpeg,mpegversion=4,systemstream=false"),
];

/// Packed with lengths, H.264 and H.265 fail for good at the first damaged length; with start codes a parser finds its way.
const BYTE_STREAM: [&str; 2] =
    ["video/x-h264,stream-format=byte-stream,alignment=au", "video/x-h265,stream-format=byte-stream,alignment=au"];

/// A pipeline that plays the address.
pub(crate) fn build(spec: &SourceSpec, url: &str) -> Build {
    let (url, spec) = (url.to_owned(), spec.clone());
    Box::new(move |flow| {
        let pipeline = gst::Pipeline::new();
        let source = make("rtspsrc")?;
        source.set_property("location", &url);
        source.set_property("latency", u32::try_from(spec.latency.as_millis()).unwrap_or(u32::MAX));
        source.set_property("tcp-timeout", CONNECT_TIMEOUT);
        source.set_property("user-agent", concat!("Parapet/", env!("CARGO_PKG_VERSION")));
        source.set_property_from_str(
            "protocols",
            match spec.transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
            },
        );
        if source.find_property("add-reference-timestamp-meta").is_some() {
            source.set_property("add-reference-timestamp-meta", true);
        }
        if let Some(credentials) = &spec.credentials {
            source.set_property("user-id", credentials.username.expose());
            source.set_property("user-pw", credentials.password.expose());
        }
        pipeline.add(&source).map_err(|error| errors::retry("internal", error.to_string()))?;
        let (end, _) = tail::add(&pipeline, flow, false)?;
        choose_stream(&source);
        let refused = Arc::clone(flow);
        source.connect("accept-certificate", false, move |_| {
            // Without this, all that is heard of it is a "generic error".
            refused.fail(errors::reject(
                "unreachable",
                format!(
                    "{}: the certificate of the camera is not trusted: add the authority that signed it to this machine's trust store, and check the certificate's name and date",
                    refused.context.shown
                ),
            ));
            Some(false.to_value())
        });
        let (flow, weak) = (Arc::clone(flow), pipeline.downgrade());
        source.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            if let Err(error) = unpack(&pipeline, pad, &end, &flow) {
                fail(&pipeline, &flow, MediaError { text: format!("{}: {}", flow.context.shown, error.text), ..error });
            }
        });
        Ok(pipeline)
    })
}

/// Only the first video stream is asked for: audio and metadata would cost bandwidth.
fn choose_stream(source: &gst::Element) {
    let chosen = AtomicBool::new(false);
    source.connect("select-stream", false, move |values| {
        let is_video = values
            .iter()
            .find_map(|value| value.get::<gst::Caps>().ok())
            .is_some_and(|caps| caps.structure(0).is_some_and(|s| s.get::<&str>("media") == Ok("video")));
        Some((is_video && !chosen.swap(true, Relaxed)).to_value())
    });
}

fn unpack(pipeline: &gst::Pipeline, pad: &gst::Pad, end: &gst::Element, flow: &Arc<Flow>) -> Result<(), MediaError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(structure) = caps.structure(0) else { return Ok(()) };
    if structure.get::<&str>("media") != Ok("video") {
        return Ok(());
    }
    learn_capture_time(pad, flow);
    packet_loss::count(pad, flow);
    let encoding = structure.get::<&str>("encoding-name").unwrap_or_default();
    let Some((_, depay, parse, decoded_caps)) = ENCODINGS.iter().find(|(name, ..)| *name == encoding) else {
        let parse = make("parsebin")?;
        decode_first_video(pipeline, &parse, end, flow);
        return link(pipeline, pad, &[&parse]);
    };
    let depay = make(depay)?;
    let mut elements = vec![depay];
    if let Some(parse) = parse {
        if let Some(form) = BYTE_STREAM.iter().find(|form| form.starts_with(decoded_caps)) {
            let filter = make("capsfilter")?;
            filter.set_property_from_str("caps", form);
            elements.push(filter);
        }
        elements.push(make(parse)?);
    }
    let elements: Vec<&gst::Element> = elements.iter().collect();
    count_dropped_by_parser(&elements, flow);
    let last = elements.last().and_then(|element| element.static_pad("src")).ok_or_else(unlinked)?;
    let caps: gst::Caps = decoded_caps.parse().map_err(|_: glib::BoolError| unlinked())?;
    pipeline.add_many(elements.iter().copied()).map_err(|_| unlinked())?;
    gst::Element::link_many(elements.iter().copied()).map_err(|_| unlinked())?;
    decoder::attach(pipeline, &last, &caps, end, flow)?;
    start(&elements, pad)
}

/// A parser drops frames until it has seen parameter sets, which come with a keyframe, and later such as are damaged.
fn count_dropped_by_parser(elements: &[&gst::Element], flow: &Arc<Flow>) {
    let [depay, .., parse] = elements else { return };
    let (Some(before), Some(after)) = (depay.static_pad("src"), parse.static_pad("src")) else { return };
    let waiting = Arc::new(AtomicU64::new(0));
    let came = Arc::clone(&waiting);
    before.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        came.fetch_add(1, Relaxed);
        gst::PadProbeReturn::Ok
    });
    let (flow, begun) = (Arc::clone(flow), AtomicBool::new(false));
    after.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let reason = if begun.swap(true, Relaxed) { DropReason::Corrupt } else { DropReason::AwaitingKeyframe };
        // The frame that comes through is the newest that came.
        flow.counters.dropped(reason, waiting.swap(0, Relaxed).saturating_sub(1));
        gst::PadProbeReturn::Ok
    });
}

fn link(pipeline: &gst::Pipeline, pad: &gst::Pad, elements: &[&gst::Element]) -> Result<(), MediaError> {
    pipeline.add_many(elements.iter().copied()).map_err(|_| unlinked())?;
    start(elements, pad)
}

/// Starts elements from the last to the first, then lets the stream in.
fn start(elements: &[&gst::Element], pad: &gst::Pad) -> Result<(), MediaError> {
    for element in elements.iter().rev() {
        element.sync_state_with_parent().map_err(|_| unlinked())?;
    }
    let sink = elements.first().and_then(|element| element.static_pad("sink")).ok_or_else(unlinked)?;
    pad.link(&sink).map(|_| ()).map_err(|_| unlinked())
}

fn unlinked() -> MediaError {
    errors::retry("internal", "the stream could not be linked to its decoder")
}

/// Sender reports tie the stream's timestamps to the camera's clock; GStreamer attaches what they say to each packet.
fn learn_capture_time(pad: &gst::Pad, flow: &Arc<Flow>) {
    let flow = Arc::clone(flow);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let told = info.buffer().and_then(|buffer| {
            let ntp = buffer
                .iter_meta::<gst::ReferenceTimestampMeta>()
                .find(|meta| meta.reference().structure(0).is_some_and(|s| s.name() == "timestamp/x-ntp"))?;
            Some((buffer.pts()?, ntp.timestamp()))
        });
        if let Some((pts, ntp)) = told
            && flow.capture.report(pts, ntp, capture_time::now()) == Report::Implausible
        {
            flow.warn(format!(
                "{}: the camera's clock is off by more than a day; capture times come from this machine's clock. Set the camera's time server",
                flow.context.shown
            ));
        }
        gst::PadProbeReturn::Ok
    });
}
