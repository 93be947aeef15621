//! The sink port: where an outbox is emptied to.

use async_trait::async_trait;

use super::store::OutboxItem;
use crate::ErrorKind;

/// Takes what an outbox holds, in order.
#[async_trait]
pub trait SinkPort: Send + Sync {
    /// Sends the items in their order and returns the fate of each: `Ok` only for what the other side has acknowledged.
    /// The list may end early at the first `Retry`: what follows is sent again with it.
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>>;

    /// Returns when sending may succeed: at once, unless the sink knows that its link is down.
    async fn ready(&self);
}

/// Why an item was not taken. The text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SinkError {
    /// `Retry`: later; `Reject`: never, it goes to the dead letters; `Fatal`: the sink itself is broken.
    pub kind: ErrorKind,
    /// A stable word: `disconnected`, `refused`, `too_large`, `io`, …
    pub code: &'static str,
    /// For people.
    pub text: String,
}
