//! V4L2 devices: USB cameras and capture cards.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;
use parapet_contracts::ports::media::MediaError;

use super::{chain, make, tail};
use crate::{decoder, errors, stream::Build};

/// Raw video first, for it costs no decoding; JPEG and H.264 where a device has nothing else.
const KINDS: [&str; 3] = ["video/x-raw", "image/jpeg", "video/x-h264"];

/// A pipeline that reads the device.
pub(crate) fn build(path: &Path) -> Result<Build, MediaError> {
    if !path.exists() {
        let text = format!("there is no device {}: check that the camera is plugged in", path.display());
        return Err(errors::retry("not_found", text));
    }
    let path: PathBuf = path.to_owned();
    Ok(Box::new(move |flow| {
        let pipeline = gst::Pipeline::new();
        let source = make("v4l2src")?;
        source.set_property("device", path.to_string_lossy().as_ref());
        let kind = offered(&source, &path)?;
        let caps = gst::Caps::new_empty_simple(kind);
        let filter = make("capsfilter")?;
        filter.set_property("caps", &caps);
        let (end, _) = tail::add(&pipeline, flow, false)?;
        chain(&pipeline, &[&source, &filter])?;
        let last = if kind == "video/x-h264" {
            let parse = make("h264parse")?;
            chain_on(&pipeline, &filter, &parse)?;
            parse
        } else {
            filter
        };
        let pad = last.static_pad("src").ok_or_else(|| errors::retry("internal", "a pipeline has no end"))?;
        decoder::attach(&pipeline, &pad, &caps, &end, flow)?;
        Ok(pipeline)
    }))
}

fn chain_on(pipeline: &gst::Pipeline, after: &gst::Element, element: &gst::Element) -> Result<(), MediaError> {
    pipeline
        .add(element)
        .and_then(|()| after.link(element))
        .map_err(|error| errors::retry("internal", format!("a pipeline could not be built: {error}")))
}

/// Opens the device to see what it offers.
fn offered(source: &gst::Element, path: &Path) -> Result<&'static str, MediaError> {
    let shown = path.display();
    if source.set_state(gst::State::Ready).is_err() {
        if source.set_state(gst::State::Null).is_err() {
            tracing::debug!("a device did not close");
        }
        let text = format!(
            "{shown} can't be opened as a camera: check that it is a V4L2 device, that nobody else uses it, and its permissions (group video)"
        );
        return Err(errors::retry("unreachable", text));
    }
    let caps = source.static_pad("src").map(|pad| pad.query_caps(None)).unwrap_or_else(gst::Caps::new_empty);
    KINDS
        .into_iter()
        .find(|kind| caps.iter().any(|structure| structure.name() == kind))
        .ok_or_else(|| errors::reject("unsupported", format!("{shown} offers neither raw video nor JPEG nor H.264")))
}
