//! From what was measured to what fits: pure.
//!
//! A camera of a kind costs processor time to decode, processor time to look at, a part of its models' slots, and memory. One more fits as long as
//! - the processors are busy for no more than [`BUSY`] of what others leave of them, so that bursts have somewhere to go;
//! - each model's slots are busy for no more than the part at which 99 of 100 frames have been looked at in time ([`most_busy`]);
//! - no more than [`FULL`] of the memory is used.

use std::time::Duration;

use parapet_contracts::ModelId;

/// The part of the processors that may be busy.
pub const BUSY: f64 = 0.85;
/// The part of the free memory that may be used.
pub const FULL: f64 = 0.9;
/// No slot is planned busier than this, however long its frames may wait.
const BUSIEST: f64 = 0.95;
/// One frame in so many may be late.
const LATE: f64 = 0.01;
/// More than this nobody has.
const MOST: u32 = 100_000;

/// The machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Processors that this process may use.
    pub cores: f64,
    /// What others used of them, in processors.
    pub others: f64,
    /// Memory that can still be had, in bytes.
    pub free_bytes: f64,
}

/// Cameras that are alike, and what one of them costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// What they are, for people.
    pub name: String,
    /// Those that the site has.
    pub cameras: Vec<String>,
    /// Frames a second that come out of the decoder.
    pub source_fps: f64,
    /// Frames a second that are wanted.
    pub wanted_fps: f64,
    /// Decoding, in processors.
    pub cores: f64,
    /// Memory, in bytes.
    pub bytes: f64,
    /// Looks a second at each of its models.
    pub looks: Vec<(ModelId, f64)>,
    /// How long after it was decoded a frame should have been looked at.
    pub seen_within: Duration,
}

/// What a look costs with a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCost {
    /// The model.
    pub id: ModelId,
    /// Its slots.
    pub slots: usize,
    /// What a look takes while all slots are busy.
    pub look: Duration,
    /// Processor time of a look.
    pub cpu: Duration,
    /// Memory of all its slots, in bytes.
    pub bytes: f64,
}

/// What keeps one more camera from fitting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// The processors.
    Processors,
    /// The slots of a model.
    Slots(ModelId),
    /// A look with this model alone takes longer than a frame may wait.
    Latency(ModelId),
    /// Memory.
    Memory,
    /// A model that could not be measured.
    Unknown(ModelId),
    /// Nothing that was measured.
    Nothing,
}

/// How many more fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// So many; below 0, so many of those that are there are too many.
    pub more: i64,
    /// What stops the next.
    pub limit: Limit,
}

/// All that was measured.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The machine.
    pub machine: Machine,
    /// The kinds of cameras.
    pub kinds: &'a [Kind],
    /// The models.
    pub models: &'a [ModelCost],
}

/// The part of a model's slots' time that may be used so that 99 of 100 frames are done within `target`. The wait for one of `slots` that are busy
/// for the part ρ is longer than t with a probability of about ρ·exp(−2(1−ρ)·slots·t ÷ look): the tail of the M/D/c queue in heavy traffic. Cameras are
/// more even than that, so it errs to the safe side. 0 when a look alone takes longer.
pub fn most_busy(look: Duration, slots: usize, target: Duration) -> f64 {
    let Some(left) = target.checked_sub(look) else { return 0.0 };
    let waits = left.as_secs_f64() / look.as_secs_f64().max(1e-9) * slots as f64;
    let late = |busy: f64| busy * (-2.0 * (1.0 - busy) * waits).exp();
    let (mut low, mut high) = (0.0, BUSIEST);
    if late(high) <= LATE {
        return high;
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if late(middle) <= LATE { low = middle } else { high = middle }
    }
    low
}

