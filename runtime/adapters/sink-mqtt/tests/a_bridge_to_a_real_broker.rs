//! The bridge on a real mosquitto: order, refusals, a broker that is killed and forgets its sessions.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, time::Duration};

use parapet_bus_mqtt::{Backoff, BusSettings, MqttBus, Subscription};
use parapet_contracts::{
    AlertChange, ErrorKind, Secret, Severity,
    camera::Credentials,
    cloudevent::CloudEvent,
    ports::{sink::SinkPort, store::OutboxItem},
};
use parapet_sink_mqtt::{Form, MqttSink};
use parapet_testkit::{Mosquitto, Wire, conformance::samples, mosquitto::password_file};

const DEADLINE: Duration = Duration::from_secs(30);

fn settings(port: u16, client: &str) -> BusSettings {
    BusSettings {
        backoff: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(200) },
        in_flight: 8,
        ..BusSettings::new("127.0.0.1", port, client)
    }
}

fn item(n: u128, topic: &str) -> OutboxItem {
    OutboxItem::new(uuid::Uuid::from_u128(n), "event", topic, n.to_string())
}

async fn listener(port: u16) -> (MqttBus, Subscription) {
    let bus = MqttBus::connect(settings(port, "listener"));
    let mut subscription = bus.subscribe("#").await.unwrap();
    tokio::time::timeout(DEADLINE, subscription.ready()).await.unwrap().unwrap();
    (bus, subscription)
}

async fn next(subscription: &mut Subscription) -> parapet_bus_mqtt::ReceivedMessage {
    tokio::time::timeout(DEADLINE, subscription.next()).await.unwrap().unwrap()
}

