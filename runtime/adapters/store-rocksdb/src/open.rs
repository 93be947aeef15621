//! Opening a store: the folder is made when it is missing, what a newer Parapet wrote is refused, and so is a folder whose
//! files are there without what names them. A damaged store can be set aside.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use parapet_contracts::{
    Timestamp,
    ports::store::{Durability, StoreError},
};
use parking_lot::Mutex;
use rocksdb::{ColumnFamilyDescriptor, DB, DBRecoveryMode, DEFAULT_COLUMN_FAMILY_NAME, WriteBatch};

use crate::{
    db::{Db, Family},
    error::{error, of_io, of_rocksdb},
    options::{Prepared, StoreOptions},
    state::State,
    store::RocksStore,
    values,
};

/// The format that this version writes: which families there are, and what is in them. It reads all before it:
/// 1 had no records that tell of removed evidence, which would be unreadable to who knows 1 alone.
const FORMAT: u64 = 2;
const FORMAT_KEY: &[u8] = b"format";

impl RocksStore {
    /// Opens the store in the folder `path`; makes both when they are missing.
    ///
    /// # Errors
    /// `in_use`, `read_only`, `full`, `damaged`, `newer_version` or `io`, with a text that names the folder and says what to do.
    pub fn open(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_prepared(path.as_ref(), &Prepared::new(options))
    }

    /// Opens a store whose log is damaged: all that stands before the damage is there, what stood behind it is lost. As it was found, it
    /// is kept in a folder of its own, which is returned.
    ///
    /// # Errors
    /// When more is damaged than the log, or there is no room for the copy; the store is as it was, and there is no copy.
    pub fn recover(path: impl AsRef<Path>, options: StoreOptions) -> Result<(Self, PathBuf), StoreError> {
        let path = path.as_ref();
        let copy = copy_aside(path).map_err(|e| of_io(path, "keeping it as it was found", &e))?;
        let mut prepared = Prepared::new(options);
        prepared.database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        match Self::open_prepared(path, &prepared) {
            Ok(store) => Ok((store, copy)),
            Err(e) => {
                // What is left of the copy says nothing that the store itself does not say.
                fs::remove_dir_all(&copy).map_err(|e| of_io(&copy, "removing the copy", &e))?;
                Err(e)
            }
        }
    }

    fn open_prepared(path: &Path, prepared: &Prepared) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                error(path, "io", "there is a file where a folder is expected")
            }
            _ => of_io(path, "making the folder", &e),
        })?;
        let is_new = !path.join("CURRENT").exists();
        if is_new {
            refuse_orphans(path)?;
        } else {
            refuse_unknown_families(path)?;
        }
        let families = Family::ALL
            .iter()
            .map(|family| ColumnFamilyDescriptor::new(family.name(), prepared.family(Some(*family))))
            .chain([ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, prepared.family(None))]);
        let raw = DB::open_cf_descriptors(&prepared.database, path, families)
            .map_err(|e| of_rocksdb(path, "opening it", &e))?;
        let db = Db { raw, path: path.to_owned() };
        check_format(&db)?;
        if is_new {
            keep_name(path)?;
        }
        let state = Mutex::new(State::load(&db)?);
        // A copy of the options counts together with them.
        let statistics = prepared.database.clone();
        Ok(Self { db, turn: Mutex::new(()), state, statistics })
    }

    /// Moves a damaged store out of the way, so that a fresh one can be opened at `path`; returns where it is now. What is at
    /// `path` must not be open.
    ///
    /// # Errors
    /// When the folder can't be renamed, nor what is in it.
    pub fn set_aside(path: impl AsRef<Path>) -> Result<PathBuf, StoreError> {
        move_away(path.as_ref(), "damaged")
    }
}

/// RocksDB syncs what is in the folder. The folder's own name is its parent's, and a power cut may take it, and all with it.
fn keep_name(path: &Path) -> Result<(), StoreError> {
    let named = path.canonicalize().map_err(|e| of_io(path, "looking where it is", &e))?;
    let parent = named.parent().unwrap_or(path);
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(|e| of_io(path, "keeping its name", &e))
}

