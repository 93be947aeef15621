//! Optimised models on the disk: what ONNX Runtime makes of a model for this processor is made once, and shared.
//!
//! ```text
//! cache/onnxruntime/KEY/model.onnx     the optimised graph
//! cache/onnxruntime/KEY/weights.bin    its weights, which all sessions map: they are in memory once, whatever the number of slots
//! cache/onnxruntime/KEY/entry.json     checksums of both, and what the model tells of itself
//! ```
//! It promises: an entry is used only for the bytes of the model, the build of the runtime and the processor that it was made with (its key), and only
//! when its files have the checksums that they had then; one that is damaged is set aside (`KEY.damaged`) and made anew; an entry is whole or not there; a
//! folder that can't be written costs time and memory, and nothing else; at most [`MOST`] entries are kept.

use std::{
    collections::HashMap,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use parapet_contracts::{hex, ports::inference::ModelSignature};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Entries that are kept at most; those that were not used for longest go.
const MOST: usize = 32;
/// Changes with what this program asks of the runtime when it optimises.
const FORM: &str = "1";
const GRAPH: &str = "model.onnx";
pub(crate) const WEIGHTS: &str = "weights.bin";
const ENTRY: &str = "entry.json";

/// A folder of optimised models.
pub(crate) struct Cache {
    folder: PathBuf,
}

/// What a model's file is made of.
pub(crate) struct Fingerprint {
    /// Of its bytes, the runtime and the processor.
    pub(crate) key: String,
    /// Its weights lie in other files, of which the key knows nothing.
    pub(crate) external: bool,
}

/// What is known of an entry's files.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// CRC-32.
    graph: u32,
    /// The same; absent when all weights are in the graph.
    weights: Option<u32>,
    signature: ModelSignature,
}

/// What is found under a key.
pub(crate) enum Found {
    /// The optimised graph, and what the model tells of itself.
    Whole(PathBuf, Box<ModelSignature>),
    /// It was set aside; the log says why.
    Damaged,
    /// There is none.
    Nothing,
}

/// An entry that is being made.
pub(crate) struct Draft {
    folder: TempDir,
    to: PathBuf,
}

impl Fingerprint {
    /// Reads a model's file, for a runtime of this build.
    pub(crate) fn of(model: &Path, build: &str) -> io::Result<Self> {
        /// A `StringStringEntryProto` whose key is `location`: where the weights of an initializer lie. A model that has the words elsewhere is not cached.
        const LOCATION: &[u8] = b"\n\x08location";
        let mut hash = Sha256::new();
        for part in [FORM, build, &processor()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut file = fs::File::open(model)?;
        let (mut buffer, mut kept, mut external) = (vec![0; 1 << 18], 0, false);
        loop {
            // What might be the beginning of the words stays before what comes next.
            let read = file.read(&mut buffer[kept..])?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[kept..kept + read]);
            let seen = &buffer[..kept + read];
            external |= memchr::memmem::find(seen, LOCATION).is_some();
            let tail = seen.len().min(LOCATION.len() - 1);
            let from = seen.len() - tail;
            buffer.copy_within(from..from + tail, 0);
            kept = tail;
        }
        Ok(Self { key: hex(&hash.finalize()), external })
    }
}

/// The processor, as far as it matters for what it is optimised for.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name: &str| info.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    [std::env::consts::ARCH.to_owned(), line("model name"), line("flags"), line("Features")].join("\n")
}

