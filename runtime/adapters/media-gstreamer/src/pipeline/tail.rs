//! The end of every pipeline: count, drop what is not wanted, convert only what is neither I420 nor NV12, hand over.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use parapet_contracts::ports::media::MediaError;

use super::{chain, make};
use crate::{flow::Flow, picture::LENT_AT_MOST};

/// Adds the end to a pipeline and gives the element that takes decoded frames. `clocked`: each frame waits for its time.
pub(crate) fn add(
    pipeline: &gst::Pipeline,
    flow: &Arc<Flow>,
    clocked: bool,
) -> Result<(gst::Element, gst_app::AppSink), MediaError> {
    let convert = make("videoconvert")?;
    let sink = gst_app::AppSink::builder()
        .caps(
            &gst_video::VideoCapsBuilder::new()
                .format_list([gst_video::VideoFormat::I420, gst_video::VideoFormat::Nv12])
                .build(),
        )
        .sync(clocked)
        .max_buffers(1)
        // Frames are taken as they come, on the thread that brings them, so none ever waits here.
        .drop(false)
        .enable_last_sample(false)
        .qos(false)
        .build();
    let taker = Arc::clone(flow);
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let done = taker.deliver(sink, &sample);
                taker.timer.resume();
                done
            })
            .build(),
    );
    chain(pipeline, &[&convert, sink.upcast_ref()])?;
    if let Some(pad) = convert.static_pad("sink") {
        let flow = Arc::clone(flow);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if info.buffer_mut().is_none_or(|buffer| flow.decoded(pad, buffer)) {
                return gst::PadProbeReturn::Ok;
            }
            flow.timer.resume();
            // `Drop` would make GStreamer 1.22 complain: the bindings have freed the buffer by then.
            gst::PadProbeReturn::Handled
        });
    }
    if let Some(pad) = sink.static_pad("sink") {
        let flow = Arc::clone(flow);
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
            match info.query_mut().map(gst::QueryRef::view_mut) {
                Some(gst::QueryViewMut::Allocation(query)) => {
                    accept_strides(query, flow.decoding().hardware);
                    gst::PadProbeReturn::Handled
                }
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }
    Ok((convert, sink))
}

/// Tells decoders that strides are honoured here, and offers a pool that can pad: or they would copy each frame, to pack
/// its rows or because the coded picture is larger than the one that is shown (1088 rows for 1080). A hardware decoder is
/// asked for as many more buffers as may be held at the same time.
fn accept_strides(query: &mut gst::query::Allocation, hardware: bool) {
    query.add_allocation_meta::<gst_video::VideoMeta>(None);
    let (caps, wants_pool) = query.get();
    let size = caps.and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok()).map(|info| info.size());
    let Some(size) = size.and_then(|size| u32::try_from(size).ok()) else { return };
    if hardware {
        query.add_allocation_pool(gst::BufferPool::NONE, size, LENT_AT_MOST as u32 + 2, 0);
    } else if wants_pool {
        query.add_allocation_pool(Some(&gst_video::VideoBufferPool::new()), size, 0, 0);
    }
}
