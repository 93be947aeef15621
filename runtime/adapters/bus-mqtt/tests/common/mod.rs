//! What the tests of the connection share.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::{future::Future, time::Duration};

use bytes::Bytes;
use parapet_bus_mqtt::{Backoff, BusSettings, MqttBus, ReceivedMessage, Subscription};
use parapet_contracts::ports::bus::{BusMessage, BusPort};

pub const CLOUDEVENT: &str = "application/cloudevents+json";

/// Nothing here takes longer, but on a machine that does many other things.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn message(topic: &str, payload: impl Into<Bytes>) -> BusMessage {
    BusMessage { topic: topic.into(), payload: payload.into(), content_type: CLOUDEVENT, retain: false }
}

pub fn retained(topic: &str, payload: &'static str) -> BusMessage {
    BusMessage { retain: true, ..message(topic, payload) }
}

pub fn settings(port: u16, client_id: &str) -> BusSettings {
    BusSettings {
        backoff: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(200) },
        keep_alive: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(2),
        ..BusSettings::new("127.0.0.1", port, client_id)
    }
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

pub async fn connected(settings: BusSettings) -> MqttBus {
    let bus = MqttBus::connect(settings);
    let connected = tokio::time::timeout(DEADLINE, bus.connection_changed(false)).await;
    assert!(connected.is_ok(), "not connected within {DEADLINE:?}: {:?}", bus.last_error());
    bus
}

/// Waits for an error text that holds `part`.
pub async fn told(bus: &MqttBus, part: &str) -> String {
    let mut errors = bus.errors();
    let found = tokio::time::timeout(DEADLINE, errors.wait_for(|e| e.as_deref().is_some_and(|t| t.contains(part))))
        .await
        .unwrap_or_else(|_| panic!("{part:?} was not told within {DEADLINE:?}, but {:?}", bus.last_error()))
        .unwrap();
    found.clone().unwrap()
}

pub async fn subscribed(bus: &MqttBus, filter: &str) -> Subscription {
    let mut subscription = bus.subscribe(filter).await.unwrap();
    soon("subscribed", subscription.ready()).await.unwrap();
    subscription
}

pub async fn next(subscription: &mut Subscription) -> ReceivedMessage {
    soon("a message", subscription.next()).await.expect("the bus is gone")
}

/// Publishes `count` numbered messages on `topic` with as many callers at a time as may be in flight, trying again whatever
/// may be tried again. Gives the rejected ones.
pub async fn publish_numbered(bus: &MqttBus, topic: &str, numbers: std::ops::Range<u32>) -> Vec<u32> {
    let publish = async |n: u32| loop {
        match bus.publish_acknowledged(message(topic, n.to_string())).await {
            Ok(()) => return None,
            Err(e) if e.kind == parapet_contracts::ErrorKind::Retry => {
                bus.connection_changed(false).await;
            }
            Err(_) => return Some(n),
        }
    };
    let mut rejected = vec![];
    let next = std::sync::atomic::AtomicU32::new(numbers.start);
    let mut callers = vec![];
    for _ in 0..64 {
        callers.push(async {
            let mut mine = vec![];
            loop {
                let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if n >= numbers.end {
                    return mine;
                }
                mine.extend(publish(n).await);
            }
        });
    }
    for mine in join_all(callers).await {
        rejected.extend(mine);
    }
    rejected
}

/// Runs futures side by side in this task.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(o) => *output = Some(o),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    running.into_iter().map(|(_, output)| output.unwrap()).collect()
}
