//! A camera that lies: its picture comes, and does not show what it should.
//!
//! Once a second a picture is compared with what the camera usually shows. It promises: a fault is told once it has lasted as long as
//! its kind needs (see [`lasts`]), and is over once [`GOOD_FOR`] passed without it; what is faulty is never learnt, but a camera that was
//! moved or shows another scene for [`RELEARN`] has a new view, which is good from then on; without a past (just after the start) only
//! what no history is needed for is told: dark, covered by something plain, frozen.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use parapet_contracts::{Picture, Timestamp, status::PictureFault};

use super::{
    fingerprint::Fingerprint,
    reference::{Likeness, Reference, View},
    thumbnail::Thumbnail,
};

/// Pictures are judged this far apart, at least.
const EVERY: SignedDuration = SignedDuration::from_millis(950);
/// Looks farther apart than this are no history of what lasts.
const GAP: SignedDuration = SignedDuration::from_secs(20);
/// A fault is over after this long without it.
const GOOD_FOR: SignedDuration = SignedDuration::from_secs(4);
/// Another scene that lasts this long is the camera's view from then on.
const RELEARN: SignedDuration = SignedDuration::from_mins(10);
/// Looks that a fault needs at least.
const LOOKS: u32 = 3;

/// No cell of a dark picture is brighter, and its mean is at most [`DARK_MEAN`]. Black is 16 in limited range.
const DARK_MOST: f32 = 60.0;
const DARK_MEAN: f32 = 30.0;
/// A picture whose brightest and darkest cells differ by less than this shows one plain surface.
const PLAIN: f32 = 30.0;
/// A scene whose mean slope is less than this is too bare to say of another picture that it is not the same.
const BARE: f32 = 1.0;
/// Of what is covered, less than this of the structure is left, and grey levels are less alike than that.
const COVERED_STRUCTURE: f32 = 0.4;
const COVERED_LEVELS: f32 = 0.6;
/// A defocused picture has the grey levels of the reference and less than this of its sharpness for the structure that it has.
const DEFOCUSED_SHARPNESS: f32 = 0.4;
const DEFOCUSED_LEVELS: f32 = 0.75;
/// A camera that was moved has its edges elsewhere.
const MOVED_SLOPES: f32 = 0.55;

/// How long a fault has to last until it is told.
pub(super) fn lasts(fault: PictureFault) -> SignedDuration {
    SignedDuration::from_secs(match fault {
        PictureFault::Covered => 3,
        PictureFault::Dark => 5,
        PictureFault::Defocused => 8,
        // A lorry that stops in front of the camera drives on.
        PictureFault::Moved => 10,
        // A still scene is the same from keyframe to keyframe, when the encoder saves bits.
        PictureFault::Frozen => 20,
    })
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It was too soon to look.
    NotYet,
    /// All is as it was told last.
    Same,
    /// This is new: a fault, or that the last one is over.
    Changed(Option<PictureFault>),
}

/// See the module.
#[derive(Debug)]
pub struct FaultWatch {
    watched: BTreeSet<PictureFault>,
    reference: Reference,
    /// The scene that is no fault yet, or one that may be relearnt.
    newer: Reference,
    last_look: Option<Timestamp>,
    last_hash: Option<u64>,
    same_since: Option<Timestamp>,
    suspect: Option<Suspect>,
    told: Option<Told>,
}

#[derive(Debug, Clone, Copy)]
struct Suspect {
    fault: PictureFault,
    since: Timestamp,
    looks: u32,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    fault: PictureFault,
    since: Timestamp,
    last_seen: Timestamp,
}

impl FaultWatch {
    /// A watch for these faults that has seen nothing.
    pub fn new(watched: BTreeSet<PictureFault>) -> Self {
        Self {
            watched,
            reference: Reference::default(),
            newer: Reference::default(),
            last_look: None,
            last_hash: None,
            same_since: None,
            suspect: None,
            told: None,
        }
    }

    /// The fault that was told and is not over.
    pub fn fault(&self) -> Option<PictureFault> {
        self.told.map(|told| told.fault)
    }

