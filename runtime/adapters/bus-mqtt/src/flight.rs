//! Which acknowledgement belongs to which message, on one connection. Pure: no socket, no task.
//!
//! rumqttc chooses a packet id when it takes a request from its queue, and tells it with an `Outgoing` event. Requests of a
//! kind leave in the order in which they were handed over, so the n-th event of a kind belongs to the n-th request.
//!
//! Its ids run from 1 to a limit and begin again. If an id came round while its last message still waits, rumqttc would stop
//! sending, and a refusal of that message would leave it stopped: [`Flight::has_room`] keeps the ids in use within one round.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use parapet_contracts::ports::bus::{BusError, BusMessage};
use rumqttc::{
    Outgoing,
    v5::mqttbytes::v5::{PubAck, SubAck},
};
use tokio::{sync::oneshot, time::Instant};

use crate::failure;

/// A message, and where its outcome goes. Without `answer`, nobody waits for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) topic: String,
    pub(crate) size: usize,
    pub(crate) answer: Option<oneshot::Sender<Result<(), BusError>>>,
    since: Instant,
}

impl Waiting {
    pub(crate) fn new(message: &BusMessage, answer: Option<oneshot::Sender<Result<(), BusError>>>) -> Self {
        Self { topic: message.topic.clone(), size: crate::packet::size(message), answer, since: Instant::now() }
    }

    pub(crate) fn settle(self, outcome: Result<(), BusError>) {
        if let Some(answer) = self.answer {
            // The one who asked may have stopped waiting: then nobody wants to know.
            drop(answer.send(outcome));
        }
    }
}

/// What is on its way on one connection.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The most messages that may wait for an acknowledgement.
    window: usize,
    /// How many packet ids there are.
    ids: u64,
    /// How many requests rumqttc's queue takes.
    queue: usize,
    /// Requests in rumqttc's queue.
    queued: usize,
    /// Messages in rumqttc's queue, which have no packet id yet.
    handed: VecDeque<Waiting>,
    /// Subscriptions in rumqttc's queue, by their number.
    handed_subscriptions: VecDeque<u64>,
    /// Ends of subscriptions in rumqttc's queue.
    handed_ends: usize,
    /// Packet ids given out so far.
    given: u64,
    /// Messages on the wire, oldest first, by the count of ids given out before theirs.
    waiting: BTreeMap<u64, (u16, Waiting)>,
    by_id: HashMap<u16, u64>,
    subscriptions: HashMap<u16, u64>,
}

impl Flight {
    /// For a broker that takes `receive_maximum` messages at a time, and a client that wants `limit` at most and has told
    /// rumqttc `limit + 1`, so that rumqttc is never full while messages that need no acknowledgement wait.
    pub(crate) fn new(limit: u16, receive_maximum: Option<u16>, queue: usize) -> Self {
        let ids = receive_maximum.unwrap_or(u16::MAX).min(limit.saturating_add(1)).max(1);
        Self {
            window: usize::from(limit.min(ids).max(1)),
            ids: u64::from(ids),
            queue,
            queued: 0,
            handed: VecDeque::new(),
            handed_subscriptions: VecDeque::new(),
            handed_ends: 0,
            given: 0,
            waiting: BTreeMap::new(),
            by_id: HashMap::new(),
            subscriptions: HashMap::new(),
        }
    }

    /// True when one more message may be handed over that wants an acknowledgement.
    pub(crate) fn has_room(&self) -> bool {
        let coming = self.given + (self.handed.len() + self.handed_subscriptions.len() + self.handed_ends) as u64;
        let oldest = self.waiting.first_key_value().map_or(coming, |(first, _)| *first);
        self.has_queue() && self.handed.len() + self.waiting.len() < self.window && coming - oldest < self.ids
    }

    /// True when rumqttc's queue takes one more request.
    pub(crate) fn has_queue(&self) -> bool {
        self.queued < self.queue
    }

    /// True when nothing waits for an acknowledgement.
    pub(crate) fn is_empty(&self) -> bool {
        self.handed.is_empty() && self.waiting.is_empty()
    }

    /// Notes a message that was handed to rumqttc.
    pub(crate) fn hand(&mut self, message: Waiting) {
        self.queued += 1;
        self.handed.push_back(message);
    }

