//! Files that grow, in memory: the fake of the lines port.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use parapet_contracts::ports::lines::{Lines, LinesPort, Place};
use parking_lot::Mutex;

/// A [`LinesPort`] in memory. Each file has a number and a text.
#[derive(Debug, Default)]
pub struct MemoryLines {
    files: Mutex<BTreeMap<PathBuf, (u64, String)>>,
}

impl MemoryLines {
    /// Appends to a file.
    pub fn append(&self, file: &Path, text: &str) {
        self.files.lock().entry(file.to_owned()).or_insert((1, String::new())).1.push_str(text);
    }

    /// Puts another file into its place.
    pub fn replace(&self, file: &Path, text: &str) {
        let mut files = self.files.lock();
        let number = files.get(file).map_or(1, |(number, _)| number + 1);
        files.insert(file.to_owned(), (number, text.to_owned()));
    }
}

impl LinesPort for MemoryLines {
    fn read(&self, file: &Path, from: Place, limit: usize, longest: usize) -> Result<Lines, String> {
        let files = self.files.lock();
        let Some((number, text)) = files.get(file) else { return Err(format!("{} is not there", file.display())) };
        let goes_on = from.file == *number && from.offset <= text.len() as u64;
        let mut place = Place { file: *number, offset: if goes_on { from.offset } else { 0 } };
        let mut read = Lines::default();
        let rest = text.get(usize::try_from(place.offset).unwrap_or(0)..).unwrap_or_default();
        for line in rest.split_inclusive('\n').filter(|line| line.ends_with('\n')).take(limit) {
            place.offset += line.len() as u64;
            if line.len() > longest {
                read.too_long += 1;
            } else {
                read.lines.push(line.trim_end().to_owned());
            }
        }
        Ok(Lines { place, ..read })
    }

    fn end(&self, file: &Path) -> Result<Place, String> {
        let files = self.files.lock();
        Ok(files
            .get(file)
            .map_or(Place::default(), |(number, text)| Place { file: *number, offset: text.len() as u64 }))
    }
}
