//! The broker in the process: it starts or says why not, keeps retained messages, lets in who may come and through what they may do, and
//! loses nothing.
#![cfg(feature = "embedded-broker")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::{net::TcpListener, time::Duration};

use common::{connected, message, next, publish_numbered, retained, settings, soon, subscribed, told};
use parapet_bus_mqtt::{
    Backoff, BrokerSettings, BusSettings, EmbeddedBroker, EmbeddedUser, MqttBus, Password, PasswordHash, Permissions,
    ServerTls, TlsSettings,
};
use parapet_contracts::{ErrorKind, Secret, camera::Credentials, ports::bus::BusPort};
use parapet_testkit::{certificates::Authority, conformance};

fn start() -> EmbeddedBroker {
    EmbeddedBroker::start(&anywhere()).unwrap()
}

fn anywhere() -> BrokerSettings {
    BrokerSettings { listen: ([127, 0, 0, 1], 0).into(), ..BrokerSettings::default() }
}

#[tokio::test]
async fn it_is_a_bus() {
    let broker = start();
    conformance::bus::check(&MqttBus::connect(settings(broker.address().port(), "site"))).await;
}

#[tokio::test]
async fn five_thousand_acknowledged_messages_arrive() {
    let broker = start();
    let bus = connected(settings(broker.address().port(), "site")).await;
    let reader = connected(settings(broker.address().port(), "reader")).await;
    let mut all = subscribed(&reader, "parapet/#").await;
    let reading = tokio::spawn(async move {
        let mut seen = vec![0_u32; 5_000];
        for _ in 0..5_000 {
            let n: usize = std::str::from_utf8(&next(&mut all).await.payload).unwrap().parse().unwrap();
            seen[n] += 1;
        }
        seen
    });
    let began = std::time::Instant::now();
    assert_eq!(soon("published", publish_numbered(&bus, "parapet/a/alerts", 0..5_000)).await, Vec::<u32>::new());
    println!("{:.0} QoS 1 messages/s against the embedded broker", 5_000.0 / began.elapsed().as_secs_f64());
    assert!(soon("read", reading).await.unwrap().iter().all(|times| *times == 1));
    assert!(broker.is_running());
}

#[tokio::test]
async fn a_retained_status_meets_whoever_comes_later_and_the_will_replaces_it() {
    let broker = start();
    let mut own = settings(broker.address().port(), "site");
    own.birth = Some(retained("parapet/a/status", "online"));
    own.last_will = Some(retained("parapet/a/status", "offline"));
    let bus = connected(own.clone()).await;
    soon("acknowledged", bus.publish_acknowledged(retained("parapet/a/cameras/gate/status", "online"))).await.unwrap();

    let reader = connected(settings(broker.address().port(), "reader")).await;
    let mut all = subscribed(&reader, "parapet/a/#").await;
    let mut kept = vec![next(&mut all).await, next(&mut all).await];
    kept.sort_by(|a, b| a.topic.cmp(&b.topic));
    assert_eq!(
        kept.iter().map(|m| m.topic.as_str()).collect::<Vec<_>>(),
        ["parapet/a/cameras/gate/status", "parapet/a/status"]
    );
    assert!(kept.iter().all(|m| &m.payload[..] == b"online"), "{kept:?}");

    drop(bus);
    let will = next(&mut all).await;
    assert_eq!((will.topic.as_str(), &will.payload[..]), ("parapet/a/status", &b"offline"[..]));

    // After an orderly end there is no will.
    let bus = connected(own).await;
    assert_eq!(&next(&mut all).await.payload[..], b"online");
    soon("closed", bus.close()).await;
    soon("acknowledged", reader.publish_acknowledged(message("parapet/a/marker", "x"))).await.unwrap();
    assert_eq!(next(&mut all).await.topic, "parapet/a/marker");
}

