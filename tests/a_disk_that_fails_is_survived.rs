//! Faults 6 to 9, at a whole site: a disk that is full, files of the store that are damaged, and syncs that stall. Nothing that was
//! acknowledged is lost without a word, no camera waits, and the site is up again.
//!
//! A full disk needs root, for a file system of 64 MiB in memory; a disk that stalls needs `/dev/fuse`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/proof.rs"]
mod proof;
mod support;

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use parapet_testdisk::ForgetfulDisk;
use parapet_testkit::{
    RunningSite,
    pace::{Count, Pairs},
    wait::until,
};
use proof::{Oracle, in_ms};

const MINUTE: Duration = Duration::from_secs(60);

/// A file system in memory at a folder, while this value lives.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path, size: &str) -> Self {
        let size = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status().unwrap();
        assert!(status.success(), "a file system can't be mounted at {}: root may do that", at.display());
        Self(at.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

fn alerts(site: &RunningSite) -> f64 {
    site.metric("parapet_alerts_total{rule=\"each\"").unwrap_or(0.0)
}

fn settled(site: &RunningSite, issued: u64) {
    until("each message is an alert, or was counted as dropped", MINUTE * 2, || {
        alerts(site) + site.metric("parapet_rule_dropped_total").unwrap_or(0.0) >= issued as f64
    });
}

#[test]
fn a_full_disk_acknowledges_nothing_and_writing_goes_on_when_there_is_room() {
    let mut oracle = Oracle::new("");
    let data = oracle.folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let _disk = Tmpfs::mount(&data, "64m");
    let site = oracle.start();
    while oracle.ledger.issued < 200 {
        assert!(oracle.push(20));
    }
    settled(&site, oracle.ledger.issued);

    let failing = |site: &RunningSite| site.metric("parapet_store_failing_info") == Some(1.0);
    let ballast = data.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while let Ok(1..) = file.write(&[7; 1 << 16]) {}
    let give_up = in_ms(60_000);
    while !failing(&site) && Instant::now() < give_up {
        // What compaction gives back is taken as well.
        while let Ok(1..) = file.write(&[7; 4096]) {}
        assert!(oracle.push(50), "it takes messages");
    }
    assert!(failing(&site), "the disk does not get full; {} alerts\n{}", alerts(&site), site.log());
    let (told, before) = (site.log().contains("the disk is full"), alerts(&site));
    assert!(told, "the log says why:\n{}", site.log());
    for _ in 0..5 {
        assert!(oracle.push(4), "it takes messages");
    }
    assert!(alerts(&site) <= before + 1.0, "nothing is acknowledged meanwhile");

    drop(file);
    fs::remove_file(&ballast).unwrap();
    let freed = Instant::now();
    until("writing goes on", Duration::from_secs(30), || !failing(&site));
    let resumed = freed.elapsed();
    settled(&site, oracle.ledger.issued);
    let dropped = site.metric("parapet_rule_dropped_total").unwrap_or(0.0);
    assert_eq!(alerts(&site) + dropped, oracle.ledger.issued as f64, "each is an alert, or counted");
    let journal = site.wait_for("the journal has it", "/api/v1/errors?actor=store", MINUTE, |page| {
        page.to_string().contains("\"full\"")
    });
    oracle.account(&site.terminate().err);
    oracle.finish();
    println!("full disk: resumed after {resumed:.2?}, {dropped} dropped and counted; {}", oracle.ledger.summary());
    oracle.ledger.balance().unwrap_or_else(|wrong| panic!("{wrong}\n{journal}"));
    assert!(oracle.ledger.acknowledged.len() >= 200);
}

/// The newest file with this in its name that holds something.
fn newest(store: &Path, part: &str) -> PathBuf {
    let files = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let mut fitting: Vec<PathBuf> = files
        .filter(|path| path.file_name().unwrap().to_string_lossy().contains(part) && path.metadata().unwrap().len() > 0)
        .collect();
    fitting.sort();
    fitting.pop().unwrap_or_else(|| panic!("no {part} in {}", store.display()))
}

fn flip_in_the_middle(path: &Path) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&[byte[0] ^ 0x10]).unwrap();
}

