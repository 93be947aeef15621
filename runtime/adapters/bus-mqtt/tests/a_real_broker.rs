//! The connection against mosquitto: what it promises when all is well, and when the broker refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::time::Duration;

use common::{CLOUDEVENT, connected, message, next, publish_numbered, retained, settings, soon, subscribed, told};
use parapet_bus_mqtt::MqttBus;
use parapet_contracts::{ErrorKind, Secret, camera::Credentials, ports::bus::BusPort};
use parapet_testkit::{
    conformance,
    mosquitto::{Mosquitto, free_port, password_file},
};

fn user(name: &str, password: &str) -> Option<Credentials> {
    Some(Credentials { username: Secret::new(name), password: Secret::new(password) })
}

#[tokio::test]
async fn it_is_a_bus() {
    let broker = Mosquitto::start(&[], &[]);
    conformance::bus::check(&MqttBus::connect(settings(broker.port(), "site"))).await;
}

#[tokio::test]
async fn an_acknowledged_message_arrives_with_its_content_type() {
    let broker = Mosquitto::start(&[], &[]);
    let bus = connected(settings(broker.port(), "site")).await;
    let reader = connected(settings(broker.port(), "reader")).await;
    let mut alerts = subscribed(&reader, "parapet/+/alerts").await;
    let mut others = subscribed(&reader, "parapet/+/other").await;
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "1"))).await.unwrap();
    bus.publish_unacknowledged(message("parapet/a/alerts", "2")).unwrap();
    // Nobody subscribes this one: 0x10, no matching subscribers, is a success.
    soon("acknowledged", bus.publish_acknowledged(message("parapet/a/nobody", "3"))).await.unwrap();
    bus.publish_unacknowledged(message("parapet/a/other", "4")).unwrap();
    let (first, second) = (next(&mut alerts).await, next(&mut alerts).await);
    assert_eq!((&first.payload[..], &second.payload[..]), (&b"1"[..], &b"2"[..]));
    assert_eq!(first.content_type.as_deref(), Some(CLOUDEVENT));
    assert!(!first.retain);
    assert_eq!(&next(&mut others).await.payload[..], b"4");
    assert_eq!((bus.last_error(), bus.unacknowledged_lost()), (None, 0));
}

#[tokio::test]
async fn five_thousand_acknowledged_messages_arrive_and_none_twice() {
    let broker = Mosquitto::start(&["max_queued_messages 0"], &[]);
    let bus = connected(settings(broker.port(), "site")).await;
    let reader = connected(settings(broker.port(), "reader")).await;
    let mut all = subscribed(&reader, "#").await;
    let reading = tokio::spawn(async move {
        let mut seen = vec![0_u32; 5_000];
        for _ in 0..5_000 {
            let n: usize = std::str::from_utf8(&next(&mut all).await.payload).unwrap().parse().unwrap();
            seen[n] += 1;
        }
        (seen, all.dropped())
    });
    let began = std::time::Instant::now();
    assert_eq!(soon("published", publish_numbered(&bus, "parapet/a/alerts", 0..5_000)).await, Vec::<u32>::new());
    println!("{:.0} QoS 1 messages/s against mosquitto", 5_000.0 / began.elapsed().as_secs_f64());
    let (seen, dropped) = soon("read", reading).await.unwrap();
    assert!(seen.iter().all(|times| *times == 1) && dropped == 0);
}

#[tokio::test]
async fn the_birth_is_retained_and_the_will_follows_an_abrupt_end_only() {
    let broker = Mosquitto::start(&[], &[]);
    let reader = connected(settings(broker.port(), "reader")).await;
    let mut status = subscribed(&reader, "parapet/a/status").await;
    let mut with_will = settings(broker.port(), "site");
    with_will.birth = Some(retained("parapet/a/status", "online"));
    with_will.last_will = Some(retained("parapet/a/status", "offline"));

    let bus = connected(with_will.clone()).await;
    assert_eq!(&next(&mut status).await.payload[..], b"online");
    drop(bus); // as when the process dies: the socket closes without a DISCONNECT
    let will = next(&mut status).await;
    assert_eq!(&will.payload[..], b"offline");
    assert_eq!(will.content_type.as_deref(), Some(CLOUDEVENT));

    let bus = connected(with_will).await;
    assert_eq!(&next(&mut status).await.payload[..], b"online");
    soon("acknowledged", bus.publish_acknowledged(retained("parapet/a/status", "stopping"))).await.unwrap();
    soon("closed", bus.close()).await;
    assert!(!bus.is_connected());
    assert_eq!(bus.publish_acknowledged(message("a", "1")).await.unwrap_err().code, "closed");
    // What comes after the close shows that no will came in between.
    soon("acknowledged", reader.publish_acknowledged(message("parapet/a/status", "marker"))).await.unwrap();
    assert_eq!(&next(&mut status).await.payload[..], b"stopping");
    assert_eq!(&next(&mut status).await.payload[..], b"marker");

    // Whoever comes later gets the last retained status at once.
    let late = connected(settings(broker.port(), "late")).await;
    let kept = next(&mut subscribed(&late, "parapet/a/status").await).await;
    assert_eq!((&kept.payload[..], kept.retain), (&b"stopping"[..], true));
}

