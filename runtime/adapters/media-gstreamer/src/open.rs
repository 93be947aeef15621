//! From a source's specification to a stream that runs.

use std::sync::Arc;

use gstreamer_rtsp_server::gio::{self, prelude::*};
use parapet_contracts::{
    camera::{Location, Pace, SourceSpec},
    ports::media::{MediaError, MediaSink, MediaStream},
};

use crate::{
    errors::{self, Context},
    flow::Flow,
    gate::Gate,
    network::Endpoint,
    pipeline::{device, file, http, images, rtsp, test},
    stream::{AtEnd, Build, Player},
    timing::Timing,
};

/// Starts to read a source.
pub(crate) fn open(spec: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
    let context = Context::new(spec)?;
    if context.endpoint.as_ref().is_some_and(Endpoint::is_encrypted) && !gio::TlsBackend::default().supports_tls() {
        let text = format!("{}: GLib has no TLS: install the Debian package glib-networking", context.shown);
        return Err(errors::fatal("missing_element", text));
    }
    let live = Timing::Clocked { live: true };
    let (build, at_end, timing): (Build, AtEnd, Timing) = match &spec.location {
        Location::Rtsp { url } => (rtsp::build(spec, url), AtEnd::Fail, live),
        Location::Http { url } => (http::build(spec, url), AtEnd::Fail, Timing::Clocked { live: false }),
        Location::Device { path } => (device::build(path)?, AtEnd::Fail, live),
        Location::Test { pattern, width, height, fps } => {
            (test::build(pattern, *width, *height, *fps)?, AtEnd::Fail, live)
        }
        Location::Images { path, fps, pace, repeat } => {
            let pictures = images::list(path)?;
            return images::play(
                spec,
                context,
                sink,
                images::Show { pictures, fps: *fps, pace: *pace, repeat: *repeat },
            );
        }
        Location::File { path, pace, repeat } => {
            file::check(path)?;
            if images::is_picture(path) {
                let pictures = vec![path.clone()];
                return images::play(
                    spec,
                    context,
                    sink,
                    images::Show { pictures, fps: 25.0, pace: *pace, repeat: *repeat },
                );
            }
            let timing = if *pace == Pace::Fast { Timing::Recorded } else { Timing::Clocked { live: false } };
            (file::build(path, *pace), if *repeat { AtEnd::Repeat } else { AtEnd::Tell }, timing)
        }
    };
    let flow = Arc::new(Flow::new(spec, context, Gate::new(sink), timing));
    Ok(Box::new(Player::start(flow, build, at_end)?))
}
