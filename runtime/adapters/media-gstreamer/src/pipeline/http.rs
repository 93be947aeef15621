//! `http://` and `https://`: MJPEG cameras (multipart), and files such as MP4 that are played in real time.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use parapet_contracts::camera::SourceSpec;

use super::{chain, decode_first_video, make, tail};
use crate::{stream::Build, timing::Timing};

/// Seconds of silence after which a connection counts as dead; the camera's own watchdog is faster.
const TIMEOUT: u32 = 10;

/// A pipeline that reads the address.
pub(crate) fn build(spec: &SourceSpec, url: &str) -> Build {
    let (url, credentials) = (url.to_owned(), spec.credentials.clone());
    Box::new(move |flow| {
        let pipeline = gst::Pipeline::new();
        let source = make("souphttpsrc")?;
        source.set_property("location", &url);
        source.set_property("do-timestamp", true);
        source.set_property("timeout", TIMEOUT);
        // Whoever watches the camera opens it again, with backoff.
        source.set_property("retries", 0i32);
        source.set_property("user-agent", concat!("Parapet/", env!("CARGO_PKG_VERSION")));
        if let Some(credentials) = &credentials {
            source.set_property("user-id", credentials.username.expose());
            source.set_property("user-pw", credentials.password.expose());
        }
        let parse = make("parsebin")?;
        let (end, sink) = tail::add(&pipeline, flow, true)?;
        chain(&pipeline, &[&source, &parse])?;
        decode_first_video(&pipeline, &parse, &end, flow);
        let flow = Arc::clone(flow);
        pipeline.connect_deep_element_added(move |_, _, element| {
            // Pictures in a multipart stream have no clock: they are due when they arrive.
            if element.factory().is_some_and(|factory| factory.name() == "multipartdemux") {
                flow.set_timing(Timing::Arrival);
                sink.set_sync(false);
            }
        });
        Ok(pipeline)
    })
}
