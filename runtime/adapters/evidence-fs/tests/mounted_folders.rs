//! Full and read-only disks, as real mounts. The test begins itself again in a user and mount namespace of its own (by
//! `unshare`), where it may mount: no root is needed, and nothing is left behind. Where namespaces are forbidden it fails and
//! says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{fs, path::Path, process::Command};

use parapet_contracts::{
    ErrorKind, Picture, PixelFormat, Timestamp, picture::Colorimetry, ports::evidence::EvidencePort,
};
use parapet_evidence_fs::EvidenceFolder;
use parapet_testkit::conformance::samples::id;

const INSIDE: &str = "--inside";

fn main() {
    if std::env::args().any(|argument| argument == INSIDE) {
        a_full_disk_leaves_no_half_file();
        a_read_only_folder_is_told();
        return;
    }
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .arg(INSIDE)
        .status()
        .expect("`unshare` (util-linux) is needed to mount small disks");
    assert!(
        status.success(),
        "failed; if `unshare --user --map-root-user --mount true` fails too, namespaces are forbidden here"
    );
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status().unwrap();
    assert!(status.success(), "mount {arguments:?} {} failed", at.display());
}

/// Noise, which JPEG makes little smaller.
fn noise() -> Picture {
    let bytes = (0..320 * 240 * 3_u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    Picture::from_vecs(320, 240, PixelFormat::Rgb, Colorimetry::BT601, vec![(bytes, 320 * 3)]).unwrap()
}

fn a_full_disk_leaves_no_half_file() {
    let folder = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=512k", "tmpfs"], folder.path());
    let evidence = EvidenceFolder::open(folder.path(), 85).unwrap();
    let camera = "gate".parse().unwrap();
    let ts: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut kept = Vec::new();
    let full = loop {
        match evidence.keep(id(kept.len() as u64), &camera, ts, &noise()) {
            Ok(reference) => kept.push(reference),
            Err(e) => break e,
        }
        assert!(kept.len() < 1000, "512 KiB never get full");
    };
    assert!(!kept.is_empty(), "{full}");
    assert_eq!((full.code, full.kind), ("full", ErrorKind::Retry), "{full}");
    assert!(full.text.contains(&*folder.path().to_string_lossy()) && full.text.contains("free some space"), "{full}");
    let names = fs::read_dir(folder.path().join("2026-11-23/gate")).unwrap().count();
    assert_eq!(names, kept.len(), "something half-written is left");
    for reference in &kept {
        evidence.read(reference).unwrap();
    }
    fs::remove_file(folder.path().join(&kept[0].path)).unwrap();
    evidence.keep(id(5000), &camera, ts, &noise()).unwrap();
    println!("test a_full_disk_leaves_no_half_file ... ok ({} files)", kept.len());
}

fn a_read_only_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"], folder.path());
    let evidence = EvidenceFolder::open(folder.path(), 85).unwrap();
    mount(&["-o", "remount,ro"], folder.path());
    let ts: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    for refused in [
        EvidenceFolder::open(folder.path(), 85).unwrap_err(),
        EvidenceFolder::open(folder.path().join("below"), 85).unwrap_err(),
        evidence.keep(id(1), &"gate".parse().unwrap(), ts, &noise()).unwrap_err(),
    ] {
        assert_eq!((refused.code, refused.kind), ("read_only", ErrorKind::Fatal), "{refused}");
        assert!(refused.text.contains(&*folder.path().to_string_lossy()), "{refused}");
    }
    println!("test a_read_only_folder_is_told ... ok");
}
