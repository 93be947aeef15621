//! What following models have said of the objects of one camera, by track, and whether they are asked again. Pure: time is the
//! frames' time of capture.
//!
//! It promises: nothing of a track outlives it; at most [`MOST`] tracks are kept, those that were seen last; an object whose crop is
//! being looked at is not asked for again until there is an answer, or none will come.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::SignedDuration;
use parapet_config::Again;
use parapet_contracts::{Attribute, Attributes, ModelId, Step, Timestamp};

/// Tracks that are kept at most.
pub(super) const MOST: usize = 1_024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Memory {
    subjects: HashMap<u64, Subject>,
}

#[derive(Debug)]
struct Subject {
    seen: Timestamp,
    known: BTreeMap<ModelId, Known>,
}

/// What one model has said of one object.
#[derive(Debug, Default)]
struct Known {
    said: Option<Attribute>,
    looked: Option<Looked>,
    sure: bool,
    pending: Weak<Ticket>,
}

/// The look that an answer came of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Looked {
    /// When the frame was taken.
    pub at: Timestamp,
    /// The area of the box, in square pixels.
    pub area: f32,
}

/// Lives as long as a crop is on its way.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    taken: AtomicBool,
}

impl Ticket {
    /// A slot looks at the crop now.
    pub(super) fn take(&self) {
        self.taken.store(true, Ordering::Release);
    }

    /// No slot has it any more.
    pub(super) fn release(&self) {
        self.taken.store(false, Ordering::Release);
    }

    /// Whether a slot has it.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }
}

/// Whether a crop of an object is wanted.
#[derive(Debug)]
pub(super) enum Wanted {
    /// It is, also when an older one still waits, whose place it takes.
    Crop(Arc<Ticket>),
    /// What is remembered is good enough.
    Remembered,
    /// One is being looked at.
    Soon,
}

impl Memory {
    /// Decides for an object that `model` follows, as it is seen now.
    pub(super) fn consider(&mut self, track: u64, model: &ModelId, now: Looked, again: Option<&Again>) -> Wanted {
        let subject = self.subject(track, now.at);
        let known = subject.known.entry(model.clone()).or_default();
        if known.pending.upgrade().is_some_and(|ticket| ticket.is_taken()) {
            return Wanted::Soon;
        }
        let enough = known.looked.is_some_and(|last| known.sure || !is_due(last, now, again));
        if enough {
            return Wanted::Remembered;
        }
        let ticket = Arc::<Ticket>::default();
        known.pending = Arc::downgrade(&ticket);
        Wanted::Crop(ticket)
    }

    /// Takes an answer in. One that is older than what is known, or of a track that has ended, changes nothing.
    pub(super) fn learn(
        &mut self,
        track: u64,
        model: &ModelId,
        said: &Attribute,
        looked: Looked,
        again: Option<&Again>,
    ) {
        let Some(subject) = self.subjects.get_mut(&track) else { return };
        let known = subject.known.entry(model.clone()).or_default();
        if known.looked.is_some_and(|last| last.at > looked.at) {
            return;
        }
        let until = again.and_then(|again| again.until_score);
        known.sure = until.is_some_and(|until| said.score.is_some_and(|score| score >= until));
        known.looked = Some(looked);
        known.said = Some(said.without_vectors());
    }

    /// Takes in what a model says of something that was found in a crop: a part of an answer that is still the last one.
    pub(super) fn learn_of_part(&mut self, track: u64, path: &[Step], model: &ModelId, said: &Attribute) {
        let Some((first, rest)) = path.split_first() else { return };
        let known = self.subjects.get_mut(&track).and_then(|subject| subject.known.get_mut(&first.model));
        let Some(answer) = known.and_then(|known| known.said.as_mut()).filter(|answer| answer.at == said.at) else {
            return;
        };
        let part = usize::try_from(first.object).ok().and_then(|index| answer.objects.get_mut(index));
        if let Some(part) = part.and_then(|part| part.at_path_mut(rest)) {
            part.attributes.insert(model.clone(), said.without_vectors());
        }
    }

    /// Writes what is remembered of a track into an object's attributes; what they have that is newer stays.
    pub(super) fn recall(&self, track: u64, into: &mut Attributes) {
        for (model, known) in self.subjects.get(&track).into_iter().flat_map(|subject| &subject.known) {
            let Some(said) = &known.said else { continue };
            if into.get(model).is_none_or(|told| told.at < said.at) {
                into.insert(model.clone(), said.clone());
            }
        }
    }

    /// A track has ended.
    pub(super) fn forget(&mut self, track: u64) {
        self.subjects.remove(&track);
    }

    /// A model is gone, or has become another one.
    pub(super) fn forget_model(&mut self, model: &ModelId) {
        self.subjects.values_mut().for_each(|subject| drop(subject.known.remove(model)));
    }

    fn subject(&mut self, track: u64, now: Timestamp) -> &mut Subject {
        if !self.subjects.contains_key(&track) && self.subjects.len() >= MOST {
            let oldest = self.subjects.iter().min_by_key(|(id, subject)| (subject.seen, **id)).map(|(id, _)| *id);
            oldest.and_then(|id| self.subjects.remove(&id));
        }
        let subject = self.subjects.entry(track).or_insert_with(|| Subject { seen: now, known: BTreeMap::new() });
        subject.seen = now;
        subject
    }

    /// How many tracks are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.subjects.len()
    }
}

