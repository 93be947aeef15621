//! From files to a checked, immutable configuration.
