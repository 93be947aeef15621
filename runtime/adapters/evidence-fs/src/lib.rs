//! The evidence port over a folder that others can mount.
//!
//! What this crate promises:
//! - a file is whole or absent: it is written beside its place, synced, then renamed, and the folder synced;
//! - nothing outside the folder is read or removed, whatever path or symbolic link asks for it;
//! - what is read has the hash that was noted when it was written, or it is refused;
//! - evidence is stored as the camera saw it; boxes are drawn on a copy, when asked for ([`draw::with_boxes`]).

pub mod draw;
mod error;
mod files;
mod folder;
pub mod jpeg;
mod reading;
mod recordings;
mod rgb;

pub use folder::EvidenceFolder;
pub use jpeg::DEFAULT_QUALITY;
pub use recordings::RecordingFolder;
