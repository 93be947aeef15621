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
    {
        let (found, flow, tail, pipeline) = (Arc::clone(&found), Arc::clone(flow), tail.clone(), pipeline.downgrade());
        parse.connect_pad_added(move |_, pad| {
            let Some(pipeline) = pipeline.upgrade() else { return };
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let is_video =
                caps.structure(0).is_some_and(|s| s.name().starts_with("video/") || s.name().starts_with("image/"));
            if !is_video || found.swap(true, Relaxed) {
                return;
            }
            if let Err(error) = decoder::attach(&pipeline, pad, &caps, &tail, &flow) {
                fail(&pipeline, &flow, MediaError { text: format!("{}: {}", flow.context.shown, error.text), ..error });
            }
        });
    }
    let (flow, pipeline) = (Arc::clone(flow), pipeline.downgrade());
    parse.connect_no_more_pads(move |_| {
        if let Some(pipeline) = pipeline.upgrade()
            && !found.load(Relaxed)
        {
            fail(&pipeline, &flow, errors::reject("no_video", format!("{} holds no video", flow.context.shown)));
        }
    });
}

/// Ends the stream from one of GStreamer's threads.
pub(crate) fn fail(pipeline: &gst::Pipeline, flow: &Flow, error: MediaError) {
    flow.fail(error);
    let woken = pipeline.post_message(gst::message::Application::new(gst::Structure::new_empty("failed")));
    if woken.is_err() {
        tracing::debug!("the pipeline was already being taken down");
    }
}
