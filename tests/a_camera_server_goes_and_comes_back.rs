//! The server of a camera is killed, and starts again later: the camera waits and says why, tries again with pauses, counts its attempts,
//! and shows frames within 10 s of the server's return. Over TCP and over UDP.
// Figures that were measured are printed: `--nocapture` shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use parapet_testkit::{
    RunningSite, SiteFolder,
    camera::CameraProcess,
    mosquitto::free_port,
    pace::{camera, looked_at},
    shared_data,
};
use support::PARAPET;

const BACK: Duration = Duration::from_secs(10);

#[test]
fn cameras_whose_server_is_killed_come_back_when_it_does() {
    let video = shared_data("videos/ahmetozlu_vehicle.mp4");
    let (here, port) = (IpAddr::from(Ipv4Addr::LOCALHOST), free_port());
    let server = CameraProcess::start(PARAPET, &video, here, port);
    let folder = SiteFolder::new("restarts");
    let ids = ["tcp", "udp"];
    folder.file("models/none.yaml", "kind: null\n");
    for id in ids {
        let text = format!("source: {}\ntransport: {id}\nmodels: [none]\n", server.url());
        folder.file(&format!("cameras/{id}.yaml"), &text);
    }
    let site = RunningSite::start(PARAPET, &folder);
    let wait = |id: &str, what: &str, limit, good: &dyn Fn(&serde_json::Value) -> bool| {
        site.wait_for(what, &format!("/api/v1/cameras/{id}"), limit, |told| good(&told["status"]))
    };
    for id in ids {
        wait(id, "frames", Duration::from_secs(20), &|told| told["state"] == "live");
    }
    let killed = Instant::now();
    server.kill();
    for id in ids {
        let told = wait(id, "the camera waits", Duration::from_secs(5), &|told| told["state"] == "waiting");
        eprintln!("{id}: noticed after {:.2?}: {}", killed.elapsed(), told["status"]["last_error"]);
        // Over UDP the very end of the stream may already tell so: rtspsrc asks the server once more by itself.
        wait(id, "a refused attempt of the camera's own", Duration::from_secs(10), &|told| {
            told["last_error"].as_str().is_some_and(|error| error.contains("refuses connections"))
                && told["reconnects"].as_u64() >= Some(1)
        });
    }
    let before = ids.map(|id| looked_at(&site, id));
    let returned = Instant::now();
    let _server = CameraProcess::start(PARAPET, &video, here, port);
    for (id, before) in ids.iter().zip(before) {
        wait(id, "it is back", BACK.saturating_sub(returned.elapsed()), &|told| {
            told["state"] == "live" && looked_at(&site, id) > before
        });
        eprintln!("{id}: back after {:.2?}", returned.elapsed());
        let counted = camera(&site, id)["status"]["reconnects"].as_u64().unwrap();
        let metric = site.metric(&format!("parapet_camera_reconnects_total{{camera=\"{id}\"}}"));
        assert_eq!(metric, Some(counted as f64));
        assert_eq!(site.node(&format!("cameras/{id}")).unwrap()["restarts"], 0);
    }
    let ended = site.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}
