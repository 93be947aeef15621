//! Files that grow: read from where one was.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where a reader is in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which file, as the system numbers it: another one under the same name is read from its beginning. 0: not known yet.
    pub file: u64,
    /// Bytes that were read, whole lines.
    pub offset: u64,
}

/// Some lines of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Whole lines without their ends, in order. Text that is no UTF-8 has marks in place of what can't be read.
    pub lines: Vec<String>,
    /// Lines that were longer than allowed, and were passed over.
    pub too_long: u64,
    /// Where to go on.
    pub place: Place,
}

/// Reads files that grow. Calls block for as long as the disk does.
pub trait LinesPort: Send + Sync {
    /// The whole lines after `from`, at most `limit`, none longer than `longest` bytes. A file that was replaced or has shrunk is
    /// read from its beginning; a line without its end waits for it.
    ///
    /// # Errors
    /// One sentence that says why the file can't be read, and whether it is there.
    fn read(&self, file: &Path, from: Place, limit: usize, longest: usize) -> Result<Lines, String>;

    /// The end of a file, so that only what comes from now on is read. A file that is not there yet is read from its beginning.
    ///
    /// # Errors
    /// As [`LinesPort::read`].
    fn end(&self, file: &Path) -> Result<Place, String>;
}
