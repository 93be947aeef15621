//! The task that owns the connection: connects, carries requests to rumqttc, and takes its events, for ever.
//!
//! Each connection has an event loop of its own: whatever the last one had not got through was failed to its caller, so nothing may be
//! sent again. The first one begins a session, and later ones resume it: what was published for its subscriptions meanwhile comes then. A poll of the event loop is never cancelled half-way, since a packet that was
//! written but not flushed would stay in the buffer; requests are taken while it is pending.

use std::{
    ops::ControlFlow,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use parapet_contracts::{
    ErrorKind,
    ports::bus::{BusError, BusMessage},
};
use rumqttc::{
    Outgoing,
    v5::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, mqttbytes::v5::ConnAck},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    BusSettings,
    bus::Shared,
    failure,
    flight::{Flight, Waiting},
    limits::Limits,
    open::{Opened, Refused, open},
    packet,
    session::Session,
    subscription::Subscriber,
};

/// Requests that rumqttc's own queue holds.
const QUEUE: usize = 64;
/// How long `close` waits for acknowledgements, and then for the DISCONNECT to be written.
const CLOSING: Duration = Duration::from_secs(2);
/// A connection that lasted this long starts the backoff anew.
const STEADY: Duration = Duration::from_secs(5);

/// A message that wants an acknowledgement.
pub(crate) struct Acknowledged {
    pub(crate) message: BusMessage,
    /// When it answers a request: what the one who asked knows it by.
    pub(crate) correlation: Option<Bytes>,
    pub(crate) answer: oneshot::Sender<Result<(), BusError>>,
}

/// What is asked of the task besides publishing.
pub(crate) enum Control {
    Subscribe(Subscriber),
    Close(oneshot::Sender<()>),
}

/// The requests' receiving ends.
pub(crate) struct Worker {
    pub(crate) settings: BusSettings,
    pub(crate) shared: Arc<Shared>,
    pub(crate) acknowledged: mpsc::Receiver<Acknowledged>,
    pub(crate) unacknowledged: mpsc::Receiver<BusMessage>,
    pub(crate) control: mpsc::Receiver<Control>,
    pub(crate) subscribers: Vec<Subscriber>,
    /// The broker has been asked to keep a session.
    pub(crate) resume: bool,
    /// Whom to tell that the connection was closed, once `close` was called.
    pub(crate) closing: Option<oneshot::Sender<()>>,
}

impl Worker {
    /// Runs until the bus is closed.
    pub(crate) async fn run(mut self) {
        let mut failures: u32 = 0;
        while self.closing.is_none() {
            let (lasted, Refused { why, patience }) = self.connection().await;
            self.away(&why);
            if self.closing.is_some() {
                break;
            }
            failures = match (lasted >= STEADY, patience) {
                (_, true) => u32::MAX,
                (true, false) => 1,
                (false, false) => failures.saturating_add(1),
            };
            if self.shared.fail(why.clone()) {
                tracing::warn!(error = %why, "bus: no connection to the broker; trying again");
            }
            let pause = self.settings.backoff.delay(failures, rand::random());
            self.pause(pause, &why).await;
            // Patience is over: what goes wrong next may be of another kind.
            failures = if patience { 1 } else { failures };
        }
        self.shared.closed.store(true, Ordering::Release);
        self.away("the connection to the broker was closed");
        if let Some(done) = self.closing.take() {
            // An error says that the one who closes has stopped waiting.
            done.send(()).unwrap_or_default();
        }
    }

    /// Connects, and lives until the connection ends. Gives how long it had lasted, and why it ended.
    async fn connection(&mut self) -> (Duration, Refused) {
        let Opened { client, mut events, accepted, link } = match self.opened().await {
            Ok(opened) => opened,
            Err(refused) => return (Duration::ZERO, refused),
        };
        let mut session = self.begin(client, &accepted);
        let mut refused = loop {
            match self.turn(&mut session, &mut events).await {
                Ok(Event::Outgoing(Outgoing::Disconnect)) => break "the connection was closed".to_owned().into(),
                Ok(event) => self.take(&mut session, &event),
                Err(refused) => break refused,
            }
        };
        drop(events);
        if let Some(link) = link {
            refused.why = link.why().unwrap_or(refused.why);
            if session.disconnect_sent {
                link.finish().await;
            }
        }
        // First the state, then the failures: whoever is told of a failure must not find the bus connected.
        self.shared.connected.send_replace(false);
        let error = if self.closing.is_some() { failure::closed() } else { failure::disconnected(refused.why.clone()) };
        self.shared.lost.fetch_add(session.flight.fail(&error) as u64, Ordering::Relaxed);
        (session.began.elapsed(), refused)
    }

