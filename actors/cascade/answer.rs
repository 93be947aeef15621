//! What a following model said of a crop: into the memory, into an update, and on to those that follow it.

use std::{sync::Arc, time::Duration};

use parapet_contracts::{Attribute, Attributes, DetectionEvent, Frame, Object, Step, UpdateOf};
use uuid::Uuid;

use super::{
    Cascades, Errand, Plan, Subject,
    memory::{Looked, Memory},
};
use crate::model::{Seen, SeenKind};

impl Cascades {
    /// Takes in an answer that was counted. Returns the update of the event, unless its camera or the model has gone meanwhile.
    pub(crate) fn answered(
        &self,
        mut errand: Errand,
        seen: Seen,
        frame: &Frame,
        now: Duration,
    ) -> Option<Arc<DetectionEvent>> {
        let plan = self.plan.load();
        let by = errand.follower.model.id.clone();
        let current = plan.followers.get(&by).is_some_and(|follower| follower.model == errand.follower.model);
        let memory = plan.memories.get(&frame.camera).filter(|_| current)?;
        let said = attribute(seen, errand.event.ts);
        if let Some(track) = errand.track {
            let mut memory = memory.lock();
            if errand.path.is_empty() {
                let looked = Looked { at: said.at, area: errand.area };
                memory.learn(track, &by, &said, looked, errand.follower.follow.again.as_ref());
            } else {
                memory.learn_of_part(track, &errand.path, &by, &said);
            }
            recall(&memory, track, &mut errand);
        }
        // Last, as what is remembered has no vectors.
        errand.object.at_path_mut(&errand.path)?.attributes.insert(by, said);
        let update = Arc::new(update(&errand));
        plan.ask_on(&errand, frame, now);
        Some(update)
    }
}

impl Plan {
    /// Asks those that follow the model that has answered.
    fn ask_on(&self, errand: &Errand, frame: &Frame, now: Duration) {
        let by = &errand.follower.model.id;
        let after = || self.followers.values().filter(|follower| follower.follow.models.contains(by));
        if after().next().is_none() {
            return;
        }
        let Some(part) = errand.object.at_path(&errand.path) else { return };
        let found = part.attributes.get(by).map_or(0, |said| said.objects.len());
        let parts: Vec<Vec<Step>> = match u32::try_from(found) {
            Ok(0) => vec![errand.path.clone()],
            Ok(found) => (0..found)
                .map(|object| errand.path.iter().cloned().chain([Step { model: by.clone(), object }]).collect())
                .collect(),
            Err(_) => return,
        };
        for follower in after() {
            let mut asked = 0;
            for path in &parts {
                let wanted = errand.object.at_path(path).is_some_and(|part| match found {
                    0 => follower.wants_after(by, part),
                    _ => follower.wants(by, part),
                });
                if wanted {
                    let (event, index, track) = (&errand.event, errand.index, errand.track);
                    let subject = Subject { event, index, object: &errand.object, path, track };
                    asked += usize::from(self.ask_of(follower, subject, frame, asked, now));
                }
            }
        }
    }
}

/// Writes what is known by now of the object into it.
fn recall(memory: &Memory, track: u64, errand: &mut Errand) {
    let mut known = Attributes::new();
    memory.recall(track, &mut known);
    for (model, said) in known {
        let told = errand.object.attributes.get(&model).map(|told| told.at);
        // The way to what was looked at leads through an answer of its own frame.
        let on_the_way = errand.path.first().is_some_and(|step| step.model == model);
        if told.is_none_or(|told| told == said.at || (told < said.at && !on_the_way)) {
            errand.object.attributes.insert(model, said);
        }
    }
}

/// What was seen, as it is told.
fn attribute(seen: Seen, at: parapet_contracts::Timestamp) -> Attribute {
    let best = seen.objects.first();
    let (label, class) = (best.map(|best| best.label.clone()), best.map(|best| best.class));
    let score = best.map(|best| best.score);
    let objects: Vec<Object> = if seen.kind == SeenKind::Objects { seen.objects } else { Vec::new() };
    Attribute { label, class, score, at, vector: seen.vector, objects }
}

fn update(errand: &Errand) -> DetectionEvent {
    let event = &errand.event;
    let update = UpdateOf {
        event: event.id,
        object: errand.index,
        by: errand.follower.model.id.clone(),
        path: errand.path.clone(),
    };
    DetectionEvent {
        id: Uuid::now_v7(),
        site: event.site.clone(),
        camera: event.camera.clone(),
        model: event.model.clone(),
        answered_by: event.answered_by.clone(),
        frame: event.frame,
        ts: event.ts,
        ts_source: event.ts_source,
        width: event.width,
        height: event.height,
        objects: vec![errand.object.clone()],
        zones: Default::default(),
        ended: Vec::new(),
        still_s: 0.0,
        update: Some(update),
    }
}
