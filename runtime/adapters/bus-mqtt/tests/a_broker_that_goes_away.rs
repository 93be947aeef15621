//! The connection when mosquitto dies, comes back without its sessions, or hangs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{sync::Arc, time::Duration};

use common::{connected, message, next, publish_numbered, retained, settings, soon, subscribed, told};
use parapet_contracts::{ErrorKind, ports::bus::BusPort};
use parapet_testkit::mosquitto::Mosquitto;

#[tokio::test]
async fn what_waits_for_a_dead_broker_fails_at_once_and_the_next_one_takes_it() {
    let mut broker = Mosquitto::start(&[], &[]);
    let mut own = settings(broker.port(), "site");
    own.birth = Some(retained("parapet/a/status", "online"));
    let bus = Arc::new(connected(own).await);

    // Frozen, so that nothing is answered; then killed in the middle of it.
    broker.freeze();
    let mut waiting = vec![];
    for n in 0..150_u32 {
        let bus = bus.clone();
        waiting.push(tokio::spawn(async move { bus.publish_acknowledged(message("a", n.to_string())).await }));
    }
    tokio::task::yield_now().await;
    let began = std::time::Instant::now();
    broker.kill();
    for task in waiting {
        let error = soon("failed", task).await.unwrap().unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"), "{}", error.text);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "they failed only after {:?}", began.elapsed());
    assert!(!soon("told", bus.connection_changed(true)).await);
    assert!(bus.last_error().is_some());

    broker.restart();
    assert!(soon("back", bus.connection_changed(false)).await);
    assert_eq!(bus.last_error(), None);
    soon("acknowledged", bus.publish_acknowledged(message("a", "x"))).await.unwrap();

    // The birth came again.
    let reader = connected(settings(broker.port(), "reader")).await;
    let mut status = subscribed(&reader, "parapet/a/status").await;
    assert_eq!(&next(&mut status).await.payload[..], b"online");
}

#[tokio::test]
async fn nothing_is_sent_again_behind_the_callers_back() {
    let mut broker = Mosquitto::start(&[], &[]);
    let bus = Arc::new(connected(settings(broker.port(), "site")).await);
    let reader = connected(settings(broker.port(), "reader")).await;
    let mut all = subscribed(&reader, "#").await;
    broker.freeze();
    let failed = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish_acknowledged(message("a", "failed")).await }
    });
    tokio::task::yield_now().await;
    broker.kill();
    assert_eq!(soon("failed", failed).await.unwrap().unwrap_err().kind, ErrorKind::Retry);
    broker.restart();
    for bus in [&*bus, &reader] {
        soon("back", async {
            while !bus.is_connected() {
                bus.connection_changed(false).await;
            }
        })
        .await;
    }
    // The subscription was made again by itself.
    soon("subscribed again", all.ready()).await.unwrap();
    soon("acknowledged", bus.publish_acknowledged(message("a", "again"))).await.unwrap();
    assert_eq!(&next(&mut all).await.payload[..], b"again");
}

#[tokio::test]
async fn with_a_caller_that_tries_again_nothing_is_lost_over_restarts() {
    let mut broker = Mosquitto::start(&["max_queued_messages 0"], &[]);
    let bus = Arc::new(connected(settings(broker.port(), "site")).await);
    let done = tokio::spawn({
        let bus = bus.clone();
        async move { publish_numbered(&bus, "a", 0..3_000).await }
    });
    let mut kills = 0;
    while !done.is_finished() && kills < 3 {
        // Killed while messages are on their way: after some more were received.
        let seen = broker.log().matches("Received PUBLISH").count();
        soon("more", async {
            while broker.log().matches("Received PUBLISH").count() < seen + 200 && !done.is_finished() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        broker.restart();
        kills += 1;
    }
    assert_eq!(soon("all acknowledged", done).await.unwrap(), Vec::<u32>::new());
    assert!(bus.connections() >= 2, "the broker was killed {kills} times, but nobody noticed");
    // The log is of all runs of the broker: what it received is at least what was acknowledged.
    let received = broker.log().matches("Received PUBLISH from site").count();
    assert!(received >= 3_000, "{received} of 3,000 were received");
}

#[tokio::test]
async fn a_broker_that_hangs_is_given_up() {
    let broker = Mosquitto::start(&[], &[]);
    let mut own = settings(broker.port(), "site");
    own.ack_timeout = Duration::from_millis(500);
    let bus = connected(own).await;
    broker.freeze();
    let began = std::time::Instant::now();
    let error = soon("given up", bus.publish_acknowledged(message("a", "1"))).await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    told(&bus, "did not answer in time").await;
    broker.thaw();
    assert!(soon("back", bus.connection_changed(false)).await);
    soon("acknowledged", bus.publish_acknowledged(message("a", "2"))).await.unwrap();
}

#[tokio::test]
async fn unacknowledged_messages_never_wait_for_a_broker_that_hangs() {
    let broker = Mosquitto::start(&[], &[]);
    let bus = connected(settings(broker.port(), "site")).await;
    broker.freeze();
    // More than the sockets' buffers hold.
    let payload = vec![b'x'; 60_000];
    let mut refused = 0;
    for _ in 0..2_000 {
        match bus.publish_unacknowledged(message("a", payload.clone())) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => {
                assert_eq!((error.kind, error.code), (ErrorKind::Retry, "queue_full"));
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "2,000 messages of 60 kB were taken by a broker that reads none");
    broker.thaw();
    // Nothing is stuck: once it reads again, an acknowledged message goes through behind all of them.
    soon("acknowledged", bus.publish_acknowledged(message("a", "x"))).await.unwrap();
}
