//! A bus in memory: it records what is published, and can be away, refuse, lose an acknowledgement, or withhold it.

use std::{collections::VecDeque, time::Duration};

use async_trait::async_trait;
use parapet_contracts::{
    ErrorKind,
    ports::bus::{BusError, BusMessage, BusPort, BusReceived, BusSubscription, ReplyTo},
    topics,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

/// An answer that was given to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Where it went.
    pub to: ReplyTo,
    /// What it says.
    pub payload: bytes::Bytes,
}

/// A message that reached the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The message.
    pub message: BusMessage,
    /// True when it was published with an acknowledgement (QoS 1).
    pub acknowledged: bool,
}

/// What becomes of a publish with acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is recorded and acknowledged.
    Accept,
    /// The broker refuses it: `Reject`, not recorded.
    Refuse(&'static str),
    /// It never arrives, and the connection breaks before an answer: `Retry`, not recorded.
    Lose,
    /// It arrives, but the connection breaks before the answer: `Retry`, though recorded. The caller sends it again.
    LoseAcknowledgement,
}

/// The fake of the bus port. Connected from the start.
#[derive(Debug)]
pub struct MemoryBus {
    connected: watch::Sender<bool>,
    published: watch::Sender<Vec<Published>>,
    withheld: watch::Sender<bool>,
    answered: watch::Sender<Vec<Answered>>,
    fates: Mutex<VecDeque<Fate>>,
    refused_topics: Mutex<Vec<String>>,
    closed: watch::Sender<bool>,
    subscribers: Mutex<Vec<(String, mpsc::Sender<BusReceived>)>>,
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self {
            connected: watch::Sender::new(true),
            published: watch::Sender::new(Vec::new()),
            withheld: watch::Sender::new(false),
            answered: watch::Sender::new(Vec::new()),
            fates: Mutex::default(),
            refused_topics: Mutex::default(),
            closed: watch::Sender::new(false),
            subscribers: Mutex::default(),
        }
    }
}

impl MemoryBus {
    /// A bus that is connected and accepts everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects or disconnects it. What waits for an acknowledgement fails at once.
    pub fn set_connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// Says what becomes of the next publishes with acknowledgement, in order; later ones are accepted.
    pub fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().extend(fates);
    }

    /// Refuses every message whose topic begins with `prefix`.
    pub fn refuse_topic(&self, prefix: &str) {
        self.refused_topics.lock().push(prefix.to_owned());
    }

    /// Withholds acknowledgements (true), or gives those that were withheld (false).
    pub fn withhold(&self, withhold: bool) {
        self.withheld.send_replace(withhold);
    }

    /// What has been published, in order.
    pub fn published(&self) -> Vec<Published> {
        self.published.borrow().clone()
    }

    /// The payloads that were published on a topic, in order.
    pub fn payloads(&self, topic: &str) -> Vec<bytes::Bytes> {
        self.published.borrow().iter().filter(|p| p.message.topic == topic).map(|p| p.message.payload.clone()).collect()
    }

    /// Waits until `enough` is true of what has been published.
    ///
    /// # Panics
    /// When that takes more than `deadline`: the test has failed.
    pub async fn wait_until(&self, deadline: Duration, enough: impl FnMut(&Vec<Published>) -> bool) -> Vec<Published> {
        let mut published = self.published.subscribe();
        let waited = tokio::time::timeout(deadline, published.wait_for(enough)).await;
        match waited {
            Ok(Ok(found)) => found.clone(),
            _ => panic!("not within {deadline:?}; published so far: {:#?}", self.published()),
        }
    }

    /// The answers that were given to requests, in order.
    pub fn answers(&self) -> watch::Receiver<Vec<Answered>> {
        self.answered.subscribe()
    }

    /// True once it was closed.
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    fn record(&self, message: BusMessage, acknowledged: bool) {
        self.deliver(&message.topic, &message.payload);
        self.published.send_modify(|all| all.push(Published { message, acknowledged }));
    }

    /// Gives a message of somebody else to whoever has subscribed its topic.
    pub fn deliver(&self, topic: &str, payload: &[u8]) {
        self.request(topic, payload, None);
    }

    /// Gives a request of somebody else to whoever has subscribed its topic.
    pub fn request(&self, topic: &str, payload: &[u8], reply: Option<&ReplyTo>) {
        self.subscribers.lock().retain(|(filter, sender)| {
            if topics::matches(filter, topic) {
                let (payload, reply) = (payload.to_vec().into(), reply.cloned());
                // One that lags is told less, as by a real broker.
                sender.try_send(BusReceived { topic: topic.to_owned(), payload, retained: false, reply }).ok();
            }
            !sender.is_closed()
        });
    }

    /// The filters that are subscribed now.
    pub fn filters(&self) -> Vec<String> {
        let mut subscribers = self.subscribers.lock();
        subscribers.retain(|(_, sender)| !sender.is_closed());
        subscribers.iter().map(|(filter, _)| filter.clone()).collect()
    }

    fn present(&self, topic: &str) -> Result<(), BusError> {
        if self.is_closed() {
            return Err(BusError { kind: ErrorKind::Retry, code: "closed", text: "the fake bus was closed".into() });
        }
        if topic.is_empty() || topic.contains(['+', '#', '\0']) {
            return Err(refused("this is no topic to publish on"));
        }
        if *self.connected.borrow() { Ok(()) } else { Err(away()) }
    }
}

