//! What a failure of RocksDB or of the file system means to the one who called, and what a person should do.

use std::{io, path::Path};

use parapet_contracts::{ErrorKind, ports::store::StoreError};

/// The error with its kind; the text begins with the folder.
pub fn error(path: &Path, code: &'static str, what: &str) -> StoreError {
    let (kind, advice) = match code {
        "full" => (ErrorKind::Retry, "free some space; writing goes on by itself then"),
        "read_only" => (ErrorKind::Fatal, "mount it writable, or give its files to the user that Parapet runs as"),
        "in_use" => (ErrorKind::Retry, "stop the other process, or give this site a data folder of its own"),
        "damaged" => (
            ErrorKind::Fatal,
            "move the folder aside and start with an empty one, or go back to a backup (`parapet store restore`)",
        ),
        "newer_version" => (
            ErrorKind::Fatal,
            "run that version or a later one, go back to a backup from before it (`parapet store restore`), or use another data folder",
        ),
        _ => (ErrorKind::Retry, "look at the disk and at the system's log"),
    };
    StoreError { kind, code, text: format!("store {}: {what}: {advice}", path.display()) }
}

/// What an error of the file system means.
pub fn of_io(path: &Path, what: &str, e: &io::Error) -> StoreError {
    let code = match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "full",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => "read_only",
        _ => "io",
    };
    error(path, code, &format!("{what}: {e}"))
}

/// What an error of RocksDB means. It gives its text alone, so the text decides: the words are those of the system's errors.
pub fn of_rocksdb(path: &Path, what: &str, e: &rocksdb::Error) -> StoreError {
    let text = e.as_ref();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let code = if has(&["No space left on device", "Disk quota exceeded", "Max allowed space was reached"]) {
        "full"
    } else if has(&["Read-only file system", "Permission denied", "Operation not permitted"]) {
        "read_only"
    } else if has(&["lock hold by current process", "While lock file", "LOCK: Resource temporarily"]) {
        "in_use"
    } else if e.kind() == rocksdb::ErrorKind::Corruption
        || (has(&["No such file or directory"]) && has(&[".sst", "MANIFEST-", "/CURRENT"]))
    {
        "damaged"
    } else if e.kind() == rocksdb::ErrorKind::NotSupported {
        "newer_version"
    } else {
        "io"
    };
    let what = match code {
        "full" => format!("{what}: the disk is full ({text})"),
        "read_only" => format!("{what}: the folder can't be written ({text})"),
        "in_use" => format!("{what}: another process has it open ({text})"),
        "damaged" => format!("{what}: files in it are damaged ({text})"),
        "newer_version" => format!("{what}: it was written by a newer version ({text})"),
        _ => format!("{what}: {text}"),
    };
    error(path, code, &what)
}

/// Bytes of the files in a folder, not of folders below. Files that vanish meanwhile are no error.
pub fn folder_bytes(path: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for file in std::fs::read_dir(path).map_err(|e| of_io(path, "reading the folder", &e))? {
        match file.and_then(|file| file.metadata()) {
            Ok(data) if data.is_file() => bytes += data.len(),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(of_io(path, "reading the folder", &e)),
        }
    }
    Ok(bytes)
}