/// Whether something has changed since the last look.
fn is_due(last: Looked, now: Looked, again: Option<&Again>) -> bool {
    let Some(again) = again else { return false };
    let passed = now.at.duration_since(last.at);
    let every = SignedDuration::try_from(again.every).unwrap_or(SignedDuration::MAX);
    // A clock that was set back has no age.
    passed >= every || passed < SignedDuration::ZERO || now.area >= last.area * again.grown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use parapet_contracts::Object;

    use super::*;

    const AGAIN: Again = Again { every: Duration::from_secs(2), grown: 1.5, until_score: Some(0.9) };

    fn at(seconds: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds)
    }

    fn look(seconds: f64, area: f32) -> Looked {
        Looked { at: at(seconds), area }
    }

    fn helmet() -> ModelId {
        "helmet".parse().unwrap()
    }

    fn says(score: f32, seconds: f64) -> Attribute {
        Attribute { label: Some("bare".into()), score: Some(score), ..Attribute::nothing(at(seconds)) }
    }

    fn asks(memory: &mut Memory, now: Looked, again: Option<&Again>) -> bool {
        matches!(memory.consider(7, &helmet(), now, again), Wanted::Crop(_))
    }

    /// Track 7 was looked at at second 0, when its box had 100 pixels.
    fn known(score: f32) -> Memory {
        let mut memory = Memory::default();
        assert!(asks(&mut memory, look(0.0, 100.0), Some(&AGAIN)));
        memory.learn(7, &helmet(), &says(score, 0.0), look(0.0, 100.0), Some(&AGAIN));
        memory
    }

    #[test]
    fn it_is_asked_when_it_is_new_and_again_after_an_interval_or_when_the_box_grew() {
        let mut memory = known(0.5);
        assert!(!asks(&mut memory, look(1.9, 149.0), Some(&AGAIN)));
        assert!(asks(&mut memory, look(2.0, 100.0), Some(&AGAIN)));
        assert!(asks(&mut memory, look(0.5, 150.0), Some(&AGAIN)));
        assert!(asks(&mut memory, look(-60.0, 100.0), Some(&AGAIN)), "a clock was set back");
        assert!(!asks(&mut memory, look(60.0, 900.0), None), "never again");
    }

    #[test]
    fn it_is_not_asked_once_an_answer_is_sure() {
        let mut memory = known(0.9);
        assert!(!asks(&mut memory, look(60.0, 900.0), Some(&AGAIN)));
    }

    #[test]
    fn an_older_answer_changes_nothing() {
        let mut memory = known(0.5);
        memory.learn(7, &helmet(), &says(0.99, -1.0), look(-1.0, 100.0), Some(&AGAIN));
        let mut told = Attributes::new();
        memory.recall(7, &mut told);
        assert_eq!(told[&helmet()].score, Some(0.5));
        assert!(asks(&mut memory, look(2.0, 100.0), Some(&AGAIN)));
    }

    #[test]
    fn while_a_slot_has_its_crop_it_is_not_asked_for_and_afterwards_it_is() {
        let mut memory = Memory::default();
        let Wanted::Crop(ticket) = memory.consider(7, &helmet(), look(0.0, 1.0), None) else { panic!() };
        let Wanted::Crop(newer) = memory.consider(7, &helmet(), look(0.1, 1.0), None) else {
            panic!("it still waits: a newer one takes its place")
        };
        drop(ticket);
        newer.take();
        assert!(matches!(memory.consider(7, &helmet(), look(0.2, 1.0), None), Wanted::Soon));
        newer.release();
        assert!(asks(&mut memory, look(0.3, 1.0), None), "its slot was given up");
    }

    #[test]
    fn nothing_outlives_its_track_or_its_model() {
        let mut memory = known(0.5);
        memory.forget_model(&helmet());
        let mut told = Attributes::new();
        memory.recall(7, &mut told);
        assert!(told.is_empty());
        memory.forget(7);
        memory.learn(7, &helmet(), &says(0.9, 0.0), look(0.0, 1.0), None);
        assert_eq!(memory.kept(), 0, "an answer that comes too late revives nothing");
    }

    #[test]
    fn it_keeps_so_many_tracks_and_no_more() {
        let mut memory = Memory::default();
        for track in 0..2 * MOST as u64 {
            memory.consider(track, &helmet(), look(track as f64, 1.0), None);
        }
        assert_eq!(memory.kept(), MOST);
        memory.learn(0, &helmet(), &says(0.9, 0.0), look(0.0, 1.0), None);
        memory.learn(2 * MOST as u64 - 1, &helmet(), &says(0.9, 0.0), look(0.0, 1.0), None);
        let mut told = Attributes::new();
        memory.recall(0, &mut told);
        assert!(told.is_empty(), "the oldest went");
        memory.recall(2 * MOST as u64 - 1, &mut told);
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn what_is_said_of_a_part_is_remembered_with_the_whole() {
        let (plates, digits): (ModelId, ModelId) = ("plates".parse().unwrap(), "digits".parse().unwrap());
        let mut memory = Memory::default();
        memory.consider(7, &plates, look(0.0, 1.0), None);
        let plate = Object::new("plate", 0, 0.8, [0.0, 0.0, 2.0, 1.0].into());
        let found = Attribute { objects: vec![plate], vector: vec![1.0], ..Attribute::nothing(at(0.0)) };
        memory.learn(7, &plates, &found, look(0.0, 1.0), None);
        let path = [Step { model: plates.clone(), object: 0 }];
        memory.learn_of_part(7, &path, &digits, &says(0.7, 0.0));
        memory.learn_of_part(7, &path, &helmet(), &says(0.7, 5.0));
        let mut told = Attributes::new();
        memory.recall(7, &mut told);
        assert!(told[&plates].vector.is_empty());
        let own = &told[&plates].objects[0].attributes;
        assert_eq!(own.keys().collect::<Vec<_>>(), [&digits], "the other is about another look");
    }
}
