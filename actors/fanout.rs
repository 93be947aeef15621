//! Where what a slot saw goes: to the rules, to the bus and to the event log. Nobody here waits, and nobody waits for another.
//!
//! Rules hear of every frame, since the absence of things matters to them. The bus and the event log hear of frames with objects,
//! and of the first empty one after them, so that a reader knows when nothing was there any more.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use parapet_contracts::{CameraId, DetectionEvent, Frame, ModelId, Object, SiteId};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    bus::BusFeed,
    camera::tracking::Tracks,
    journal::{Failure, Journal},
    observation::{Observation, Steps},
    outboxes::Outboxes,
    rule::RuleFeed,
    store::StoreHandle,
};

/// See the module.
pub struct Fanout {
    site: SiteId,
    rules: ArcSwap<Vec<Arc<RuleFeed>>>,
    bus: Arc<BusFeed>,
    store: StoreHandle,
    outboxes: Arc<Outboxes>,
    journal: Journal,
    tracks: Tracks,
    /// Whether the last frame of a camera at a model had objects.
    occupied: Mutex<HashMap<(CameraId, ModelId), bool>>,
}

impl Fanout {
    /// A fan-out without rules.
    pub fn new(
        site: SiteId,
        bus: Arc<BusFeed>,
        store: StoreHandle,
        outboxes: Arc<Outboxes>,
        journal: Journal,
    ) -> Arc<Self> {
        let (rules, occupied, tracks) = Default::default();
        Arc::new(Self { site, rules, bus, store, outboxes, journal, tracks, occupied })
    }

    /// The rules that hear from now on.
    pub fn set_rules(&self, rules: Vec<Arc<RuleFeed>>) {
        self.rules.store(Arc::new(rules));
    }

    /// What follows objects over time.
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// The rules that hear now.
    pub fn rules(&self) -> Arc<Vec<Arc<RuleFeed>>> {
        self.rules.load_full()
    }

    /// Takes what a model saw in a frame. Called on the slot's thread; returns at once.
    pub fn seen(&self, model: &ModelId, frame: &Frame, mut objects: Vec<Object>, steps: Steps) {
        self.tracks.observe(model, frame, &mut objects);
        let event = Arc::new(DetectionEvent {
            id: Uuid::now_v7(),
            site: self.site.clone(),
            camera: frame.camera.clone(),
            model: model.clone(),
            frame: frame.index,
            ts: frame.capture.at,
            ts_source: frame.capture.source,
            width: frame.picture.width,
            height: frame.picture.height,
            objects,
        });
        let kept = (!event.objects.is_empty()).then(|| frame.clone());
        for rule in self.rules.load().iter().filter(|rule| rule.wants(&event.camera)) {
            rule.put(Observation { event: Arc::clone(&event), frame: kept.clone(), steps });
        }
        if self.is_worth_telling(&event) {
            self.bus.event(&event);
            match self.outboxes.for_event(&event) {
                Ok(entries) => self.store.log_event(&event, entries),
                Err(error) => {
                    self.journal.report(Failure::new("store", "encode", format!("an event is no JSON: {error}")))
                }
            }
        }
    }

    fn is_worth_telling(&self, event: &DetectionEvent) -> bool {
        let now = !event.objects.is_empty();
        let before = self.occupied.lock().insert((event.camera.clone(), event.model.clone()), now);
        now || before == Some(true)
    }
}
