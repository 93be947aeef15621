//! The sink port over a file: JSON Lines, one CloudEvent a line, rotated by size.
//!
//! It promises: an item is acknowledged only once its whole line is on the disk, and so is the name of the file that it stands in; a line that a crash tore off is ended before the next one, so that
//! every other line stays readable; `events.jsonl` is the newest file, `events.jsonl.1` the one before it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use parapet_contracts::ports::{
    sink::{SinkError, SinkPort},
    store::OutboxItem,
};
use parking_lot::Mutex;

/// See the module.
pub struct FileSink {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    path: PathBuf,
    rotate_bytes: u64,
    keep: usize,
    open: Option<(File, u64)>,
}

impl FileSink {
    /// A sink that appends to `path`, begins a new file once it has grown beyond `rotate_bytes`, and keeps `keep` old ones.
    pub fn new(path: PathBuf, rotate_bytes: u64, keep: usize) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { path, rotate_bytes, keep, open: None })) }
    }
}

#[async_trait]
impl SinkPort for FileSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let inner = Arc::clone(&self.inner);
        let lines: Vec<String> = items.iter().map(|item| item.payload.clone()).collect();
        let written = tokio::task::spawn_blocking(move || inner.lock().append(&lines)).await;
        let failed = |text: String| vec![Err(SinkError::retry("io", text))];
        match written {
            Ok(Ok(())) => items.iter().map(|_| Ok(())).collect(),
            Ok(Err(text)) => failed(text),
            Err(error) => failed(error.to_string()),
        }
    }

    async fn ready(&self) {}
}

impl Inner {
    fn append(&mut self, lines: &[String]) -> Result<(), String> {
        let result = self.try_append(lines);
        result.map_err(|error| {
            // What is in the file now is unknown: look at it again next time.
            self.open = None;
            format!("{}: {error}; it is tried again", self.path.display())
        })
    }

    fn try_append(&mut self, lines: &[String]) -> io::Result<()> {
        let (mut file, mut size) = match self.open.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        if size >= self.rotate_bytes {
            drop(file);
            rotate(&self.path, self.keep)?;
            (file, size) = open(&self.path)?;
        }
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.open = Some((file, size + text.len() as u64));
        Ok(())
    }
}

/// Opens the file at its end, and ends a line that a crash tore off.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(folder)?;
    for made in missing {
        keep_names(made.parent().unwrap_or(made))?;
    }
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut size = file.metadata()?.len();
    if size == 0 {
        keep_names(folder)?;
    }
    if size > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            size += 1;
        }
    }
    Ok((file, size))
}

fn rotate(path: &Path, keep: usize) -> io::Result<()> {
    let numbered = |n: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        fs::remove_file(path)?;
        return keep_names(path.parent().unwrap_or(Path::new("/")));
    }
    for n in (1..keep).rev() {
        match fs::rename(numbered(n), numbered(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(1))?;
    keep_names(path.parent().unwrap_or(Path::new("/")))
}

/// Syncs a folder: a power cut may take the name of a file from it otherwise, however well the file itself was synced.
fn keep_names(folder: &Path) -> io::Result<()> {
    // A path without a folder is one in the folder of the process.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parapet_contracts::ErrorKind;

    use super::*;

    fn item(n: usize) -> OutboxItem {
        OutboxItem::new(uuid::Uuid::from_u128(n as u128), "alert", "t", format!("{{\"n\":{n}}}"))
    }

    fn numbers(path: &Path) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn lines_are_appended_in_order_and_files_rotate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/alerts.jsonl");
        let sink = FileSink::new(path.clone(), 16, 1);
        for n in 0..6 {
            assert_eq!(sink.send(&[item(n)]).await, [Ok(())]);
        }
        let old = folder.path().join("deep/alerts.jsonl.1");
        assert_eq!((numbers(&old), numbers(&path)), (vec![2, 3], vec![4, 5]), "two lines a file, one old file kept");
    }

    #[tokio::test]
    async fn a_torn_line_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        fs::write(&path, "{\"n\":0}\n{\"n\":").unwrap();
        FileSink::new(path.clone(), 1 << 20, 1).send(&[item(7)]).await;
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), ["{\"n\":0}", "{\"n\":", "{\"n\":7}"]);
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_told_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let sink = FileSink::new(folder.path().join("file/alerts.jsonl"), 1 << 20, 1);
        let fates = sink.send(&[item(1), item(2)]).await;
        let error = fates[0].as_ref().unwrap_err();
        assert_eq!((error.kind, error.text.contains("alerts.jsonl")), (ErrorKind::Retry, true));
    }
}