/// A copy of the store beside it, or in it when the folder is a volume of its own; tables, which never change, are shared.
fn copy_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%6fZ");
    let beside = path.with_file_name(format!("{name}.damaged-{stamp}"));
    let copy = match fs::create_dir(&beside) {
        Ok(()) => beside,
        Err(_) => {
            let below = path.join(format!("damaged-{stamp}"));
            fs::create_dir(&below)?;
            below
        }
    };
    for entry in fs::read_dir(path)? {
        let (from, to) = entry.map(|entry| (entry.path(), copy.join(entry.file_name())))?;
        if from.is_dir() {
            continue;
        }
        let shared = from.extension().is_some_and(|e| e == "sst") && fs::hard_link(&from, &to).is_ok();
        if !shared {
            fs::copy(&from, &to)?;
        }
    }
    Ok(copy)
}

/// What stores that were moved away are called.
const AWAY: [&str; 2] = ["damaged-", "replaced-"];

/// Moves the store at `path` out of the way, under a name that says why; returns where it is now.
pub(crate) fn move_away(path: &Path, why: &str) -> Result<PathBuf, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%6fZ");
    let beside = path.with_file_name(format!("{name}.{why}-{stamp}"));
    let moved = match fs::rename(path, &beside) {
        Ok(()) => beside,
        // The folder itself is a mounted volume: what is in it goes into a folder below.
        Err(e) if matches!(e.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices) => {
            move_down(path, &format!("{why}-{stamp}")).map_err(|e| of_io(path, "setting it aside", &e))?
        }
        Err(e) => return Err(of_io(path, "setting it aside", &e)),
    };
    let parent = moved.parent().unwrap_or(path);
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(|e| of_io(path, "setting it aside", &e))?;
    Ok(moved)
}

/// RocksDB would take tables without a `CURRENT` file for rubbish and delete them.
fn refuse_orphans(path: &Path) -> Result<(), StoreError> {
    let reading = |e: io::Error| of_io(path, "reading the folder", &e);
    for file in fs::read_dir(path).map_err(reading)? {
        let name = file.map_err(reading)?.file_name();
        if Path::new(&name).extension().is_some_and(|e| e == "sst") {
            return Err(error(path, "damaged", "it holds tables, but the file CURRENT is missing"));
        }
    }
    Ok(())
}

fn refuse_unknown_families(path: &Path) -> Result<(), StoreError> {
    let known = |name: &str| name == DEFAULT_COLUMN_FAMILY_NAME || Family::ALL.iter().any(|f| f.name() == name);
    let found = DB::list_cf(&Prepared::new(StoreOptions::default()).database, path)
        .map_err(|e| of_rocksdb(path, "opening it", &e))?;
    match found.iter().find(|name| !known(name)) {
        Some(name) => {
            let what = format!("it has a column family `{name}` that this version does not know: a newer one wrote it");
            Err(error(path, "newer_version", &what))
        }
        None => Ok(()),
    }
}

/// Reads the format, and raises it to this version's: from here on an older one refuses the store.
fn check_format(db: &Db) -> Result<(), StoreError> {
    if let Some(value) = db.get(Family::Meta, FORMAT_KEY)? {
        let [format] = values::from_numbers(db, Family::Meta, FORMAT_KEY, &value)?;
        if format > FORMAT {
            let what = format!("its format is {format}, this version knows formats up to {FORMAT}");
            return Err(error(&db.path, "newer_version", &what));
        }
        if format == FORMAT {
            return Ok(());
        }
        tracing::info!(from = format, to = FORMAT, store = %db.path.display(), "the store is of an older version and goes on in this one's format");
    }
    let mut batch = WriteBatch::default();
    batch.put_cf(db.family(Family::Meta)?, FORMAT_KEY, values::to_numbers(&[FORMAT]));
    db.write(batch, Durability::Synced)
}

fn move_down(path: &Path, name: &str) -> io::Result<PathBuf> {
    let below = path.join(name);
    fs::create_dir(&below)?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // What was set aside before stays where it is.
        let name = entry.file_name();
        if !AWAY.iter().any(|away| name.to_string_lossy().starts_with(away)) {
            fs::rename(entry.path(), below.join(name))?;
        }
    }
    Ok(below)
}
