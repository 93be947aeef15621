//! What evidence and recordings share: folders by day, and files that are whole or absent.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use jiff::civil::Date;
use parapet_contracts::ports::evidence::{EvidenceError, Room};

use crate::error::of_io;

/// The format of a day folder's name.
pub const DAY: &str = "%Y-%m-%d";

/// A day in exactly the form that `keep` writes.
pub fn parse_day(name: &str) -> Option<Date> {
    Date::strptime(DAY, name).ok().filter(|day| day.strftime(DAY).to_string() == name)
}

/// The names of the folders in a folder; not of links to some.
pub fn folders(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// The names and sizes of the files in a folder; not of links to some. What a crash left half-written was never evidence, and what
/// vanishes meanwhile is not there.
pub fn whole_files(path: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.ends_with(".part") {
            match entry.metadata() {
                Ok(data) => files.push((name, data.len())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(files)
}

/// Makes durable what was added to a folder or taken out of it.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// How much room is on the disk of a folder.
pub fn room(path: &Path) -> Result<Room, EvidenceError> {
    let told = rustix::fs::statvfs(path).map_err(|e| of_io(path, "asking for its room", &e.into()))?;
    Ok(Room { free: told.f_bavail * told.f_frsize, total: told.f_blocks * told.f_frsize })
}
