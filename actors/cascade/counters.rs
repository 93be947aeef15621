//! What became of the crops that a following model was asked to look at.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parapet_contracts::ModelId;
use serde::Serialize;

/// Why a crop was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// A newer crop of the same track took its place.
    Superseded,
    /// Its camera had as many waiting as may be, or those of newer frames.
    Crowded,
    /// Its event had more objects to ask for than may wait.
    TooMany,
    /// Its camera or its model went, or became another one.
    Left,
    /// The model failed on it, or its slot was replaced.
    Failed,
}

impl Lost {
    const ALL: [Self; 5] = [Self::Superseded, Self::Crowded, Self::TooMany, Self::Left, Self::Failed];

    /// The word for metrics and JSON.
    fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Crowded => "crowded",
            Self::TooMany => "too_many",
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }
}

/// Counters of one model that follows; they outlive changes of its file.
#[derive(Debug, Default)]
pub(super) struct Counters {
    asked: AtomicU64,
    answered: AtomicU64,
    late: AtomicU64,
    remembered: AtomicU64,
    lost: [AtomicU64; Lost::ALL.len()],
}

/// A snapshot: how a model that follows others fares. What was asked is what was answered, dropped, waits, or is being looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowStatus {
    /// The models that it follows.
    pub after: Vec<ModelId>,
    /// Crops that it was asked to look at.
    pub asked: u64,
    /// Of those, the ones that it answered.
    pub answered: u64,
    /// Of those that it answered, the ones that it looked at later than `seen_within` says.
    pub late: u64,
    /// Objects that it was not asked for, as its last answer was remembered with their tracks.
    pub remembered: u64,
    /// Crops that wait now.
    pub waiting: usize,
    /// Crops that were dropped, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(super) fn asked(&self) {
        add(&self.asked);
    }

    pub(super) fn answered(&self) {
        add(&self.answered);
    }

    pub(super) fn late(&self) {
        add(&self.late);
    }

    pub(super) fn remembered(&self) {
        add(&self.remembered);
    }

    pub(super) fn lost(&self, reason: Lost) {
        add(&self.lost[reason as usize]);
    }

    pub(super) fn status(&self, after: &[ModelId], waiting: usize) -> FollowStatus {
        let dropped = Lost::ALL.into_iter().map(|reason| (reason.as_str(), get(&self.lost[reason as usize])));
        FollowStatus {
            after: after.to_vec(),
            asked: get(&self.asked),
            answered: get(&self.answered),
            late: get(&self.late),
            remembered: get(&self.remembered),
            waiting,
            dropped: dropped.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
