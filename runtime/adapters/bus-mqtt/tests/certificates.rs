//! TLS against mosquitto: who the broker is, who the client is, and certificates that are replaced while it runs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{connected, message, next, settings, soon, subscribed, told};
use parapet_bus_mqtt::{BusSettings, MqttBus, TlsSettings};
use parapet_contracts::{ErrorKind, ports::bus::BusPort};
use parapet_testkit::{Mosquitto, certificates::Authority};

/// A broker that only clients of `ours` may come to, whose user is their certificate's name.
fn broker(ours: &Authority, other: &Authority, lines: &[&str], files: &[(&str, &str)]) -> Mosquitto {
    let (server, client) = (ours.server(&["localhost"]), ours.client("site"));
    let mut all = vec![
        "cafile {folder}/ca.pem",
        "certfile {folder}/server.pem",
        "keyfile {folder}/server.key",
        "require_certificate true",
    ];
    all.extend(lines);
    let (ca, strangers) = (ours.certificate(), other.certificate());
    let mut written = vec![
        ("ca.pem", &*ca),
        ("other.pem", &*strangers),
        ("server.pem", &*server.certificate),
        ("server.key", &*server.key),
        ("client.pem", &*client.certificate),
        ("client.key", &*client.key),
    ];
    written.extend(files);
    Mosquitto::start(&all, &written)
}

fn with(broker: &Mosquitto, ca: &str, host: &str, shows: bool) -> BusSettings {
    let file = |name: &str| broker.folder().join(name);
    let client = shows.then(|| (file("client.pem"), file("client.key")));
    let tls = Some(TlsSettings { ca_file: Some(file(ca)), client });
    BusSettings { host: host.to_owned(), tls, ..settings(broker.port(), "site") }
}

#[tokio::test]
async fn the_broker_and_the_client_show_who_they_are() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let broker = broker(&ours, &other, &[], &[]);
    let bus = connected(with(&broker, "ca.pem", "localhost", true)).await;
    soon("acknowledged", bus.publish_acknowledged(message("a", "1"))).await.unwrap();
    for (settings, part) in [
        (with(&broker, "other.pem", "localhost", true), "invalid peer certificate"),
        (with(&broker, "ca.pem", "127.0.0.1", true), "invalid peer certificate"),
        (with(&broker, "missing.pem", "localhost", true), "missing.pem"),
        (with(&broker, "ca.pem", "localhost", false), "the broker mqtts://localhost"),
    ] {
        let bus = MqttBus::connect(settings);
        let text = told(&bus, part).await;
        assert!(!bus.is_connected(), "{text}");
    }
}

#[tokio::test]
async fn the_name_in_the_certificate_is_the_user_that_permissions_are_for() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let acl = "user site\ntopic readwrite parapet/a/#\n";
    let lines = ["use_identity_as_username true", "acl_file {folder}/acl"];
    let broker = broker(&ours, &other, &lines, &[("acl", acl)]);
    let bus = connected(with(&broker, "ca.pem", "localhost", true)).await;
    let mut own = subscribed(&bus, "parapet/a/#").await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
    assert_eq!(next(&mut own).await.topic, "parapet/a/alerts");
    let error = soon("an answer", bus.publish_acknowledged(message("parapet/b/alerts", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "refused"));
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_shown_at_the_next_connection() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let broker = broker(&ours, &other, &[], &[]);
    let put = |issued: &parapet_testkit::certificates::Issued| {
        std::fs::write(broker.folder().join("client.pem"), &issued.certificate).unwrap();
        std::fs::write(broker.folder().join("client.key"), &issued.key).unwrap();
    };
    // One that the broker does not trust, as after its authority was renewed.
    put(&other.client("site"));
    let bus = MqttBus::connect(with(&broker, "ca.pem", "localhost", true));
    told(&bus, "the broker mqtts://localhost").await;
    // Half replaced: certificate and key are no pair. It is told, and is no end.
    std::fs::write(broker.folder().join("client.pem"), ours.client("site").certificate).unwrap();
    told(&bus, "are no usable pair").await;
    put(&ours.client("site"));
    assert!(soon("connected", bus.connection_changed(false)).await);
    soon("acknowledged", bus.publish_acknowledged(message("a", "1"))).await.unwrap();
    assert_eq!(bus.last_error(), None);
}
