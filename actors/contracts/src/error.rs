//! Errors: what to do about one at a port, and the record of one in the journal.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

/// What the one who called may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// It may work later.
    Retry,
    /// This input never works; the next one may.
    Reject,
    /// Nothing works until somebody mends it.
    Fatal,
}

/// What lies at the bottom of an error. Libraries of HTTP say what people want to know there, and addresses above it.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// One line of the error journal. Repeats of the same failure are counted in one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// UUIDv7, made at the first time.
    pub id: Uuid,
    /// The actor that failed, as its path in the tree: `cameras/gate-north`.
    pub actor: String,
    /// A stable word for the kind of failure: `stall`, `decode`, `panic`, `config`, `publish`, …
    pub kind: String,
    /// What happened and what to do, for people. Never holds a secret.
    pub text: String,
    /// First time.
    pub first: Timestamp,
    /// Last time.
    pub last: Timestamp,
    /// How often, including the first time.
    pub count: u64,
    /// The W3C trace id that it belongs to, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}
