//! Fault 5: the power goes, over and over, under a whole site whose data lies on a disk that forgets what was not synced
//! (`parapet-testdisk`): names of files included, as a whole, as a torn tail, or in scattered pages; at random moments, and at the very
//! sync by which an alert would have become durable. Nothing that was acknowledged is lost.
//!
//! `PARAPET_CYCLES` says how often (8; `script/soak power-cuts` takes 200); `PARAPET_SEED` has a run again. It needs `/dev/fuse`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/proof.rs"]
mod proof;
mod support;

use std::{collections::BTreeMap, fs, time::Instant};

use parapet_testdisk::{ForgetfulDisk, Loss};
use parapet_testkit::Dice;
use proof::{Oracle, Starts, in_ms};

#[test]
fn cuts_of_the_power_lose_nothing_that_was_acknowledged() {
    let cycles: usize = std::env::var("PARAPET_CYCLES").map_or(8, |text| text.parse().expect("PARAPET_CYCLES"));
    let seed = Dice::seed();
    println!("{cycles} cuts; again with PARAPET_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (mut oracle, mut starts) = (Oracle::new(""), Starts::default());
    let data = oracle.folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut disk = ForgetfulDisk::mount(&data).expect("a file system over /dev/fuse");
    let (mut at_a_sync, mut losses) = (0, BTreeMap::<String, usize>::new());
    for cycle in 0..cycles {
        let mut site = oracle.start();
        starts.took(&site);
        if cycle % 2 == 0 {
            disk.switch_off_at_sync(20 + dice.below(200) as u64);
        }
        let over = in_ms(if cycle % 2 == 0 { 20_000 } else { dice.below(1_200) });
        oracle.feed(&mut site, || Instant::now() >= over || disk.is_off());
        at_a_sync += usize::from(disk.is_off());
        disk.switch_off();
        let log = site.kill().err;
        oracle.account(&log);
        let loss = [Loss::All, Loss::Tail, Loss::Scattered][cycle % 3];
        *losses.entry(format!("{loss:?}")).or_default() += 1;
        disk.come_back(loss, &mut dice).unwrap();
    }
    oracle.finish();
    let (usual, longest) = starts.figures();
    oracle.assert_balanced(&format!(
        "{cycles} cuts, {at_a_sync} of them at a sync, {losses:?}; {} syncs; ready after {usual:.2?}, at most {longest:.2?}",
        disk.syncs()
    ));
    assert!(at_a_sync > 0, "no cut came at a sync");
}

/// The test above is worth something: where a sync does nothing, what was acknowledged is missed.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let mut oracle = Oracle::new("");
    let data = oracle.folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut disk = ForgetfulDisk::mount(&data).expect("a file system over /dev/fuse");
    let mut site = oracle.start();
    disk.lie();
    let over = in_ms(500);
    oracle.feed(&mut site, || Instant::now() >= over);
    disk.switch_off();
    let log = site.kill().err;
    oracle.account(&log);
    assert!(!oracle.ledger.acknowledged.is_empty(), "nothing was acknowledged");
    disk.come_back(Loss::All, &mut Dice::new(1)).unwrap();
    oracle.finish();
    let wrong = oracle.ledger.balance().expect_err("nothing is missed");
    assert!(wrong.to_string().contains("acknowledged are lost"), "{wrong}");
}
