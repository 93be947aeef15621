//! The folder: `<UTC date>/<camera>/<alert>.jpg`, and the clip beside it. Days are folders, so that what is too old goes by whole folders.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use jiff::civil::Date;
use parapet_contracts::{
    CameraId, ErrorKind, EvidenceRef, Picture, Timestamp, hex,
    ports::{
        clip::Clip,
        evidence::{EvidenceError, EvidenceFile, EvidencePort, EvidenceReader, Room},
    },
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    error::{of_io, reject},
    files::{DAY, folders, parse_day, room, sync_folder, whole_files},
    jpeg,
    reading::Hashes,
};

/// No evidence file is larger.
const MAX_BYTES: u64 = 128 << 20;

/// An [`EvidencePort`] over a folder.
#[derive(Debug)]
pub struct EvidenceFolder {
    root: PathBuf,
    quality: u8,
    hashes: Hashes,
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
        Ok(Self { root, quality, hashes: Hashes::default() })
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

    /// What lies at a path below the folder, if it does.
    fn locate(&self, below: &str) -> Result<PathBuf, EvidenceError> {
        let outside =
            || reject("outside", format!("evidence `{}` is not in the evidence folder", below.escape_debug()));
        let path = Path::new(below);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || below.is_empty() || below.contains(['\0', '\\']) {
            return Err(outside());
        }
        let path = self.root.join(path);
        // Symbolic links are followed here once, and what is opened has none left.
        let real = path.canonicalize().map_err(|e| of_io(&path, "reading", &e))?;
        if real.starts_with(&self.root) { Ok(real) } else { Err(outside()) }
    }

    /// The file behind a reference, opened; a pipe would block, a device never end.
    fn open_file(&self, reference: &EvidenceRef) -> Result<(PathBuf, File), EvidenceError> {
        let path = self.locate(&reference.path)?;
        let failed = |e: io::Error| of_io(&path, "reading", &e);
        if !path.metadata().map_err(failed)?.is_file() {
            return Err(reject("not_found", format!("evidence {}: it is no file", path.display())));
        }
        let file = File::open(&path).map_err(failed)?;
        Ok((path, file))
    }
}

fn altered(path: &Path) -> EvidenceError {
    let text = format!("evidence {}: it is not what was written: size or SHA-256 differ", path.display());
    reject("damaged", text)
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

    fn open(&self, reference: &EvidenceRef) -> Result<Box<dyn EvidenceReader>, EvidenceError> {
        let (path, mut file) = self.open_file(reference)?;
        let failed = |e: io::Error| of_io(&path, "reading", &e);
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes != reference.bytes || self.hashes.of(&path, &mut file).map_err(failed)? != reference.sha256 {
            return Err(altered(&path));
        }
        Ok(Box::new(file))
    }

    fn read(&self, reference: &EvidenceRef) -> Result<Vec<u8>, EvidenceError> {
        let (path, file) = self.open_file(reference)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|e| of_io(&path, "reading", &e))?;
        if bytes.len() as u64 != reference.bytes || sha256(&bytes) != reference.sha256 {
            return Err(altered(&path));
        }
        Ok(bytes)
    }

    fn days(&self) -> Result<Vec<Date>, EvidenceError> {
        let names = folders(&self.root).map_err(|e| of_io(&self.root, "listing evidence", &e))?;
        let mut days: Vec<Date> = names.iter().filter_map(|name| parse_day(name)).collect();
        days.sort_unstable();
        Ok(days)
    }

    fn files(&self, day: Date) -> Result<Vec<EvidenceFile>, EvidenceError> {
        let name = day.strftime(DAY).to_string();
        let listed = (|| {
            let (root, mut files) = (self.root.join(&name), Vec::new());
            // A link to a folder is not ours.
            if !root.symlink_metadata()?.is_dir() {
                return Ok(files);
            }
            for camera in folders(&root)? {
                for (file, bytes) in whole_files(&root.join(&camera))? {
                    files.push(EvidenceFile { path: format!("{name}/{camera}/{file}"), bytes });
                }
            }
            Ok(files)
        })();
        match listed {
            Ok(mut files) => {
                files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
                Ok(files)
            }
            Err(e) if io::Error::kind(&e) == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(of_io(&self.root, "listing evidence", &e)),
        }
    }

    fn remove(&self, path: &str) -> Result<u64, EvidenceError> {
        let real = match self.locate(path) {
            Ok(real) => real,
            Err(error) if error.code == "not_found" => return Ok(0),
            Err(error) => return Err(error),
        };
        let removed = (|| {
            let bytes = real.metadata()?.len();
            fs::remove_file(&real)?;
            real.parent().map_or(Ok(()), sync_folder)?;
            Ok(bytes)
        })();
        removed.map_err(|e| of_io(&real, "removing", &e))
    }

    fn sweep(&self, day: Date) -> Result<(), EvidenceError> {
        let path = self.root.join(day.strftime(DAY).to_string());
        let is_ours = path.symlink_metadata().is_ok_and(|data| data.is_dir());
        if !is_ours || !self.files(day)?.is_empty() {
            return Ok(());
        }
        match fs::remove_dir_all(&path).and_then(|()| sync_folder(&self.root)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(of_io(&path, "removing an old day", &e)),
            _ => Ok(()),
        }
    }

    fn room(&self) -> Result<Room, EvidenceError> {
        room(&self.root)
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
