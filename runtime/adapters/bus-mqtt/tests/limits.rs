//! What a broker takes and what it lacks is respected: aliases, messages in flight, shared subscriptions, retained messages, QoS.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use common::{connected, message, next, publish_numbered, retained, settings, soon, subscribed, told};
use parapet_bus_mqtt::{BusSettings, MqttBus};
use parapet_contracts::{ErrorKind, ports::bus::BusPort};
use parapet_testkit::{Mosquitto, Wire};

#[tokio::test]
async fn a_topic_goes_over_the_wire_once_when_the_broker_has_aliases() {
    // mosquitto allows ten; the topics beyond them go in full, each time.
    let broker = Mosquitto::start(&[], &[]);
    let wire = Wire::to(broker.port());
    let bus = connected(settings(wire.port(), "site")).await;
    let reader = connected(settings(broker.port(), "reader")).await;
    let mut all = subscribed(&reader, "parapet/#").await;
    let topic = |camera: usize| format!("parapet/a/cameras/camera-{camera:02}/detections");
    for round in 0..5 {
        for camera in 0..12 {
            let payload = format!("{round}-{camera}");
            bus.publish_unacknowledged(message(&topic(camera), payload.clone())).unwrap();
            let got = next(&mut all).await;
            assert_eq!((got.topic, &got.payload[..]), (topic(camera), payload.as_bytes()));
        }
    }
    let times: Vec<_> = (0..12).map(|camera| wire.sent(&topic(camera))).collect();
    assert_eq!(times, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5, 5]);
    // A new connection knows none of them.
    wire.cut();
    assert!(!soon("noticed", bus.connection_changed(true)).await);
    wire.mend();
    assert!(soon("back", bus.connection_changed(false)).await);
    bus.publish_unacknowledged(message(&topic(0), "after")).unwrap();
    assert_eq!(next(&mut all).await.topic, topic(0));
    assert_eq!(wire.sent(&topic(0)), 2);
}

#[tokio::test]
async fn no_more_messages_are_in_flight_than_the_broker_takes() {
    let broker = Mosquitto::start(&["max_inflight_messages 3", "max_queued_messages 0"], &[]);
    let bus = connected(BusSettings { in_flight: 64, ..settings(broker.port(), "site") }).await;
    // One more would end the connection (0x93), so one connection is the proof.
    assert_eq!(soon("published", publish_numbered(&bus, "a", 0..500)).await, Vec::<u32>::new());
    assert_eq!(bus.connections(), 1);
}

#[tokio::test]
async fn members_of_a_shared_subscription_share_the_messages() {
    let broker = Mosquitto::start(&[], &[]);
    let publisher = connected(settings(broker.port(), "publisher")).await;
    let (one, two) = (connected(settings(broker.port(), "one")).await, connected(settings(broker.port(), "two")).await);
    let mut first = subscribed(&one, "$share/hub/parapet/#").await;
    let mut second = subscribed(&two, "$share/hub/parapet/#").await;
    assert_eq!(soon("published", publish_numbered(&publisher, "parapet/a/alerts", 0..100)).await, Vec::<u32>::new());
    let (mut got, mut by_first) = (BTreeSet::new(), 0);
    while got.len() < 100 {
        let message = soon("a message", async {
            tokio::select! {
                message = first.next() => { by_first += 1; message.unwrap() }
                message = second.next() => message.unwrap(),
            }
        })
        .await;
        let n: u32 = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
        assert!(got.insert(n), "{n} came twice");
    }
    assert!((1..100).contains(&by_first), "both members take part: {by_first}");
}

#[tokio::test]
async fn a_broker_without_retained_messages_gets_none() {
    let broker = Mosquitto::start(&["retain_available false"], &[]);
    let bus = connected(settings(broker.port(), "site")).await;
    let mut status = subscribed(&bus, "parapet/a/status").await;
    // With the flag it would end the connection (0x9A).
    soon("acknowledged", bus.publish_acknowledged(retained("parapet/a/status", "online"))).await.unwrap();
    assert_eq!(&next(&mut status).await.payload[..], b"online");
    assert_eq!(bus.connections(), 1);
    let mut own = settings(broker.port(), "other");
    own.last_will = Some(retained("parapet/b/status", "offline"));
    told(&MqttBus::connect(own), "keeps no retained messages").await;
}

#[tokio::test]
async fn an_alert_waits_for_a_broker_that_acknowledges() {
    let broker = Mosquitto::start(&["max_qos 0"], &[]);
    let bus = connected(settings(broker.port(), "site")).await;
    let mut all = subscribed(&bus, "#").await;
    let error = soon("an answer", bus.publish_acknowledged(message("a", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "refused"));
    assert!(error.text.contains("QoS 0"), "{}", error.text);
    bus.publish_unacknowledged(message("a", "2")).unwrap();
    assert_eq!(&next(&mut all).await.payload[..], b"2");
    assert_eq!(bus.connections(), 1);
}

#[tokio::test]
async fn a_request_is_answered_where_and_as_it_asks() {
    let broker = Mosquitto::start(&[], &[]);
    let bus = connected(settings(broker.port(), "site")).await;
    let mut requests = bus.subscribe("parapet/a/commands").await.unwrap();
    soon("subscribed", requests.ready()).await.unwrap();
    let port = broker.port().to_string();
    let asked = tokio::task::spawn_blocking(move || {
        std::process::Command::new("mosquitto_rr")
            .args([
                "-V",
                "5",
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-t",
                "parapet/a/commands",
                "-e",
                "replies/7",
                "-m",
                "who?",
            ])
            .args(["-D", "publish", "correlation-data", "n7", "-W", "20", "-F", "%t %D %p"])
            .output()
            .expect(
                "mosquitto_rr is not installed: script/bootstrap installs what tests need (Debian: mosquitto-clients)",
            )
    });
    let request = next(&mut requests).await;
    assert_eq!(&request.payload[..], b"who?");
    let reply = request.reply.unwrap();
    assert_eq!((reply.topic.as_str(), reply.correlation.as_deref()), ("replies/7", Some(&b"n7"[..])));
    soon("acknowledged", bus.answer(&reply, "I".into(), "text/plain")).await.unwrap();
    let output = soon("an answer", asked).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "replies/7 n7 I", "{output:?}");
    // What is no request wants no answer.
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/commands", "x"))).await.unwrap();
    assert_eq!(next(&mut requests).await.reply, None);
}
