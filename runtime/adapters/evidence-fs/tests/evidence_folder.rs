//! What is kept is whole, is found again, and nothing outside the folder is touched.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::symlink,
    path::Path,
};

use parapet_contracts::{
    ErrorKind, EvidenceRef, Picture, PixelFormat, Timestamp, picture::Colorimetry, ports::evidence::EvidencePort,
};
use parapet_evidence_fs::{DEFAULT_QUALITY, EvidenceFolder};
use parapet_testkit::conformance::samples::id;

/// Left half red, right half blue, in BT.709 limited range, with padding after each row.
fn picture(width: u32, height: u32) -> Picture {
    let (red, blue) = ([63, 102, 240], [32, 240, 118]);
    let planes = (0..3)
        .map(|plane| {
            let (row, rows) = PixelFormat::I420.plane_size(plane, width, height);
            let stride = row + 3;
            let bytes = (0..rows * stride).map(|i| if i % stride < row / 2 { red[plane] } else { blue[plane] });
            (bytes.collect(), stride)
        })
        .collect();
    Picture::from_vecs(width, height, PixelFormat::I420, Colorimetry::BT709, planes).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn open(path: &Path) -> EvidenceFolder {
    EvidenceFolder::open(path, DEFAULT_QUALITY).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_picture_becomes_a_jpeg_named_by_utc_day_camera_and_alert() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = open(folder.path());
    let camera = "gate-north".parse().unwrap();
    let kept = evidence.keep(id(1), &camera, at("2026-11-23T23:59:59.9Z"), &picture(321, 181)).unwrap();
    assert_eq!(kept.path, format!("2026-11-23/gate-north/{}.jpg", id(1)));
    assert_eq!(files(folder.path()), [kept.path.as_str()]);
    assert_eq!((kept.media_type.as_str(), kept.sha256.len()), ("image/jpeg", 64));

    let bytes = evidence.read(&kept).unwrap();
    assert_eq!(bytes.len() as u64, kept.bytes);
    assert_eq!(bytes, fs::read(folder.path().join(&kept.path)).unwrap());
    let image = image::load_from_memory(&bytes).unwrap().into_rgb8();
    assert_eq!(image.dimensions(), (321, 181));
    for (x, y, expected) in [(20, 20, [255, 0, 0]), (140, 180, [255, 0, 0]), (320, 0, [0, 0, 255])] {
        let found = image.get_pixel(x, y).0;
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 12), "{found:?} at {x},{y}, not {expected:?}");
    }
    // The same alert again, after a doubtful failure: one file.
    assert_eq!(evidence.keep(id(1), &camera, at("2026-11-23T23:59:59.9Z"), &picture(321, 181)).unwrap(), kept);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret"), "x").unwrap();
    let root = outer.path().join("evidence");
    let evidence = open(&root);
    let day = root.join("2026-11-23");
    fs::create_dir(&day).unwrap();
    symlink(outer.path().join("secret"), day.join("link.jpg")).unwrap();
    symlink(outer.path(), day.join("up")).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    let reference = |path: &str| EvidenceRef {
        path: path.to_owned(),
        media_type: "image/jpeg".to_owned(),
        bytes: 1,
        sha256: String::new(),
    };
    let absolute = outer.path().join("secret").to_string_lossy().into_owned();
    for path in [
        "../secret",
        "2026-11-23/../../secret",
        "2026-11-23/link.jpg",
        "2026-11-23/up/secret",
        "etc/passwd",
        "/etc/passwd",
        "./../secret",
        "",
        "..",
        "a\0b",
        "..\\secret",
        &absolute,
    ] {
        let refused = evidence.read(&reference(path)).unwrap_err();
        assert_eq!((refused.code, refused.kind), ("outside", ErrorKind::Reject), "{path:?}: {refused}");
    }
    for path in ["2026-11-23/nothing.jpg", "2026-11-23", "2026-11-23/nobody/x.jpg"] {
        assert_eq!(evidence.read(&reference(path)).unwrap_err().code, "not_found", "{path}");
    }
}

#[test]
fn a_file_that_was_changed_is_not_passed_on_as_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = open(folder.path());
    let kept = evidence.keep(id(1), &"gate".parse().unwrap(), at("2026-11-23T10:00:00Z"), &picture(16, 16)).unwrap();
    let file = folder.path().join(&kept.path);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    let refused = evidence.read(&kept).unwrap_err();
    assert_eq!(refused.code, "damaged", "{refused}");
    fs::remove_file(&file).unwrap();
    assert_eq!(evidence.read(&kept).unwrap_err().code, "not_found");
}