    /// True when it is time to look at the picture of `at`.
    pub fn is_due(&self, at: Timestamp) -> bool {
        !self.watched.is_empty() && self.last_look.is_none_or(|last| at < last || at.duration_since(last) >= EVERY)
    }

    /// Looks at a picture, of which `thumbnail` was taken, unless it is too soon.
    pub fn look(&mut self, picture: &Picture, thumbnail: &Thumbnail, at: Timestamp) -> Finding {
        let Some(print) = Fingerprint::of(picture).filter(|_| self.is_due(at)) else { return Finding::NotYet };
        let gone = self.last_look.replace(at).map(|last| at.duration_since(last));
        if gone.is_some_and(|gone| gone > GAP || gone < SignedDuration::ZERO) {
            (self.suspect, self.same_since, self.last_hash) = (None, None, None);
        }
        let view = View::of(thumbnail);
        let same = self.last_hash.replace(print.hash) == Some(print.hash);
        self.same_since = if same { self.same_since.or(Some(at)) } else { None };
        // What is covered or dark may well be the same again and again: that is said of a picture of which nothing else is to be said.
        let seen = self.judge(&view, print).or(self.same_since.map(|_| PictureFault::Frozen));
        let seen = seen.filter(|fault| self.watched.contains(fault));
        if seen.is_none() {
            self.reference.learn(&view, print);
            self.newer = Reference::default();
        } else if self.told.is_some_and(|told| told.fault == PictureFault::Moved) {
            self.newer.learn(&view, print);
        }
        self.conclude(seen, at)
    }

    /// What this picture looks like, by itself.
    fn judge(&self, view: &View, print: Fingerprint) -> Option<PictureFault> {
        if view.brightest() <= DARK_MOST && view.mean() <= DARK_MEAN {
            return Some(PictureFault::Dark);
        }
        if !self.reference.is_known(view) {
            return (view.range() < PLAIN).then_some(PictureFault::Covered);
        }
        let like = self.reference.likeness(view, print);
        if like.usual < BARE {
            return None;
        }
        compare(like)
    }

    fn conclude(&mut self, seen: Option<PictureFault>, at: Timestamp) -> Finding {
        self.suspect = seen.map(|fault| match self.suspect {
            Some(suspect) if suspect.fault == fault => Suspect { looks: suspect.looks + 1, ..suspect },
            _ => Suspect { fault, since: at, looks: 1 },
        });
        let sure = self.suspect.filter(|s| s.looks >= LOOKS && at.duration_since(s.since) >= lasts(s.fault));
        match (&mut self.told, sure) {
            (Some(told), Some(sure)) if told.fault == sure.fault => {
                told.last_seen = at;
                if told.fault == PictureFault::Moved && at.duration_since(told.since) >= RELEARN {
                    self.reference = std::mem::take(&mut self.newer);
                    (self.told, self.suspect) = (None, None);
                    return Finding::Changed(None);
                }
                Finding::Same
            }
            (_, Some(sure)) => {
                self.told = Some(Told { fault: sure.fault, since: at, last_seen: at });
                Finding::Changed(Some(sure.fault))
            }
            // It may only look like another fault for a moment.
            (Some(told), None) if seen.is_some() => {
                told.last_seen = at;
                Finding::Same
            }
            (Some(told), None) if at.duration_since(told.last_seen) >= GOOD_FOR => {
                self.told = None;
                Finding::Changed(None)
            }
            _ => Finding::Same,
        }
    }
}

/// The fault of a picture that compares like this with what the camera usually shows.
fn compare(like: Likeness) -> Option<PictureFault> {
    if like.structure < COVERED_STRUCTURE && like.levels < COVERED_LEVELS {
        return Some(PictureFault::Covered);
    }
    // Less light is less contrast, at the edges as everywhere: sharpness is that for the structure that there is.
    if like.levels >= DEFOCUSED_LEVELS && like.sharpness / like.structure.max(0.05) < DEFOCUSED_SHARPNESS {
        return Some(PictureFault::Defocused);
    }
    (like.slopes < MOVED_SLOPES && like.levels < DEFOCUSED_LEVELS + 0.1).then_some(PictureFault::Moved)
}
