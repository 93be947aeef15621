//! The clip port: from frames as they came to what a browser plays, without decoding them: a file, or pieces while they come.

use bytes::Bytes;

use super::media::{EncodedFrame, MediaError};

/// Puts encoded frames into a file.
pub trait ClipPort: Send + Sync {
    /// Makes a file of frames in decoding order; the first is a keyframe, and all have one format. Blocks for as long as that takes.
    ///
    /// # Errors
    /// `unsupported` when no browser plays the format, which the text names; `internal` when the file could not be made.
    fn clip(&self, frames: &[EncodedFrame]) -> Result<Clip, MediaError>;

    /// Begins a film that is played while it comes; `first` is the keyframe that it begins with. Returns at once.
    ///
    /// # Errors
    /// `unsupported` when no browser plays the format so, which the text names.
    fn film(&self, first: &EncodedFrame) -> Result<Box<dyn LiveFilm>, MediaError>;
}

/// A film that is played while it comes.
pub trait LiveFilm: Send {
    /// Media type with the codec, as a browser wants it: `video/mp4; codecs="avc1.64001F"`.
    fn media_type(&self) -> &str;

    /// What a player must have before all pieces.
    fn head(&self) -> Bytes;

    /// Takes the next frame in decoding order, and gives the piece that is whole now: of the frame before, as only now it is known how long that
    /// one is shown.
    ///
    /// # Errors
    /// When the frame does not continue the film: its format is another, or its time is not behind that of the frame before. Begin another one.
    fn add(&mut self, frame: &EncodedFrame) -> Result<Option<Bytes>, Discontinued>;
}

/// The stream has become another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream has become another one")]
pub struct Discontinued;

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
