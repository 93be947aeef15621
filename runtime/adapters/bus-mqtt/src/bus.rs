//! [`MqttBus`]: the handle that the bus actor, or a command, holds.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use parapet_contracts::ports::bus::{BusError, BusMessage, BusPort, BusSubscription, ReplyTo};
use parking_lot::Mutex;
use rumqttc::v5::mqttbytes::valid_filter;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    BusSettings, Subscription, failure,
    limits::Limits,
    packet,
    subscription::Subscriber,
    worker::{Acknowledged, Control, Worker},
};

/// Messages without acknowledgement that may wait for the socket.
const UNACKNOWLEDGED: usize = 1024;

/// What the handle and the task both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) connected: watch::Sender<bool>,
    error: watch::Sender<Option<String>>,
    pub(crate) closed: AtomicBool,
    pub(crate) birth: Mutex<Option<BusMessage>>,
    /// What this connection takes, or the last one took.
    limits: Mutex<Limits>,
    /// The largest packet that the broker has not complained about, when it complained about one.
    learnt_limit: AtomicU32,
    /// Messages without acknowledgement that were accepted, and lost with the connection.
    pub(crate) lost: AtomicU64,
    pub(crate) connections: AtomicU64,
    /// Connections for which the broker had kept the session.
    pub(crate) resumed: AtomicU64,
    /// Service account tokens that the broker took while the connection stood.
    pub(crate) renewals: Arc<AtomicU64>,
}

impl Shared {
    /// Notes why there is no connection. True when it is something else than before.
    pub(crate) fn fail(&self, why: String) -> bool {
        self.error.send_if_modified(|last| {
            let changed = last.as_deref() != Some(why.as_str());
            *last = Some(why);
            changed
        })
    }

    /// The connection works.
    pub(crate) fn recovered(&self) {
        self.error.send_if_modified(|last| last.take().is_some());
    }

    pub(crate) fn max_packet(&self) -> u32 {
        self.limits.lock().max_packet.min(self.learnt_limit.load(Ordering::Relaxed))
    }

    pub(crate) fn limit(&self, limits: Limits) {
        *self.limits.lock() = limits;
    }

    pub(crate) fn learn_limit(&self, max: u32) {
        self.learnt_limit.fetch_min(max, Ordering::Relaxed);
    }

    pub(crate) fn forget_limit(&self) {
        self.learnt_limit.store(u32::MAX, Ordering::Relaxed);
    }
}

/// A connection to a broker, kept up in the background. See the crate's documentation for what it promises.
///
/// Dropping it without [`close`](BusPort::close) cuts the connection, and the broker sends the last will.
#[derive(Debug)]
pub struct MqttBus {
    shared: Arc<Shared>,
    acknowledged: mpsc::Sender<Acknowledged>,
    unacknowledged: mpsc::Sender<BusMessage>,
    control: mpsc::Sender<Control>,
    task: JoinHandle<()>,
    subscriptions: AtomicU64,
}

