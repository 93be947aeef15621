//! The lines port over the file system.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use parapet_contracts::ports::lines::{Lines, LinesPort, Place};

/// Reads files that grow. A file that was rotated away is not read to its end: write less often than it is looked at, or copy and
/// truncate.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileLines;

impl LinesPort for FileLines {
    fn read(&self, file: &Path, from: Place, limit: usize, longest: usize) -> Result<Lines, String> {
        let failed = |error: std::io::Error| format!("{} can't be read: {error}", file.display());
        let data = std::fs::metadata(file).map_err(failed)?;
        if !data.is_file() {
            return Err(format!("{} is no regular file", file.display()));
        }
        let goes_on = from.file == data.ino() && from.offset <= data.len();
        let mut place = Place { file: data.ino(), offset: if goes_on { from.offset } else { 0 } };
        if place.offset == data.len() {
            return Ok(Lines { place, ..Lines::default() });
        }
        let mut open = File::open(file).map_err(failed)?;
        open.seek(SeekFrom::Start(place.offset)).map_err(failed)?;
        let mut reader = BufReader::new(open);
        let mut read = Lines::default();
        while read.lines.len() < limit {
            let mut line = Vec::new();
            let count = (&mut reader).take(longest as u64 + 1).read_until(b'\n', &mut line).map_err(failed)?;
            let mut whole = line.ends_with(b"\n");
            let mut passed = count as u64;
            if !whole && count > longest {
                // Its rest is passed over, however long it is.
                let rest = skip_line(&mut reader).map_err(failed)?;
                (whole, passed) = (rest.1, passed + rest.0);
                read.too_long += u64::from(whole);
            } else if whole {
                let end = line.trim_ascii_end().len();
                read.lines.push(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !whole {
                break;
            }
            place.offset += passed;
        }
        Ok(Lines { place, ..read })
    }

    fn end(&self, file: &Path) -> Result<Place, String> {
        match std::fs::metadata(file) {
            Ok(data) => Ok(Place { file: data.ino(), offset: data.len() }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::default()),
            Err(error) => Err(format!("{} can't be read: {error}", file.display())),
        }
    }
}

/// How many bytes there are up to the end of the line, and whether it has one.
fn skip_line(reader: &mut impl std::io::BufRead) -> std::io::Result<(u64, bool)> {
    let mut passed = 0;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok((passed, false));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let count = end.unwrap_or(bytes.len());
        reader.consume(count);
        passed += count as u64;
        if end.is_some() {
            return Ok((passed, true));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, io::Write as _};

    use super::*;

    fn read(file: &Path, from: Place) -> (Vec<String>, u64, Place) {
        let Lines { lines, too_long, place } = FileLines.read(file, from, 2, 8).unwrap();
        (lines, too_long, place)
    }

    #[test]
    fn whole_lines_are_read_once_and_another_file_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.jsonl");
        assert_eq!(FileLines.end(&file).unwrap(), Place::default());
        assert!(FileLines.read(&file, Place::default(), 2, 8).unwrap_err().contains("x.jsonl"));
        fs::write(&file, "a\r\nb\nc\nd").unwrap();
        let (lines, _, place) = read(&file, Place::default());
        assert_eq!(lines, ["a", "b"]);
        let (lines, _, place) = read(&file, place);
        assert_eq!(lines, ["c"], "a line without its end waits");
        let mut open = fs::OpenOptions::new().append(true).open(&file).unwrap();
        open.write_all(b"d\n0123456789\ne\n").unwrap();
        let (lines, too_long, place) = read(&file, place);
        assert_eq!((lines, too_long), (vec!["dd".to_owned(), "e".to_owned()], 1));
        assert_eq!(FileLines.end(&file).unwrap(), place);
        fs::write(&file, "f\n").unwrap();
        assert_eq!(read(&file, place).0, ["f"], "it has shrunk");
        let other = folder.path().join("y");
        fs::write(&other, "g\nh\ni\nj\nk\n").unwrap();
        fs::rename(&other, &file).unwrap();
        assert_eq!(read(&file, place).0, ["g", "h"], "it is another");
    }
}