    /// Notes a message that wants no acknowledgement.
    pub(crate) fn hand_unacknowledged(&mut self) {
        self.queued += 1;
    }

    /// Notes a subscription.
    pub(crate) fn hand_subscription(&mut self, number: u64) {
        self.queued += 1;
        self.handed_subscriptions.push_back(number);
    }

    /// Notes the end of a subscription.
    pub(crate) fn hand_end(&mut self) {
        self.queued += 1;
        self.handed_ends += 1;
    }

    /// Takes rumqttc's word of what it has sent.
    pub(crate) fn sent(&mut self, outgoing: &Outgoing) {
        match outgoing {
            Outgoing::Publish(0) => self.queued = self.queued.saturating_sub(1),
            Outgoing::Publish(id) => {
                self.queued = self.queued.saturating_sub(1);
                if let Some(message) = self.handed.pop_front() {
                    self.waiting.insert(self.given, (*id, message));
                    self.by_id.insert(*id, self.given);
                }
                self.given += 1;
            }
            Outgoing::Subscribe(id) => {
                self.queued = self.queued.saturating_sub(1);
                if let Some(number) = self.handed_subscriptions.pop_front() {
                    self.subscriptions.insert(*id, number);
                }
                self.given += 1;
            }
            Outgoing::Unsubscribe(_) => {
                self.queued = self.queued.saturating_sub(1);
                self.handed_ends = self.handed_ends.saturating_sub(1);
                self.given += 1;
            }
            _ => {}
        }
    }

    /// Takes the broker's answer. Gives the text of a refusal that nobody waits for.
    pub(crate) fn acknowledged(&mut self, ack: &PubAck) -> Option<String> {
        let (_, message) = self.by_id.remove(&ack.pkid).and_then(|order| self.waiting.remove(&order))?;
        let outcome = failure::acknowledged(ack, &message.topic);
        let untold = message.answer.is_none().then(|| outcome.as_ref().err().map(|e| e.text.clone())).flatten();
        message.settle(outcome);
        untold
    }

    /// The number of the subscription that the broker answers.
    pub(crate) fn subscribed(&mut self, ack: &SubAck) -> Option<u64> {
        self.subscriptions.remove(&ack.pkid)
    }

    /// Settles the oldest message on the wire: a broker acknowledges in order (MQTT 5, 4.6), so an answer that could not be
    /// read was for that one. Gives its size.
    pub(crate) fn reject_oldest(&mut self, error: impl FnOnce(&Waiting) -> BusError) -> Option<usize> {
        let order = *self.waiting.first_key_value()?.0;
        self.reject(order, error)
    }

    /// Settles the largest message on the wire: the one that a broker means which finds a packet too large. Gives its size.
    pub(crate) fn reject_largest(&mut self, error: impl FnOnce(&Waiting) -> BusError) -> Option<usize> {
        let order = *self.waiting.iter().max_by_key(|(_, (_, message))| message.size)?.0;
        self.reject(order, error)
    }

    fn reject(&mut self, order: u64, error: impl FnOnce(&Waiting) -> BusError) -> Option<usize> {
        let (id, message) = self.waiting.remove(&order)?;
        self.by_id.remove(&id);
        let (size, error) = (message.size, error(&message));
        message.settle(Err(error));
        Some(size)
    }