    /// Connects, and meanwhile fails at once whatever is asked for.
    async fn opened(&mut self) -> Result<Opened, Refused> {
        let waiting = "the broker has not accepted the connection yet";
        let (settings, renewals) = (self.settings.clone(), Arc::clone(&self.shared.renewals));
        let mut opening = pin!(open(&settings, self.resume, QUEUE, renewals));
        let mut late = pin!(sleep(settings.connect_timeout));
        loop {
            tokio::select! {
                opened = &mut opening => return opened,
                () = &mut late => {
                    return Err(format!("the broker {} did not answer in time", settings.address()).into());
                }
                flow = self.refuse_one(waiting) => if flow.is_break() {
                    return Err(waiting.to_owned().into());
                }
            }
        }
    }

    /// One event of rumqttc's; requests are taken until it comes.
    async fn turn(&mut self, session: &mut Session, events: &mut EventLoop) -> Result<Event, Refused> {
        let outcome = {
            let mut poll = pin!(events.poll());
            loop {
                self.close_when_empty(session);
                let silent = session.heard + session.limits.keep_alive * 2 + self.settings.connect_timeout;
                let deadline = [session.flight.deadline(self.settings.ack_timeout), session.close_by]
                    .into_iter()
                    .flatten()
                    .fold(silent, Instant::min);
                tokio::select! {
                    event = &mut poll => break event,
                    Some(request) = self.acknowledged.recv(), if session.flight.has_room() => self.publish(session, request),
                    Some(message) = self.unacknowledged.recv(), if session.flight.has_queue() => {
                        self.publish_unacknowledged(session, message);
                    }
                    control = self.control.recv(), if session.close_by.is_none() && session.flight.has_queue() => {
                        self.obey(session, control);
                    }
                    () = sleep_until(deadline) => {
                        if session.close_by.is_some_and(|by| by <= Instant::now()) && !session.disconnect_sent {
                            self.disconnect(session);
                        } else {
                            return Err(format!(
                                "the broker {} stopped answering: the connection was given up", self.settings.address()
                            ).into());
                        }
                    }
                }
            }
        };
        outcome.map_err(|error| {
            // Answers that came before the end are still in there.
            for event in std::mem::take(&mut events.state.events) {
                self.take(session, &event);
            }
            self.blame(session, &error);
            Refused { why: failure::ended(&self.settings, &error), patience: failure::wants_patience(&error) }
        })
    }

    fn take(&mut self, session: &mut Session, event: &Event) {
        session.heard = Instant::now();
        match event {
            Event::Outgoing(outgoing) => session.flight.sent(outgoing),
            Event::Incoming(Incoming::PubAck(ack)) => {
                if let Some(refusal) = session.flight.acknowledged(ack) {
                    tracing::warn!(error = %refusal, "bus: the birth message was refused");
                    self.shared.fail(refusal);
                }
            }
            Event::Incoming(Incoming::SubAck(ack)) => {
                let number = session.flight.subscribed(ack);
                if let Some(subscriber) = self.subscribers.iter_mut().find(|s| Some(s.number) == number) {
                    subscriber.answered(ack);
                }
            }
            Event::Incoming(Incoming::Publish(publish)) => {
                self.subscribers.iter().for_each(|s| s.offer(publish));
                session.forget_gone(&mut self.subscribers);
            }
            Event::Incoming(_) => {}
        }
    }

    fn begin(&mut self, client: AsyncClient, accepted: &ConnAck) -> Session {
        let limits = Limits::of(accepted, &self.settings);
        self.shared.limit(limits.clone());
        if !limits.retains {
            tracing::warn!(broker = %self.settings.address(), "bus: the broker keeps no retained messages: who comes later learns no status");
        }
        let mut session =
            Session::new(client, Flight::new(self.settings.in_flight, limits.receive_maximum, QUEUE), limits);
        self.shared.recovered();
        self.note_session(accepted.session_present);
        let birth = self.shared.birth.lock().clone();
        if let Some(message) = birth {
            match packet::check(&message, self.shared.max_packet()) {
                Ok(()) => session.send(message, None, None),
                Err(error) => drop(self.shared.fail(error.text)),
            }
        }
        session.forget_gone(&mut self.subscribers);
        for subscriber in &mut self.subscribers {
            session.subscribe(subscriber);
        }
        tracing::info!(broker = %self.settings.address(), resumed = accepted.session_present, "bus: connected");
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
        self.shared.connected.send_replace(true);
        session
    }

    /// Takes note of whether the broker had kept the session.
    fn note_session(&mut self, present: bool) {
        if present {
            self.shared.resumed.fetch_add(1, Ordering::Relaxed);
        } else {
            if self.subscribers.iter().any(|subscriber| subscriber.kept) && self.resume {
                tracing::warn!(broker = %self.settings.address(), "bus: the broker has forgotten the session: what was published for its subscriptions meanwhile is lost");
            }
            self.subscribers.iter_mut().for_each(|subscriber| subscriber.kept = false);
        }
        self.resume = self.settings.session_expiry >= Duration::from_secs(1);
    }