#[tokio::test]
async fn a_broker_that_stops_and_starts_again_on_its_port_is_found_again() {
    let broker = start();
    let address = broker.address();
    let bus = connected(settings(address.port(), "site")).await;
    broker.stop();
    assert!(!soon("noticed", bus.connection_changed(true)).await);
    let error = bus.publish_acknowledged(message("a", "1")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retry);
    let broker = EmbeddedBroker::start(&BrokerSettings { listen: address, ..BrokerSettings::default() }).unwrap();
    assert!(soon("back", bus.connection_changed(false)).await);
    soon("acknowledged", bus.publish_acknowledged(message("a", "2"))).await.unwrap();
    drop(broker);
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = EmbeddedBroker::start(&BrokerSettings { listen: address, ..BrokerSettings::default() }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    assert!(error.text.contains(&address.to_string()) && error.text.contains("choose another port"), "{}", error.text);
}

#[test]
fn everybody_from_elsewhere_is_not_let_in_unless_told() {
    let everywhere = BrokerSettings { listen: ([0, 0, 0, 0], 0).into(), ..BrokerSettings::default() };
    let error = EmbeddedBroker::start(&everywhere).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    assert!(error.text.contains("0.0.0.0") && error.text.contains("users"), "{}", error.text);
}

fn user(name: &str, password: &str, publish: &[&str], subscribe: &[&str]) -> EmbeddedUser {
    let filters = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    EmbeddedUser {
        name: name.into(),
        password: Password::Hashed(PasswordHash::of(password).unwrap()),
        permissions: Permissions { publish: filters(publish), subscribe: filters(subscribe) },
    }
}

fn of(name: &str, password: &str, settings: BusSettings) -> BusSettings {
    let credentials = Credentials { username: Secret::new(name), password: Secret::new(password) };
    BusSettings { credentials: Some(credentials), ..settings }
}

#[tokio::test]
async fn only_users_with_the_right_password_get_in() {
    let users = vec![user("site", "s3cret", &["parapet/a/#"], &[])];
    let broker = EmbeddedBroker::start(&BrokerSettings { users, ..anywhere() }).unwrap();
    let plain = || settings(broker.address().port(), "site");
    for wrong in [plain(), of("site", "canary", plain()), of("other", "s3cret", plain())] {
        let bus = MqttBus::connect(wrong);
        let text = told(&bus, "password").await;
        assert!(!text.contains("canary"), "{text}");
    }
    let bus = connected(of("site", "s3cret", plain())).await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
    let error = soon("an answer", bus.publish_acknowledged(message("parapet/b/alerts", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "refused"));
    assert!(error.text.contains("0x87"), "{}", error.text);

    let mut elsewhere = of("site", "s3cret", plain());
    elsewhere.last_will = Some(retained("parapet/b/status", "offline"));
    let text = told(&MqttBus::connect(elsewhere), "refused the connection").await;
    assert!(text.contains("not authorised"), "{text}");
}

#[tokio::test]
async fn a_user_reads_what_is_allowed_and_nothing_else() {
    let users =
        vec![user("site", "s3cret", &["#"], &["#"]), user("reader", "r", &[], &["parapet/a/+/status", "doors/#"])];
    let broker = EmbeddedBroker::start(&BrokerSettings { users, ..anywhere() }).unwrap();
    let port = broker.address().port();
    let site = connected(of("site", "s3cret", settings(port, "site"))).await;
    let reader = connected(of("reader", "r", settings(port, "reader"))).await;
    for filter in ["#", "parapet/#", "parapet/b/x/status", "$share/g/parapet/#", "doors/../x"] {
        let mut refused = reader.subscribe(filter).await.unwrap();
        let outcome = soon("an answer", refused.ready()).await;
        if filter.starts_with("doors/") {
            assert_eq!(outcome, Ok(()));
        } else {
            let error = outcome.unwrap_err();
            assert!(error.kind == ErrorKind::Reject && error.text.contains("0x87"), "{filter}: {}", error.text);
        }
    }
    let mut status = subscribed(&reader, "parapet/a/+/status").await;
    soon("acknowledged", site.publish_acknowledged(message("parapet/a/x/alerts", "1"))).await.unwrap();
    soon("acknowledged", site.publish_acknowledged(message("parapet/a/x/status", "2"))).await.unwrap();
    assert_eq!(&next(&mut status).await.payload[..], b"2");
    let error = soon("an answer", reader.publish_acknowledged(message("parapet/a/x/status", "3"))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Reject);
}

/// A broker with TLS, whose clients must show a certificate when `asks` is true; and how to be its client.
fn with_tls(folder: &std::path::Path, asks: bool) -> (EmbeddedBroker, impl Fn(&str, bool) -> BusSettings) {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let (server, client) = (ours.server(&["localhost"]), ours.client("site"));
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    file("other.pem", &other.certificate());
    let pair = (file("client.pem", &client.certificate), file("client.key", &client.key));
    let tls = ServerTls {
        cert_file: file("server.pem", &server.certificate),
        key_file: file("server.key", &server.key),
        client_ca_file: Some(file("ca.pem", &ours.certificate())).filter(|_| asks),
    };
    let users = vec![user("site", "s3cret", &["#"], &["#"])];
    let broker = EmbeddedBroker::start(&BrokerSettings { users, tls: Some(tls), ..anywhere() }).unwrap();
    let (port, folder) = (broker.address().port(), folder.to_owned());
    let client = move |ca: &str, shows: bool| BusSettings {
        host: "localhost".into(),
        tls: Some(TlsSettings { ca_file: Some(folder.join(ca)), client: shows.then(|| pair.clone()) }),
        ..of("site", "s3cret", settings(port, "site"))
    };
    (broker, client)
}

#[tokio::test]
async fn with_tls_it_shows_who_it_is_and_can_ask_who_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, client) = with_tls(folder.path(), true);
    let bus = connected(client("ca.pem", true)).await;
    soon("acknowledged", bus.publish_acknowledged(message("a", "1"))).await.unwrap();
    told(&MqttBus::connect(client("other.pem", true)), "invalid peer certificate").await;
    told(&MqttBus::connect(client("ca.pem", false)), "the broker mqtts://localhost").await;
    // Without TLS there is nobody at that port, and a user is wanted at the one behind it.
    let plain = BusSettings { tls: None, host: "127.0.0.1".into(), ..client("ca.pem", false) };
    told(&MqttBus::connect(plain), "the broker mqtt://127.0.0.1").await;
    told(&MqttBus::connect(settings(broker.inside().port(), "other")), "password").await;
    assert!(broker.inside().ip().is_loopback() && broker.inside() != broker.address());
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, client) = with_tls(folder.path(), false);
    let silent: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(broker.address()).unwrap()).collect();
    let bus = connected(client("ca.pem", false)).await;
    conformance::bus::check(&bus).await;
    drop(silent);
}

