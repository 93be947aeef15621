//! Fault 14: a camera of 5 frames a second at 360p sends 500. The latest frame wins, every frame that is dropped is counted by reason,
//! the memory of the process stays within 10 %, and another camera within 5 % of its frames, in pairs of times with and without.
//!
//! `PARAPET_SOAK=1` measures for longer.
// Figures that were measured are printed: `--nocapture` shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use std::{
    fs,
    time::{Duration, Instant},
};

use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{
    RunningSite, SiteFolder,
    camera::clip,
    pace::{Count, Pairs, camera, looked_at},
    shared_data,
};
use serde_json::Value;
use support::{PARAPET, soak};

const FASTER: f64 = 100.0;
const FPS: u64 = 24;

/// Resident memory of a process, in bytes.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Frames of a camera at its model: those that were decoded and offered, and where they went.
#[derive(Debug, Clone, Copy)]
struct Frames {
    offered: u64,
    taken: u64,
    dropped: u64,
}

fn frames(site: &RunningSite, id: &str) -> Frames {
    let models = site.get("/api/v1/models");
    let feeds = models.as_array().unwrap().iter().flat_map(|model| model["cameras"].as_array().unwrap());
    let feed = feeds.into_iter().find(|feed| feed["camera"] == id).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    Frames {
        offered: number(&feed["offered"]),
        taken: number(&feed["taken"]),
        dropped: feed["dropped"].as_object().unwrap().values().map(number).sum(),
    }
}

/// Whether the wild camera comes as fast, or as slowly, as it should: over a span that holds two of the slow frames.
fn site_sees(site: &RunningSite, fast: bool) -> bool {
    let before = frames(site, "wild").offered;
    std::thread::sleep(Duration::from_millis(400));
    let more = frames(site, "wild").offered - before;
    if fast { more > 100 } else { more <= 4 }
}

#[test]
fn a_camera_at_a_hundred_times_its_rate_costs_no_memory_and_no_frame_of_another() {
    let (pairs, seconds) = if soak() { (3, 120) } else { (2, 7) };
    let clips = tempfile::tempdir().unwrap();
    let slow = clip(clips.path(), "slow.mp4", 200, (640, 360), 5);
    let wild = RtspSimulator::start(slow, &SimOptions::default()).unwrap();
    let steady = RtspSimulator::start(shared_data("videos/ahmetozlu_vehicle.mp4"), &SimOptions::default()).unwrap();
    let folder = SiteFolder::new("speeds");
    folder
        // Looks at ten frames a second of each camera at most: what comes faster is dropped before it waits.
        .file("models/ten.yaml", "kind: null\nmax_fps: 10fps\n")
        .file("models/all.yaml", "kind: null\n")
        .file("cameras/wild.yaml", &format!("source: {}\nmodels: [ten]\n", wild.url()))
        .file("cameras/steady.yaml", &format!("source: {}\nmodels: [all]\n", steady.url()));
    let site = RunningSite::start(PARAPET, &folder);
    let (mut rates, mut normal, mut most, mut faster) = (Pairs::default(), 0, 0, f64::INFINITY);
    site.wait_for("the wild camera is live", "/api/v1/cameras/wild", Duration::from_secs(20), |told| {
        told["status"]["state"] == "live"
    });
    // Settling: pools of pictures, the store's buffers.
    Count::begin(&site, "steady").rate_over(&site, FPS * seconds, Duration::from_secs(10 * seconds));

    for _ in 0..pairs {
        for fault in [false, true] {
            wild.set_speed(if fault { FASTER } else { 1.0 }).unwrap();
            // What was under way at the old speed comes first.
            let changed = Instant::now();
            while !site_sees(&site, fault) {
                assert!(changed.elapsed() < Duration::from_secs(20), "the speed does not change: {}", site.log());
            }
            let (before, began) = (frames(&site, "wild"), Instant::now());
            let count = Count::begin(&site, "steady");
            let done = looked_at(&site, "steady") + FPS * seconds;
            while looked_at(&site, "steady") < done {
                let limit = Duration::from_secs(5 * seconds);
                assert!(began.elapsed() < limit, "the steady camera: not within {limit:?}\n{}", site.log());
                let now = memory(site.pid());
                *(if fault { &mut most } else { &mut normal }) = now.max(if fault { most } else { normal });
                std::thread::sleep(Duration::from_millis(100));
            }
            let rate = count.rate(&site);
            let (after, took) = (frames(&site, "wild"), began.elapsed().as_secs_f64());
            if fault {
                rates.faulty.push(rate);
                let (offered, taken) = (after.offered - before.offered, after.taken - before.taken);
                faster = faster.min(offered as f64 / took);
                // Latest frame wins: the model gets as many as it may, and newer ones took the place of all others.
                assert!((taken as f64 / took - 10.0).abs() < 1.0, "{taken} frames taken in {took:.1} s");
                let superseded = after.dropped - before.dropped;
                assert!(offered.abs_diff(taken + superseded) <= 1, "{before:?} {after:?}: each frame is counted once");
                assert!(superseded > offered / 2, "{before:?} {after:?}");
            } else {
                rates.plain.push(rate);
            }
        }
    }
    let growth = most as f64 / normal as f64 - 1.0;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    eprintln!(
        "wild camera: {faster:.0} fps decoded; memory {:.1} MiB before, {:.1} at most: {:+.1} %; steady camera: {:+.1} % frames, {rates:.2?}",
        mib(normal),
        mib(most),
        growth * 100.0,
        rates.change() * 100.0
    );
    eprintln!("wild: {}", camera(&site, "wild")["status"]);
    // Where the processor is too slow for 500, frames may be skipped; but the fault must be there.
    assert!(faster > 250.0, "only {faster:.0} frames a second came\n{}", site.log());
    assert!(growth <= 0.10, "memory grew from {:.1} to {:.1} MiB: {:+.1} %", mib(normal), mib(most), growth * 100.0);
    rates.assert_within(0.05, &site.log());
    let told = &camera(&site, "wild")["status"];
    assert_eq!((&told["reconnects"], &told["state"]), (&0.into(), &"live".into()), "{told:#}");
    // Nothing was wrong with any frame.
    let corrupt: Vec<&Value> = told["dropped"].as_array().unwrap().iter().filter(|d| d[0] == "corrupt").collect();
    assert!(corrupt.is_empty(), "{told:#}");
    let metric = site.metric("parapet_model_dropped_total{model=\"ten\",camera=\"wild\",reason=\"rate_limit\"}");
    assert!(metric > Some(1000.0), "{metric:?}");
    let ended = site.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}