    fn publish(&self, session: &mut Session, request: Acknowledged) {
        if request.answer.is_closed() {
            return; // Nobody waits for it any more: the caller gave up, and will come again.
        }
        let refusal = if session.close_by.is_some() {
            Err(failure::closed())
        } else {
            packet::check(&request.message, self.shared.max_packet()).and_then(|()| session.limits.check_acknowledged())
        };
        match refusal {
            Err(error) => drop(request.answer.send(Err(error))),
            Ok(()) => session.send(request.message, request.correlation, Some(request.answer)),
        }
    }

    fn publish_unacknowledged(&self, session: &mut Session, message: BusMessage) {
        if !session.send_unacknowledged(message, self.shared.max_packet()) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn obey(&mut self, session: &mut Session, control: Option<Control>) {
        match control {
            Some(Control::Subscribe(mut subscriber)) => {
                session.subscribe(&mut subscriber);
                self.subscribers.push(subscriber);
            }
            Some(Control::Close(done)) => {
                self.closing = Some(done);
                session.close_by = Some(Instant::now() + CLOSING);
            }
            // The bus itself was dropped: its task is about to be aborted.
            None => session.close_by = Some(Instant::now()),
        }
    }

    fn close_when_empty(&self, session: &mut Session) {
        if session.close_by.is_some() && !session.disconnect_sent && session.flight.is_empty() {
            self.disconnect(session);
        }
    }

    fn disconnect(&self, session: &mut Session) {
        session.disconnect_sent = true;
        session.close_by = Some(Instant::now() + CLOSING);
        if session.client.try_disconnect().is_err() {
            session.close_by = Some(Instant::now());
        }
    }

    /// Finds the message that made the broker end the connection, when it says so, and rejects that one: sent again, it
    /// would end the next connection too, with everything that waits behind it.
    fn blame(&self, session: &mut Session, error: &ConnectionError) {
        const TOO_LARGE: u8 = 0x95;
        let max = self.shared.max_packet();
        let too_large = |m: &Waiting| BusError {
            kind: ErrorKind::Reject,
            code: "too_large",
            text: format!("the broker finds a packet of {} bytes for {} too large (0x95)", m.size, m.topic),
        };
        let size = match failure::unknown_ack_code(error) {
            Some(TOO_LARGE) => session.flight.reject_oldest(too_large),
            Some(code @ 0x80..) => {
                session.flight.reject_oldest(|m| {
                    failure::refused(format!("the broker refused a message for {}: reason code {code:#04x}", m.topic))
                });
                None
            }
            _ if failure::is_packet_too_large(error) => session.flight.reject_largest(too_large),
            // The broker went for another reason: when it comes back, it may take more than before.
            _ => {
                self.shared.forget_limit();
                None
            }
        };
        if let Some(size) = size {
            let below = u32::try_from(size.saturating_sub(1)).unwrap_or(u32::MAX);
            self.shared.learn_limit(below.min(max));
        }
    }

    /// Waits, and meanwhile fails at once whatever is asked for.
    async fn pause(&mut self, pause: Duration, why: &str) {
        let mut over = pin!(sleep(pause));
        loop {
            tokio::select! {
                () = &mut over => return,
                flow = self.refuse_one(why) => if flow.is_break() { return },
            }
        }
    }

    /// Takes one request without a connection. Breaks when the bus is to close.
    async fn refuse_one(&mut self, why: &str) -> ControlFlow<()> {
        tokio::select! {
            Some(request) = self.acknowledged.recv() => {
                drop(request.answer.send(Err(failure::disconnected(why.to_owned()))));
                ControlFlow::Continue(())
            }
            Some(_) = self.unacknowledged.recv() => {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                ControlFlow::Continue(())
            }
            control = self.control.recv() => match control {
                Some(Control::Subscribe(subscriber)) => {
                    self.subscribers.push(subscriber);
                    ControlFlow::Continue(())
                }
                Some(Control::Close(done)) => {
                    self.closing = Some(done);
                    ControlFlow::Break(())
                }
                None => std::future::pending().await,
            },
        }
    }

    /// Fails what is still in the queues when a connection ends.
    fn away(&mut self, why: &str) {
        for subscriber in &self.subscribers {
            subscriber.lost();
        }
        while let Ok(request) = self.acknowledged.try_recv() {
            drop(request.answer.send(Err(failure::disconnected(why.to_owned()))));
        }
        while self.unacknowledged.try_recv().is_ok() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
