//! The evidence port over a folder that others can mount.