impl Cache {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("onnxruntime") }
    }

    /// What is there under this key.
    pub(crate) fn find(&self, key: &str) -> Found {
        let entry = self.folder.join(key);
        if !entry.exists() {
            return Found::Nothing;
        }
        match whole(&entry) {
            Ok(signature) => {
                // Which were used lately is known by this; where that can't be written, nothing is removed either.
                fs::File::options()
                    .append(true)
                    .open(entry.join(ENTRY))
                    .and_then(|f| f.set_modified(SystemTime::now()))
                    .ok();
                Found::Whole(entry.join(GRAPH), Box::new(signature))
            }
            Err(why) => {
                self.set_aside(key, &why);
                Found::Damaged
            }
        }
    }

    /// Takes an entry out of the way that is no good.
    pub(crate) fn set_aside(&self, key: &str, why: &str) {
        let (entry, aside) = (self.folder.join(key), self.folder.join(format!("{key}.damaged")));
        fs::remove_dir_all(&aside).ok();
        let moved = fs::rename(&entry, &aside);
        tracing::warn!(entry = %entry.display(), moved = moved.is_ok(), "an optimised model is no good and is made anew: {why}");
    }

    /// Begins an entry.
    pub(crate) fn draft(&self, key: &str) -> io::Result<Draft> {
        fs::create_dir_all(&self.folder)?;
        let folder = tempfile::Builder::new().prefix(".half-").tempdir_in(&self.folder)?;
        Ok(Draft { folder, to: self.folder.join(key) })
    }

    /// Removes what was not used for longest.
    fn prune(&self) {
        let used = |path: &Path| {
            fs::metadata(path.join(ENTRY)).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let whole =
            folders.filter(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
        let mut entries: Vec<_> = whole.map(|path| (used(&path), path)).collect();
        entries.sort_by(|one, other| other.cmp(one));
        entries.into_iter().skip(MOST).for_each(|(_, path)| drop(fs::remove_dir_all(path)));
    }
}

/// What the model of an entry tells of itself, when the entry is as it was made.
fn whole(folder: &Path) -> Result<ModelSignature, String> {
    let text = fs::read(folder.join(ENTRY)).map_err(|error| format!("{ENTRY}: {error}"))?;
    let entry: Entry = serde_json::from_slice(&text).map_err(|error| format!("{ENTRY}: {error}"))?;
    let files = [(GRAPH, Some(entry.graph)), (WEIGHTS, entry.weights)];
    for (name, wanted) in files.into_iter().filter_map(|(name, wanted)| Some((name, wanted?))) {
        match checksum(&folder.join(name)) {
            Ok(found) if found == wanted => {}
            Ok(_) => return Err(format!("{name} is not what it was")),
            Err(error) => return Err(format!("{name}: {error}")),
        }
    }
    Ok(entry.signature)
}

impl Draft {
    /// Where the optimised graph is to be written; its weights beside it.
    pub(crate) fn graph(&self) -> PathBuf {
        self.folder.path().join(GRAPH)
    }

    /// The files are there: they become an entry.
    pub(crate) fn finish(self, cache: &Cache, signature: &ModelSignature) -> io::Result<()> {
        let folder = self.folder.path();
        let weights = folder.join(WEIGHTS);
        let entry = Entry {
            graph: checksum(&folder.join(GRAPH))?,
            weights: if weights.exists() { Some(checksum(&weights)?) } else { None },
            signature: signature.clone(),
        };
        fs::write(folder.join(ENTRY), serde_json::to_vec(&entry)?)?;
        for name in [GRAPH, WEIGHTS, ENTRY] {
            match fs::File::open(folder.join(name)) {
                Ok(file) => file.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        match fs::rename(folder, &self.to) {
            // Another process was quicker, with the same.
            Err(_) if self.to.exists() => {}
            renamed => renamed?,
        }
        cache.prune();
        Ok(())
    }
}

/// Against damage, not against somebody who may write here: that one could write anything.
fn checksum(path: &Path) -> io::Result<u32> {
    let (mut sum, mut file, mut buffer) = (crc32fast::Hasher::new(), fs::File::open(path)?, vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sum.finalize()),
            read => sum.update(&buffer[..read]),
        }
    }
}

/// Whoever makes an entry makes others wait that want the same one: one lock a key.
#[derive(Clone, Default)]
pub(crate) struct Makers(Arc<Mutex<HashMap<String, Arc<Mutex<()>>>>>);

impl Makers {
    pub(crate) fn lock_of(&self, key: &str) -> Arc<Mutex<()>> {
        let mut makers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        makers.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(makers.entry(key.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn made(cache: &Cache, key: &str) {
        let draft = cache.draft(key).unwrap();
        fs::write(draft.graph(), "graph").unwrap();
        fs::write(draft.folder.path().join(WEIGHTS), "weights").unwrap();
        draft.finish(cache, &ModelSignature::default()).unwrap();
    }

    #[test]
    fn an_entry_is_found_as_it_was_made_and_set_aside_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        assert!(matches!(cache.find("a"), Found::Nothing));
        for (name, bytes) in [(GRAPH, "graps"), (WEIGHTS, "weight"), (ENTRY, "{}"), (ENTRY, "")] {
            made(&cache, "a");
            assert!(matches!(cache.find("a"), Found::Whole(path, _) if fs::read_to_string(&path).unwrap() == "graph"));
            fs::write(cache.folder.join("a").join(name), bytes).unwrap();
            assert!(matches!(cache.find("a"), Found::Damaged), "{name}");
            assert!(matches!(cache.find("a"), Found::Nothing));
            assert!(cache.folder.join("a.damaged").is_dir());
        }
        made(&cache, "a");
        fs::remove_file(cache.folder.join("a").join(WEIGHTS)).unwrap();
        assert!(matches!(cache.find("a"), Found::Damaged));
    }

    #[test]
    fn so_many_are_kept_and_those_that_are_used_stay() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        for number in 0..MOST + 3 {
            made(&cache, &number.to_string());
            let entry =
                fs::File::options().append(true).open(cache.folder.join(number.to_string()).join(ENTRY)).unwrap();
            entry.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64)).unwrap();
            assert!(matches!(cache.find("0"), Found::Whole(..)), "used each time");
        }
        assert_eq!(fs::read_dir(&cache.folder).unwrap().count(), MOST);
        assert!(matches!(cache.find("1"), Found::Nothing));
    }

    #[test]
    fn weights_in_other_files_are_noticed_wherever_the_words_stand() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.onnx");
        for at in [0, 5, (1 << 18) - 4, (1 << 18) - 10, (1 << 18) + 5, 600_000] {
            let mut bytes = vec![7; at];
            bytes.extend_from_slice(b"\n\x08location");
            bytes.extend_from_slice(&[7; 300]);
            fs::write(&file, &bytes).unwrap();
            assert!(Fingerprint::of(&file, "build").unwrap().external, "{at}");
            bytes[at] = 8;
            fs::write(&file, &bytes).unwrap();
            assert!(!Fingerprint::of(&file, "build").unwrap().external, "{at}");
        }
    }

    #[test]
    fn other_bytes_have_another_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = |bytes: &[u8]| {
            let file = folder.path().join("m.onnx");
            fs::write(&file, bytes).unwrap();
            Fingerprint::of(&file, "build").unwrap().key
        };
        let long = vec![1_u8; 300_000];
        assert_eq!(key(&long), key(&long));
        assert_ne!(key(&long), key(&long[1..]));
        assert_ne!(key(b"a"), key(b"b"));
    }
}
