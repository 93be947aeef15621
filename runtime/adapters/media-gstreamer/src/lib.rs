//! The media port over GStreamer: cameras, files, folders of pictures and test patterns become decoded frames.
//!
//! What this crate promises:
//! - A frame is mapped read-only where the decoder put it, with its true strides; it is never turned into RGB and never copied
//!   (but for hardware decoders whose buffers are all lent out).
//! - What is dropped is dropped before it is converted, and counted by reason.
//! - No text that leaves it (errors, warnings, log lines) holds a user name, a password or the query of an address.
//! - [`MediaStream`] can be dropped at any time and the drop returns within two seconds, also when the server hangs.
//! - A malformed stream ends in [`MediaEvent::Failed`](parapet_contracts::ports::media::MediaEvent), never in a crash.

mod auth_guard;
mod capture_time;
mod clip;
mod decode_timer;
mod decoder;
mod errors;
mod film;
mod flow;
mod gate;
mod idling;
mod join;
mod live;
mod network;
mod open;
mod overload;
mod packet_loss;
mod picture;
mod pipeline;
mod rate;
pub mod simulate;
mod stats;
mod stream;
mod tap;
mod timing;

pub use film::Film;
pub use join::join;

use std::sync::Arc;

use gstreamer as gst;
use parapet_contracts::{
    camera::SourceSpec,
    ports::media::{MediaError, MediaPort, MediaSink, MediaStream},
};

/// Elements without which nothing works; the rest is asked for when a source needs it.
const ESSENTIAL: [&str; 6] = ["videoconvert", "appsink", "filesrc", "parsebin", "typefind", "videotestsrc"];

/// The media port over GStreamer.
#[derive(Debug, Clone)]
pub struct GstMedia {
    _initialised: (),
}

impl GstMedia {
    /// Starts GStreamer; a second call costs nothing.
    ///
    /// # Errors
    /// When GStreamer does not start, or one of its basic elements is missing; the text names the Debian package.
    pub fn new() -> Result<Self, MediaError> {
        gst::init().map_err(|error| {
            errors::fatal(
                "internal",
                format!("GStreamer does not start: {error}. Check GST_PLUGIN_PATH and its registry."),
            )
        })?;
        auth_guard::register().map_err(|error| {
            errors::fatal("internal", format!("GStreamer does not take the guard against harmful challenges: {error}"))
        })?;
        for element in ESSENTIAL {
            if gst::ElementFactory::find(element).is_none() {
                return Err(errors::missing_element(element));
            }
        }
        Ok(Self { _initialised: () })
    }
}

impl MediaPort for GstMedia {
    fn open(&self, source: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        open::open(source, sink)
    }
}
