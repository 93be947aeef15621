//! Alerts: the bus as the sink of an outbox.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use parapet_contracts::{
    cloudevent::CONTENT_TYPE,
    ports::{
        bus::{BusError, BusMessage, BusPort},
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};

/// Publishes what an outbox holds with QoS 1.
pub struct BusSink(pub Arc<dyn BusPort>);

#[async_trait]
impl SinkPort for BusSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        // Polled in order, so published in order; the acknowledgements are awaited together.
        let sends = items.iter().map(|item| {
            let payload = Bytes::from(item.payload.clone());
            self.0.publish_acknowledged(BusMessage {
                topic: item.topic.clone(),
                payload,
                content_type: CONTENT_TYPE,
                retain: false,
            })
        });
        let fates = join_all(sends).await;
        fates
            .into_iter()
            .map(|fate| fate.map_err(|BusError { kind, code, text }| SinkError { kind, code, text, retry_after: None }))
            .collect()
    }

    fn away(&self) -> Option<String> {
        (!self.0.is_connected()).then(|| "the broker is not connected".to_owned())
    }

    async fn ready(&self) {
        while !self.0.is_connected() {
            self.0.connection_changed(false).await;
        }
    }
}
