//! One connection, from its CONNACK on: what is handed to rumqttc, and what is noted of it.

use bytes::Bytes;
use parapet_contracts::ports::bus::{BusError, BusMessage};
use rumqttc::v5::{
    AsyncClient,
    mqttbytes::{
        QoS,
        v5::{Filter, RetainForwardRule},
    },
};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    aliases::{Aliases, Named},
    failure,
    flight::{Flight, Waiting},
    limits::Limits,
    packet,
    subscription::Subscriber,
};

/// A connection and what is on its way on it.
pub(crate) struct Session {
    pub(crate) client: AsyncClient,
    pub(crate) flight: Flight,
    pub(crate) limits: Limits,
    aliases: Aliases,
    pub(crate) began: Instant,
    pub(crate) heard: Instant,
    pub(crate) disconnect_sent: bool,
    pub(crate) close_by: Option<Instant>,
}

impl Session {
    /// One that has just begun.
    pub(crate) fn new(client: AsyncClient, flight: Flight, limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            client,
            flight,
            aliases: Aliases::new(limits.aliases),
            limits,
            began: now,
            heard: now,
            disconnect_sent: false,
            close_by: None,
        }
    }

    /// Sends a message that is to be acknowledged, if the broker acknowledges any.
    pub(crate) fn send(
        &mut self,
        message: BusMessage,
        correlation: Option<Bytes>,
        answer: Option<oneshot::Sender<Result<(), BusError>>>,
    ) {
        let waiting = Waiting::new(&message, answer);
        let mut properties = packet::properties(&message);
        properties.correlation_data = correlation;
        let BusMessage { topic, payload, retain, .. } = message;
        let retain = retain && self.limits.retains;
        let qos = if self.limits.acknowledges { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        match self.client.try_publish_with_properties(topic, qos, retain, payload, properties) {
            Ok(()) if qos == QoS::AtMostOnce => self.flight.hand_unacknowledged(),
            Ok(()) => self.flight.hand(waiting),
            Err(_) => waiting.settle(Err(failure::queue_full())),
        }
    }

    /// Sends a message that is not acknowledged, in a packet of at most `max` bytes. False when it was lost.
    pub(crate) fn send_unacknowledged(&mut self, message: BusMessage, max: u32) -> bool {
        let mut properties = packet::properties(&message);
        let room = packet::size(&message) + packet::ALIAS <= max as usize;
        let BusMessage { topic, payload, retain, .. } = message;
        let named = if room { self.aliases.name(topic) } else { Named { topic, alias: None } };
        properties.topic_alias = named.alias;
        let (topic, retain) = (named.topic.clone(), retain && self.limits.retains);
        let sent = self.client.try_publish_with_properties(topic, QoS::AtMostOnce, retain, payload, properties).is_ok();
        if sent {
            self.flight.hand_unacknowledged();
        } else {
            self.aliases.unsent(&named);
        }
        sent
    }

    /// Asks for a subscription, unless the broker has said that it can't serve it.
    pub(crate) fn subscribe(&mut self, subscriber: &mut Subscriber) {
        if let Err(error) = self.limits.check_filter(&subscriber.filter) {
            return subscriber.refuse(error);
        }
        let mut filter = Filter::new(subscriber.filter.clone(), QoS::AtLeastOnce);
        if subscriber.kept {
            // What was retained came when it was new; what has changed since then is in the session.
            filter.retain_forward_rule = RetainForwardRule::OnNewSubscribe;
        }
        if self.client.try_subscribe_many([filter]).is_ok() {
            self.flight.hand_subscription(subscriber.number);
        }
    }

    /// Ends the subscriptions that nobody listens to any more.
    pub(crate) fn forget_gone(&mut self, subscribers: &mut Vec<Subscriber>) {
        if !subscribers.iter().any(Subscriber::is_gone) {
            return;
        }
        let (gone, live): (Vec<_>, Vec<_>) = std::mem::take(subscribers).into_iter().partition(Subscriber::is_gone);
        *subscribers = live;
        for subscriber in gone {
            let wanted = subscribers.iter().any(|other| other.filter == subscriber.filter);
            if !wanted && self.flight.has_queue() && self.client.try_unsubscribe(subscriber.filter).is_ok() {
                self.flight.hand_end();
            }
        }
    }
}
