//! Logs, metrics and traces of the process.

mod logs;
mod metrics;
mod traces;

pub use logs::init_logs;
pub use metrics::{Metrics, describe_site};
pub use traces::AlertTraces;