impl Drop for MqttBus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MqttBus {
    /// Starts to connect, in a task of the runtime that this is called in. A broker that is away is no error: see
    /// [`last_error`](Self::last_error) for why there is no connection yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect(settings: BusSettings) -> Self {
        let shared = Arc::new(Shared {
            connected: watch::Sender::new(false),
            error: watch::Sender::new(None),
            closed: AtomicBool::new(false),
            birth: Mutex::new(settings.birth.clone()),
            limits: Mutex::new(Limits::of_settings(&settings)),
            learnt_limit: AtomicU32::new(u32::MAX),
            lost: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            renewals: Arc::default(),
        });
        let (acknowledged, acknowledged_rx) = mpsc::channel(1);
        let (unacknowledged, unacknowledged_rx) = mpsc::channel(UNACKNOWLEDGED);
        let (control, control_rx) = mpsc::channel(16);
        let worker = Worker {
            settings,
            shared: shared.clone(),
            acknowledged: acknowledged_rx,
            unacknowledged: unacknowledged_rx,
            control: control_rx,
            subscribers: Vec::new(),
            resume: false,
            closing: None,
        };
        let task = tokio::spawn(worker.run());
        Self { shared, acknowledged, unacknowledged, control, task, subscriptions: AtomicU64::new(0) }
    }

    /// Why there is no connection, or what the broker refused last; `None` while all is well. Never holds a secret.
    pub fn last_error(&self) -> Option<String> {
        self.shared.error.borrow().clone()
    }

    /// [`last_error`](Self::last_error), to be awaited: changes when the reason does.
    pub fn errors(&self) -> watch::Receiver<Option<String>> {
        self.shared.error.subscribe()
    }

    /// Replaces the message that is published first on each connection, from the next one on.
    pub fn set_birth(&self, birth: Option<BusMessage>) {
        *self.shared.birth.lock() = birth;
    }

    /// Messages without acknowledgement that were taken and then lost with the connection, as far as one can know: what was
    /// in the socket's buffer isn't counted.
    pub fn unacknowledged_lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// How often a broker has accepted the connection.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How often the broker had kept the session of the connection before.
    pub fn sessions_resumed(&self) -> u64 {
        self.shared.resumed.load(Ordering::Relaxed)
    }

    /// How many service account tokens the broker took while the connection stood.
    pub fn token_renewals(&self) -> u64 {
        self.shared.renewals.load(Ordering::Relaxed)
    }

    /// Subscribes a filter, with QoS 1, now and on each later connection. At most 1,024 messages wait for the subscriber.
    ///
    /// # Errors
    /// `refused` for an impossible filter, `closed` after [`close`](BusPort::close).
    pub async fn subscribe(&self, filter: &str) -> Result<Subscription, BusError> {
        if !valid_filter(filter) || filter.contains('\0') || filter.len() > usize::from(u16::MAX) {
            return Err(failure::refused(format!("`{filter:.80}` is no topic filter")));
        }
        let number = self.subscriptions.fetch_add(1, Ordering::Relaxed);
        let (subscriber, subscription) = Subscriber::new(number, filter.to_owned());
        self.control.send(Control::Subscribe(subscriber)).await.map_err(|_| failure::closed())?;
        Ok(subscription)
    }

    async fn acknowledge(&self, message: BusMessage, correlation: Option<Bytes>) -> Result<(), BusError> {
        self.ready(&message)?;
        self.shared.limits.lock().check_acknowledged()?;
        let (answer, outcome) = oneshot::channel();
        let request = Acknowledged { message, correlation, answer };
        self.acknowledged.send(request).await.map_err(|_| failure::closed())?;
        outcome.await.unwrap_or_else(|_| Err(failure::closed()))
    }

    fn ready(&self, message: &BusMessage) -> Result<(), BusError> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(failure::closed());
        }
        packet::check(message, self.shared.max_packet())?;
        if !self.is_connected() {
            let why = self.last_error().unwrap_or_else(|| "the broker has not accepted the connection yet".to_owned());
            return Err(failure::disconnected(why));
        }
        Ok(())
    }
}

#[async_trait]
impl BusPort for MqttBus {
    async fn publish_acknowledged(&self, message: BusMessage) -> Result<(), BusError> {
        self.acknowledge(message, None).await
    }

    async fn answer(&self, to: &ReplyTo, payload: Bytes, content_type: &'static str) -> Result<(), BusError> {
        let message = BusMessage { topic: to.topic.clone(), payload, content_type, retain: false };
        self.acknowledge(message, to.correlation.clone()).await
    }

    fn publish_unacknowledged(&self, message: BusMessage) -> Result<(), BusError> {
        self.ready(&message)?;
        self.unacknowledged.try_send(message).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => failure::queue_full(),
            mpsc::error::TrySendError::Closed(_) => failure::closed(),
        })
    }

    async fn subscribe(&self, filter: &str) -> Result<Box<dyn BusSubscription>, BusError> {
        let subscription = MqttBus::subscribe(self, filter).await?;
        Ok(Box::new(subscription))
    }

    fn is_connected(&self) -> bool {
        *self.shared.connected.borrow()
    }

    async fn connection_changed(&self, known: bool) -> bool {
        let mut connected = self.shared.connected.subscribe();
        let changed = connected.wait_for(|now| *now != known).await.map(|now| *now);
        match changed {
            Ok(now) => now,
            // Impossible: this handle keeps the sender. Nothing will change any more.
            Err(_) => std::future::pending().await,
        }
    }

    async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.control.send(Control::Close(done)).await.is_ok() {
            // The task may be gone already: then it is closed.
            drop(closed.await);
        }
    }
}
