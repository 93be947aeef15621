//! The sink port: where an outbox is emptied to.

use std::time::Duration;

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

    /// Why sending can't succeed now, for people; `None` unless the sink knows that its link is down.
    fn away(&self) -> Option<String> {
        None
    }
}

/// Why an item was not taken. The text holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SinkError {
    /// `Retry`: later; `Reject`: never, it goes to the dead letters; `Fatal`: the sink itself is broken.
    pub kind: ErrorKind,
    /// A stable word: `disconnected`, `refused`, `too_large`, `busy`, `throttled`, `io`, …
    pub code: &'static str,
    /// For people.
    pub text: String,
    /// Of `Retry`: not before this long, as the other side asks.
    pub retry_after: Option<Duration>,
}

impl SinkError {
    /// It may work later.
    pub fn retry(code: &'static str, text: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Retry, code, text: text.into(), retry_after: None }
    }

    /// This item will never be taken; the next one may.
    pub fn reject(code: &'static str, text: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Reject, code, text: text.into(), retry_after: None }
    }

    /// Nothing works until somebody mends it.
    pub fn fatal(code: &'static str, text: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Fatal, code, text: text.into(), retry_after: None }
    }

    /// Not before this long, as the other side asks.
    #[must_use]
    pub fn after(self, pause: Option<Duration>) -> Self {
        Self { retry_after: pause, ..self }
    }
}
