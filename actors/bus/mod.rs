//! Bus actors: what a site publishes.
//!
//! Three of them, so that none waits for another: alerts go with QoS 1 from an outbox of their own; detections go with QoS 0
//! from a bounded hand-off, and what is lost is counted; statuses are retained, the latest for each topic wins, and all of
//! them are told again when the broker comes back.

mod alerts;
mod feed;
mod live;
mod status;

pub use alerts::BusSink;
pub use feed::BusFeed;
pub use live::publish_detections;
pub use status::publish_statuses;
