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

    /// True while the broker is connected.
    fn is_connected(&self) -> bool;

    /// Waits until the state differs from `known`, and returns the new one.
    async fn connection_changed(&self, known: bool) -> bool;

    /// Ends the connection in order, so that the last will is not sent.
    async fn close(&self);
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
