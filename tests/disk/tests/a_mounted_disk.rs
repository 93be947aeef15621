//! The disk as a process meets it, through the kernel. It needs `/dev/fuse`.
#![allow(clippy::unwrap_used)]

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
};

use parapet_testdisk::{ForgetfulDisk, Loss};
use parapet_testkit::{Dice, wait};

#[test]
fn a_cut_takes_what_was_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = ForgetfulDisk::mount(folder.path()).unwrap();
    let path = folder.path().join("deep/file");
    fs::create_dir(folder.path().join("deep")).unwrap();
    let mut file = File::create(&path).unwrap();
    file.write_all(b"synced").unwrap();
    file.sync_all().unwrap();
    File::open(folder.path().join("deep")).unwrap().sync_all().unwrap();
    File::open(folder.path()).unwrap().sync_all().unwrap();
    file.write_all(b" and not").unwrap();
    fs::write(folder.path().join("unsynced"), "x").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "synced and not");
    disk.switch_off();
    assert!(file.write_all(b"more").is_err() && fs::read(&path).is_err());
    drop(file);
    disk.come_back(Loss::All, &mut Dice::new(1)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "synced");
    assert!(!folder.path().join("unsynced").exists());
}

#[test]
fn it_is_a_file_system_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let disk = ForgetfulDisk::mount(folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path("a")).unwrap();
    file.write_all(&vec![7; 300_000]).unwrap();
    file.write_all_at(b"middle", 150_000).unwrap();
    file.seek(SeekFrom::Start(149_999)).unwrap();
    let mut part = [0; 8];
    file.read_exact(&mut part).unwrap();
    assert_eq!(&part, b"\x07middle\x07");
    file.set_len(10).unwrap();
    assert_eq!(fs::metadata(path("a")).unwrap().len(), 10);
    fs::hard_link(path("a"), path("b")).unwrap();
    fs::rename(path("b"), path("c")).unwrap();
    fs::remove_file(path("a")).unwrap();
    assert_eq!(fs::read(path("c")).unwrap(), [7; 10]);
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["c"]);
    fs::create_dir_all(path("x/y")).unwrap();
    assert!(fs::remove_dir(path("x")).is_err());
    fs::remove_dir_all(path("x")).unwrap();
    drop(file);
    drop(disk);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "it is unmounted");
}

#[test]
fn the_power_goes_at_a_sync_and_a_stalled_sync_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = ForgetfulDisk::mount(folder.path()).unwrap();
    let mut file = File::create(folder.path().join("a")).unwrap();
    File::open(folder.path()).unwrap().sync_all().unwrap();
    disk.switch_off_at_sync(2);
    file.write_all(b"1").unwrap();
    file.sync_all().unwrap();
    file.write_all(b"2").unwrap();
    assert!(file.sync_all().is_err() && disk.is_off());
    drop(file);
    disk.come_back(Loss::All, &mut Dice::new(1)).unwrap();
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"1");

    disk.stall(true);
    let mut file = OpenOptions::new().append(true).open(folder.path().join("a")).unwrap();
    let syncing = std::thread::spawn(move || {
        file.write_all(b"2").unwrap();
        file.sync_all().unwrap();
    });
    wait::until("others read meanwhile", wait::PATIENCE, || fs::read(folder.path().join("a")).unwrap() == b"12");
    assert!(!syncing.is_finished());
    disk.stall(false);
    syncing.join().unwrap();
}
