//! What a model gives up when its slots can't keep up, in the order that its file declares: pure.
//!
//! The steps make a ladder, each rung with all that the rungs below it have. The machine goes up a rung after frames were missed for a while
//! although the slots were busy, and down a rung once the slots are predicted to have room for what the rung below lets through, for a longer
//! while. Since it goes down by what *would* be the load and not by what is, it does not swing; should a rung down prove too early, it waits
//! twice as long before the next try.

mod meter;
mod worker;

use std::time::Duration;

use parapet_config::{OverloadPolicy, OverloadStep};

pub(super) use meter::{Meter, Reading};
pub use worker::{OverloadParts, OverloadStatus, keep_to_policy};

/// More than this part of the frames missed, with busy slots, is overload.
const MISSED: f64 = 0.05;
/// The slots count as busy from this part of their time on.
const BUSY: f64 = 0.85;
/// A rung down must be predicted to use no more than this part of the slots' time.
const ROOM: f64 = 0.75;
/// By so much recovering takes longer at most.
const MOST_PATIENCE: u32 = 16;

/// What of a camera's frames is left. The default is everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// The part of each camera's frames that is kept.
    pub keep: f64,
    /// Frames a second of each camera that are kept in any case.
    pub lowest: f64,
    /// The lighter model looks instead.
    pub lighter: bool,
    /// Cameras of low priority are left out.
    pub shed: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { keep: 1.0, lowest: 0.0, lighter: false, shed: false }
    }
}

impl Plan {
    /// What is given up, for people.
    pub(super) fn describe(&self, policy: &OverloadPolicy) -> Vec<String> {
        let mut words = Vec::new();
        if self.keep < 1.0 {
            words.push(format!("the rate of each camera is lowered to {:.0} %", self.keep * 100.0));
        }
        if let Some(model) = policy.lighter().filter(|_| self.lighter) {
            words.push(format!("model {model} looks in its place"));
        }
        if self.shed {
            words.push("cameras of low priority are left out".to_owned());
        }
        words
    }

    /// The part of the slots' time that this plan would use; above 1 it does not fit.
    fn load(&self, reading: &Reading) -> f64 {
        let wanted = reading.wanted + if self.shed { 0.0 } else { reading.wanted_low };
        let kept = (wanted * self.keep).max(wanted.min(self.lowest * reading.feeds as f64));
        let capacity = if self.lighter { reading.lighter_per_second } else { reading.per_second };
        if kept <= 0.0 { 0.0 } else { kept / capacity.max(0.0) }
    }
}

/// The rungs that a policy's steps make; the first gives nothing up.
fn ladder(policy: &OverloadPolicy) -> Vec<Plan> {
    let mut rungs = vec![Plan { lowest: policy.lowest_fps, ..Plan::default() }];
    let add = |rungs: &mut Vec<Plan>, change: &dyn Fn(&mut Plan)| {
        let mut plan = rungs.last().copied().unwrap_or_default();
        change(&mut plan);
        rungs.push(plan);
    };
    for step in &policy.steps {
        match step {
            OverloadStep::LowerRate => {
                for keep in [0.75, 0.5, 0.25] {
                    add(&mut rungs, &|plan| plan.keep = keep);
                }
            }
            OverloadStep::LighterModel(_) => add(&mut rungs, &|plan| plan.lighter = true),
            OverloadStep::ShedLowPriority => add(&mut rungs, &|plan| plan.shed = true),
        }
    }
    rungs
}

/// See the module.
#[derive(Debug)]
pub(super) struct Machine {
    rungs: Vec<Plan>,
    at: usize,
    after: Duration,
    recover_after: Duration,
    /// By how much recovering takes longer, since it was too early before.
    patience: u32,
    overloaded_since: Option<Duration>,
    room_since: Option<Duration>,
    recovered: Option<Duration>,
}

/// A step that the machine took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    /// What holds now.
    pub plan: Plan,
    /// Something more is given up; else something comes back.
    pub worse: bool,
    /// The part of the slots' time that was needed, or would be.
    pub load: f64,
}

impl Machine {
    pub(super) fn new(policy: &OverloadPolicy) -> Self {
        Self {
            rungs: ladder(policy),
            at: 0,
            after: policy.after,
            recover_after: policy.recover_after,
            patience: 1,
            overloaded_since: None,
            room_since: None,
            recovered: None,
        }
    }

    /// What holds now.
    pub(super) fn plan(&self) -> Plan {
        self.rungs[self.at]
    }

    /// The rung it stands on, and how many there are above the first.
    pub(super) fn rung(&self) -> (usize, usize) {
        (self.at, self.rungs.len() - 1)
    }

    /// The part of the slots' time that is needed now.
    pub(super) fn load(&self, reading: &Reading) -> f64 {
        self.plan().load(reading)
    }

    /// Looks at a reading; at most one rung a call.
    pub(super) fn tick(&mut self, now: Duration, reading: &Reading) -> Option<Change> {
        let load = self.load(reading);
        if reading.missed > MISSED && load >= BUSY {
            self.room_since = None;
            let since = *self.overloaded_since.get_or_insert(now);
            if now.saturating_sub(since) < self.after || self.at + 1 == self.rungs.len() {
                return None;
            }
            self.climb(now);
            return Some(Change { plan: self.plan(), worse: true, load });
        }
        self.overloaded_since = None;
        let below = self.rungs[self.at.checked_sub(1)?].load(reading);
        if below > ROOM {
            self.room_since = None;
            return None;
        }
        let since = *self.room_since.get_or_insert(now);
        if now.saturating_sub(since) < self.recover_after * self.patience {
            return None;
        }
        (self.at, self.room_since, self.recovered) = (self.at - 1, None, Some(now));
        Some(Change { plan: self.plan(), worse: false, load: below })
    }

    fn climb(&mut self, now: Duration) {
        let soon = self.recover_after * self.patience * 4;
        if let Some(recovered) = self.recovered {
            let too_early = now.saturating_sub(recovered) <= soon;
            self.patience = if too_early { (self.patience * 2).min(MOST_PATIENCE) } else { 1 };
        }
        (self.at, self.overloaded_since) = (self.at + 1, None);
    }
}

#[cfg(test)]
mod tests;