#[test]
fn files_are_listed_by_day_and_removed_alone() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("evidence");
    let evidence = open(&root);
    let mut kept = Vec::new();
    for (n, day) in (1..).zip(["2026-11-21", "2026-11-20", "2026-11-20"]) {
        let camera = if n % 2 == 0 { "gate" } else { "dock" }.parse().unwrap();
        kept.push(evidence.keep(id(n), &camera, at(&format!("{day}T12:00:00Z")), &picture(8, 8)).unwrap());
    }
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    fs::write(root.join("2026-11-20/gate/half.jpg.part"), "x").unwrap();
    let elsewhere = outer.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("gate")).unwrap();
    fs::write(elsewhere.join("gate/file.jpg"), "x").unwrap();
    symlink(&elsewhere, root.join("2026-11-01")).unwrap();
    for foreign in ["notes", "2026-1-1", "2026-11-02x"] {
        fs::create_dir(root.join(foreign)).unwrap();
        fs::write(root.join(foreign).join("file"), "x").unwrap();
    }
    assert_eq!(evidence.days().unwrap(), [day("2026-11-20"), day("2026-11-21")]);
    let listed = evidence.files(day("2026-11-20")).unwrap();
    let paths: Vec<_> = listed.iter().map(|file| (file.path.clone(), file.bytes)).collect();
    assert_eq!(paths, [(kept[2].path.clone(), kept[2].bytes), (kept[1].path.clone(), kept[1].bytes)]);
    assert_eq!(evidence.files(day("2026-11-19")).unwrap(), []);

    assert_eq!(evidence.remove(&kept[1].path).unwrap(), kept[1].bytes);
    assert_eq!(evidence.remove(&kept[1].path).unwrap(), 0, "it is gone already");
    evidence.sweep(day("2026-11-20")).unwrap();
    assert!(root.join(&kept[2].path).exists() && root.join("2026-11-20/gate/half.jpg.part").exists());
    evidence.remove(&kept[2].path).unwrap();
    evidence.sweep(day("2026-11-20")).unwrap();
    assert!(!root.join("2026-11-20").exists() && root.join("2026-11-21").exists());
    assert_eq!(evidence.files(day("2026-11-01")).unwrap(), [], "a link is not followed");
    evidence.sweep(day("2026-11-01")).unwrap();
    assert!(root.join("2026-11-01").exists());
    for outside in ["../elsewhere/gate/file.jpg", "2026-11-01/gate/file.jpg"] {
        assert_eq!(evidence.remove(outside).unwrap_err().code, "outside", "{outside}");
    }
    assert!(elsewhere.join("gate/file.jpg").exists(), "a link was followed");
    for foreign in ["notes", "2026-1-1", "2026-11-02x"] {
        assert!(root.join(foreign).join("file").exists(), "{foreign} was removed");
    }
    let room = evidence.room().unwrap();
    assert!(room.free > 0 && room.free <= room.total, "{room:?}");
}

#[test]
fn parts_of_a_file_are_read_and_a_changed_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = open(folder.path());
    let kept = evidence.keep(id(1), &"gate".parse().unwrap(), at("2026-11-23T10:00:00Z"), &picture(64, 64)).unwrap();
    let whole = evidence.read(&kept).unwrap();
    for from in [0, 7, whole.len() - 3] {
        let mut file = evidence.open(&kept).unwrap();
        file.seek(SeekFrom::Start(from as u64)).unwrap();
        let mut part = Vec::new();
        file.read_to_end(&mut part).unwrap();
        assert_eq!(part, whole[from..]);
    }
    let path = folder.path().join(&kept.path);
    let mut bytes = whole;
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(evidence.open(&kept).err().unwrap().code, "damaged", "though it was compared before");
}

#[test]
fn what_cannot_work_is_told_at_the_start() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "x").unwrap();
    let refused = EvidenceFolder::open(&file, DEFAULT_QUALITY).unwrap_err();
    assert!(
        refused.text.contains("file where a folder") && refused.text.contains(&*file.to_string_lossy()),
        "{refused}"
    );
    for quality in [0, 101] {
        let refused = EvidenceFolder::open(outer.path(), quality).unwrap_err();
        assert!(refused.text.contains("1 to 100"), "{refused}");
    }
}

#[test]
fn a_picture_without_pixels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Picture::from_vecs(0, 0, PixelFormat::Rgb, Colorimetry::BT601, vec![(vec![], 0)]).unwrap();
    let refused =
        open(folder.path()).keep(id(1), &"gate".parse().unwrap(), at("2026-11-23T10:00:00Z"), &empty).unwrap_err();
    assert_eq!((refused.code, refused.kind), ("encode", ErrorKind::Reject), "{refused}");
    assert!(files(folder.path()).is_empty());
}
