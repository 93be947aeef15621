//! Where a slot gets its work from: frames of cameras, or crops of what another model saw.

use std::{sync::Arc, time::Duration};

use super::{
    job::Job,
    pool::{ModelPool, Seat},
    profile::Profile,
};
use crate::cascade::CropPool;

/// Work for the slots of a model.
#[derive(Clone)]
pub enum Work {
    /// Frames.
    Frames(Arc<ModelPool>),
    /// Crops: the model follows others.
    Crops(Arc<CropPool>),
}

impl Work {
    /// A slot with this profile begins to work.
    pub(super) fn sit(&self, slot: &str, profile: Profile) -> Sitting {
        match self {
            Self::Frames(pool) => Sitting::Frames(pool.seat(slot, profile)),
            Self::Crops(pool) => Sitting::Crops(Arc::clone(pool), profile),
        }
    }
}

/// A slot at work.
pub(super) enum Sitting {
    Frames(Seat),
    Crops(Arc<CropPool>, Profile),
}

impl Sitting {
    /// What is to be looked at next, together; blocks for at most `limit`, and may be empty.
    pub(super) fn take(&mut self, limit: Duration) -> Vec<Job> {
        match self {
            Self::Frames(seat) => seat.take(limit),
            // No frame waits for a crop's answer: whatever is there goes, as many as get through best together.
            Self::Crops(pool, profile) => pool.take(profile.best(), limit).into_iter().map(Job::from).collect(),
        }
    }

    /// A look at so many views took this long.
    pub(super) fn looked(&mut self, views: usize, took: Duration) {
        match self {
            Self::Frames(seat) => seat.looked(views, took),
            Self::Crops(_, profile) => profile.observe(views, took),
        }
    }
}
