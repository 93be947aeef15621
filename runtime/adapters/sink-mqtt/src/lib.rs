//! The sink port over MQTT 5: a bridge to another broker.
//!
//! It promises: an item is acknowledged only by the broker's PUBACK to that very message, and only when its reason code says success;
//! a code that refuses rejects the item for good, with the reason, and nothing waits behind it; items are published in their order, and at most
//! as many without an acknowledgement as the settings say, so that after a lost connection at most so many come twice. Each connection begins
//! without a session: what a broker forgets was never relied on. See [`parapet_bus_mqtt`] for the connection itself.

pub mod accelerator;

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

/// How items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As CloudEvents, which payloads are.
    CloudEvents,
    /// Payloads are data alone, in JSON.
    Data,
    /// As the accelerator's readers want them, on its topics; what it has no message for counts as sent.
    Accelerator,
}

/// See the module.
pub struct MqttSink {
    bus: MqttBus,
    prefix: String,
    window: usize,
    form: Form,
}

impl MqttSink {
    /// A bridge over a connection of its own. An item keeps its topic behind `prefix`, unless its form has topics of its own.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect(settings: BusSettings, prefix: String, form: Form) -> Self {
        let window = usize::from(settings.in_flight.max(1));
        Self { bus: MqttBus::connect(settings), prefix, window, form }
    }

    /// What goes over the wire; `None` when nothing does.
    fn message(&self, item: &OutboxItem) -> Result<Option<BusMessage>, SinkError> {
        let (topic, payload, content_type) = match self.form {
            Form::CloudEvents => (item.topic.as_str(), Bytes::from(item.payload.clone()), CONTENT_TYPE),
            Form::Data => (item.topic.as_str(), Bytes::from(item.payload.clone()), "application/json"),
            Form::Accelerator => match accelerator::message(&item.payload) {
                Ok(Some(message)) => (message.topic, Bytes::from(message.payload), message.content_type),
                Ok(None) => {
                    metrics::counter!("parapet_accelerator_left_out_total", "kind" => item.kind.clone()).increment(1);
                    return Ok(None);
                }
                Err(error) => return Err(SinkError::reject("malformed", error.to_string())),
            },
        };
        let topic = format!("{}{topic}", self.prefix);
        Ok(Some(BusMessage { topic, payload, content_type, retain: false }))
    }

    async fn publish(&self, item: &OutboxItem) -> Result<(), SinkError> {
        match self.message(item)? {
            Some(message) => self.bus.publish_acknowledged(message).await.map_err(sink_error),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SinkPort for MqttSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let mut fates: Vec<Result<(), SinkError>> = Vec::with_capacity(items.len());
        for window in items.chunks(self.window) {
            // Polled in order, so published in order; the acknowledgements are awaited together.
            let sends = window.iter().map(|item| self.publish(item));
            let answers = join_all(sends).await;
            let lost =
                answers.iter().any(|answer| matches!(answer, Err(e) if e.kind == parapet_contracts::ErrorKind::Retry));
            fates.extend(answers);
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
