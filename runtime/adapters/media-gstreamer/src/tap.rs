//! Hands on frames as they come, before anything is dropped or decoded, while somebody wants them.

use std::sync::Arc;

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use parapet_contracts::ports::media::EncodedFrame;
use parking_lot::Mutex;

use crate::{decoder::running, flow::Flow, timing::nanoseconds};

/// The last format, as GStreamer and as others know it.
type Known = Mutex<Option<(gst::Caps, Arc<str>)>>;

/// Watches the pad that frames come to the decoder by.
pub(crate) fn watch(encoded: &gst::Pad, flow: &Arc<Flow>) {
    let flow = Arc::clone(flow);
    let known = Known::default();
    encoded.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(buffer) = info.buffer().filter(|_| flow.gate.wants_encoded())
            && let Some(frame) = frame(pad, buffer, &known, &flow)
        {
            flow.gate.encoded(frame);
        }
        gst::PadProbeReturn::Ok
    });
}

fn frame(pad: &gst::Pad, buffer: &gst::Buffer, known: &Known, flow: &Flow) -> Option<EncodedFrame> {
    let pts = buffer.pts()?;
    let running_time = running(pad, pts);
    let at = flow.encoded_at(pad, pts, running_time);
    let base = flow.base();
    let format = {
        let caps = pad.current_caps()?;
        let mut known = known.lock();
        match &*known {
            Some((of, format)) if *of == caps => Arc::clone(format),
            _ => {
                let format: Arc<str> = caps.to_string().into();
                *known = Some((caps, Arc::clone(&format)));
                format
            }
        }
    };
    Some(EncodedFrame {
        at,
        pts: base + nanoseconds(pts),
        dts: buffer.dts().map(|dts| base + nanoseconds(dts)),
        keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        format,
        bytes: Bytes::from_owner(buffer.clone().into_mapped_buffer_readable().ok()?),
    })
}
