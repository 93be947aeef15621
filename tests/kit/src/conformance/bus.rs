//! What every bus must do, be it the fake or a connection to a real broker.

use std::time::Duration;

use parapet_contracts::{
    ErrorKind,
    ports::bus::{BusError, BusMessage, BusPort},
};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

fn message(topic: &str) -> BusMessage {
    BusMessage { topic: topic.to_owned(), payload: "x".into(), content_type: "text/plain", retain: false }
}

async fn acknowledged(bus: &dyn BusPort, topic: &str) -> Result<(), BusError> {
    timeout(DEADLINE, bus.publish_acknowledged(message(topic)))
        .await
        .unwrap_or_else(|_| panic!("no answer for {topic:?} within {DEADLINE:?}"))
}

/// Takes a bus that connects by itself, checks it, and closes it.
///
/// # Panics
/// Where it does something else than the port promises.
pub async fn check(bus: &dyn BusPort) {
    let connected = timeout(DEADLINE, bus.connection_changed(false)).await;
    assert_eq!(connected, Ok(true), "it connects by itself, and says so");
    assert!(bus.is_connected());
    // What is already so is told at once, however often it is asked for.
    assert_eq!(timeout(DEADLINE, bus.connection_changed(false)).await, Ok(true));

    assert_eq!(acknowledged(bus, "parapet/a/alerts").await, Ok(()));
    assert_eq!(bus.publish_unacknowledged(message("parapet/a/cameras/c/detections")), Ok(()));

    // An impossible topic is the message's fault, told at once, and what follows goes on.
    for topic in ["", "parapet/+/alerts", "parapet/#", "a\0b"] {
        let errors = [acknowledged(bus, topic).await, bus.publish_unacknowledged(message(topic))];
        for error in errors {
            let told = error.map_err(|e| (e.kind, e.code));
            assert_eq!(told, Err((ErrorKind::Reject, "refused")), "{topic:?}");
        }
    }
    assert!(bus.is_connected());
    assert_eq!(acknowledged(bus, "parapet/a/alerts").await, Ok(()));

    let mut subscription =
        bus.subscribe("parapet/+/doors/#").await.map_err(|e| e.code).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(timeout(DEADLINE, subscription.granted()).await, Ok(Ok(())));
    for topic in ["parapet/a/alerts", "parapet/a/doors/dock"] {
        assert_eq!(acknowledged(bus, topic).await, Ok(()));
    }
    let received = timeout(DEADLINE, subscription.next()).await.ok().flatten();
    let received = received.map(|message| (message.topic, message.payload, message.retained));
    assert_eq!(
        received,
        Some(("parapet/a/doors/dock".to_owned(), "x".into(), false)),
        "what the filter takes comes in"
    );
    assert_eq!(subscription.dropped(), 0);
    for filter in ["", "parapet/#/alerts", "a+"] {
        let told = bus.subscribe(filter).await.map(|_| ()).map_err(|e| (e.kind, e.code));
        assert_eq!(told, Err((ErrorKind::Reject, "refused")), "{filter:?}");
    }

    assert_eq!(timeout(DEADLINE, bus.close()).await, Ok(()), "it closes");
    assert!(
        timeout(DEADLINE, subscription.next()).await.is_ok_and(|message| message.is_none()),
        "and ends what listens"
    );
    assert!(!bus.is_connected());
    assert_eq!(timeout(DEADLINE, bus.connection_changed(true)).await, Ok(false));
    for error in [acknowledged(bus, "parapet/a/alerts").await, bus.publish_unacknowledged(message("a"))] {
        assert_eq!(error.map_err(|e| e.code), Err("closed"));
    }
    assert_eq!(timeout(DEADLINE, bus.close()).await, Ok(()), "closing twice does no harm");
}