fn set_aside(data: &Path) -> usize {
    let names = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("damaged-")).count()
}

#[test]
fn a_torn_log_is_no_damage_and_damage_is_set_aside_told_and_survived() {
    let mut oracle = Oracle::new("");
    let data = oracle.folder.path().join("data");
    let store = data.join("store");
    let mut asides = 0;
    for (what, part, damaged) in [
        ("the log's end is cut off", ".log", false),
        ("a bit of the log is flipped", ".log", true),
        ("a bit of the manifest is flipped", "MANIFEST", true),
        ("the list of files is gone", "CURRENT", true),
    ] {
        let mut site = oracle.start();
        let over = in_ms(600);
        oracle.feed(&mut site, || Instant::now() >= over);
        until("there are alerts", MINUTE, || alerts(&site) > 20.0);
        oracle.account(&site.kill().err);
        let file = newest(&store, part);
        match (damaged, part) {
            (false, _) => {
                let length = file.metadata().unwrap().len();
                File::options().write(true).open(&file).unwrap().set_len(length - 7).unwrap();
            }
            (true, "CURRENT") => fs::remove_file(&file).unwrap(),
            _ => flip_in_the_middle(&file),
        }
        let site = oracle.start();
        let up = site.started().elapsed();
        asides += usize::from(damaged);
        assert_eq!(set_aside(&data), asides, "{what}:\n{}", site.log());
        println!("{what}: up after {up:.2?}");
        assert!(up <= Duration::from_secs(10), "{what}: {up:?}");
        let told = site.wait_for("the journal is there", "/api/v1/errors?actor=store", MINUTE, |page| {
            !damaged || page.to_string().contains("damaged-")
        });
        assert_eq!(told.to_string().contains("damaged"), damaged, "{what}: {told}");
        // What stands before the damage of the log is kept.
        let kept = site.get("/api/v1/alerts")["items"].as_array().unwrap().len();
        assert_eq!(kept > 0, part == ".log", "{what}: {kept} alerts");
        oracle.account(&site.terminate().err);
        // No loop: the next start finds a sound store.
        let again = oracle.start();
        assert_eq!(set_aside(&data), asides, "{what}");
        oracle.account(&again.terminate().err);
    }
}

/// Resident memory of a process in MiB.
fn resident(site: &RunningSite) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
fn syncs_that_stall_hold_up_no_camera_and_memory_stays_bounded() {
    let mut oracle = Oracle::with_a_walk();
    let data = oracle.folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let disk = ForgetfulDisk::mount(&data).expect("a file system over /dev/fuse");
    let mut site = oracle.start();
    Count::begin(&site, "walk");
    let (mut pairs, mut memory) = (Pairs::default(), Vec::new());
    let rounds = if support::soak() { 8 } else { 3 };
    for _ in 0..rounds {
        for stalled in [false, true] {
            disk.stall(stalled);
            let count = Count::begin(&site, "walk");
            let over = in_ms(5_000);
            oracle.feed(&mut site, || Instant::now() >= over);
            let rate = count.rate(&site);
            if stalled {
                pairs.faulty.push(rate)
            } else {
                pairs.plain.push(rate)
            }
            memory.push(resident(&site));
            disk.stall(false);
        }
    }
    settled(&site, oracle.ledger.issued);
    let (first, most) = (memory[0], memory.iter().copied().fold(0.0, f64::max));
    println!("syncs stall for 5 s: camera {:+.1} %, memory {first:.0} MiB, at most {most:.0}", pairs.change() * 100.0);
    pairs.assert_within(0.05, &site.log());
    assert!(most <= first + 64.0, "memory grew from {first} to {most} MiB");
    oracle.account(&site.terminate().err);
    oracle.finish();
    oracle.ledger.balance().unwrap_or_else(|wrong| panic!("{wrong}"));
}
