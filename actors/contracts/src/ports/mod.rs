//! Ports: what the actors need of the world outside, as traits. An adapter implements one; the test kit has a fake of each.

pub mod bus;
pub mod clip;
pub mod evidence;
pub mod inference;
pub mod lines;
pub mod media;
pub mod probe;
pub mod recording;
pub mod rule;
pub mod sink;
pub mod store;