#[test]
fn a_certificate_that_can_not_be_read_is_told_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.pem");
    std::fs::write(&file, "canary, and no certificate").unwrap();
    let tls = ServerTls { cert_file: file.clone(), key_file: file, client_ca_file: None };
    let error = EmbeddedBroker::start(&BrokerSettings { tls: Some(tls), ..anywhere() }).unwrap_err();
    assert!(error.kind == ErrorKind::Fatal && error.text.contains("server.pem"), "{}", error.text);
    assert!(!error.text.contains("canary"), "{}", error.text);
}

#[tokio::test]
async fn older_clients_share_the_port() {
    let broker = start();
    let bus = connected(settings(broker.address().port(), "site")).await;
    soon("acknowledged", bus.publish_acknowledged(retained("parapet/a/status", "online"))).await.unwrap();
    let port = broker.address().port().to_string();
    let read = tokio::task::spawn_blocking(move || {
        std::process::Command::new("mosquitto_sub")
            .args(["-V", "311", "-h", "127.0.0.1", "-p", &port, "-t", "parapet/#", "-C", "1", "-W", "20"])
            .output()
            .expect(
                "mosquitto_sub is not installed: script/bootstrap installs what tests need (Debian: mosquitto-clients)",
            )
    });
    let output = soon("read", read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "online", "{output:?}");
}

#[tokio::test]
async fn three_hundred_retained_topics_meet_each_new_subscriber() {
    let broker = start();
    let bus = connected(settings(broker.address().port(), "site")).await;
    for n in 0..300 {
        let topic = format!("parapet/a/cameras/c{n}/status");
        soon("acknowledged", bus.publish_acknowledged(retained(&topic, "online"))).await.unwrap();
    }
    for _ in 0..2 {
        let mut all = subscribed(&bus, "parapet/a/cameras/+/status").await;
        let mut topics = std::collections::BTreeSet::new();
        while topics.len() < 300 {
            topics.insert(next(&mut all).await.topic);
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_rejected_alone() {
    let broker = EmbeddedBroker::start(&BrokerSettings { max_packet_size: 20_000, ..anywhere() }).unwrap();
    let bus = connected(settings(broker.address().port(), "site")).await;
    let error = soon("an answer", bus.publish_acknowledged(message("a", vec![b'x'; 30_000]))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "too_large"));
    soon("acknowledged", bus.publish_acknowledged(message("a", "x"))).await.unwrap();
    assert_eq!(bus.connections(), 1);
}

#[tokio::test]
async fn two_clients_with_one_id_are_told_so() {
    let broker = start();
    // The first one does not come back at once: the two would throw each other out for ever.
    let backoff = Backoff { first: Duration::from_secs(600), longest: Duration::from_secs(600) };
    let first = connected(BusSettings { backoff, ..settings(broker.address().port(), "site") }).await;
    let second = connected(settings(broker.address().port(), "site")).await;
    told(&first, "another client connected with the same client id").await;
    soon("acknowledged", second.publish_acknowledged(message("a", "1"))).await.unwrap();
    assert_eq!((first.connections(), second.connections()), (1, 1));
}
