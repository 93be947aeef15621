//! Statuses: retained, the latest wins, told again after the broker was away.

use std::{sync::Arc, time::Duration};

use parapet_contracts::{
    ErrorKind,
    cloudevent::{CONTENT_TYPE, CloudEvent},
    ports::bus::{BusMessage, BusPort},
};

use super::BusFeed;
use crate::{
    journal::{Failure, Journal},
    worker::{LoopResult, Stop},
};

/// A pause after a refusal, before the rest is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the last statuses may take when the site stops.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Publishes statuses until it is told to stop, and then once more what is new.
///
/// # Errors
/// None of its own: a panic is the actor's failure.
pub async fn publish_statuses(feed: Arc<BusFeed>, bus: Arc<dyn BusPort>, journal: Journal, stop: Stop) -> LoopResult {
    let mut connected = bus.is_connected();
    loop {
        let settled = !connected || publish_untold(&feed, bus.as_ref(), &journal).await;
        tokio::select! {
            () = stop.wait() => break,
            () = feed.status_changed.notified() => {}
            now = bus.connection_changed(connected) => {
                connected = now;
                if connected {
                    feed.tell_all_again();
                }
            }
            () = tokio::time::sleep(PAUSE), if !settled => {}
        }
    }
    if bus.is_connected() {
        // Whoever is gone by then is told by the last will.
        tokio::time::timeout(LAST_WORDS, publish_untold(&feed, bus.as_ref(), &journal)).await.ok();
    }
    Ok(())
}

/// True when nothing is left to tell.
async fn publish_untold(feed: &BusFeed, bus: &dyn BusPort, journal: &Journal) -> bool {
    for (topic, event) in feed.untold() {
        let payload = match CloudEvent::status(&event).to_json() {
            Ok(payload) => payload.into(),
            Err(error) => {
                journal.report(Failure::new("bus/status", "encode", format!("a status is no JSON: {error}")));
                feed.told(&topic, event.id);
                continue;
            }
        };
        let message = BusMessage { topic: topic.clone(), payload, content_type: CONTENT_TYPE, retain: true };
        match bus.publish_acknowledged(message).await {
            Ok(()) => feed.told(&topic, event.id),
            Err(error) if error.kind == ErrorKind::Retry => return false,
            Err(error) => {
                journal.report(Failure::new("bus/status", error.code, error.text));
                feed.told(&topic, event.id);
            }
        }
    }
    true
}
