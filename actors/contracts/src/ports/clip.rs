//! The clip port: from frames as they came to a file that a browser plays, without decoding them.

use super::media::{EncodedFrame, MediaError};

/// Puts encoded frames into a file.
pub trait ClipPort: Send + Sync {
    /// Makes a file of frames in decoding order; the first is a keyframe, and all have one format. Blocks for as long as that takes.
    ///
    /// # Errors
    /// `unsupported` when no browser plays the format, which the text names; `internal` when the file could not be made.
    fn clip(&self, frames: &[EncodedFrame]) -> Result<Clip, MediaError>;
}

/// A file of video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Media type: `video/mp4`.
    pub media_type: &'static str,
    /// What the file's name ends in, without the dot: `mp4`.
    pub extension: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}
