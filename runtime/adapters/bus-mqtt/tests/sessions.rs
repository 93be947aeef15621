//! Sessions that outlive a connection: what was published meanwhile comes, once, from a broker that keeps them; and nothing breaks with one
//! that does not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{DEADLINE, connected, message, next, retained, settings, soon, subscribed};
use parapet_bus_mqtt::{BusSettings, MqttBus};
use parapet_contracts::ports::bus::BusPort;
use parapet_testkit::{Mosquitto, Wire, wait::until_async};

fn kept(port: u16, client: &str) -> BusSettings {
    BusSettings { session_expiry: Duration::from_secs(60), ..settings(port, client) }
}

async fn publish(bus: &MqttBus, topic: &str, payloads: std::ops::Range<u32>) {
    for n in payloads {
        soon("acknowledged", bus.publish_acknowledged(message(topic, n.to_string()))).await.unwrap();
    }
}

/// Cuts the wire until the broker has noticed.
async fn cut(wire: &Wire, broker: &Mosquitto, bus: &MqttBus) {
    wire.cut();
    assert!(!soon("noticed", bus.connection_changed(true)).await);
    until_async("the broker noticed", DEADLINE, || {
        let log = broker.log();
        log.contains("Client site closed its connection") || log.contains("Client site disconnected")
    })
    .await;
}

#[tokio::test]
async fn what_is_published_while_the_connection_is_away_comes_when_it_is_back() {
    for (own, resumed) in [(kept as fn(u16, &str) -> BusSettings, 1), (settings, 0)] {
        let broker = Mosquitto::start(&[], &[]);
        let wire = Wire::to(broker.port());
        let bus = connected(own(wire.port(), "site")).await;
        let other = connected(settings(broker.port(), "other")).await;
        let mut doors = subscribed(&bus, "doors/#").await;
        publish(&other, "doors/a", 0..1).await;
        assert_eq!(&next(&mut doors).await.payload[..], b"0");
        cut(&wire, &broker, &bus).await;
        publish(&other, "doors/a", 1..20).await;
        wire.mend();
        assert!(soon("back", bus.connection_changed(false)).await);
        soon("subscribed again", doors.ready()).await.unwrap();
        publish(&other, "doors/a", 20..21).await;
        let expected = if resumed == 1 { 1..21 } else { 20..21 };
        let mut first = true;
        for n in expected {
            let mut got = next(&mut doors).await;
            // Its acknowledgement may have been lost with the wire: then it comes once more (QoS 1).
            if first && &got.payload[..] == b"0" {
                got = next(&mut doors).await;
            }
            first = false;
            assert_eq!(std::str::from_utf8(&got.payload).unwrap(), n.to_string());
        }
        assert_eq!((bus.connections(), bus.sessions_resumed()), (2, resumed));
    }
}

#[tokio::test]
async fn what_was_retained_is_not_told_again_in_a_session_that_goes_on() {
    let broker = Mosquitto::start(&[], &[]);
    let wire = Wire::to(broker.port());
    let bus = connected(kept(wire.port(), "site")).await;
    let other = connected(settings(broker.port(), "other")).await;
    soon("acknowledged", other.publish_acknowledged(retained("doors/state", "open"))).await.unwrap();
    let mut doors = subscribed(&bus, "doors/#").await;
    assert!(next(&mut doors).await.retain);
    cut(&wire, &broker, &bus).await;
    wire.mend();
    assert!(soon("back", bus.connection_changed(false)).await);
    soon("subscribed again", doors.ready()).await.unwrap();
    soon("acknowledged", other.publish_acknowledged(message("doors/a", "next"))).await.unwrap();
    assert_eq!(&next(&mut doors).await.payload[..], b"next");
    // Somebody who subscribes anew on the same connection is told.
    assert!(next(&mut subscribed(&bus, "doors/state").await).await.retain);
}

#[tokio::test]
async fn a_broker_that_writes_sessions_down_keeps_them_over_its_own_restart() {
    for persists in [true, false] {
        let mut broker = Mosquitto::start(if persists { &["persistence true"] } else { &[] }, &[]);
        let wire = Wire::to(broker.port());
        let bus = connected(kept(wire.port(), "site")).await;
        let mut doors = subscribed(&bus, "doors/#").await;
        // mosquitto 2.0 writes down only what was resumed once: a session that has just begun is lost with it.
        wire.cut();
        assert!(!soon("noticed", bus.connection_changed(true)).await);
        wire.mend();
        assert!(soon("back", bus.connection_changed(false)).await);
        soon("subscribed again", doors.ready()).await.unwrap();
        wire.cut();
        assert!(!soon("noticed", bus.connection_changed(true)).await);
        let other = connected(settings(broker.port(), "other")).await;
        publish(&other, "doors/a", 0..5).await;
        broker.stop();
        broker.restart();
        wire.mend();
        assert!(soon("back", bus.connection_changed(false)).await);
        soon("subscribed again", doors.ready()).await.unwrap();
        assert_eq!(bus.sessions_resumed(), 1 + u64::from(persists));
        assert!(soon("back", other.connection_changed(false)).await);
        publish(&other, "doors/a", 5..6).await;
        let expected = if persists { 0..6 } else { 5..6 };
        for n in expected {
            assert_eq!(std::str::from_utf8(&next(&mut doors).await.payload).unwrap(), n.to_string(), "{persists}");
        }
    }
}

#[tokio::test]
async fn a_subscription_that_nobody_wants_any_more_is_ended() {
    let broker = Mosquitto::start(&[], &[]);
    let bus = connected(kept(broker.port(), "site")).await;
    let doors = subscribed(&bus, "doors/#").await;
    let mut twice = subscribed(&bus, "lamps/#").await;
    drop(subscribed(&bus, "lamps/#").await);
    drop(doors);
    // It ends with the next message that nobody takes.
    soon("acknowledged", bus.publish_acknowledged(message("doors/a", "1"))).await.unwrap();
    until_async("it was ended", DEADLINE, || broker.log().contains("Received UNSUBSCRIBE from site")).await;
    soon("acknowledged", bus.publish_acknowledged(message("lamps/a", "1"))).await.unwrap();
    assert_eq!(next(&mut twice).await.topic, "lamps/a");
    let log = broker.log();
    assert!(log.contains("doors/#") && log.matches("Received UNSUBSCRIBE from site").count() == 1, "{log}");
}