impl Site<'_> {
    fn cost(&self, id: &ModelId) -> Option<&ModelCost> {
        self.models.iter().find(|model| model.id == *id)
    }

    /// Processors that one camera of this kind uses, decoding and looks together.
    pub fn cores_of(&self, kind: &Kind) -> f64 {
        let look = |(id, fps): &(ModelId, f64)| self.cost(id).map_or(0.0, |model| fps * model.cpu.as_secs_f64());
        kind.cores + kind.looks.iter().map(look).sum::<f64>()
    }

    /// Processors that the site uses.
    pub fn cores_used(&self) -> f64 {
        self.kinds.iter().map(|kind| self.cores_of(kind) * kind.cameras.len() as f64).sum()
    }

    /// The part of a model's slots' time that the site uses.
    pub fn slots_used(&self, model: &ModelCost) -> f64 {
        self.kinds.iter().map(|kind| self.share(kind, model) * kind.cameras.len() as f64).sum()
    }

    /// The part of a model's slots' time that one camera of this kind uses.
    fn share(&self, kind: &Kind, model: &ModelCost) -> f64 {
        let looks: f64 = kind.looks.iter().filter(|(id, _)| *id == model.id).map(|(_, fps)| fps).sum();
        looks * model.look.as_secs_f64() / model.slots.max(1) as f64
    }

    /// How many more cameras of `kind` fit beside those that are there.
    pub fn room(&self, kind: &Kind) -> Room {
        if let Some((id, _)) = kind.looks.iter().find(|(id, _)| self.cost(id).is_none()) {
            return Room { more: 0, limit: Limit::Unknown(id.clone()) };
        }
        let machine = &self.machine;
        let cores = BUSY * (machine.cores - machine.others) - self.cores_used();
        let bytes: f64 = self.kinds.iter().map(|kind| kind.bytes * kind.cameras.len() as f64).sum::<f64>()
            + self.models.iter().map(|model| model.bytes).sum::<f64>();
        let mut rooms = vec![
            (fits(cores, self.cores_of(kind)), Limit::Processors),
            (fits(FULL * machine.free_bytes - bytes, kind.bytes), Limit::Memory),
        ];
        for (id, _) in &kind.looks {
            let Some(model) = self.cost(id) else { continue };
            // The tightest target among all that use the model: a look waits for those of others.
            let users = self.kinds.iter().filter(|kind| kind.looks.iter().any(|(used, _)| used == id));
            let target = users.map(|kind| kind.seen_within).chain([kind.seen_within]).min().unwrap_or(kind.seen_within);
            let most = most_busy(model.look, model.slots, target);
            let limit = if most > 0.0 { Limit::Slots(id.clone()) } else { Limit::Latency(id.clone()) };
            rooms.push((fits(most - self.slots_used(model), self.share(kind, model)), limit));
        }
        let tightest = rooms.into_iter().min_by_key(|(more, _)| *more);
        let (more, limit) = tightest.unwrap_or((i64::from(MOST), Limit::Nothing));
        if more >= i64::from(MOST) { Room { more, limit: Limit::Nothing } } else { Room { more, limit } }
    }
}

