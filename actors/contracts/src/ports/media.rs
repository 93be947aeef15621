//! The media port: from an address to decoded frames.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;

use crate::{CaptureTime, ErrorKind, Picture, Timestamp, camera::SourceSpec, stats::DropReason};

/// Opens sources.
pub trait MediaPort: Send + Sync {
    /// Starts to read a source and returns at once; what happens is told to `sink`, from threads of the adapter's.
    ///
    /// # Errors
    /// When the source can't even be tried: a missing file, an element that is not installed, a malformed address.
    fn open(&self, source: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError>;
}

/// A source that is being read. Dropping it ends the reading and releases the device; that may take a while, so drop it off-thread.
/// After the drop has returned, the sink is called no more.
pub trait MediaStream: Send {
    /// Counters since the stream was opened.
    fn stats(&self) -> MediaStats;

    /// Says which frames are worth decoding from now on; a stream begins with all. Returns at once. Back from keyframes, frames come
    /// from the next keyframe on, since those before it lack what they build upon. What is not decoded is counted as
    /// [`DropReason::Idle`]. A source whose frames are all keyframes, or are not encoded, is not changed by it.
    fn set_attention(&self, attention: Attention);
}

/// Which frames of a stream are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// All of them.
    #[default]
    All,
    /// Keyframes only.
    Keyframes,
}

/// Who takes frames. Its methods are called on the adapter's threads. With [`crate::camera::Pace::Fast`] a blocking
/// `frame` slows the source down; for every other source it must return at once.
pub trait MediaSink: Send + Sync {
    /// A decoded frame that was wanted.
    fn frame(&self, frame: MediaFrame);
    /// Something else happened.
    fn event(&self, event: MediaEvent);
    /// Whether somebody wants the stream as it came, not decoded; asked for each frame, so it may change at any time.
    fn wants_encoded(&self) -> bool {
        false
    }
    /// A frame as it came, in decoding order, also when it is not decoded; told while [`MediaSink::wants_encoded`].
    fn encoded(&self, _: EncodedFrame) {}
}

/// A frame as it came from the camera. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedFrame {
    /// When the camera took it.
    pub at: Timestamp,
    /// Presentation time in the stream, in nanoseconds.
    pub pts: i64,
    /// Decoding time in the stream, in nanoseconds; `None` when the stream does not tell.
    pub dts: Option<i64>,
    /// Whether decoding can begin with it.
    pub keyframe: bool,
    /// What the bytes are, in the adapter's own words; the same for all frames until the stream changes.
    pub format: Arc<str>,
    /// The encoded bytes.
    pub bytes: Bytes,
}

/// A decoded frame.
#[derive(Debug, Clone)]
pub struct MediaFrame {
    /// Index in the stream from 0, in presentation order; dropped frames are counted too.
    pub index: u64,
    /// Presentation time since the start of the stream, in seconds.
    pub pts: f64,
    /// When the camera took it.
    pub capture: CaptureTime,
    /// The pixels.
    pub picture: Picture,
}

/// What a source tells besides frames.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// The first frame is about to come; also told again when the format changes within the stream.
    Format(StreamFormat),
    /// Something is odd, and the stream goes on.
    Warning(String),
    /// The source came to its end: a file that does not repeat. For a live source this is a failure and told as one.
    Ended,
    /// The stream is dead; only opening it anew helps. Told once.
    Failed(MediaError),
}

/// What was negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamFormat {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The codec: `H.264`, `H.265`, `JPEG`, `raw`, …
    pub codec: String,
    /// The decoder element: `avdec_h264`, `nvh264dec`, …; `none` for raw sources.
    pub decoder: String,
    /// True when the decoder is a hardware one.
    pub hardware: bool,
    /// The memory that frames arrive in: `SystemMemory`, `VASurface`, …
    pub memory: String,
}

/// Counters of one stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MediaStats {
    /// Frames that came out of the decoder.
    pub frames_in: u64,
    /// Frames that were handed to the sink.
    pub frames_wanted: u64,
    /// Frames that were dropped, by reason.
    pub dropped: Vec<(DropReason, u64)>,
    /// Time that decoding took, summed over all frames that were decoded.
    pub decode_time: Duration,
    /// Bytes of the encoded stream.
    pub bytes_in: u64,
    /// Packets of the stream that never came, by the gaps in their numbers; each may have cost a frame.
    pub packets_lost: u64,
}

/// Why a source can't be read. The text says what and what to do, and holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct MediaError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable word: `not_found`, `unreachable`, `unauthorized`, `no_video`, `unsupported`, `decode`, `stall`, `ended`, `missing_element`, `internal`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}
