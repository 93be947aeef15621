//! Uploaders: what a file may say, and each mistake with its place.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::TestSite;
use parapet_config::{Lane, ObjectPlace, Sink, UploadFormat, UploadKind, Uploader};

fn uploader(text: &str) -> Uploader {
    let site = TestSite::new(&[("uploaders/u.yaml", text), ("ca.pem", "x")]);
    let loaded = site.load_with(&[("X", "canary-7f3a")]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    (*loaded.config.uploaders["u"]).clone()
}

fn error(text: &str) -> String {
    let errors = TestSite::new(&[("uploaders/u.yaml", text)]).errors();
    errors.join("\n")
}

#[test]
fn the_defaults_send_alerts_as_cloudevents_alerts_first() {
    let u = uploader("sink: {file: {path: x}}\n");
    assert_eq!(
        (u.what.as_slice(), u.format, u.batch, u.linger),
        (&[UploadKind::Alerts][..], UploadFormat::CloudEvents, 64, Duration::ZERO)
    );
    assert_eq!((u.priority, u.rate_limit, u.time_to_live, u.keep_dead), (Lane::ALL, None, None, 10_000));
    assert!(u.filters.is_empty() && u.enabled);
}

#[test]
fn all_that_can_be_said_is_taken() {
    let u = uploader(
        "what: [events, alerts, journal, evidence]\n\
         filter: {alerts: \"severity = 'critical' AND camera LIKE 'gate%'\", events: label = 'person' AND score > 0.7, journal: kind != 'stall'}\n\
         format: data\nbatch: {events: 500, linger: 2s}\nrate_limit: 250kB\npriority: [evidence, alerts]\n\
         time_to_live: 7d\nkeep_dead: 5\nbackoff: {first: 2s, max: 1m}\n\
         sink: {mqtt: {broker: \"mqtts://hub.example.org\", prefix: sites/, username: u, password: \"${env:X}\", client_id: c, tls: {ca: ca.pem}, in_flight: 7, timeout: 9s}}\n",
    );
    assert_eq!(u.filters.keys().copied().collect::<Vec<_>>(), [Lane::Alerts, Lane::Events, Lane::Journal]);
    assert_eq!(u.priority, [Lane::Evidence, Lane::Alerts, Lane::Events, Lane::Journal]);
    assert_eq!(
        (u.format, u.batch, u.linger, u.rate_limit),
        (UploadFormat::Data, 500, Duration::from_secs(2), Some(250_000))
    );
    assert_eq!((u.time_to_live, u.keep_dead), (Some(Duration::from_secs(7 * 86_400)), 5));
    let Sink::Mqtt(mqtt) = &u.sink else { panic!("{:?}", u.sink) };
    assert_eq!(
        (mqtt.host.as_str(), mqtt.port, mqtt.prefix.as_str(), mqtt.in_flight),
        ("hub.example.org", 8883, "sites/", 7)
    );
    assert!(mqtt.tls.as_ref().unwrap().ca.as_ref().unwrap().ends_with("ca.pem"));
    assert!(!format!("{u:?}").contains("canary"));
}

#[test]
fn one_condition_serves_kinds_with_the_same_columns() {
    let u = uploader("what: [alerts, evidence]\nfilter: rule = 'intruder'\nsink: {file: {path: x}}\n");
    assert_eq!(u.filters.len(), 2);
}

#[test]
fn a_webhook_is_signed() {
    let u = uploader("sink: {http: {url: \"https://x.example/\", secret: \"whsec_Y2FuYXJ5\", max_body: 64kB}}\n");
    let Sink::Http(http) = &u.sink else { panic!("{:?}", u.sink) };
    assert!(http.secret.is_some() && http.max_body == 64_000 && !format!("{http:?}").contains("Y2FuYXJ5"));
}

#[test]
fn object_storage_is_a_bucket_a_container_or_a_folder() {
    let place = |text: &str| match uploader(&format!("sink: {{object_store: {{{text}}}}}\n")).sink {
        Sink::ObjectStore(config) => (config.place, config.prefix),
        other => panic!("{other:?}"),
    };
    let (target, prefix) = place(
        "url: \"s3://evidence/a/b/\", endpoint: \"http://127.0.0.1:9000\", access_key: \"${env:X}\", secret_key: \"${env:X}\"",
    );
    let ObjectPlace::S3 { bucket, region, endpoint, credentials } = &target else { panic!("{target:?}") };
    assert_eq!((bucket.as_str(), region.as_str(), prefix.as_str()), ("evidence", "us-east-1", "a/b"));
    assert!(endpoint.is_some() && credentials.is_some() && !format!("{target:?}").contains("canary"));
    let (target, _) = place("url: \"azure://evidence\", account: sites");
    assert!(matches!(target, ObjectPlace::Azure { key: None, endpoint: None, .. }), "{target:?}");
    let (target, prefix) = place("url: \"file:///srv/vault\"");
    assert_eq!((target, prefix.as_str()), (ObjectPlace::Folder("/srv/vault".into()), ""));
}

#[test]
fn the_accelerators_messages_go_over_mqtt_alone() {
    let u = uploader("what: [alerts, events]\nformat: accelerator\nsink: {mqtt: {broker: \"mqtts://h\"}}\n");
    assert_eq!(u.format, UploadFormat::Accelerator);
    let told = error("format: accelerator\nsink: {file: {path: x}}\n");
    assert!(told.starts_with("uploaders/u.yaml:1:9: the accelerator's messages go over MQTT"), "{told}");
    let told = error("what: [journal]\nformat: accelerator\nsink: {mqtt: {broker: \"mqtts://h\"}}\n");
    assert!(told.starts_with("uploaders/u.yaml:1:8: the accelerator knows no `journal`"), "{told}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    const FILE: &str = "sink: {file: {path: x}}\n";
    for (told, expected) in [
        (error(&format!("filter: severity = 'critical' AND colour = 1\n{FILE}")), "uploaders/u.yaml:1:35: "),
        (error(&format!("filter: \"colour = 1\"\n{FILE}")), "uploaders/u.yaml:1:10: "),
        (error(&format!("what: [events]\nfilter: {{events: lable = 'x'}}\n{FILE}")), "uploaders/u.yaml:2:18: "),
        (
            error(&format!("filter: {{events: label = 'x'}}\n{FILE}")),
            "uploaders/u.yaml:1:10: it sends no events; add `events` to `what`, or remove this condition",
        ),
        (
            error(&format!("filter: camera = 'x' LIMIT 1\n{FILE}")),
            "uploaders/u.yaml:1:9: this is more than a condition; keep what stands behind WHERE",
        ),
        (
            error(&format!("priority: [alerts, alerts]\n{FILE}")),
            "uploaders/u.yaml:1:20: `alerts` stands twice in this list; keep one of them",
        ),
        (
            error("sink: {file: {path: x}, mqtt: {broker: \"mqtt://h\"}}\n"),
            "uploaders/u.yaml:1:25: `file` and `mqtt` stand together",
        ),
        (error("sink: {mqtt: {broker: \"http://h\"}}\n"), "uploaders/u.yaml:1:23: this is no address of a broker"),
        (
            error("sink: {mqtt: {broker: \"mqtt://h\", tls: {}}}\n"),
            "uploaders/u.yaml:1:35: `tls` needs an address with TLS; write `mqtts://` in `broker`, or remove `tls`",
        ),
        (
            error("sink: {mqtt: {broker: \"mqtt://h\", username: u}}\n"),
            "uploaders/u.yaml:1:35: `username` needs `password`",
        ),
        (
            error("sink: {mqtt: {broker: \"mqtt://h\", prefix: \"a/#/\"}}\n"),
            "uploaders/u.yaml:1:43: no topic can begin so",
        ),
        (
            error("sink: {mqtt: {broker: \"mqtts://h\", tls: {ca: nowhere.pem}}}\n"),
            "uploaders/u.yaml:1:46: there is no file `nowhere.pem`",
        ),
        (
            error("sink: {http: {url: \"https://h/\", headers: {webhook-id: x}}}\n"),
            "uploaders/u.yaml:1:44: the fields of the signature are set by `secret`; remove this one",
        ),
        (
            error("sink: {http: {url: \"https://h/\", secret: whsec_}}\n"),
            "uploaders/u.yaml:1:42: there is nothing behind `whsec_`",
        ),
        (
            error("sink: {object_store: {url: \"ftp://x/y\"}}\n"),
            "uploaders/u.yaml:1:28: this is no address of object storage; write `s3://BUCKET",
        ),
        (
            error("sink: {object_store: {url: \"azure://x\"}}\n"),
            "uploaders/u.yaml:1:22: the storage account is missing; add `account: NAME`",
        ),
        (
            error("sink: {object_store: {url: \"s3://x\", account: y}}\n"),
            "uploaders/u.yaml:1:38: `account` does not go with this `url`; remove it",
        ),
        (
            error("sink: {object_store: {url: \"s3://x\", access_key: y}}\n"),
            "uploaders/u.yaml:1:38: `access_key` needs `secret_key`",
        ),
        (
            error("sink: {object_store: {url: \"s3://x\", endpoint: x}}\n"),
            "uploaders/u.yaml:1:48: this is no address of a service",
        ),
    ] {
        assert!(told.starts_with(expected), "{told}\nexpected: {expected}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let several = error(&format!("what: [alerts, events]\nfilter: severity = 'critical'\n{FILE}"));
    assert!(
        several.contains("as a condition on events") && several.contains("filter: {alerts: …, events: …}"),
        "{several}"
    );
}

#[test]
fn a_password_on_an_open_line_is_warned_of() {
    let site = TestSite::new(&[(
        "uploaders/u.yaml",
        "sink: {mqtt: {broker: \"mqtt://hub.example.org\", username: u, password: p}}\n",
    )]);
    let warnings: Vec<String> = site.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["uploaders/u.yaml:1:23: user and password travel unencrypted; use `mqtts://`"]);
}