/// How often `each` fits into `left`; below 0 when `left` is, at most [`MOST`].
fn fits(left: f64, each: f64) -> i64 {
    if each <= 0.0 {
        return if left >= 0.0 { i64::from(MOST) } else { 0 };
    }
    (left / each).floor().clamp(-f64::from(MOST), f64::from(MOST)) as i64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> ModelId {
        ModelId::new(name).unwrap()
    }

    fn kind(name: &str, cameras: usize, cores: f64, fps: f64) -> Kind {
        Kind {
            name: name.to_owned(),
            cameras: (0..cameras).map(|n| format!("c{n}")).collect(),
            source_fps: 30.0,
            wanted_fps: fps,
            cores,
            bytes: 20e6,
            looks: vec![(id("people"), fps)],
            seen_within: Duration::from_millis(500),
        }
    }

    fn model(slots: usize, millis: u64) -> ModelCost {
        let look = Duration::from_millis(millis);
        ModelCost { id: id("people"), slots, look, cpu: look, bytes: 50e6 }
    }

    const BOX: Machine = Machine { cores: 2.0, others: 0.0, free_bytes: 4e9 };

    #[test]
    fn processors_are_the_limit_when_decoding_is_dear() {
        let kinds = [kind("1080p", 2, 0.16, 5.0)];
        let models = [model(2, 15)];
        let site = Site { machine: BOX, kinds: &kinds, models: &models };
        // 1.7 processors, of which each camera takes 0.16 + 5 · 0.015.
        assert_eq!(site.room(&kinds[0]), Room { more: 5, limit: Limit::Processors });
    }

    #[test]
    fn slots_are_the_limit_when_there_is_one_and_looks_are_long() {
        let kinds = [kind("360p", 1, 0.02, 5.0)];
        let models = [model(1, 60)];
        let site = Site { machine: Machine { cores: 16.0, ..BOX }, kinds: &kinds, models: &models };
        let room = site.room(&kinds[0]);
        assert_eq!(room.limit, Limit::Slots(id("people")));
        // One slot looks at 16 a second, three cameras want 15.
        assert!(room.more == 1, "{room:?}");
    }

    #[test]
    fn a_look_that_takes_longer_than_a_frame_may_wait_is_told() {
        let kinds = [kind("slow", 0, 0.02, 1.0)];
        let models = [model(4, 600)];
        let site = Site { machine: Machine { cores: 64.0, ..BOX }, kinds: &kinds, models: &models };
        assert_eq!(site.room(&kinds[0]), Room { more: 0, limit: Limit::Latency(id("people")) });
    }

    #[test]
    fn memory_others_and_what_is_unknown_count() {
        let kinds = [kind("big", 1, 0.01, 1.0)];
        let models = [model(1, 1)];
        let tight = Site { machine: Machine { free_bytes: 200e6, ..BOX }, kinds: &kinds, models: &models };
        assert_eq!(tight.room(&kinds[0]), Room { more: 5, limit: Limit::Memory });
        let busy = Site { machine: Machine { others: 1.99, ..BOX }, kinds: &kinds, models: &models };
        assert_eq!(busy.room(&kinds[0]).limit, Limit::Processors);
        let unknown = Site { machine: BOX, kinds: &kinds, models: &[] };
        assert_eq!(unknown.room(&kinds[0]).limit, Limit::Unknown(id("people")));
    }

    #[test]
    fn too_many_already_is_less_than_none() {
        let kinds = [kind("1080p", 20, 0.16, 5.0)];
        let models = [model(2, 15)];
        let room = Site { machine: BOX, kinds: &kinds, models: &models }.room(&kinds[0]);
        assert!(room.more < 0, "{room:?}");
    }

    proptest! {
        /// Adding as many as fit leaves room for none; one that asks for less of everything fits as often at least.
        #[test]
        fn what_fits_fits_and_one_more_does_not(
            cores in 0.01_f64..0.5, fps in 1.0_f64..30.0, millis in 1_u64..100, slots in 1_usize..8, there in 0_usize..5,
        ) {
            let (kinds, models) = ([kind("k", there, cores, fps)], [model(slots, millis)]);
            let machine = Machine { cores: 8.0, ..BOX };
            let more = Site { machine, kinds: &kinds, models: &models }.room(&kinds[0]).more;
            prop_assume!(more > 0);
            let full = [kind("k", there + more as usize, cores, fps)];
            let left = Site { machine, kinds: &full, models: &models }.room(&full[0]).more;
            prop_assert!((-1..=1).contains(&left), "{} fit, then {} more", more, left);
            let less = [kind("k", there, cores / 2.0, fps / 2.0)];
            let easier = Site { machine, kinds: &less, models: &models }.room(&less[0]).more;
            prop_assert!(easier >= more);
        }

        /// The part that may be busy is a part, and grows with the slots and with the time that a frame may take.
        #[test]
        fn more_slots_and_more_time_allow_more(millis in 1_u64..400, slots in 1_usize..16, target in 1_u64..2000) {
            let (look, target) = (Duration::from_millis(millis), Duration::from_millis(target));
            let busy = most_busy(look, slots, target);
            prop_assert!((0.0..=BUSIEST).contains(&busy));
            prop_assert!(most_busy(look, slots + 1, target) >= busy - 1e-9);
            prop_assert!(most_busy(look, slots, target * 2) >= busy - 1e-9);
        }
    }
}
