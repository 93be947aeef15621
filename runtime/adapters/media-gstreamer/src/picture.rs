//! From a GStreamer buffer to a picture, mapped and not copied.
//!
//! A software decoder's pool grows as needed. A hardware decoder's pool is small and fixed: when more than
//! [`LENT_AT_MOST`] of its buffers are held by others, further frames are copied, or the decoder would wait for ever.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use gstreamer as gst;
use gstreamer_video::{self as gst_video, VideoFrameExt};
use parapet_contracts::{
    Picture, PixelFormat,
    picture::{Colorimetry, Planes},
};

/// Buffers of a hardware decoder that others may hold at the same time.
pub(crate) const LENT_AT_MOST: usize = 6;

/// Buffers of a stream that others hold.
#[derive(Debug, Default)]
pub(crate) struct Lent(AtomicUsize);

struct MappedPlanes {
    frame: gst_video::VideoFrame<gst_video::video_frame::Readable>,
    lent: Arc<Lent>,
}

impl Planes for MappedPlanes {
    fn data(&self, index: usize) -> &[u8] {
        u32::try_from(index).ok().and_then(|index| self.frame.plane_data(index).ok()).unwrap_or(&[])
    }

    fn stride(&self, index: usize) -> usize {
        // A negative stride (bottom-up) becomes 0, which no picture accepts.
        self.frame.plane_stride().get(index).and_then(|stride| usize::try_from(*stride).ok()).unwrap_or(0)
    }
}

impl Drop for MappedPlanes {
    fn drop(&mut self) {
        self.lent.0.fetch_sub(1, Relaxed);
    }
}

/// Maps a buffer of I420, NV12, RGB or grey pixels.
///
/// # Errors
/// A sentence for people, when the format is none of these or the buffer is not what its caps say.
pub(crate) fn map(
    buffer: gst::Buffer,
    info: &gst_video::VideoInfo,
    lent: &Arc<Lent>,
    pool_is_small: bool,
) -> Result<Picture, String> {
    let format = match info.format() {
        gst_video::VideoFormat::I420 => PixelFormat::I420,
        gst_video::VideoFormat::Nv12 => PixelFormat::Nv12,
        gst_video::VideoFormat::Rgb => PixelFormat::Rgb,
        gst_video::VideoFormat::Gray8 => PixelFormat::Grey,
        other => return Err(format!("pixels of format {other:?} are not supported")),
    };
    let frame = gst_video::VideoFrame::from_buffer_readable(buffer, info)
        .map_err(|_| "a decoded frame could not be mapped for reading".to_owned())?;
    lent.0.fetch_add(1, Relaxed);
    let planes = MappedPlanes { frame, lent: Arc::clone(lent) };
    let (width, height, colorimetry) = (info.width(), info.height(), colorimetry(info));
    if pool_is_small && lent.0.load(Relaxed) > LENT_AT_MOST {
        let copies = (0..format.planes()).map(|i| (planes.data(i).to_vec(), planes.stride(i))).collect();
        return Picture::from_vecs(width, height, format, colorimetry, copies).map_err(|e| e.to_string());
    }
    Picture::new(width, height, format, colorimetry, Arc::new(planes)).map_err(|e| e.to_string())
}

/// What the stream says of its colours; where it says nothing, GStreamer's guess by size is in `info` already.
fn colorimetry(info: &gst_video::VideoInfo) -> Colorimetry {
    let told = info.colorimetry();
    let bt709 = match told.matrix() {
        gst_video::VideoColorMatrix::Bt709 | gst_video::VideoColorMatrix::Smpte240m => true,
        gst_video::VideoColorMatrix::Bt601 | gst_video::VideoColorMatrix::Fcc => false,
        _ => info.height() >= 720,
    };
    Colorimetry { bt709, full_range: told.range() == gst_video::VideoColorRange::Range0_255 }
}