fn away() -> BusError {
    BusError { kind: ErrorKind::Retry, code: "disconnected", text: "the fake bus is disconnected".into() }
}

fn refused(why: &str) -> BusError {
    BusError { kind: ErrorKind::Reject, code: "refused", text: format!("the fake bus refuses: {why}") }
}

struct MemorySubscription(mpsc::Receiver<BusReceived>);

#[async_trait]
impl BusSubscription for MemorySubscription {
    async fn granted(&mut self) -> Result<(), BusError> {
        Ok(())
    }

    async fn next(&mut self) -> Option<BusReceived> {
        self.0.recv().await
    }

    fn dropped(&self) -> u64 {
        0
    }
}

#[async_trait]
impl BusPort for MemoryBus {
    async fn publish_acknowledged(&self, message: BusMessage) -> Result<(), BusError> {
        self.present(&message.topic)?;
        if self.refused_topics.lock().iter().any(|prefix| message.topic.starts_with(prefix.as_str())) {
            return Err(refused(&message.topic));
        }
        let fate = self.fates.lock().pop_front().unwrap_or(Fate::Accept);
        match fate {
            Fate::Refuse(why) => return Err(refused(why)),
            Fate::Lose => return Err(away()),
            Fate::LoseAcknowledgement => {
                self.record(message, true);
                return Err(away());
            }
            Fate::Accept => self.record(message, true),
        }
        let (mut withheld, mut connected) = (self.withheld.subscribe(), self.connected.subscribe());
        tokio::select! {
            biased;
            _ = withheld.wait_for(|w| !w) => Ok(()),
            _ = connected.wait_for(|c| !c) => Err(away()),
        }
    }

    fn publish_unacknowledged(&self, message: BusMessage) -> Result<(), BusError> {
        self.present(&message.topic)?;
        self.record(message, false);
        Ok(())
    }

    async fn subscribe(&self, filter: &str) -> Result<Box<dyn BusSubscription>, BusError> {
        if !topics::is_filter(filter) {
            return Err(refused("this is no filter"));
        }
        if self.is_closed() {
            return Err(BusError { kind: ErrorKind::Retry, code: "closed", text: "the fake bus was closed".into() });
        }
        let (sender, receiver) = mpsc::channel(1024);
        self.subscribers.lock().push((filter.to_owned(), sender));
        Ok(Box::new(MemorySubscription(receiver)))
    }

    async fn answer(&self, to: &ReplyTo, payload: bytes::Bytes, content_type: &'static str) -> Result<(), BusError> {
        let message = BusMessage { topic: to.topic.clone(), payload: payload.clone(), content_type, retain: false };
        self.publish_acknowledged(message).await?;
        self.answered.send_modify(|all| all.push(Answered { to: to.clone(), payload }));
        Ok(())
    }

    fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    async fn connection_changed(&self, known: bool) -> bool {
        let mut connected = self.connected.subscribe();
        let changed = connected.wait_for(|now| *now != known).await.map(|now| *now);
        match changed {
            Ok(now) => now,
            Err(_) => std::future::pending().await,
        }
    }

    async fn close(&self) {
        self.closed.send_replace(true);
        self.connected.send_replace(false);
        self.subscribers.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    fn message(topic: &str) -> BusMessage {
        BusMessage { topic: topic.into(), payload: "x".into(), content_type: "text/plain", retain: false }
    }

    #[tokio::test]
    async fn it_is_a_bus() {
        crate::conformance::bus::check(&MemoryBus::new()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_what_it_is_told() {
        let bus = Arc::new(MemoryBus::new());
        bus.next([Fate::Refuse("no"), Fate::Lose, Fate::LoseAcknowledgement]);
        let mut outcomes = vec![];
        for _ in 0..4 {
            outcomes.push(bus.publish_acknowledged(message("a")).await.map_err(|e| e.kind));
        }
        use ErrorKind::{Reject, Retry};
        assert_eq!(outcomes, [Err(Reject), Err(Retry), Err(Retry), Ok(())]);
        assert_eq!(bus.payloads("a").len(), 2, "the lost acknowledgement's message had arrived");

        bus.refuse_topic("secret/");
        assert_eq!(bus.publish_acknowledged(message("secret/a")).await.unwrap_err().code, "refused");

        bus.withhold(true);
        let waiting = tokio::spawn({
            let bus = bus.clone();
            async move { bus.publish_acknowledged(message("b")).await }
        });
        bus.wait_until(Duration::from_secs(1), |all| all.iter().any(|p| p.message.topic == "b")).await;
        assert!(!waiting.is_finished());
        bus.set_connected(false);
        assert_eq!(waiting.await.unwrap().unwrap_err().code, "disconnected");
        assert_eq!(bus.publish_unacknowledged(message("c")).unwrap_err().code, "disconnected");
        assert!(!bus.connection_changed(true).await);
        bus.close().await;
        assert_eq!(bus.publish_acknowledged(message("d")).await.unwrap_err().code, "closed");
    }
}
