//! The bus port: publish and subscribe.

use async_trait::async_trait;
use bytes::Bytes;

use crate::ErrorKind;

/// Publishes to a broker. A clone of the same connection may be shared.
#[async_trait]
pub trait BusPort: Send + Sync {
    /// Publishes with QoS 1 and returns when the broker has acknowledged with success.
    ///
    /// # Errors
    /// `Retry` when the connection went away first, `Reject` with the reason when the broker refused.
    async fn publish_acknowledged(&self, message: BusMessage) -> Result<(), BusError>;

    /// Publishes with QoS 0 without waiting.
    ///
    /// # Errors
    /// `Retry` when the connection is away or its queue is full: the message is gone, and the caller counts it.
    fn publish_unacknowledged(&self, message: BusMessage) -> Result<(), BusError>;

    /// Subscribes a topic filter with QoS 1, now and again on each later connection.
    ///
    /// # Errors
    /// `Reject` for an impossible filter, `Retry` when the bus was closed.
    async fn subscribe(&self, filter: &str) -> Result<Box<dyn BusSubscription>, BusError>;

    /// Answers a request, with QoS 1, and returns when the broker has acknowledged the answer.
    ///
    /// # Errors
    /// As [`publish_acknowledged`](Self::publish_acknowledged).
    async fn answer(&self, to: &ReplyTo, payload: Bytes, content_type: &'static str) -> Result<(), BusError>;

    /// True while the broker is connected.
    fn is_connected(&self) -> bool;

    /// Waits until the state differs from `known`, and returns the new one.
    async fn connection_changed(&self, known: bool) -> bool;

    /// Ends the connection in order, so that the last will is not sent.
    async fn close(&self);
}

/// What comes in on a filter. What is published while there is no connection is missed, unless the broker keeps the session; dropping this
/// ends the subscription.
#[async_trait]
pub trait BusSubscription: Send {
    /// Returns once the broker has granted it.
    ///
    /// # Errors
    /// `Reject` when the broker has refused, `Retry` when the bus was closed.
    async fn granted(&mut self) -> Result<(), BusError>;
    /// The next message; `None` when the bus is gone.
    async fn next(&mut self) -> Option<BusReceived>;
    /// How many messages were thrown away because nobody took them in time. What waits is bounded.
    fn dropped(&self) -> u64;
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusReceived {
    /// The topic that it was published on.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// True when the broker had kept it from before the subscription.
    pub retained: bool,
    /// Where an answer is wanted, when this is a request.
    pub reply: Option<ReplyTo>,
}

/// Where the answer to a request goes (MQTT 5, 4.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The topic; whoever asked has chosen it.
    pub topic: String,
    /// What whoever asked knows the request by; it comes back with the answer as it is.
    pub correlation: Option<Bytes>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusMessage {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// MQTT 5 content type: `application/cloudevents+json`.
    pub content_type: &'static str,
    /// Keep it as the topic's last message.
    pub retain: bool,
}

/// Why a message was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct BusError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A stable word: `disconnected`, `queue_full`, `refused`, `too_large`, `closed`.
    pub code: &'static str,
    /// For people.
    pub text: String,
}