async fn ready(sink: &MqttSink) {
    tokio::time::timeout(DEADLINE, sink.ready()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_arrives_in_order_below_the_prefix() {
    let broker = Mosquitto::start(&[], &[]);
    let (_bus, mut heard) = listener(broker.port()).await;
    let sink = MqttSink::connect(settings(broker.port(), "bridge"), "sites/".to_owned(), Form::CloudEvents);
    ready(&sink).await;
    assert_eq!(sink.away(), None);
    let items: Vec<_> = (0..100).map(|n| item(n, "parapet/yard/alerts")).collect();
    assert_eq!(sink.send(&items).await, vec![Ok(()); 100]);
    for n in 0..100 {
        let message = next(&mut heard).await;
        assert_eq!(
            (message.topic.as_str(), &message.payload[..]),
            ("sites/parapet/yard/alerts", n.to_string().as_bytes())
        );
        assert_eq!(message.content_type.as_deref(), Some("application/cloudevents+json"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_is_rejected_with_the_reason_and_nothing_waits_behind_it() {
    let files =
        [("passwords", &*password_file("bridge", "canary-7f3a")), ("acl", "user bridge\ntopic write parapet/yard/#\n")];
    let lines = ["password_file {folder}/passwords", "acl_file {folder}/acl"];
    let broker = Mosquitto::start(&lines, &files);
    let credentials = Credentials { username: Secret::new("bridge"), password: Secret::new("canary-7f3a") };
    let settings = BusSettings { credentials: Some(credentials), ..settings(broker.port(), "bridge") };
    let sink = MqttSink::connect(settings, String::new(), Form::CloudEvents);
    ready(&sink).await;
    let fates =
        sink.send(&[item(1, "parapet/yard/alerts"), item(2, "elsewhere"), item(3, "parapet/yard/alerts")]).await;
    assert_eq!((&fates[0], &fates[2]), (&Ok(()), &Ok(())));
    let refused = fates[1].as_ref().unwrap_err();
    assert_eq!((refused.kind, refused.code), (ErrorKind::Reject, "refused"));
    assert!(refused.text.contains("not authorised (0x87)"), "{refused}");
    let impossible = sink.send(&[item(4, "parapet/yard/#")]).await.remove(0).unwrap_err();
    assert_eq!(impossible.kind, ErrorKind::Reject);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_never_shown() {
    let broker =
        Mosquitto::start(&["password_file {folder}/passwords"], &[("passwords", &*password_file("bridge", "right"))]);
    let credentials = Credentials { username: Secret::new("bridge"), password: Secret::new("canary-7f3a") };
    let settings = BusSettings { credentials: Some(credentials), ..settings(broker.port(), "bridge") };
    let sink = MqttSink::connect(settings, String::new(), Form::CloudEvents);
    let told = async {
        loop {
            if let Some(why) = sink.away().filter(|why| why.contains("refused the connection")) {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let why = tokio::time::timeout(DEADLINE, told).await.unwrap();
    assert!(!why.contains("canary"), "{why}");
    let error = sink.send(&[item(1, "t")]).await.remove(0).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accelerators_readers_get_alerts_and_detections_on_its_topics() {
    let broker = Mosquitto::start(&[], &[]);
    let (_bus, mut heard) = listener(broker.port()).await;
    let sink = MqttSink::connect(settings(broker.port(), "bridge"), String::new(), Form::Accelerator);
    ready(&sink).await;
    let alert = samples::alert(1, "gate", "intruder", Severity::Critical, 1);
    let event = samples::event(2, "gate", 2);
    let update = samples::update(1, 1, AlertChange::Resolved, 3);
    let payloads = [
        serde_json::to_string(&CloudEvent::alert(&alert)).unwrap(),
        serde_json::to_string(&CloudEvent::alert_update(&update)).unwrap(),
        serde_json::to_string(&CloudEvent::detection(&event)).unwrap(),
        "{}".to_owned(),
    ];
    let items: Vec<_> = payloads.into_iter().map(|payload| OutboxItem { payload, ..item(1, "t") }).collect();
    let fates = sink.send(&items).await;
    assert_eq!(fates[..3], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(fates[3].as_ref().unwrap_err().code, "malformed");
    let first = next(&mut heard).await;
    assert_eq!((first.topic.as_str(), first.content_type.as_deref()), ("newAlert", Some("avro/binary")));
    assert!(first.payload.starts_with(b"Obj\x01"));
    assert_eq!(next(&mut heard).await.topic, "newDetection");
}

/// Fault 20: the broker is killed again and again, without persistence, so that each time it forgets all sessions, and its last answers are
/// lost. Whoever calls sends again what was not acknowledged, as the pump does. The broker's own log, which outlives it, is the witness.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_broker_comes_back_without_its_sessions() {
    const COUNT: u128 = 400;
    const KILLS: u128 = 6;
    let mut broker = Mosquitto::start(&[], &[]);
    let wire = Wire::to(broker.port());
    let sink = MqttSink::connect(settings(wire.port(), "bridge"), String::new(), Form::CloudEvents);
    let (mut sent, mut kills) = (0, 0);
    while sent < COUNT {
        ready(&sink).await;
        let items: Vec<_> = (sent..(sent + 50).min(COUNT)).map(|n| item(n, &format!("t/{n}/"))).collect();
        let fates = if kills < KILLS && sent >= kills * 50 {
            kills += 1;
            wire.mute(true);
            let kill = async {
                let arrived = format!("'t/{}/'", sent + 2);
                let received = || broker.log().contains(&arrived);
                parapet_testkit::wait::until_async("some have arrived", DEADLINE, received).await;
                broker.kill();
                wire.mute(false);
            };
            let (fates, ()) = tokio::join!(sink.send(&items), kill);
            broker.restart();
            fates
        } else {
            sink.send(&items).await
        };
        sent += fates.iter().take_while(|fate| fate.is_ok()).count() as u128;
    }
    assert_eq!(kills, KILLS);
    let log = broker.log();
    let received: Vec<u128> = log
        .lines()
        .filter(|line| line.contains("Received PUBLISH from bridge"))
        .filter_map(|line| line.split("'t/").nth(1)?.split('/').next()?.parse().ok())
        .collect();
    let mut known = BTreeSet::new();
    let firsts: Vec<u128> = received.iter().copied().filter(|n| known.insert(*n)).collect();
    assert_eq!(firsts, (0..COUNT).collect::<Vec<_>>(), "all of them, in order, repeats aside");
    let repeats = received.len() - firsts.len();
    assert!((3 * 6..=6 * 8).contains(&repeats), "each time at most what was in flight came twice: {repeats}");
}
