//! SIGTERM and SIGINT stop a site in order, within its time, and the broker is told; a second signal ends it at once; a site that is
//! killed is told of by its last will.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::{Duration, Instant};

use parapet_contracts::{
    cloudevent::Event,
    status::{Health, StatusEvent},
};
use parapet_testkit::{Mosquitto, RunningSite, SiteFolder};
use support::{Listener, PARAPET};

const SOON: Duration = Duration::from_secs(20);
const STATUS: &str = "parapet/yard/status";

fn site(broker: &Mosquitto) -> (SiteFolder, RunningSite) {
    let folder = SiteFolder::with("yard", &format!("bus: {{broker: \"mqtt://127.0.0.1:{}\"}}\n", broker.port()));
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/gate.yaml", "source: test://ball?size=320x240&fps=10\nmodels: [none]\n")
        .file("cameras/dead.yaml", "source: rtsp://127.0.0.1:1/stream\n");
    let running = RunningSite::start(PARAPET, &folder);
    running.wait_for("the camera is live", "/api/v1/cameras/gate", SOON, |c| c["status"]["state"] == "live");
    (folder, running)
}

fn status(payload: &[u8]) -> StatusEvent {
    match Event::from_json(payload).unwrap() {
        Event::Status(status) => status,
        other => panic!("no status: {other:?}"),
    }
}

/// What somebody who comes later finds kept on a topic.
fn kept(broker: &Mosquitto, topic: &str) -> StatusEvent {
    let messages = Listener::at(broker.port(), topic).wait_for(topic, SOON, |all| !all.is_empty());
    assert!(messages[0].retain);
    status(&messages[0].payload)
}

#[test]
fn a_signal_stops_it_in_order_and_the_broker_keeps_that_it_is_away() {
    for signal in ["TERM", "INT"] {
        let broker = Mosquitto::start(&[], &[]);
        let listener = Listener::at(broker.port(), "parapet/#");
        let (_folder, site) = site(&broker);
        let is = |health| {
            move |all: &[parapet_bus_mqtt::ReceivedMessage]| {
                all.last().is_some_and(|m| status(&m.payload).health == health)
            }
        };
        listener.wait_for(STATUS, SOON, is(Health::Online));
        listener.wait_for("parapet/yard/cameras/gate/status", SOON, is(Health::Online));
        site.signal(signal);
        let told = site.ended(SOON);
        assert_eq!(told.code, Some(0), "{}", told.all());
        assert!(told.took < Duration::from_secs(10), "{:?}", told.took);
        assert!(told.err.contains(&format!("stopping: SIG{signal}")) && told.err.contains("stopped"), "{}", told.all());
        assert!(!told.err.contains("did not stop by itself"), "{}", told.all());
        let last = kept(&broker, STATUS);
        assert_eq!(
            (last.health, last.reason.as_deref()),
            (Health::Offline, Some("stopped in order")),
            "not the last will"
        );
        for camera in ["gate", "dead"] {
            let last = kept(&broker, &format!("parapet/yard/cameras/{camera}/status"));
            assert_eq!(last.health, Health::Offline, "{camera}: {last:?}");
        }
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let broker = Mosquitto::start(&[], &[]);
    // The broker answers no more: the goodbye would take its time.
    let (_folder, site) = site(&broker);
    broker.freeze();
    site.signal("TERM");
    let asked = Instant::now();
    // In its own words, the site is on its way; what comes within 300 ms counts as the same wish.
    site.wait_for_log("stopping: SIGTERM", SOON);
    parapet_testkit::wait::until("the first wish is over", SOON, || asked.elapsed() > Duration::from_millis(500));
    site.signal("TERM");
    let told = site.ended(Duration::from_secs(5));
    broker.thaw();
    assert_eq!(told.code, Some(130), "{}", told.all());
    assert!(told.took < Duration::from_secs(1), "{:?}", told.took);
}

#[test]
fn a_site_that_is_killed_is_told_of_by_its_last_will() {
    let broker = Mosquitto::start(&[], &[]);
    let listener = Listener::at(broker.port(), "parapet/#");
    let (_folder, site) = site(&broker);
    listener.wait_for(STATUS, SOON, |all| all.iter().any(|m| status(&m.payload).health == Health::Online));
    site.kill();
    listener.wait_for(STATUS, SOON, |all| all.last().is_some_and(|m| status(&m.payload).health == Health::Offline));
    let last = kept(&broker, STATUS);
    assert!(last.reason.as_deref().unwrap().contains("lost without a word"), "{last:?}");
}
