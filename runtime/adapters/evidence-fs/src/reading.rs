//! Files that are read in parts, as players ask for them: each is compared with its hash once, and not again for each part, as long as
//! the file stays the one that was compared.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use parapet_contracts::hex;
use sha2::{Digest, Sha256};

/// Files that are remembered; the one that was not asked for longest goes first.
const REMEMBERED: usize = 1024;
/// Bytes that are read at once to be hashed.
const CHUNK: usize = 256 << 10;

/// What tells one state of a file from another. The time of its last change is the system's: nobody can set it back, as that of the
/// last writing can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    inode: u64,
    changed: (i64, i64),
}

/// Hashes of files that were read before.
#[derive(Debug, Default)]
pub struct Hashes(Mutex<VecDeque<(PathBuf, Stamp, String)>>);

impl Hashes {
    /// The hash of an open file, which stands at its beginning afterwards.
    pub fn of(&self, path: &Path, file: &mut File) -> io::Result<String> {
        self.of_with(path, file, hash)
    }

    fn of_with(
        &self,
        path: &Path,
        file: &mut File,
        hash: impl FnOnce(&mut File) -> io::Result<String>,
    ) -> io::Result<String> {
        let stamp = stamp(file)?;
        if let Some(known) = self.known(path, stamp) {
            return Ok(known);
        }
        let found = hash(file)?;
        file.seek(SeekFrom::Start(0))?;
        // One that was changed while it was read is looked at again the next time.
        if self::stamp(file)? == stamp {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|(of, ..)| of != path);
            known.push_back((path.to_owned(), stamp, found.clone()));
            while known.len() > REMEMBERED {
                known.pop_front();
            }
        }
        Ok(found)
    }

    fn known(&self, path: &Path, stamp: Stamp) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.iter().rposition(|(of, as_of, _)| of == path && *as_of == stamp)?;
        let entry = known.remove(place)?;
        let hash = entry.2.clone();
        known.push_back(entry);
        Some(hash)
    }
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let data = file.metadata()?;
    Ok(Stamp { bytes: data.len(), inode: data.ino(), changed: (data.ctime(), data.ctime_nsec()) })
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    Ok(hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{cell::Cell, fs};

    use super::*;

    #[test]
    fn a_file_is_hashed_once_and_again_when_it_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        fs::write(&path, "first").unwrap();
        let (hashes, times) = (Hashes::default(), Cell::new(0));
        let ask = || {
            let mut file = File::open(&path).unwrap();
            let found = hashes.of_with(&path, &mut file, |file| {
                times.set(times.get() + 1);
                hash(file)
            });
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (found.unwrap(), text, times.get())
        };
        let first = ask();
        assert_eq!((first.1.as_str(), first.2), ("first", 1), "it stands at its beginning");
        assert_eq!(ask(), first, "and so it does when the hash was known");
        // As long as before, and as old as before for whoever asks when it was written.
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "other").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        let second = ask();
        assert_eq!((second.1.as_str(), second.2), ("other", 2));
        assert_ne!(second.0, first.0);
    }

    #[test]
    fn few_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        fs::write(&path, "x").unwrap();
        let hashes = Hashes::default();
        for number in 0..REMEMBERED + 10 {
            let mut file = File::open(&path).unwrap();
            hashes.of_with(&PathBuf::from(number.to_string()), &mut file, |_| Ok(number.to_string())).unwrap();
        }
        assert_eq!(hashes.0.lock().unwrap().len(), REMEMBERED);
    }
}