#[tokio::test]
async fn a_refused_message_is_rejected_with_the_reason_and_the_next_goes_on() {
    let acl = "user site\ntopic write parapet/a/#\nuser reader\ntopic read #\n";
    let broker = Mosquitto::start(
        &["password_file {folder}/passwords", "acl_file {folder}/acl"],
        &[("passwords", &password_file("site", "s3cret")), ("acl", acl)],
    );
    let mut own = settings(broker.port(), "site");
    own.credentials = user("site", "s3cret");
    let bus = connected(own).await;
    for _ in 0..20 {
        let error = soon("an answer", bus.publish_acknowledged(message("parapet/b/alerts", "x"))).await.unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Reject, "refused"));
        assert!(error.text.contains("0x87") && error.text.contains("parapet/b/alerts"), "{}", error.text);
        soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "x"))).await.unwrap();
    }
    assert_eq!(bus.connections(), 1, "a refusal costs no connection");
    let error = bus.publish_acknowledged(message("parapet/+/alerts", "x")).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "refused"));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    let broker =
        Mosquitto::start(&["password_file {folder}/passwords"], &[("passwords", &password_file("site", "s3cret"))]);
    let mut wrong = settings(broker.port(), "site");
    wrong.credentials = user("site", "canary");
    let bus = MqttBus::connect(wrong);
    let text = told(&bus, "refused the connection").await;
    assert!(text.contains("password") && text.contains(&broker.port().to_string()), "{text}");
    assert!(!text.contains("canary") && !format!("{bus:?}").contains("canary"));
    let error = bus.publish_acknowledged(message("a", "1")).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_rejected_alone() {
    // Three ways in which a broker says how much it takes: in its CONNACK, in a PUBACK's reason code, and by our own setting.
    for (line, ours) in [("max_packet_size 20000", 1 << 20), ("message_size_limit 20000", 1 << 20), ("", 20_000)] {
        let broker = Mosquitto::start(&[line], &[]);
        let mut own = settings(broker.port(), "site");
        own.max_packet_size = ours;
        let bus = connected(own).await;
        let large = message("parapet/a/alerts", vec![b'x'; 30_000]);
        let (error, first, second) = soon("answers", async {
            tokio::join!(
                bus.publish_acknowledged(large.clone()),
                publish_numbered(&bus, "parapet/a/alerts", 0..200),
                async {
                    loop {
                        match bus.publish_acknowledged(large.clone()).await {
                            Err(e) if e.kind == ErrorKind::Retry => {
                                bus.connection_changed(false).await;
                            }
                            other => return other,
                        }
                    }
                }
            )
        })
        .await;
        assert_eq!(first, Vec::<u32>::new(), "{line}: the others go through");
        for outcome in [error, second] {
            let error = outcome.unwrap_err();
            // The one that was behind another too large one may have lost its connection with it.
            assert!(error.code == "too_large" || error.kind == ErrorKind::Retry, "{line}: {error:?}");
        }
        soon("back", async {
            while !bus.is_connected() {
                bus.connection_changed(false).await;
            }
        })
        .await;
        let error = soon("an answer", bus.publish_acknowledged(large)).await.unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Reject, "too_large"), "{line}: {}", error.text);
        soon("acknowledged", bus.publish_acknowledged(message("parapet/a/alerts", "x"))).await.unwrap();
    }
}

#[tokio::test]
async fn a_broker_that_is_away_is_no_error_until_something_is_published() {
    let port = free_port();
    let bus = MqttBus::connect(settings(port, "site"));
    let text = told(&bus, "no connection to the broker").await;
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    let began = std::time::Instant::now();
    let error = bus.publish_acknowledged(message("a", "1")).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
    assert_eq!(bus.publish_unacknowledged(message("a", "1")).unwrap_err().code, "disconnected");
    assert!(began.elapsed() < Duration::from_secs(1), "nothing waits for a broker that is away");
    soon("closed", bus.close()).await;
}
