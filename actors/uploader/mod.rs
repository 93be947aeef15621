//! Uploader actors: one for each file in `uploaders/`, each with an outbox of its own on the disk.

mod pump;

pub use pump::{Pump, PumpBoard, PumpState, PumpStatus, backoff};

#[cfg(test)]
mod tests;
