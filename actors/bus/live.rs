//! Detections: QoS 0, what is lost is counted.

use std::sync::Arc;

use parapet_contracts::{
    cloudevent::{CONTENT_TYPE, CloudEvent},
    ports::bus::{BusMessage, BusPort},
    topics::Topic,
};

use super::BusFeed;
use crate::{
    journal::{Failure, Journal},
    worker::{LoopResult, Stop},
};

/// Publishes detections until it is told to stop.
///
/// # Errors
/// None of its own: a panic is the actor's failure.
pub async fn publish_detections(feed: Arc<BusFeed>, bus: Arc<dyn BusPort>, journal: Journal, stop: Stop) -> LoopResult {
    loop {
        let events = tokio::select! {
            () = stop.wait() => return Ok(()),
            events = feed.events.take_all() => events,
        };
        for event in events {
            let payload = match CloudEvent::detection(&event).to_json() {
                Ok(payload) => payload.into(),
                Err(error) => {
                    journal.report(Failure::new("bus/detections", "encode", format!("an event is no JSON: {error}")));
                    continue;
                }
            };
            let topic = Topic::of_event(&event).to_string();
            let message = BusMessage { topic, payload, content_type: CONTENT_TYPE, retain: false };
            match bus.publish_unacknowledged(message) {
                Ok(()) => metrics::counter!("parapet_events_published_total").increment(1),
                Err(error) => {
                    metrics::counter!("parapet_events_dropped_total", "edge" => "bus", "reason" => error.code)
                        .increment(1);
                }
            }
        }
    }
}
