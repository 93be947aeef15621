//! Backups: made while the store is in use, each a whole that can be gone back to, and each of them costs only what is new since the one before.
//!
//! What it promises: a backup holds each batch as a whole or not at all; `restore` overwrites nothing: what was there is moved aside; a
//! store that somebody has open is not touched.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use parapet_contracts::{ErrorKind, Timestamp, ports::store::StoreError};
use rocksdb::{
    Env,
    backup::{BackupEngine, BackupEngineInfo, BackupEngineOptions, RestoreOptions},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::{of_io, of_rocksdb},
    open::move_away,
    options::StoreOptions,
    store::RocksStore,
    survey::Survey,
};

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupInfo {
    /// Its number: grows with each.
    pub number: u32,
    /// When it was made, to the second.
    pub at: Timestamp,
    /// Its files; those that did not change since the one before are shared with it.
    pub files: u32,
    /// Bytes of its files, the shared ones included.
    pub bytes: u64,
}

/// What was gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The backup.
    pub backup: BackupInfo,
    /// What the store holds now; all of it was read.
    pub survey: Survey,
    /// Where the store is that was there before.
    pub aside: Option<PathBuf>,
}

impl RocksStore {
    /// Makes a backup in the folder `to`, which is made when it is missing, and removes all but the newest `keep`. Writing goes on meanwhile.
    ///
    /// # Errors
    /// When the folder can't be written; the backups that were there stay.
    pub fn back_up(&self, to: &Path, keep: usize) -> Result<BackupInfo, StoreError> {
        fs::create_dir_all(to).map_err(|e| of_io(to, "making the folder of the backups", &e))?;
        let mut engine = engine(to)?;
        let failed = |e: rocksdb::Error| of_rocksdb(to, "making a backup", &e);
        engine.create_new_backup_flush(&self.db.raw, true).map_err(failed)?;
        engine.purge_old_backups(keep.max(1)).map_err(failed)?;
        newest(to, &engine)
    }
}

/// The backups in a folder, oldest first; none when there is no such folder.
///
/// # Errors
/// When the folder can't be read, or holds something else.
pub fn backups(folder: &Path) -> Result<Vec<BackupInfo>, StoreError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    Ok(engine(folder)?.get_backup_info().iter().map(info).collect())
}

/// Reads a backup, the newest when no number is given: it is put into a folder of its own for the time, as a store, and everything in it is read.
///
/// # Errors
/// `damaged` when something is missing or can't be read; `no_backup` when there is none.
pub fn verify_backup(folder: &Path, number: Option<u32>) -> Result<(BackupInfo, Survey), StoreError> {
    let (mut engine, backup) = chosen(folder, number)?;
    let scratch = folder.join(format!(".verifying-{}", std::process::id()));
    let surveyed = put(&mut engine, &backup, &scratch).and_then(|()| survey(&scratch));
    if let Err(e) = fs::remove_dir_all(&scratch)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(of_io(&scratch, "removing what was verified", &e));
    }
    Ok((backup, surveyed?))
}

/// Goes back to a backup, the newest when no number is given. With `replace`, a store that is there is moved aside.
///
/// # Errors
/// `not_empty` when there is a store and `replace` is false; `in_use` when somebody has it open; `no_backup`; and when files can't be read or written.
/// A store that was moved aside before it failed is named.
pub fn restore(folder: &Path, number: Option<u32>, to: &Path, replace: bool) -> Result<Restored, StoreError> {
    let (mut engine, backup) = chosen(folder, number)?;
    engine.verify_backup(backup.number).map_err(|e| of_rocksdb(folder, "verifying the backup", &e))?;
    let aside = if is_empty(to)? {
        None
    } else {
        refuse_in_use(to)?;
        if !replace {
            let text = format!(
                "{} is not empty: say --replace to go back to backup {}; what is there is moved aside then",
                to.display(),
                backup.number
            );
            return Err(StoreError { kind: ErrorKind::Reject, code: "not_empty", text });
        }
        Some(move_away(to, "replaced")?)
    };
    let survey = put(&mut engine, &backup, to).and_then(|()| survey(to)).map_err(|error| match &aside {
        Some(aside) => {
            StoreError { text: format!("{}; the store as it was is in {}", error.text, aside.display()), ..error }
        }
        None => error,
    })?;
    Ok(Restored { backup, survey, aside })
}

fn engine(folder: &Path) -> Result<BackupEngine, StoreError> {
    let failed = |e: rocksdb::Error| of_rocksdb(folder, "opening the backups", &e);
    let options = BackupEngineOptions::new(folder).map_err(failed)?;
    BackupEngine::open(&options, &Env::new().map_err(failed)?).map_err(failed)
}

fn info(of: &BackupEngineInfo) -> BackupInfo {
    let at = Timestamp::from_second(of.timestamp).unwrap_or_default();
    BackupInfo { number: of.backup_id, at, files: of.num_files, bytes: of.size }
}

fn newest(folder: &Path, engine: &BackupEngine) -> Result<BackupInfo, StoreError> {
    engine.get_backup_info().iter().map(info).max_by_key(|backup| backup.number).ok_or_else(|| no_backup(folder, None))
}

fn chosen(folder: &Path, number: Option<u32>) -> Result<(BackupEngine, BackupInfo), StoreError> {
    if !folder.exists() {
        return Err(no_backup(folder, number));
    }
    let engine = engine(folder)?;
    let backup = match number {
        None => newest(folder, &engine)?,
        Some(number) => {
            let found = engine.get_backup_info().iter().map(info).find(|backup| backup.number == number);
            found.ok_or_else(|| no_backup(folder, Some(number)))?
        }
    };
    Ok((engine, backup))
}

fn no_backup(folder: &Path, number: Option<u32>) -> StoreError {
    let which = number.map_or_else(|| "no backup".to_owned(), |number| format!("no backup {number}"));
    let text = format!("there is {which} in {}: `parapet store backups` lists those that are there", folder.display());
    StoreError { kind: ErrorKind::Reject, code: "no_backup", text }
}

/// Copies the files of a backup into a folder that has none.
fn put(engine: &mut BackupEngine, backup: &BackupInfo, to: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(to).map_err(|e| of_io(to, "making the folder", &e))?;
    let options = RestoreOptions::default();
    let restored = engine.restore_from_backup(to, to, &options, backup.number);
    restored.map_err(|e| of_rocksdb(to, "reading the backup", &e))
}

fn survey(path: &Path) -> Result<Survey, StoreError> {
    RocksStore::open(path, StoreOptions::default())?.survey()
}

fn is_empty(path: &Path) -> Result<bool, StoreError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(of_io(path, "reading the folder", &e)),
    }
}

/// Whoever has a store open has its lock. One that can't be opened for another reason is nobody's.
fn refuse_in_use(path: &Path) -> Result<(), StoreError> {
    if !path.join("CURRENT").exists() {
        return Ok(());
    }
    match RocksStore::open(path, StoreOptions::default()) {
        Err(error) if error.code == "in_use" => Err(error),
        _ => Ok(()),
    }
}
