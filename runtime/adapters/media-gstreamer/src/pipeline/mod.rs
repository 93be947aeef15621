//! One module a kind of source: each builds a pipeline that ends in [`tail`].

pub(crate) mod device;
pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod images;
pub(crate) mod rtsp;
pub(crate) mod tail;
pub(crate) mod test;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use gstreamer::{self as gst, prelude::*};
use parapet_contracts::ports::media::MediaError;

use crate::{decoder, errors, flow::Flow};

/// Makes an element, or says which package has it.
pub(crate) fn make(element: &str) -> Result<gst::Element, MediaError> {
    gst::ElementFactory::make(element).build().map_err(|_| errors::missing_element(element))
}

/// Adds elements to a pipeline and links them in this order.
pub(crate) fn chain(pipeline: &gst::Pipeline, elements: &[&gst::Element]) -> Result<(), MediaError> {
    pipeline
        .add_many(elements.iter().copied())
        .and_then(|()| gst::Element::link_many(elements.iter().copied()))
        .map_err(|error| errors::retry("internal", format!("a pipeline could not be built: {error}")))
}

/// Decodes the first video stream that `parse` (a parsebin) finds, and hands it to `tail`.
pub(crate) fn decode_first_video(
    pipeline: &gst::Pipeline,
    parse: &gst::Element,
    tail: &gst::Element,
    flow: &Arc<Flow>,
) {
    let found = Arc::new(AtomicBool::new(false));
    let (flow, tail, pipeline) = (Arc::clone(flow), tail.clone(), pipeline.downgrade());
    parse.connect_pad_added(move |_, pad| {
        let Some(pipeline) = pipeline.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let is_video =
            caps.structure(0).is_some_and(|s| s.name().starts_with("video/") || s.name().starts_with("image/"));
        if !is_video || found.swap(true, Relaxed) {
            return discard(&pipeline, pad, &found, &flow);
        }
        if let Err(error) = decoder::attach(&pipeline, pad, &caps, &tail, &flow) {
            fail(&pipeline, &flow, MediaError { text: format!("{}: {}", flow.context.shown, error.text), ..error });
        }
    });
}

/// Lets a stream that is not wanted run into nothing. When it ends and there was no video, the source has none: parsebin
/// itself does not tell, and left unlinked the stream would end with an error that parsebin may lose.
fn discard(pipeline: &gst::Pipeline, pad: &gst::Pad, video: &Arc<AtomicBool>, flow: &Arc<Flow>) {
    let (weak, video, flow) = (pipeline.downgrade(), Arc::clone(video), Arc::clone(flow));
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let ended = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
        if let Some(pipeline) = weak.upgrade().filter(|_| ended && !video.load(Relaxed)) {
            fail(&pipeline, &flow, errors::reject("no_video", format!("{} holds no video", flow.context.shown)));
        }
        gst::PadProbeReturn::Ok
    });
    let Ok(nothing) = make("fakesink") else { return };
    nothing.set_property("sync", false);
    nothing.set_property("async", false);
    let linked = pipeline.add(&nothing).is_ok()
        && nothing.sync_state_with_parent().is_ok()
        && nothing.static_pad("sink").is_some_and(|sink| pad.link(&sink).is_ok());
    if !linked {
        tracing::debug!("a stream that is not wanted could not be discarded");
    }
}

/// Ends the stream from one of GStreamer's threads.
pub(crate) fn fail(pipeline: &gst::Pipeline, flow: &Flow, error: MediaError) {
    flow.fail(error);
    let woken = pipeline.post_message(gst::message::Application::new(gst::Structure::new_empty("failed")));
    if woken.is_err() {
        tracing::debug!("the pipeline was already being taken down");
    }
}
