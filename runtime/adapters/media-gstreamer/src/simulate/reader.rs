//! Encoded pictures out of a video file, in decoding order.

use std::{path::Path, time::Duration};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use parapet_contracts::{
    camera::{Location, Pace, SourceSpec},
    ports::media::MediaError,
};

use crate::{
    errors::{self, Context},
    pipeline::{chain, file, make},
};

/// A file on local storage that gives nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Codecs that a simulated camera sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
    Jpeg,
}

impl Codec {
    fn of(caps: &gst::CapsRef) -> Option<Self> {
        match caps.structure(0)?.name().as_str() {
            "video/x-h264" => Some(Self::H264),
            "video/x-h265" => Some(Self::H265),
            "image/jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }

    /// The parser that brings it into the form that is sent, and that form.
    fn parser(self) -> (&'static str, &'static str) {
        match self {
            Self::H264 => ("h264parse", "video/x-h264,stream-format=byte-stream,alignment=au"),
            Self::H265 => ("h265parse", "video/x-h265,stream-format=byte-stream,alignment=au"),
            Self::Jpeg => ("jpegparse", "image/jpeg"),
        }
    }
}

/// One encoded picture, with times in nanoseconds since the start of the file.
pub(crate) struct Unit {
    pub(crate) sample: gst::Sample,
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    /// Nanoseconds that it is shown; 0 when the file does not tell.
    pub(crate) duration: i64,
}

/// Reads a file once.
pub(crate) struct Reader {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    context: Context,
    last: i64,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, MediaError> {
        file::check(path)?;
        let location = Location::File { path: path.to_owned(), pace: Pace::Fast, repeat: false };
        let context = Context::new(&SourceSpec::new(location))?;
        let pipeline = gst::Pipeline::new();
        let source = make("filesrc")?;
        source.set_property("location", path);
        let parse = make("parsebin")?;
        let sink = gst_app::AppSink::builder().sync(false).max_buffers(8).enable_last_sample(false).build();
        chain(&pipeline, &[&source, &parse])?;
        pipeline.add(&sink).map_err(|error| errors::retry("internal", error.to_string()))?;
        let (weak, target) = (pipeline.downgrade(), sink.clone());
        parse.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            if target.static_pad("sink").is_some_and(|sink| !sink.is_linked())
                && let Err(error) = prepare(&pipeline, pad, &target)
            {
                tracing::debug!("a stream of the file could not be read: {error}");
            }
        });
        // Files with no video that can be sent never preroll; the wait for the first picture finds that out.
        pipeline
            .set_state(gst::State::Playing)
            .map_err(|_| errors::reject("no_video", format!("{} can't be read", context.shown)))?;
        Ok(Self { pipeline, sink, context, last: 0 })
    }

    /// The codec of the file; waits for its first picture.
    pub(crate) fn codec(path: &Path) -> Result<Codec, MediaError> {
        let mut reader = Self::open(path)?;
        let unit = reader.next()?;
        unit.and_then(|unit| Codec::of(unit.sample.caps()?)).ok_or_else(|| {
            errors::reject("no_video", format!("{} holds no H.264, H.265 or JPEG video", reader.context.shown))
        })
    }

    /// The next picture; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Unit>, MediaError> {
        let patience = gst::ClockTime::try_from(PATIENCE).unwrap_or(gst::ClockTime::SECOND);
        let Some(sample) = self.sink.try_pull_sample(patience) else {
            let failure = self.pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
            if let Some(gst::MessageView::Error(error)) = failure.as_ref().map(|message| message.view()) {
                let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
                return Err(self.context.explain(&error.error(), &debug, None));
            }
            if self.sink.is_eos() {
                return Ok(None);
            }
            let text = format!("{} holds no H.264, H.265 or JPEG video", self.context.shown);
            return Err(errors::reject("no_video", text));
        };
        let Some(buffer) = sample.buffer() else { return Ok(None) };
        let (pts, dts) = (buffer.pts(), buffer.dts());
        let raw = pts.or(dts);
        let running = raw.and_then(|at| {
            sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>()?.to_running_time(at))
        });
        let nanos = |time: gst::ClockTime| i64::try_from(time.nseconds()).unwrap_or(i64::MAX);
        // Bare pictures in a row have no times: 25 a second.
        let at = running.map_or(self.last + 40_000_000, nanos);
        self.last = at;
        let reorder = pts.zip(dts).map_or(0, |(pts, dts)| nanos(pts) - nanos(dts));
        let duration = buffer.duration().map_or(0, nanos);
        Ok(Some(Unit { pts: at, dts: at - reorder, duration, sample }))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::debug!("a reader did not stop cleanly");
        }
    }
}

/// Brings a stream of the file into the form that is sent.
fn prepare(pipeline: &gst::Pipeline, pad: &gst::Pad, sink: &gst_app::AppSink) -> Result<(), MediaError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(codec) = Codec::of(&caps) else { return Ok(()) };
    let internal = |what: &str| errors::retry("internal", what.to_owned());
    let (parser, form) = codec.parser();
    let parse = make(parser)?;
    if parse.find_property("config-interval").is_some() {
        // Parameter sets go with every keyframe, so that the size may change from file to file.
        parse.set_property_from_str("config-interval", "-1");
    }
    let filter = make("capsfilter")?;
    filter.set_property_from_str("caps", form);
    chain(pipeline, &[&parse, &filter])?;
    filter.link(sink).map_err(|_| internal("the reader could not be linked"))?;
    for element in [&filter, &parse] {
        element.sync_state_with_parent().map_err(|_| internal("the reader could not be started"))?;
    }
    let entry = parse.static_pad("sink").ok_or_else(|| internal("a parser takes nothing"))?;
    pad.link(&entry).map(|_| ()).map_err(|_| internal("the reader could not be linked"))
}
