//! Evidence after it was written: what is kept for how long, what is held, what is deleted, and who did it.
//!
//! It promises:
//! - what a hold covers is removed by nobody: not by age, size or room, not by a deletion, and not together with its alert;
//! - before a file of an alert goes, a record that follows the alert says so, durably and chained: a file without such a record was not
//!   removed by the site;
//! - who holds, releases or deletes evidence is in the audit log, with the reason, before anything else happens;
//! - a removal that a crash cut short is finished at the next start.
//!
//! ```text
//! housekeeping ──by age, size, room──▶ keeper ──record──▶ alert desk ──durable──▶ file goes
//! people ──hold, release, delete──▶ keeper ──▶ audit log
//! ```

mod audit_log;
mod housekeeping;
mod keeper;
mod ledger;
mod recordings;
mod removal;
mod status;

pub use audit_log::AUDIT;
pub use housekeeping::Housekeeper;
pub use keeper::{Deleted, Deletion, Keeper, KeeperError, Request};
pub use recordings::{RecordingDeletion, RecordingsDeleted};
pub use removal::{Reason, Removed, evidence_of, is_settled};
pub use status::{EvidenceStatus, Holds, StatusBoard};

#[cfg(test)]
mod tests;
