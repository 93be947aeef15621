//! What others hand to the bus actors. It outlives their restarts.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use parapet_contracts::{
    CameraId, Clock, DetectionEvent, ModelId, SiteId,
    status::{Health, PictureFault, StatusEvent},
    topics::Topic,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::handoff::{Handoff, Overflow};

/// Detection events that wait for the bus at most; the oldest goes first.
pub const EVENTS_CAPACITY: usize = 1024;

/// See the module.
pub struct BusFeed {
    site: SiteId,
    clock: Arc<dyn Clock>,
    pub(super) events: Handoff<Arc<DetectionEvent>>,
    statuses: Mutex<BTreeMap<String, Status>>,
    pub(super) status_changed: Notify,
    listener: OnceLock<StatusListener>,
}

type StatusListener = Box<dyn Fn(Arc<StatusEvent>) + Send + Sync>;

struct Status {
    event: StatusEvent,
    told: bool,
}

impl BusFeed {
    /// An empty feed.
    pub fn new(site: SiteId, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            site,
            clock,
            events: Handoff::new(EVENTS_CAPACITY, Overflow::DropOldest),
            statuses: Mutex::default(),
            status_changed: Notify::new(),
            listener: OnceLock::new(),
        })
    }

    /// Hands an event over to be published; never waits.
    pub fn event(&self, event: &Arc<DetectionEvent>) {
        if self.events.put(Arc::clone(event)).is_some() {
            metrics::counter!("parapet_events_dropped_total", "edge" => "bus", "reason" => "queue_full").increment(1);
        }
    }

    /// Lets somebody inside the site hear of statuses, too. The first one who asks is it; it must return at once.
    pub fn on_status(&self, listener: impl Fn(Arc<StatusEvent>) + Send + Sync + 'static) {
        self.listener.get_or_init(|| Box::new(listener));
    }

    /// Says how the site is.
    pub fn site(&self, health: Health, reason: Option<String>) {
        self.say(&Topic::site_status(&self.site), self.status(health, reason));
    }

    /// Says how a model is.
    pub fn model(&self, model: &ModelId, health: Health, reason: Option<String>) {
        let event = StatusEvent { model: Some(model.clone()), ..self.status(health, reason) };
        self.say(&Topic::model_status(&self.site, model), event);
    }

    /// Says how a camera is.
    pub fn camera(&self, camera: &CameraId, health: Health, reason: Option<String>, picture: Option<PictureFault>) {
        let event = StatusEvent { camera: Some(camera.clone()), picture, ..self.status(health, reason) };
        self.say(&Topic::camera_status(&self.site, camera), event);
    }

    fn status(&self, health: Health, reason: Option<String>) -> StatusEvent {
        let (id, site, ts) = (Uuid::now_v7(), self.site.clone(), self.clock.now());
        StatusEvent { id, site, camera: None, model: None, ts, health, reason, picture: None }
    }

    fn say(&self, topic: &Topic, event: StatusEvent) {
        if let Some(listener) = self.listener.get() {
            listener(Arc::new(event.clone()));
        }
        self.statuses.lock().insert(topic.to_string(), Status { event, told: false });
        self.status_changed.notify_one();
    }

    /// The statuses that the broker does not have yet.
    pub(super) fn untold(&self) -> Vec<(String, StatusEvent)> {
        let statuses = self.statuses.lock();
        statuses.iter().filter(|(_, s)| !s.told).map(|(topic, s)| (topic.clone(), s.event.clone())).collect()
    }

    pub(super) fn told(&self, topic: &str, id: Uuid) {
        if let Some(status) = self.statuses.lock().get_mut(topic) {
            status.told |= status.event.id == id;
        }
    }

    /// A broker that was away may have forgotten: everything is told again.
    pub(super) fn tell_all_again(&self) {
        for status in self.statuses.lock().values_mut() {
            status.told = false;
        }
    }
}