    /// When the oldest message will have waited for `timeout`.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let oldest = self.waiting.first_key_value().map(|(_, (_, message))| message);
        oldest.or(self.handed.front()).map(|message| message.since + timeout)
    }

    /// The connection is gone: fails everything that waits, at once. Gives how many messages without acknowledgement were
    /// still in rumqttc's queue.
    pub(crate) fn fail(&mut self, error: &BusError) -> usize {
        let unsent = self.queued.saturating_sub(self.handed.len() + self.handed_subscriptions.len() + self.handed_ends);
        self.handed_ends = 0;
        for message in self.handed.drain(..) {
            message.settle(Err(error.clone()));
        }
        for (_, (_, message)) in std::mem::take(&mut self.waiting) {
            message.settle(Err(error.clone()));
        }
        self.by_id.clear();
        self.queued = 0;
        unsent
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use parapet_contracts::ErrorKind;
    use rumqttc::v5::mqttbytes::v5::PubAckReason;

    type Answer = oneshot::Receiver<Result<(), BusError>>;

    fn hand(flight: &mut Flight, size: usize) -> Answer {
        let (tx, rx) = oneshot::channel();
        let message =
            BusMessage { topic: "t".into(), payload: Bytes::from(vec![0; size]), content_type: "", retain: false };
        flight.hand(Waiting::new(&message, Some(tx)));
        rx
    }

    fn ack(id: u16, reason: PubAckReason) -> PubAck {
        let mut ack = PubAck::new(id, None);
        ack.reason = reason;
        ack
    }

    #[tokio::test]
    async fn an_answer_finds_its_message_in_any_order() {
        let mut flight = Flight::new(10, None, 10);
        let (a, b) = (hand(&mut flight, 1), hand(&mut flight, 1));
        flight.hand_unacknowledged();
        flight.sent(&Outgoing::Publish(1));
        flight.sent(&Outgoing::Publish(0));
        flight.sent(&Outgoing::Publish(2));
        assert_eq!(flight.acknowledged(&ack(2, PubAckReason::NotAuthorized)), None);
        flight.acknowledged(&ack(1, PubAckReason::NoMatchingSubscribers));
        assert_eq!(a.await.unwrap(), Ok(()));
        assert_eq!(b.await.unwrap().unwrap_err().kind, ErrorKind::Reject);
        assert!(flight.is_empty());
        assert_eq!(flight.acknowledged(&ack(9, PubAckReason::Success)), None);
    }

    #[tokio::test]
    async fn an_id_never_comes_round_while_its_message_waits() {
        // 4 ids for a window of 3; the first message is never answered, the others at once.
        let mut flight = Flight::new(3, None, 10);
        let mut answers = vec![];
        let mut id = 0;
        while flight.has_room() {
            answers.push(hand(&mut flight, 1));
            id = id % 4 + 1;
            flight.sent(&Outgoing::Publish(id));
            if id != 1 {
                flight.acknowledged(&ack(id, PubAckReason::Success));
            }
            assert!(answers.len() < 10, "id {id} came round");
        }
        assert_eq!(answers.len(), 4);
        flight.acknowledged(&ack(1, PubAckReason::Success));
        assert!(flight.has_room());
    }

    #[tokio::test]
    async fn a_broker_that_takes_one_at_a_time_gets_one_at_a_time() {
        let mut flight = Flight::new(100, Some(1), 10);
        assert!(flight.has_room());
        let _answer = hand(&mut flight, 1);
        assert!(!flight.has_room());
        flight.sent(&Outgoing::Publish(1));
        assert!(!flight.has_room());
        flight.acknowledged(&ack(1, PubAckReason::Success));
        assert!(flight.has_room());
    }

    #[tokio::test]
    async fn a_lost_connection_fails_what_waits_and_counts_what_was_not_sent() {
        let mut flight = Flight::new(10, None, 4);
        let (a, b) = (hand(&mut flight, 1), hand(&mut flight, 1));
        flight.sent(&Outgoing::Publish(1));
        flight.hand_unacknowledged();
        flight.hand_subscription(1);
        flight.hand_unacknowledged();
        assert!(!flight.has_queue() && !flight.has_room());
        assert_eq!(flight.fail(&failure::disconnected("gone".into())), 2);
        for answer in [a, b] {
            assert_eq!(answer.await.unwrap().unwrap_err().code, "disconnected");
        }
    }

    #[tokio::test]
    async fn the_one_to_blame_is_rejected_alone() {
        let mut flight = Flight::new(10, None, 10);
        let answers = [hand(&mut flight, 5), hand(&mut flight, 500), hand(&mut flight, 50)];
        for id in 1..=3 {
            flight.sent(&Outgoing::Publish(id));
        }
        assert!(flight.reject_largest(|m| failure::too_large(&m.topic, m.size, 100)).unwrap() > 500);
        flight.reject_oldest(|_| failure::refused("no".into()));
        flight.fail(&failure::disconnected("gone".into()));
        let mut codes = vec![];
        for answer in answers {
            codes.push(answer.await.unwrap().unwrap_err().code);
        }
        assert_eq!(codes, ["refused", "too_large", "disconnected"]);
    }
}
