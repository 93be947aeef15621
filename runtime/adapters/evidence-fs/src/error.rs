//! What a failure means to the one who called, and what a person should do.

use std::{io, path::Path};

use parapet_contracts::{ErrorKind, ports::evidence::EvidenceError};

/// What an error of the file system means.
pub fn of_io(path: &Path, what: &str, e: &io::Error) -> EvidenceError {
    let (kind, code, advice) = match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Retry, "full", "the disk is full: free some space")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            (ErrorKind::Fatal, "read_only", "mount it writable, or give it to the user that Parapet runs as")
        }
        io::ErrorKind::NotFound => (ErrorKind::Reject, "not_found", "it was removed, or never written"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (ErrorKind::Fatal, "io", "there is a file where a folder is expected")
        }
        _ => (ErrorKind::Retry, "io", "look at the disk and at the system's log"),
    };
    EvidenceError { kind, code, text: format!("evidence {}: {what}: {e}: {advice}", path.display()) }
}

/// This input never works.
pub fn reject(code: &'static str, text: String) -> EvidenceError {
    EvidenceError { kind: ErrorKind::Reject, code, text }
}
