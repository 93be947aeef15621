//! The broker in the process: it starts or says why not, keeps retained messages, lets nobody in, and loses nothing.
#![cfg(feature = "embedded-broker")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::net::TcpListener;

use common::{connected, message, next, publish_numbered, retained, settings, soon, subscribed, told};
use parapet_bus_mqtt::{BrokerSettings, EmbeddedBroker, EmbeddedUser, MqttBus};
use parapet_contracts::{ErrorKind, Secret, camera::Credentials, ports::bus::BusPort};

fn start() -> EmbeddedBroker {
    EmbeddedBroker::start(&anywhere()).unwrap()
}

fn anywhere() -> BrokerSettings {
    BrokerSettings { listen: ([127, 0, 0, 1], 0).into(), ..BrokerSettings::default() }
}

#[tokio::test]
async fn it_is_a_bus() {
    let broker = start();
    parapet_testkit::conformance::bus::check(&MqttBus::connect(settings(broker.address().port(), "site"))).await;
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

#[tokio::test]
async fn only_users_with_the_right_password_get_in() {
    let users = vec![EmbeddedUser {
        name: "site".into(),
        password: Secret::new("s3cret"),
        publish_below: Some("parapet/a/".into()),
    }];
    let broker = EmbeddedBroker::start(&BrokerSettings { users, ..anywhere() }).unwrap();
    let with = |password: Option<&str>| {
        let mut s = settings(broker.address().port(), "site");
        s.credentials = password.map(|p| Credentials { username: Secret::new("site"), password: Secret::new(p) });
        s
    };
    for wrong in [None, Some("canary")] {
        let bus = MqttBus::connect(with(wrong));
        let text = told(&bus, "password").await;
        assert!(!text.contains("canary"), "{text}");
    }
    let bus = connected(with(Some("s3cret"))).await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
    let error = soon("an answer", bus.publish_acknowledged(message("parapet/b/alerts", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "refused"));
    assert!(error.text.contains("0x87"), "{}", error.text);

    let mut elsewhere = with(Some("s3cret"));
    elsewhere.last_will = Some(retained("parapet/b/status", "offline"));
    let text = told(&MqttBus::connect(elsewhere), "refused the connection").await;
    assert!(text.contains("not authorised"), "{text}");
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
