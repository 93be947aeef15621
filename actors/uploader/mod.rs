//! Uploader actors: one for each file in `uploaders/`, each with outboxes of its own on the disk.
//!
//! ```text
//! alert, event, failure, evidence ──filter──▶ outbox of its kind ──by priority──▶ pump ──▶ sink
//!                                            (on the disk, unbounded)              │
//!                                                                                  ├─▶ acknowledged: gone
//!                                                                                  ├─▶ later: waits, with backoff, and says why
//!                                                                                  └─▶ never: dead letters (bounded, the oldest go)
//!                    what waits for a digest or for the end of quiet hours stays in its outbox, and what is urgent passes it
//! ```

mod backfill;
mod backlog;
mod board;
mod dead;
mod failures;
mod hold;
mod outbox_reader;
mod pace;
mod pump;
mod selection;
mod window;

pub use backfill::{BEGUN, Backfill, begun_key};
pub use backlog::{Backlog, backlogs};
pub use board::{PumpBoard, PumpState, PumpStatus};
pub use dead::{DeadLetter, DeadLetterError, DeadLetters};
pub use failures::upload_failures;
pub use hold::Holding;
pub use pump::{Pump, PumpSettings, backoff};
pub use selection::Selection;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod selection_tests;
#[cfg(test)]
mod sending_tests;
#[cfg(test)]
mod tests;
