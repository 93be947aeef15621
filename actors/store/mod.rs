//! The store actor: the one place where things become durable.
//!
//! It promises: an alert, its evidence reference and its outbox entries are one synced batch, and whoever appended it hears of it
//! only after the disk has it; writers that come at the same time share one sync; when the disk refuses, nothing is
//! acknowledged, the error journal goes on in a plain file, and the writes are tried again until they succeed or the site stops.

mod desk;
mod handle;
mod update;
mod writer;

pub use desk::{AlertDesk, AlertObserver, AlertRequest, Desk, DeskQueue, Timeline};
pub use handle::{StoreHandle, StoreQueue, StoreSettings, StoreStopped};
pub use update::UpdateRequest;
pub use writer::StoreWriter;

#[cfg(test)]
mod tests;
