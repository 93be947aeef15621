//! From files to a checked, immutable configuration.

pub mod checked;

pub use checked::*;
