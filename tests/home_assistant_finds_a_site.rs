//! Home Assistant's discovery: each camera is a device with its picture and its rules, as the documented form of the message wants it; when a camera goes, so
//! does its device, also while the site was off.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{collections::BTreeMap, time::Duration};

use parapet_testkit::{Mosquitto, RunningSite, SiteFolder};
use serde_json::{Value, json};
use support::{Listener, PARAPET};

const MINUTE: Duration = Duration::from_secs(60);

/// What each device was told last; an empty message takes it back.
fn devices(listener: &Listener) -> BTreeMap<String, Value> {
    let mut devices = BTreeMap::new();
    for message in listener.messages() {
        match message.payload.is_empty() {
            true => drop(devices.remove(&message.topic)),
            false => drop(devices.insert(message.topic.clone(), serde_json::from_slice(&message.payload).unwrap())),
        }
    }
    devices
}

fn wait(listener: &Listener, what: &str, good: impl Fn(&BTreeMap<String, Value>) -> bool) -> BTreeMap<String, Value> {
    parapet_testkit::wait::until(what, MINUTE, || good(&devices(listener)));
    devices(listener)
}

/// The form of a device's message, as its page says: what must be there, what may be, and of which kind.
fn check(message: &Value) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(
        keys(message)
            .iter()
            .all(|key| ["device", "origin", "availability", "components", "qos"].contains(&key.as_str())),
        "{message:#}"
    );
    assert!(message["origin"]["name"].is_string() && message["device"]["identifiers"][0].is_string(), "{message:#}");
    assert!(message["availability"][0]["topic"].is_string());
    for (name, part) in message["components"].as_object().unwrap() {
        assert!(part["unique_id"].is_string() && part["name"].is_string(), "{name}: {part:#}");
        let needed = match part["platform"].as_str().unwrap() {
            "binary_sensor" => "state_topic",
            "image" => "image_topic",
            other => panic!("{other}"),
        };
        assert!(part[needed].is_string(), "{name}: {part:#}");
        let known = [
            "platform",
            "unique_id",
            "name",
            "device_class",
            "entity_category",
            "state_topic",
            "value_template",
            "off_delay",
            "image_topic",
            "content_type",
        ];
        assert!(keys(part).iter().all(|key| known.contains(&key.as_str())), "{name}: {part:#}");
    }
}

#[test]
fn each_camera_is_a_device_and_goes_when_the_camera_goes() {
    let broker = Mosquitto::start(&[], &[]);
    let listener = Listener::at(broker.port(), "homeassistant/#");
    let folder = SiteFolder::with(
        "yard",
        &format!("bus: {{broker: \"mqtt://127.0.0.1:{}\"}}\nhome_assistant: {{off_after: 2m}}\n", broker.port()),
    );
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/gate.yaml", "name: The gate\nsource: test://ball?size=160x120&fps=5\nmodels: [none]\n")
        .file("cameras/dock.yaml", "source: test://ball?size=160x120&fps=5\nmodels: [none]\n")
        .file("cameras/roof.yaml", "source: test://ball?size=160x120&fps=5\nmodels: [none]\n")
        .file("rules/intruder.yaml", "cameras: [gate]\nwhen: [{label: person}]\n");
    let site = RunningSite::start(PARAPET, &folder);
    let all = wait(&listener, "three cameras and the site", |all| all.len() == 4);
    all.values().for_each(check);
    let gate = &all["homeassistant/device/parapet_yard-camera-gate/config"];
    assert_eq!((&gate["device"]["name"], &gate["device"]["via_device"]), (&json!("The gate"), &json!("parapet_yard")));
    let sensor = &gate["components"]["rule-intruder"];
    assert_eq!((&sensor["state_topic"], &sensor["off_delay"]), (&json!("parapet/yard/alerts"), &json!(120)));
    assert!(all["homeassistant/device/parapet_yard-camera-dock/config"]["components"]["rule-intruder"].is_null());

    folder.delete("cameras/dock.yaml");
    wait(&listener, "the dock is gone", |all| all.len() == 3);
    // Another goes while the site is off.
    site.kill();
    folder.delete("cameras/roof.yaml");
    let _site = RunningSite::start(PARAPET, &folder);
    let left = wait(&listener, "the roof is gone", |all| all.len() == 2);
    assert!(left.contains_key("homeassistant/device/parapet_yard-camera-gate/config"), "{left:?}");
    // Whoever comes later finds what is left: the messages are retained.
    let later = Listener::at(broker.port(), "homeassistant/#");
    wait(&later, "they are there", |all| all.len() == 2);
}
