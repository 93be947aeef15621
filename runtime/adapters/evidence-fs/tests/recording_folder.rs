//! Segments are whole or absent, are found by camera and time, and nothing outside the folder is read.
#![allow(clippy::unwrap_used)]

use std::{fs, io::Read as _, os::unix::fs::symlink};

use parapet_contracts::{
    CameraId, Timestamp,
    ports::{
        clip::Clip,
        recording::{RecordingPort as _, Segment},
    },
};
use parapet_evidence_fs::RecordingFolder;

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}

fn clip(bytes: usize) -> Clip {
    Clip { media_type: "video/mp4", extension: "mp4", bytes: vec![7; bytes] }
}

#[test]
fn segments_are_found_by_camera_and_day() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = RecordingFolder::at(folder.path().join("r"));
    let (gate, dock): (CameraId, CameraId) = ("gate".parse().unwrap(), "dock".parse().unwrap());
    let late = recordings.keep(&gate, at("24T23:59:55")..at("25T00:00:05"), &clip(10)).unwrap();
    let early = recordings.keep(&gate, at("24T08:00:00.5")..at("24T08:00:10"), &clip(20)).unwrap();
    let other = recordings.keep(&dock, at("25T08:00:00")..at("25T08:00:10"), &clip(30)).unwrap();
    assert!(folder.path().join("r/gate/2026-11-24").join(&early.name).is_file());
    fs::write(folder.path().join("r/gate/2026-11-24/notes.txt"), "x").unwrap();

    assert_eq!(recordings.cameras().unwrap(), [dock.clone(), gate.clone()]);
    assert_eq!(recordings.days(&gate).unwrap(), ["2026-11-24".parse().unwrap()]);
    assert_eq!(recordings.day(&gate, "2026-11-24".parse().unwrap()).unwrap(), [early.clone(), late.clone()]);
    assert_eq!(recordings.day(&gate, "2026-11-25".parse().unwrap()).unwrap(), []);
    let (found, mut file) = recordings.open(&gate, &early.name).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!((found, bytes.len()), (early.clone(), 20));
    assert_eq!(recordings.open(&gate, &other.name).err().unwrap().code, "not_found");

    for gone in [&early, &late, &late] {
        recordings.remove(&gate, gone).unwrap();
    }
    assert!(folder.path().join("r/gate/2026-11-24/notes.txt").exists(), "what is not ours stays");
    recordings.remove(&dock, &other).unwrap();
    assert!(!folder.path().join("r/dock").exists(), "empty folders go");
    let room = recordings.room().unwrap();
    assert!(room.free > 0 && room.free <= room.total);
}

#[test]
fn halves_are_removed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = RecordingFolder::at(folder.path());
    let gate: CameraId = "gate".parse().unwrap();
    let kept = recordings.keep(&gate, at("24T08:00:00")..at("24T08:00:10"), &clip(10)).unwrap();
    let half = folder.path().join("gate/2026-11-24/2026-11-24T080010.000-10000.mp4.part");
    fs::write(&half, "half").unwrap();
    assert_eq!(recordings.day(&gate, "2026-11-24".parse().unwrap()).unwrap(), [kept]);
    assert_eq!((recordings.sweep().unwrap(), half.exists(), recordings.sweep().unwrap()), (1, false, 0));
}

#[test]
fn nothing_outside_is_read() {
    let outer = tempfile::tempdir().unwrap();
    let recordings = RecordingFolder::at(outer.path().join("r"));
    let gate: CameraId = "gate".parse().unwrap();
    let within = at("24T08:00:00")..at("24T08:00:10");
    let kept = recordings.keep(&gate, within.clone(), &clip(10)).unwrap();
    fs::write(outer.path().join("secret"), "x").unwrap();
    let file = outer.path().join("r/gate/2026-11-24").join(&kept.name);
    fs::remove_file(&file).unwrap();
    symlink(outer.path().join("secret"), &file).unwrap();
    assert_eq!(recordings.open(&gate, &kept.name).err().unwrap().code, "not_found");
    for name in ["../../../secret", "", "..", "2026-11-24", &format!("../{}", Segment::name_of(&within, "mp4"))] {
        assert_eq!(recordings.open(&gate, name).err().unwrap().code, "not_found", "{name}");
    }
}
