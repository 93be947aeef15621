//! Fault 11: a camera falls silent, as when its cable is pulled: every packet vanishes, and nobody is told. The stall is noticed within
//! 5 s, the camera waits, the journal says so, the other camera does not notice; within 10 s of the cable's return there are frames again.
// Figures that were measured are printed: `--nocapture` shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use std::time::{Duration, Instant};

use parapet_testkit::{
    RunningSite, SiteFolder,
    camera::CameraProcess,
    netns::Netns,
    pace::{Count, camera, journalled, looked_at},
    shared_data,
};
use support::PARAPET;

const DETECTED: Duration = Duration::from_secs(5);
const BACK: Duration = Duration::from_secs(10);

fn a_cable_is_pulled(transport: &str) {
    let video = shared_data("videos/ahmetozlu_vehicle.mp4");
    let (net, silent, steady) = (Netns::new(), Netns::new(), Netns::new());
    let ((_, gate), (_, yard)) = (net.connect(&silent), net.connect(&steady));
    let gate = silent.inside(|| CameraProcess::start(PARAPET, &video, gate, 8554));
    let yard = steady.inside(|| CameraProcess::start(PARAPET, &video, yard, 8554));
    net.inside(|| {
        let folder = SiteFolder::new("cables");
        folder
            .file("models/none.yaml", "kind: null\n")
            .file("cameras/gate.yaml", &format!("source: {}\ntransport: {transport}\nmodels: [none]\n", gate.url()))
            .file("cameras/yard.yaml", &format!("source: {}\ntransport: {transport}\nmodels: [none]\n", yard.url()));
        let site = RunningSite::start(PARAPET, &folder);
        let state = |id| camera(&site, id)["status"]["state"].as_str().map(str::to_owned);
        let frames = |id, more: u64, limit: Duration, what: &str| {
            let (before, from) = (looked_at(&site, id), Instant::now());
            while looked_at(&site, id) < before + more {
                assert!(from.elapsed() < limit, "{what}: not within {limit:?}\n{}", site.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            from.elapsed()
        };
        frames("gate", 24, Duration::from_secs(30), "the first second of the camera");
        let plain = Count::begin(&site, "yard").rate_over(&site, 100, Duration::from_secs(20));

        let others = Count::begin(&site, "yard");
        let pulled = Instant::now();
        silent.cut();
        site.wait_for("the stall is noticed", "/api/v1/cameras/gate", DETECTED, |told| told["status"]["state"] == "waiting");
        let detected = pulled.elapsed();
        assert!(detected <= DETECTED, "noticed after {detected:?}");
        let told = camera(&site, "gate")["status"]["last_error"].as_str().unwrap().to_owned();
        assert!(told.contains("no frame came for"), "{told}");
        site.wait_for("the journal says so", "/api/v1/errors", Duration::from_secs(2), |_| {
            journalled(&site, "cameras/gate", "stall") == 1
        });
        // Long enough for an attempt to connect to fail as well: what follows must not depend on when the cable comes back.
        site.wait_for("another attempt", "/api/v1/cameras/gate", Duration::from_secs(15), |told| {
            told["status"]["reconnects"].as_u64() >= Some(1)
        });
        let gone = looked_at(&site, "gate");
        site.wait_for("and it fails", "/api/v1/errors", Duration::from_secs(15), |told| {
            told["items"].as_array().unwrap().iter().filter(|r| r["actor"] == "cameras/gate").map(|r| r["count"].as_u64().unwrap()).sum::<u64>() >= 2
        });
        assert_eq!(looked_at(&site, "gate"), gone, "nothing can come through");
        assert_ne!(state("gate").as_deref(), Some("live"));

        silent.heal();
        let back = frames("gate", 1, BACK, "frames come again");
        frames("gate", 24, Duration::from_secs(5), "and go on");
        assert_eq!(state("gate").as_deref(), Some("live"));

        let during = others.rate(&site);
        assert!((during / plain - 1.0).abs() <= 0.05, "the other camera: {plain:.2} fps before, {during:.2} during");
        let other = camera(&site, "yard");
        assert_eq!((&other["status"]["reconnects"], &other["status"]["state"]), (&0.into(), &"live".into()));
        for id in ["cameras/gate", "cameras/yard"] {
            assert_eq!(site.node(id).unwrap()["restarts"], 0, "a lost camera is no failure of its actor");
        }
        eprintln!("{transport}: noticed after {detected:.2?}, back after {back:.2?}; other camera {plain:.2} fps before, {during:.2} during");
        let ended = site.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.all());
    });
}

#[test]
fn a_camera_whose_cable_is_pulled_is_noticed_and_comes_back_over_tcp() {
    a_cable_is_pulled("tcp");
}

#[test]
fn a_camera_whose_cable_is_pulled_is_noticed_and_comes_back_over_udp() {
    a_cable_is_pulled("udp");
}
