//! The media port over GStreamer.
