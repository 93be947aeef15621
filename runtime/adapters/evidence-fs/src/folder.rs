//! The folder: `<UTC date>/<camera>/<alert>.jpg`, and the clip beside it. Days are folders, so that what is too old goes by whole folders.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use jiff::{civil::Date, tz::TimeZone};
use parapet_contracts::{
    CameraId, ErrorKind, EvidenceRef, Picture, Timestamp,
    ports::{
        clip::Clip,
        evidence::{EvidenceError, EvidencePort},
    },
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    error::{of_io, reject},
    jpeg,
};

/// The format of a day folder's name.
const DAY: &str = "%Y-%m-%d";
/// No evidence file is larger.
const MAX_BYTES: u64 = 128 << 20;

/// An [`EvidencePort`] over a folder.
#[derive(Debug)]
pub struct EvidenceFolder {
    root: PathBuf,
    quality: u8,
}

impl EvidenceFolder {
    /// Opens the folder `path`, makes it when it is missing, and tries whether it can be written. `quality` is JPEG's, 1 to 100.
    ///
    /// # Errors
    /// `read_only`, `full` or `io`, with a text that names the folder; `encode` when the quality is out of range.
    pub fn open(path: impl AsRef<Path>, quality: u8) -> Result<Self, EvidenceError> {
        let path = path.as_ref();
        if !(1..=100).contains(&quality) {
            let text = format!("evidence {}: a JPEG quality of {quality}: use 1 to 100", path.display());
            return Err(EvidenceError { kind: ErrorKind::Fatal, code: "encode", text });
        }
        fs::create_dir_all(path).map_err(|e| of_io(path, "making the folder", &e))?;
        let root = path.canonicalize().map_err(|e| of_io(path, "opening the folder", &e))?;
        let probe = root.join(format!(".writable-{}", std::process::id()));
        File::create(&probe)
            .and_then(|mut file| file.write_all(b"x"))
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|e| of_io(path, "trying to write in it", &e))?;
        Ok(Self { root, quality })
    }

    /// The folder, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn keep_file(
        &self,
        name: &str,
        camera: &CameraId,
        ts: Timestamp,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<EvidenceRef, EvidenceError> {
        let day = ts.strftime(DAY).to_string();
        let path = format!("{day}/{camera}/{name}");
        self.write(&day, camera.as_str(), name, bytes).map_err(|e| of_io(&self.root.join(&path), "writing", &e))?;
        Ok(EvidenceRef { path, media_type: media_type.to_owned(), bytes: bytes.len() as u64, sha256: sha256(bytes) })
    }

    fn write(&self, day: &str, camera: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let day = self.root.join(day);
        let folder = day.join(camera);
        for (made, within) in [(&day, &self.root), (&folder, &day)] {
            match fs::create_dir(made) {
                Ok(()) => sync_folder(within)?,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        let (part, whole) = (folder.join(format!("{name}.part")), folder.join(name));
        let written = (|| {
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &whole)?;
            sync_folder(&folder)
        })();
        if let Err(e) = &written
            && let Err(left) = fs::remove_file(&part)
            && left.kind() != io::ErrorKind::NotFound
        {
            return Err(io::Error::new(e.kind(), format!("{e}; {} is left: {left}", part.display())));
        }
        written
    }

    /// The file behind a reference, if it lies in the folder.
    fn locate(&self, reference: &EvidenceRef) -> Result<PathBuf, EvidenceError> {
        let outside =
            || reject("outside", format!("evidence `{}` is not in the evidence folder", reference.path.escape_debug()));
        let path = Path::new(&reference.path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || reference.path.is_empty() || reference.path.contains(['\0', '\\']) {
            return Err(outside());
        }
        let path = self.root.join(path);
        // Symbolic links are followed here once, and what is opened has none left.
        let real = path.canonicalize().map_err(|e| of_io(&path, "reading", &e))?;
        if real.starts_with(&self.root) { Ok(real) } else { Err(outside()) }
    }
}

impl EvidencePort for EvidenceFolder {
    fn keep(
        &self,
        alert: Uuid,
        camera: &CameraId,
        ts: Timestamp,
        picture: &Picture,
    ) -> Result<EvidenceRef, EvidenceError> {
        let bytes = jpeg::encode(picture, self.quality)?;
        self.keep_file(&format!("{alert}.jpg"), camera, ts, "image/jpeg", &bytes)
    }

    fn keep_clip(
        &self,
        alert: Uuid,
        camera: &CameraId,
        ts: Timestamp,
        clip: &Clip,
    ) -> Result<EvidenceRef, EvidenceError> {
        self.keep_file(&format!("{alert}.{}", clip.extension), camera, ts, clip.media_type, &clip.bytes)
    }

    fn read(&self, reference: &EvidenceRef) -> Result<Vec<u8>, EvidenceError> {
        let path = self.locate(reference)?;
        let failed = |e: io::Error| of_io(&path, "reading", &e);
        // A pipe would block, a device never end.
        if !path.metadata().map_err(failed)?.is_file() {
            return Err(reject("not_found", format!("evidence {}: it is no file", path.display())));
        }
        let mut bytes = Vec::new();
        File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 != reference.bytes || sha256(&bytes) != reference.sha256 {
            let text = format!("evidence {}: it is not what was written: size or SHA-256 differ", path.display());
            return Err(reject("damaged", text));
        }
        Ok(bytes)
    }

    fn files(&self) -> Result<Vec<String>, EvidenceError> {
        let failed = |e: io::Error| of_io(&self.root, "listing evidence", &e);
        let mut paths = Vec::new();
        for day in folders(&self.root).map_err(failed)? {
            for camera in folders(&self.root.join(&day)).map_err(failed)? {
                let names = whole_files(&self.root.join(&day).join(&camera)).map_err(failed)?;
                paths.extend(names.into_iter().map(|name| format!("{day}/{camera}/{name}")));
            }
        }
        Ok(paths)
    }

    fn expire(&self, before: Timestamp) -> Result<u64, EvidenceError> {
        let first_kept = TimeZone::UTC.to_datetime(before).date();
        let failed = |e: io::Error| of_io(&self.root, "removing old evidence", &e);
        let mut removed = 0;
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let is_old = name.to_str().and_then(parse_day).is_some_and(|day| day < first_kept);
            // Not through a link: the file type is that of the link itself.
            if is_old && entry.file_type().map_err(failed)?.is_dir() {
                removed += count_files(&entry.path()).map_err(failed)?;
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        if removed > 0 {
            sync_folder(&self.root).map_err(failed)?;
        }
        Ok(removed)
    }
}

/// A day in exactly the form that `keep` writes.
fn parse_day(name: &str) -> Option<Date> {
    Date::strptime(DAY, name).ok().filter(|day| day.strftime(DAY).to_string() == name)
}

fn count_files(day: &Path) -> io::Result<u64> {
    let mut count = 0;
    for camera in folders(day)? {
        count += whole_files(&day.join(camera))?.len() as u64;
    }
    Ok(count)
}

/// The names of the folders in a folder; not of links to some.
fn folders(path: &Path) -> io::Result<Vec<String>> {
    names(path, fs::FileType::is_dir)
}

/// The names of the files in a folder. What a crash left half-written was never evidence.
fn whole_files(path: &Path) -> io::Result<Vec<String>> {
    let mut names = names(path, fs::FileType::is_file)?;
    names.retain(|name| !name.ends_with(".part"));
    Ok(names)
}

fn names(path: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if wanted(&entry.file_type()?) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
