//! What every implementation of a port must do, run on the fake and on the real adapter.

pub mod bus;
pub mod retention;
pub mod samples;
pub mod store;
