//! What comes in: a bounded queue for each subscription, kept over reconnections.

use async_trait::async_trait;
use bytes::Bytes;
use parapet_contracts::ports::bus::{BusError, BusReceived, BusSubscription, ReplyTo};
use rumqttc::v5::mqttbytes::{
    matches,
    v5::{Publish, PublishProperties, SubAck, SubscribeReasonCode},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{mpsc, watch};

use crate::failure;

/// Messages that a subscriber may lag behind.
pub(crate) const LAG: usize = 1024;

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The topic that it was published on.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// Its content type, when the publisher gave one.
    pub content_type: Option<String>,
    /// True when the broker had kept it from before the subscription.
    pub retain: bool,
    /// Where an answer is wanted, when this is a request.
    pub reply: Option<ReplyTo>,
}

/// How far the broker has got with a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    Active,
    Refused(BusError),
}

/// A subscription. It is made anew on each connection; messages that are published while there is none are missed, unless the broker keeps
/// the session. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    messages: mpsc::Receiver<ReceivedMessage>,
    state: watch::Receiver<State>,
    dropped: Arc<AtomicU64>,
}

impl Subscription {
    /// The next message; `None` when the bus is gone.
    pub async fn next(&mut self) -> Option<ReceivedMessage> {
        self.messages.recv().await
    }

    /// Waits until the broker has granted the subscription.
    ///
    /// # Errors
    /// `refused` when it has refused, `closed` when the bus is gone.
    pub async fn ready(&mut self) -> Result<(), BusError> {
        match self.state.wait_for(|state| *state != State::Waiting).await {
            Ok(state) => match &*state {
                State::Refused(error) => Err(error.clone()),
                State::Waiting | State::Active => Ok(()),
            },
            Err(_) => Err(failure::closed()),
        }
    }

    /// How many messages were thrown away because this subscriber lagged more than 1,024 messages behind.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl BusSubscription for Subscription {
    async fn granted(&mut self) -> Result<(), BusError> {
        self.ready().await
    }

    async fn next(&mut self) -> Option<BusReceived> {
        let ReceivedMessage { topic, payload, retain, reply, .. } = Subscription::next(self).await?;
        Some(BusReceived { topic, payload, retained: retain, reply })
    }

    fn dropped(&self) -> u64 {
        Subscription::dropped(self)
    }
}

/// The worker's end of a subscription.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) number: u64,
    pub(crate) filter: String,
    /// The broker has granted it in the session that it keeps.
    pub(crate) kept: bool,
    messages: mpsc::Sender<ReceivedMessage>,
    state: watch::Sender<State>,
    dropped: Arc<AtomicU64>,
}

impl Subscriber {
    pub(crate) fn new(number: u64, filter: String) -> (Self, Subscription) {
        let (messages, receiver) = mpsc::channel(LAG);
        let (state, watched) = watch::channel(State::Waiting);
        let dropped = Arc::new(AtomicU64::new(0));
        (
            Self { number, filter, kept: false, messages, state, dropped: dropped.clone() },
            Subscription { messages: receiver, state: watched, dropped },
        )
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.messages.is_closed()
    }

    /// The connection is gone, and the subscription with it.
    pub(crate) fn lost(&self) {
        self.state.send_replace(State::Waiting);
    }

    pub(crate) fn answered(&mut self, ack: &SubAck) {
        let refused = ack.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
        match refused {
            None => {
                self.kept = true;
                self.state.send_replace(State::Active);
            }
            Some(code) => self.refuse(failure::subscription(&self.filter, *code)),
        }
    }

    pub(crate) fn refuse(&mut self, error: BusError) {
        self.kept = false;
        self.state.send_replace(State::Refused(error));
    }

    pub(crate) fn offer(&self, publish: &Publish) {
        let Ok(topic) = std::str::from_utf8(&publish.topic) else { return };
        if !matches(topic, filter_of(&self.filter)) {
            return;
        }
        let message = ReceivedMessage {
            topic: topic.to_owned(),
            payload: publish.payload.clone(),
            content_type: publish.properties.as_ref().and_then(|p| p.content_type.clone()),
            retain: publish.retain,
            reply: publish.properties.as_ref().and_then(reply),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.messages.try_send(message) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn reply(properties: &PublishProperties) -> Option<ReplyTo> {
    let topic = properties.response_topic.clone()?;
    Some(ReplyTo { topic, correlation: properties.correlation_data.clone() })
}

/// The filter within a shared subscription, `$share/<group>/<filter>`.
fn filter_of(filter: &str) -> &str {
    filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')).map_or(filter, |(_, inner)| inner)
}
