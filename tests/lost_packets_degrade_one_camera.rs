//! Fault 12: 5 % of the packets are lost on the way to two cameras, one over UDP and one over TCP. They degrade and go on; nothing
//! crashes or starts anew; a third camera on a cable of its own stays within 5 % of its frames, in pairs of times with and without.
//!
//! `PARAPET_SOAK=1` measures for longer.
// Figures that were measured are printed: `--nocapture` shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use std::time::Duration;

use parapet_testkit::{
    RunningSite, SiteFolder,
    camera::CameraProcess,
    netns::Netns,
    pace::{Count, Pairs, camera},
    shared_data,
};
use support::{PARAPET, soak};

const LOSS: f64 = 0.05;
const FPS: u64 = 24;

#[test]
fn five_in_a_hundred_packets_lost_leave_the_site_and_the_other_camera_alone() {
    let (pairs, seconds) = if soak() { (4, 60) } else { (2, 7) };
    let video = shared_data("videos/ahmetozlu_vehicle.mp4");
    let (net, bad, good) = (Netns::new(), Netns::new(), Netns::new());
    let ((_, lossy), (_, clean)) = (net.connect(&bad), net.connect(&good));
    let lossy = bad.inside(|| CameraProcess::start(PARAPET, &video, lossy, 8554));
    let clean = good.inside(|| CameraProcess::start(PARAPET, &video, clean, 8554));
    net.inside(|| {
        let folder = SiteFolder::new("losses");
        folder
            .file("models/none.yaml", "kind: null\n")
            .file("cameras/over-udp.yaml", &format!("source: {}\ntransport: udp\nmodels: [none]\n", lossy.url()))
            .file("cameras/over-tcp.yaml", &format!("source: {}\ntransport: tcp\nmodels: [none]\n", lossy.url()))
            .file("cameras/clean.yaml", &format!("source: {}\nmodels: [none]\n", clean.url()));
        let site = RunningSite::start(PARAPET, &folder);
        let all = ["clean", "over-udp", "over-tcp"];
        let mut rates = all.map(|_| Pairs::default());
        let limit = Duration::from_secs(10 * seconds);
        for _ in 0..pairs {
            for faulty in [false, true] {
                if faulty {
                    bad.lose(LOSS);
                }
                let counts = all.map(|id| Count::begin(&site, id));
                // The clean camera says how long; the others are counted over the same time.
                let clean = counts[0].rate_over(&site, FPS * seconds, limit);
                let rest = [counts[1].rate(&site), counts[2].rate(&site)];
                for (pairs, rate) in rates.iter_mut().zip([clean, rest[0], rest[1]]) {
                    if faulty { &mut pairs.faulty } else { &mut pairs.plain }.push(rate);
                }
                if faulty {
                    let lost = bad.lost();
                    assert!(lost >= 20, "only {lost} packets were lost: the fault is not there");
                    bad.heal();
                }
            }
        }
        for (id, rates) in all.iter().zip(&rates) {
            eprintln!("{id}: {:+.1} % frames; {rates:.2?}", rates.change() * 100.0);
        }
        rates[0].assert_within(0.05, &site.log());
        for (id, rates) in all.iter().zip(&rates).skip(1) {
            // Over UDP what is lost is lost; over TCP it is sent again, late.
            assert!(
                rates.faulty.iter().all(|fps| *fps > 0.5 * FPS as f64),
                "{id} goes on: {rates:.2?}\n{}",
                site.log()
            );
        }
        let lost = all.map(|id| camera(&site, id)["status"]["packets_lost"].as_u64().unwrap());
        eprintln!("packets lost: {lost:?}");
        // What is lost is told, for the one that loses it.
        assert!(lost[0] == 0 && lost[1] > 20 && lost[2] == 0, "{lost:?}");
        let metric = site.metric("parapet_camera_packets_lost_total{camera=\"over-udp\"}");
        assert!(metric >= Some(lost[1] as f64), "{metric:?}");
        for id in all {
            assert_eq!(site.node(&format!("cameras/{id}")).unwrap()["restarts"], 0);
            assert_eq!(camera(&site, id)["status"]["state"], "live", "{id}\n{}", site.log());
            assert_eq!(camera(&site, id)["status"]["reconnects"], 0, "{id}\n{}", site.log());
        }
        let ended = site.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.all());
    });
}
