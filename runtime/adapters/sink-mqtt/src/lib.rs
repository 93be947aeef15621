//! The sink port over MQTT 5: a bridge to another broker.
//!
//! It promises: an item is acknowledged only by the broker's PUBACK to that very message, and only when its reason code says success;
//! a code that refuses rejects the item for good, with the reason, and nothing waits behind it; items are published in their order, and at most
//! as many without an acknowledgement as the settings say, so that after a lost connection at most so many come twice. Each connection begins
//! without a session: what a broker forgets was never relied on. See [`parapet_bus_mqtt`] for the connection itself.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use parapet_bus_mqtt::{BusSettings, MqttBus};
use parapet_contracts::{
    cloudevent::CONTENT_TYPE,
    ports::{
        bus::{BusError, BusMessage, BusPort},
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};

/// See the module.
pub struct MqttSink {
    bus: MqttBus,
    prefix: String,
    window: usize,
    content_type: &'static str,
}

impl MqttSink {
    /// A bridge over a connection of its own. An item keeps its topic behind `prefix`; `cloudevents` says that payloads are CloudEvents,
    /// and not their data alone.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect(settings: BusSettings, prefix: String, cloudevents: bool) -> Self {
        let window = usize::from(settings.in_flight.max(1));
        let content_type = if cloudevents { CONTENT_TYPE } else { "application/json" };
        Self { bus: MqttBus::connect(settings), prefix, window, content_type }
    }

    fn message(&self, item: &OutboxItem) -> BusMessage {
        BusMessage {
            topic: format!("{}{}", self.prefix, item.topic),
            payload: Bytes::from(item.payload.clone()),
            content_type: self.content_type,
            retain: false,
        }
    }
}

#[async_trait]
impl SinkPort for MqttSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let mut fates: Vec<Result<(), SinkError>> = Vec::with_capacity(items.len());
        for window in items.chunks(self.window) {
            // Polled in order, so published in order; the acknowledgements are awaited together.
            let sends = window.iter().map(|item| self.bus.publish_acknowledged(self.message(item)));
            let answers = join_all(sends).await;
            let lost =
                answers.iter().any(|answer| matches!(answer, Err(e) if e.kind == parapet_contracts::ErrorKind::Retry));
            fates.extend(answers.into_iter().map(|answer| answer.map_err(sink_error)));
            if lost {
                break;
            }
        }
        fates
    }

    fn away(&self) -> Option<String> {
        let waiting = || "the broker has not accepted the connection yet".to_owned();
        (!self.bus.is_connected()).then(|| self.bus.last_error().unwrap_or_else(waiting))
    }

    async fn ready(&self) {
        while !self.bus.is_connected() {
            self.bus.connection_changed(false).await;
        }
    }
}

fn sink_error(BusError { kind, code, text }: BusError) -> SinkError {
    SinkError { kind, code, text, retry_after: None }
}
