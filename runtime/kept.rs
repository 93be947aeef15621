//! Copies of model files that were good, beside the store: what slots start from while the file on the disk was refused.
//!
//! ```text
//! kept/people/record.json            which file was good last, and which was refused since
//! kept/people/1f0c…/people.onnx      the good one, with the files beside it that hold its weights
//! ```
//! It promises: a copy is used only when its hash is that of the file that was good; what is written is whole or not there, also after a power cut; of
//! each model one file is kept. Without a copy, the file on the disk is loaded, as it always was.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
};

use parapet_actors::model::ModelKeeper;
use parapet_config::Model;
use parapet_contracts::{ModelId, hex};
use parapet_vision::OnnxSummary;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const RECORD: &str = "record.json";

/// See the module.
pub struct KeptModels {
    folder: PathBuf,
    /// Slots of one model start side by side.
    writing: Mutex<()>,
}

/// What is known of a model's files, by their SHA-256.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Record {
    /// The one that was good last.
    good: String,
    /// The one that was refused since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Refused {
    digest: String,
    why: String,
}

impl KeptModels {
    /// Copies in this folder, which is made when there is something to keep.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, writing: Mutex::default() }
    }

    /// The model with the file that its slots should load: the one on the disk when it is the one that was checked, else its copy.
    pub fn placed<'a>(&self, model: &'a Model) -> Cow<'a, Model> {
        let (Some(file), Some(digest)) = (&model.file, &model.digest) else { return Cow::Borrowed(model) };
        if sha256(file).is_ok_and(|found| found == *digest) {
            return Cow::Borrowed(model);
        }
        match self.copy_of(&model.id, digest) {
            Some(copy) => {
                tracing::warn!(model = %model.id, "{} is not the file that was good: its copy is loaded", file.display());
                Cow::Owned(Model { file: Some(copy), ..model.clone() })
            }
            None => Cow::Borrowed(model),
        }
    }

    /// The copy of this file, when it is there and whole.
    fn copy_of(&self, model: &ModelId, digest: &str) -> Option<PathBuf> {
        let files = fs::read_dir(self.folder.join(model.as_str()).join(digest)).ok()?;
        let copies = files.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
        copies.into_iter().find(|path| sha256(path).is_ok_and(|found| found == digest))
    }

    fn record(&self, model: &ModelId) -> Option<Record> {
        let text = fs::read(self.folder.join(model.as_str()).join(RECORD)).ok()?;
        serde_json::from_slice(&text)
            .inspect_err(|error| tracing::warn!(%model, "its {RECORD} can't be read: {error}"))
            .ok()
    }

    fn write(&self, model: &ModelId, record: &Record) -> io::Result<()> {
        let folder = self.folder.join(model.as_str());
        fs::create_dir_all(&folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&mut file, record)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(RECORD))?;
        fs::File::open(&folder)?.sync_all()
    }

    fn keep(&self, model: &Model, digest: &str) -> io::Result<()> {
        let placed = self.placed(model);
        let Some(file) = &placed.file else { return Ok(()) };
        let own = self.folder.join(model.id.as_str());
        fs::create_dir_all(&own)?;
        if self.copy_of(&model.id, digest).is_none() {
            let half = tempfile::Builder::new().prefix(".half-").tempdir_in(&own)?;
            let name = file.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
            copy(file, &half.path().join(name))?;
            if sha256(&half.path().join(name))? != *digest {
                return Err(io::Error::other("it has changed since it was checked"));
            }
            for beside in OnnxSummary::read(file).map(|summary| summary.external_files).unwrap_or_default() {
                if !beside.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
                    return Err(io::Error::other(format!("its weights lie elsewhere: {}", beside.display())));
                }
                copy(&file.parent().unwrap_or(Path::new(".")).join(&beside), &half.path().join(&beside))?;
            }
            let to = own.join(digest);
            if to.exists() {
                fs::remove_dir_all(&to)?; // It is damaged.
            }
            fs::rename(half.keep(), to)?;
        }
        self.write(&model.id, &Record { good: digest.to_owned(), refused: None })?;
        let old =
            fs::read_dir(&own)?.flatten().filter(|entry| entry.file_name() != RECORD && entry.file_name() != digest);
        old.for_each(|entry| drop(fs::remove_dir_all(entry.path())));
        Ok(())
    }
}

impl ModelKeeper for KeptModels {
    fn instead(&self, model: &Model) -> Option<(String, String)> {
        let (found, record) = (model.digest.as_ref()?, self.record(&model.id)?);
        let refused = record.refused.filter(|refused| refused.digest == *found)?;
        self.copy_of(&model.id, &record.good)?;
        Some((record.good, refused.why))
    }

    fn good(&self, model: &Model) -> Result<(), String> {
        let Some(digest) = &model.digest else { return Ok(()) };
        let _one_at_a_time = self.writing.lock();
        if self.record(&model.id).is_some_and(|record| record.good == *digest) && self.has(&model.id, digest) {
            return Ok(());
        }
        self.keep(model, digest).map_err(|error| {
            format!(
                "no copy of its file can be kept in {}, so that a slot that starts anew loads whatever is on the disk then: {error}",
                self.folder.display()
            )
        })
    }

    fn refused(&self, model: &Model, why: &str) -> Result<(), String> {
        let _one_at_a_time = self.writing.lock();
        let (Some(digest), Some(record)) = (&model.digest, self.record(&model.id)) else { return Ok(()) };
        if record.good == *digest {
            return Ok(()); // It is good, and its settings are not.
        }
        let refused = Refused { digest: digest.clone(), why: why.to_owned() };
        self.write(&model.id, &Record { refused: Some(refused), ..record })
            .map_err(|error| format!("that is not known after a restart: {}: {error}", self.folder.display()))
    }

    fn keep_only(&self, models: &BTreeSet<ModelId>) {
        let _one_at_a_time = self.writing.lock();
        let known = |name: &str| models.iter().any(|model| model.as_str() == name);
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let gone = folders.filter(|entry| entry.file_name().to_str().is_some_and(|name| !known(name)));
        gone.for_each(|entry| drop(fs::remove_dir_all(entry.path())));
    }
}

impl KeptModels {
    /// Whether there is a copy, whole or not: what is loaded is looked at more closely.
    fn has(&self, model: &ModelId, digest: &str) -> bool {
        self.folder.join(model.as_str()).join(digest).is_dir()
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut hash)?;
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
mod tests;
