//! The fallback file as the port that the store actor knows.

use parapet_contracts::{
    ErrorKind, ErrorRecord,
    ports::store::{JournalFile, StoreError, StorePort},
};

use crate::fallback::{FallbackError, FallbackJournal};

impl JournalFile for FallbackJournal {
    fn append(&self, record: &ErrorRecord) -> Result<(), StoreError> {
        Self::append(self, record).map_err(of_file)
    }

    fn take_in(&self, store: &dyn StorePort) -> Result<usize, StoreError> {
        Self::take_in(self, store).map_err(of_file)
    }
}

fn of_file(error: FallbackError) -> StoreError {
    match error {
        FallbackError::Store(error) => error,
        FallbackError::Full { .. } => StoreError { kind: ErrorKind::Retry, code: "full", text: error.to_string() },
        FallbackError::File { .. } => StoreError { kind: ErrorKind::Retry, code: "io", text: error.to_string() },
    }
}
