//! Recordings as files: `<camera>/<UTC date>/<time>-<milliseconds>.mp4`. A file is whole or absent, as evidence is; its name tells its time, so
//! that the folder is its own index.

use std::{
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use jiff::{civil::Date, tz::TimeZone};
use parapet_contracts::{
    CameraId, Timestamp,
    ports::{
        clip::Clip,
        evidence::{EvidenceError, EvidenceReader, Room},
        recording::{RecordingPort, Segment},
    },
};

use crate::{
    error::{of_io, reject},
    files::{DAY, folders, parse_day, room, sync_folder, whole_files},
};

/// A [`RecordingPort`] over a folder.
#[derive(Debug)]
pub struct RecordingFolder {
    root: PathBuf,
}

impl RecordingFolder {
    /// The folder `path`. It is made with its first recording: a site that records nothing has none.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { root: path.as_ref().to_owned() }
    }

    fn folder(&self, camera: &CameraId, day: Date) -> PathBuf {
        self.root.join(camera.as_str()).join(day.strftime(DAY).to_string())
    }

    /// Where a segment lies; `None` when the name is none of a segment.
    fn place(&self, camera: &CameraId, name: &str) -> Option<(PathBuf, Range<Timestamp>)> {
        let within = Segment::time_of(name)?;
        Some((self.folder(camera, day_of(within.start)).join(name), within))
    }

    fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)).try_for_each(sync_folder)?;
        }
        let (part, whole) = (folder.join(format!("{name}.part")), folder.join(name));
        let written = (|| {
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &whole)?;
            sync_folder(folder)
        })();
        if written.is_err() {
            // A half is no recording; the next start removes it when it can't be removed now.
            fs::remove_file(&part).ok();
        }
        written
    }
}

impl RecordingPort for RecordingFolder {
    fn keep(&self, camera: &CameraId, within: Range<Timestamp>, clip: &Clip) -> Result<Segment, EvidenceError> {
        let name = Segment::name_of(&within, clip.extension);
        let folder = self.folder(camera, day_of(within.start));
        self.write(&folder, &name, &clip.bytes).map_err(|e| of_io(&folder.join(&name), "writing", &e))?;
        Ok(Segment { name, from: within.start, until: within.end, bytes: clip.bytes.len() as u64 })
    }

    fn cameras(&self) -> Result<Vec<CameraId>, EvidenceError> {
        let names = match folders(&self.root) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(of_io(&self.root, "listing recordings", &e)),
        };
        let mut cameras: Vec<CameraId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        cameras.sort_unstable();
        Ok(cameras)
    }

    fn days(&self, camera: &CameraId) -> Result<Vec<Date>, EvidenceError> {
        let path = self.root.join(camera.as_str());
        let names = match folders(&path) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(of_io(&path, "listing recordings", &e)),
        };
        let mut days: Vec<Date> = names.iter().filter_map(|name| parse_day(name)).collect();
        days.sort_unstable();
        Ok(days)
    }

    fn day(&self, camera: &CameraId, day: Date) -> Result<Vec<Segment>, EvidenceError> {
        let path = self.folder(camera, day);
        let files = match whole_files(&path) {
            Ok(files) => files,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(of_io(&path, "listing recordings", &e)),
        };
        let segment = |(name, bytes): (String, u64)| {
            Segment::time_of(&name).map(|within| Segment { name, from: within.start, until: within.end, bytes })
        };
        let mut segments: Vec<Segment> = files.into_iter().filter_map(segment).collect();
        segments.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(segments)
    }

    fn open(&self, camera: &CameraId, name: &str) -> Result<(Segment, Box<dyn EvidenceReader>), EvidenceError> {
        let none = || {
            reject(
                "not_found",
                format!("there is no recording {:?} of camera {camera}", name.escape_debug().to_string()),
            )
        };
        let (path, within) = self.place(camera, name).ok_or_else(none)?;
        let opened = (|| {
            // Symbolic links are followed here once, and what is opened has none left: nothing outside of the folder is read.
            let real = path.canonicalize()?;
            if !real.starts_with(self.root.canonicalize()?) || !real.metadata()?.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let file = File::open(&real)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        })();
        match opened {
            Ok((file, bytes)) => {
                let segment = Segment { name: name.to_owned(), from: within.start, until: within.end, bytes };
                Ok((segment, Box::new(file)))
            }
            Err(e) if io::Error::kind(&e) == io::ErrorKind::NotFound => Err(none()),
            Err(e) => Err(of_io(&path, "reading", &e)),
        }
    }

    fn remove(&self, camera: &CameraId, segment: &Segment) -> Result<(), EvidenceError> {
        let Some((path, _)) = self.place(camera, &segment.name) else { return Ok(()) };
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(of_io(&path, "removing", &e)),
            _ => {}
        }
        // A day and a camera that have nothing any more go with their last segment; one that has is refused by the system.
        for folder in path.ancestors().skip(1).take(2) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn sweep(&self) -> Result<u64, EvidenceError> {
        let mut halves = 0;
        let failed = |e: io::Error| of_io(&self.root, "removing halves of recordings", &e);
        for camera in self.cameras()? {
            // A half is of the last day on which something was recorded, or of the one before.
            for day in self.days(&camera)?.into_iter().rev().take(2) {
                for entry in fs::read_dir(self.folder(&camera, day)).map_err(failed)? {
                    let path = entry.map_err(failed)?.path();
                    if path.extension().is_some_and(|extension| extension == "part") {
                        fs::remove_file(&path).map_err(failed)?;
                        halves += 1;
                    }
                }
            }
        }
        Ok(halves)
    }

    fn room(&self) -> Result<Room, EvidenceError> {
        // Where there is no folder yet, the disk is that of the folder above.
        room(self.root.ancestors().find(|path| path.exists()).unwrap_or(&self.root))
    }
}

fn day_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}
