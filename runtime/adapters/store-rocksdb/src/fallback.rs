//! The journal in a plain file, for when the store itself fails: JSON Lines, each record synced before `append` returns.
//!
//! What it promises: what `append` accepted is in the store after a `take_in` that succeeds, once, since a record replaces the
//! one with its id; a process that dies between the two loses nothing. A line that a power cut tore is skipped and counted.
//! Room for the first 256 KiB is set apart on the disk while it is there: a disk that is full is the very thing to be told.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write as _},
    path::{Path, PathBuf},
};

use parapet_contracts::{
    ErrorRecord,
    ports::store::{Batch, Durability, StoreError, StorePort, Write},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version of a line.
const VERSION: u32 = 1;
/// The file grows no larger: a store that is away for days must not fill the disk.
const MAX_BYTES: u64 = 16 << 20;
/// Room on the disk that belongs to the file before it is used: some 800 records.
const RESERVED: u64 = 256 << 10;
/// Records in a batch when they are taken in.
const CHUNK: usize = 500;

/// Why the file can't take a record, or the store can't take them in.
#[derive(Debug, thiserror::Error)]
pub enum FallbackError {
    /// The file can't be read or written.
    #[error("journal file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file has reached its size: the record is not in it.
    #[error("journal file {}: it holds {MAX_BYTES} bytes, which is its limit: mend the store, it is emptied then", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The store did not take the records: they stay in the file.
    #[error("the store does not take the records of the journal file: {0}")]
    Store(#[from] StoreError),
}

/// The file.
#[derive(Debug)]
pub struct FallbackJournal {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    unreadable: u64,
}

#[derive(Serialize, Deserialize)]
struct Line<R> {
    v: u32,
    record: R,
}

impl FallbackJournal {
    /// Opens the file, or makes it, with its folder.
    ///
    /// # Errors
    /// When the file can't be made or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FallbackError> {
        let path = path.as_ref().to_owned();
        let open = || {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if let Some(parent) = parent {
                std::fs::create_dir_all(parent)?;
            }
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            if let Some(parent) = parent {
                File::open(parent)?.sync_all()?;
            }
            // Room first: the line's end may need a block already.
            reserve(&file, &path);
            end_torn_line(&mut file)?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Self { path, inner: Mutex::new(Inner { file, unreadable: 0 }) }),
            Err(source) => Err(FallbackError::File { path, source }),
        }
    }

    /// Writes a record to the end of the file; it is on the disk when this returns.
    ///
    /// # Errors
    /// When the file can't be written, or has reached its limit of 16 MiB.
    pub fn append(&self, record: &ErrorRecord) -> Result<(), FallbackError> {
        let mut inner = self.inner.lock();
        let file = &mut inner.file;
        let mut line = serde_json::to_vec(&Line { v: VERSION, record }).map_err(|e| self.failed(e.into()))?;
        line.push(b'\n');
        let length = file.metadata().map_err(|e| self.failed(e))?.len();
        if length + line.len() as u64 > MAX_BYTES {
            return Err(FallbackError::Full { path: self.path.clone() });
        }
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(|source| {
            // Half a line, as a full disk leaves it, must not swallow the next one.
            let cut = file.set_len(length);
            self.failed(cut.err().unwrap_or(source))
        })
    }

    /// True when nothing waits to be taken in.
    ///
    /// # Errors
    /// When the file can't be looked at.
    pub fn is_empty(&self) -> Result<bool, FallbackError> {
        Ok(self.inner.lock().file.metadata().map_err(|e| self.failed(e))?.len() == 0)
    }

    /// Lines that could not be read by any [`FallbackJournal::take_in`] so far.
    pub fn unreadable_lines(&self) -> u64 {
        self.inner.lock().unreadable
    }

    /// Writes the records to the store, synced, and empties the file; returns how many records there were. Of records with
    /// one id the last line counts. Call it before the store gets newer records of the same ids, which these would replace.
    ///
    /// # Errors
    /// When the store does not take them: the file keeps all of them then. When the file can't be read or emptied.
    pub fn take_in(&self, store: &dyn StorePort) -> Result<usize, FallbackError> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let mut bytes = Vec::new();
        inner
            .file
            .rewind()
            .and_then(|()| (&mut inner.file).take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|e| self.failed(e))?;
        let (records, unreadable) = parse(&bytes);
        for chunk in records.chunks(CHUNK) {
            let writes = chunk.iter().cloned().map(Write::Error).collect();
            store.commit(&Batch { writes, durability: Durability::Synced })?;
        }
        inner.file.set_len(0).and_then(|()| inner.file.sync_all()).map_err(|e| self.failed(e))?;
        reserve(&inner.file, &self.path);
        if unreadable > 0 {
            inner.unreadable += unreadable;
            tracing::warn!(lines = unreadable, file = %self.path.display(), "the journal file had lines that can't be read");
        }
        Ok(records.len())
    }

    fn failed(&self, source: io::Error) -> FallbackError {
        FallbackError::File { path: self.path.clone(), source }
    }
}

/// The records, each id once, in the order of their first lines, and how many lines are none.
fn parse(bytes: &[u8]) -> (Vec<ErrorRecord>, u64) {
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut records: Vec<ErrorRecord> = Vec::new();
    let mut unreadable = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Line<ErrorRecord>>(line) {
            Ok(Line { v: VERSION, record }) => match places.get(&record.id) {
                Some(place) => records[*place] = record,
                None => {
                    places.insert(record.id, records.len());
                    records.push(record);
                }
            },
            _ => unreadable += 1,
        }
    }
    (records, unreadable)
}

/// Sets room apart without making the file longer. A file system that can't, or that has none left, is no reason to stop.
fn reserve(file: &File, path: &Path) {
    if let Err(e) = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, RESERVED) {
        tracing::debug!(file = %path.display(), error = %e, "no room is set apart for the journal file");
    }
}

fn end_torn_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    file.seek(io::SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last != [b'\n'] {
        file.write_all(b"\n")?;
        file.sync_data()?;
    }
    Ok(())
}
