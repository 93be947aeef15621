//! Somebody walks over the perimeter while no way out of the site works; then the site is killed. When the network comes back, alert, clip and hashes
//! are where they belong: in Kafka, at the webhook and in object storage, and they agree.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use parapet_contracts::{Alert, AlertUpdate, EvidenceEvent};
use parapet_media_gstreamer::simulate::{RtspSimulator, SimOptions};
use parapet_testkit::{
    Azurite, BadHttp, Kafka, KafkaOptions, RunningSite, SiteFolder,
    azurite::{ACCOUNT, KEY},
    http,
    kafka::{KafkaRecord, KafkaWire},
    shared_data,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::PARAPET;

const MINUTE: Duration = Duration::from_secs(60);

/// The records of a type whose data is about this alert.
fn about<T: DeserializeOwned>(records: &[KafkaRecord], kind: &str, field: &str, alert: &str) -> Vec<T> {
    let of_kind = records.iter().filter(|record| record.header("ce_type") == kind);
    let data = of_kind.map(|record| serde_json::from_str::<Value>(&record.value).unwrap());
    data.filter(|data| data[field] == alert).map(|data| serde_json::from_value(data).unwrap()).collect()
}

#[test]
fn alert_clip_and_hash_arrive_after_the_network_was_cut_and_the_site_was_killed() {
    let camera = RtspSimulator::start(
        shared_data("videos/azure_perimeterdemo720.mp4"),
        &SimOptions { speed: 2.0, ..SimOptions::default() },
    )
    .unwrap();
    let (hub, hook, vault) = (KafkaWire::new(), KafkaWire::new(), KafkaWire::new());
    let string = format!(
        "Endpoint=sb://localhost:{}/;SharedAccessKeyName=send;SharedAccessKey=canary7f3a=;EntityPath=alerts",
        hub.port()
    );
    let users = vec![("$ConnectionString".to_owned(), string.clone())];
    let kafka =
        Kafka::start_behind(Some(&hub), KafkaOptions { protocol: "SASL_SSL", users, ..KafkaOptions::default() });
    kafka.topic("alerts", 3, &[]);
    let (receiver, azurite) = (BadHttp::start(), Azurite::start());
    azurite.make_public_container("evidence");
    hook.lead_to(receiver.address().port());
    vault.lead_to(azurite.address().port());
    let wires = [&hub, &hook, &vault];
    for wire in wires {
        wire.cut();
    }

    let folder = SiteFolder::new("yard");
    let backoff = "backoff: {first: 100ms, max: 500ms}\n";
    folder
        .copy(&shared_data("models/yolox_nano_416.onnx"), "models/yolox.onnx")
        .copy(&kafka.ca(), "ca.pem")
        .file("event-hub", &string)
        .file("models/yolox.yaml", "file: models/yolox.onnx\n")
        .file("cameras/perimeter.yaml", &format!("source: {}\nfps: 10fps\nmodels: [yolox]\n", camera.url()))
        .file(
            "rules/intruder.yaml",
            "cameras: [perimeter]\nwhen: [{label: person, min_score: 0.4}]\ncooldown: 10m\nseverity: critical\nevidence: clip\nclip: {before: 2s, after: 1s}\n",
        )
        .file(
            "uploaders/hub.yaml",
            &format!("what: [alerts, evidence]\nsink: {{kafka: {{connection_string: \"${{file:event-hub}}\", tls: {{ca: ca.pem}}}}}}\n{backoff}"),
        )
        .file("uploaders/hook.yaml", &format!("sink: {{http: {{url: \"http://127.0.0.1:{}/x\"}}}}\n{backoff}", hook.port()))
        .file(
            "uploaders/vault.yaml",
            &format!(
                "what: [evidence]\nsink: {{object_store: {{url: \"azure://evidence\", account: {ACCOUNT}, account_key: \"{KEY}\", endpoint: \"http://127.0.0.1:{}/{ACCOUNT}\"}}}}\n{backoff}",
                vault.port()
            ),
        );
    let running = RunningSite::start(PARAPET, &folder);

    // Nobody outside hears of it, and the site keeps it.
    let alerts = running.wait_for("an alert", "/api/v1/alerts", 2 * MINUTE, |page| {
        page["items"].as_array().is_some_and(|all| !all.is_empty())
    });
    let alert: Alert = serde_json::from_value(alerts["items"][0].clone()).unwrap();
    let id = alert.id.to_string();
    running.wait_for("its clip", &format!("/api/v1/alerts/{id}/updates"), MINUTE, |told| {
        told.to_string().contains(".mp4")
    });
    let list = running.wait_for("all ways out wait", "/api/v1/uploaders", MINUTE, |list| {
        list.as_array()
            .unwrap()
            .iter()
            .filter(|out| out["id"] != "bus")
            .all(|out| out["status"]["state"] == "waiting" && out["waiting"].as_u64() > Some(0))
    });
    assert!(!list.to_string().contains("canary"), "{list}");
    assert!(kafka.read("alerts").is_empty() && receiver.received().is_empty());
    running.kill();

    // The network comes back while the site starts again.
    let running = RunningSite::start(PARAPET, &folder);
    for wire in wires {
        wire.mend();
    }
    let alert_type = "io.parapet.alert.v1";
    let records = kafka.wait_for("Kafka has the alert, and both files", "alerts", 2 * MINUTE, |held| {
        about::<EvidenceEvent>(held, "io.parapet.evidence.v1", "alert", &id).len() >= 2
    });
    assert_eq!(about::<Alert>(&records, alert_type, "id", &id), std::slice::from_ref(&alert));
    assert!(records.iter().all(|record| record.key == "perimeter"), "{records:?}");
    let updates: Vec<AlertUpdate> = about(&records, "io.parapet.alert-update.v1", "alert", &id);
    let clip = updates.iter().find_map(|update| update.evidence.clone()).expect("the record of the clip");
    assert_eq!(clip.media_type, "video/mp4");
    let files: Vec<EvidenceEvent> = about(&records, "io.parapet.evidence.v1", "alert", &id);
    let picture = alert.evidence.clone().expect("the picture");

    for reference in [&clip, &picture] {
        assert!(files.iter().any(|file| file.evidence.sha256 == reference.sha256), "{}", reference.path);
        let blob = || http::get(azurite.address(), &format!("/{ACCOUNT}/evidence/{}", reference.path)).unwrap();
        parapet_testkit::wait::until("object storage has the file", MINUTE, || blob().status == 200);
        let blob = blob();
        assert_eq!(format!("{:x}", Sha256::digest(&blob.body)), reference.sha256, "{}", reference.path);
        assert!(blob.head.contains(&reference.sha256), "the hash goes with the file: {}", blob.head);
    }
    let posted = || {
        receiver
            .received()
            .into_iter()
            .map(|request| serde_json::from_str::<Value>(&request.body).unwrap())
            .collect::<Vec<_>>()
    };
    parapet_testkit::wait::until("the webhook has the alert and its clip", MINUTE, || {
        posted().iter().any(|event| event.to_string().contains(&clip.sha256))
    });
    let first = &posted()[0];
    assert_eq!((&first["type"], &first["data"]["id"]), (&Value::from(alert_type), &Value::from(id.clone())));
    running.wait_for("nothing waits any more", "/api/v1/uploaders", MINUTE, |list| {
        list.as_array().unwrap().iter().all(|out| out["waiting"] == 0)
    });
}
