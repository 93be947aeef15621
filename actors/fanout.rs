//! Where what a slot saw goes: to the rules, to the bus and to the event log. Nobody here waits, and nobody waits for another.
//!
//! Rules hear of every frame, since the absence of things matters to most; those to which it does not hear of what may concern them
//! (`routes`). The bus and the event log hear of frames with objects,
//! of the first empty one after them, so that a reader knows when nothing was there any more, and of those in which a track ends.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use parapet_contracts::{CameraId, DetectionEvent, Frame, Happening, ModelId, Object, SiteId, StreamId, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    bus::BusFeed,
    camera::{Downstream, tracking::Tracks},
    cascade::{Cascades, Errand, Tracked},
    journal::{Failure, Journal},
    live::LiveFeed,
    model::{Seen, Shadows},
    observation::{Observation, Steps},
    outboxes::Outboxes,
    routes::Routes,
    rule::RuleFeed,
    store::StoreHandle,
};

/// See the module.
pub struct Fanout {
    site: SiteId,
    rules: ArcSwap<Vec<Arc<RuleFeed>>>,
    routes: ArcSwap<Routes>,
    bus: Arc<BusFeed>,
    store: StoreHandle,
    outboxes: Arc<Outboxes>,
    journal: Journal,
    tracks: Tracks,
    cascades: Cascades,
    shadows: Shadows,
    live: LiveFeed,
    looks: Mutex<HashMap<(CameraId, ModelId), LastLook>>,
}

/// Who has looked at a frame.
#[derive(Debug, Clone, Copy)]
pub struct Answering<'a> {
    /// The model that the camera asked: what is seen counts as seen by it.
    pub asked: &'a ModelId,
    /// The model that looked: another one while a lighter model or a canary looks in that one's place.
    pub looked: &'a ModelId,
}

/// The last frame of a camera at a model.
#[derive(Default)]
struct LastLook {
    had_objects: bool,
    /// Its [`Frame::still`].
    still: Duration,
    /// When it was taken.
    at: Option<Timestamp>,
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
        let (rules, routes, looks, tracks, cascades, shadows, live) = Default::default();
        Arc::new(Self { site, rules, routes, bus, store, outboxes, journal, tracks, cascades, shadows, live, looks })
    }

    /// The rules that hear from now on.
    pub fn set_rules(&self, rules: Vec<Arc<RuleFeed>>) {
        self.routes.store(Arc::new(Routes::new(&rules)));
        self.rules.store(Arc::new(rules));
    }

    /// Tells the rules that read it, and who watches, of something that is no frame; returns at once.
    pub fn tell(&self, happening: &Happening) {
        self.routes.load().tell(happening);
        self.live.tell(|| happening.clone());
    }

    /// Where one can watch what happens.
    pub fn live(&self) -> &LiveFeed {
        &self.live
    }

    /// Whether each rule that reads a stream has room for so many of its messages.
    pub fn has_room(&self, stream: &StreamId, count: usize) -> bool {
        self.rules.load().iter().filter(|rule| rule.reads_stream(stream)).all(|rule| rule.room() >= count)
    }

    /// The models that are only compared with others.
    pub fn shadows(&self) -> &Shadows {
        &self.shadows
    }

    /// What follows objects over time.
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// The models that follow others.
    pub fn cascades(&self) -> &Cascades {
        &self.cascades
    }

    /// The rules that hear now.
    pub fn rules(&self) -> Arc<Vec<Arc<RuleFeed>>> {
        self.rules.load_full()
    }

    /// Takes what a model saw in a frame. Called on the slot's thread; returns at once.
    pub fn seen(&self, who: Answering<'_>, frame: &Frame, mut objects: Vec<Object>, steps: Steps) {
        let Answering { asked: model, looked } = who;
        let itself = model == looked;
        // A shadow is compared with what the model itself sees.
        if itself && self.shadows.take(model, frame, &objects, steps.inferred.saturating_sub(steps.taken)) {
            return;
        }
        let (still, had_objects) = self.since_last(model, frame, !objects.is_empty());
        let update = self.tracks.observe(model, frame, still, &mut objects);
        let tracked = Tracked { tracks: &update.tracks, over: &update.over };
        self.cascades.recall(model, &frame.camera, &tracked, &mut objects);
        let event = Arc::new(DetectionEvent {
            id: Uuid::now_v7(),
            site: self.site.clone(),
            camera: frame.camera.clone(),
            model: model.clone(),
            answered_by: (!itself).then(|| looked.clone()),
            frame: frame.index,
            ts: frame.capture.at,
            ts_source: frame.capture.source,
            width: frame.picture.width,
            height: frame.picture.height,
            objects,
            zones: update.zones,
            ended: update.ended,
            still_s: still.as_secs_f64(),
            update: None,
        });
        let worth_telling = had_objects || !event.objects.is_empty() || !event.ended.is_empty();
        self.hand_on(&event, frame, steps, worth_telling);
        self.cascades.ask(&event, frame, &update.tracks, steps.inferred);
    }

    /// Takes what a model that follows others saw in a crop. Called on its slot's thread; returns at once.
    pub fn answered(&self, errand: Errand, seen: Seen, frame: &Frame, steps: Steps) {
        errand.looked_at(steps.taken);
        if let Some(update) = self.cascades.answered(errand, seen, frame, steps.inferred) {
            self.hand_on(&update, frame, steps, true);
        }
    }

    fn hand_on(&self, event: &Arc<DetectionEvent>, frame: &Frame, steps: Steps, worth_telling: bool) {
        let kept = (!event.objects.is_empty()).then(|| frame.clone());
        self.routes.load().of_event(event, |rule| {
            rule.put(Observation { event: Arc::clone(event), frame: kept.clone(), steps });
        });
        if worth_telling {
            self.bus.event(event);
            self.live.tell(|| Happening::Seen(Arc::clone(event)));
            match self.outboxes.for_event(event) {
                Ok(entries) => self.store.log_event(event, entries),
                Err(error) => {
                    self.journal.report(Failure::new("store", "encode", format!("an event is no JSON: {error}")))
                }
            }
        }
    }

    /// How much of the time since the model's last look at the camera was quiet, and whether something was seen then. One lock a frame.
    fn since_last(&self, model: &ModelId, frame: &Frame, has_objects: bool) -> (Duration, bool) {
        let mut looks = self.looks.lock();
        let last = looks.entry((frame.camera.clone(), model.clone())).or_default();
        let had_objects = std::mem::replace(&mut last.had_objects, has_objects);
        let passed = last.at.map_or(SignedDuration::ZERO, |at| frame.capture.at.duration_since(at));
        // Late: the newer frame has had it.
        let Ok(passed) = Duration::try_from(passed) else { return (Duration::ZERO, had_objects) };
        // The sum begins anew when the camera's actor does.
        let still = frame.still.checked_sub(last.still).unwrap_or(frame.still).min(passed);
        (last.still, last.at) = (frame.still, Some(frame.capture.at));
        (still, had_objects)
    }
}

impl Downstream for Fanout {
    fn is_followed(&self, camera: &CameraId) -> bool {
        self.tracks.moving(camera)
    }
}
