//! One key's alert, and what is due for it next.

use serde::{Deserialize, Serialize};

use super::settings::{Acknowledgement, LifecycleSettings};
use super::{Phase, Told};

/// From firing to the end of the cooldown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Incident {
    pub(super) since: i64,
    pub(super) fired: i64,
    /// When it was first told.
    pub(super) told: Option<i64>,
    last_told: i64,
    pub(super) times: u32,
    /// How many steps of escalation it has gone.
    pub(super) escalated: usize,
    pub(super) acknowledged: Option<Acknowledgement>,
    pub(super) resolved: Option<i64>,
    /// Nothing of this key is told anew before.
    pub(super) rests_until: Option<i64>,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Something is told, at this time or as soon as it is known.
    Tell(i64, Told),
    /// Nothing can be said before this time.
    Look(i64),
    /// It is not needed any more.
    Forget,
    /// Nothing, until something happens.
    Nothing,
}

impl Incident {
    pub(super) fn new(since: i64, fired: i64, rests_until: Option<i64>) -> Self {
        Self {
            since,
            fired,
            told: None,
            last_told: fired,
            times: 0,
            escalated: 0,
            acknowledged: None,
            resolved: None,
            rests_until,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.resolved, &self.acknowledged, self.told) {
            (Some(_), _, _) => Phase::Resolved,
            (None, Some(_), _) => Phase::Acknowledged,
            (None, None, Some(_)) => Phase::Firing,
            (None, None, None) => Phase::Untold,
        }
    }

    /// What is due next, seen from `now`. `silenced`: until when nothing may be told.
    pub(super) fn due<S>(&self, settings: &LifecycleSettings<S>, silenced: Option<i64>, now: i64) -> Due {
        if self.resolved.is_some() {
            return match self.rests_until {
                Some(until) if until > now => Due::Look(until),
                _ => Due::Forget,
            };
        }
        let Some(told) = self.told else {
            if self.acknowledged.is_some() {
                return Due::Nothing;
            }
            let from = self.rests_until.unwrap_or(self.fired).max(self.fired);
            return match silenced {
                Some(until) => Due::Look(until),
                None => Due::Tell(from, Told::Raised),
            };
        };
        if self.acknowledged.is_some() {
            return Due::Nothing;
        }
        let worse = settings.escalations.get(self.escalated).map(|step| told.saturating_add(step.after));
        let again = settings.again_every.map(|every| self.last_told.saturating_add(every.max(1)));
        let next = match (worse, again) {
            (Some(worse), Some(again)) if again < worse => (again, Told::Again(self.times)),
            (Some(worse), _) => (worse, Told::Escalated),
            (None, Some(again)) => (again, Told::Again(self.times)),
            (None, None) => return Due::Nothing,
        };
        match silenced {
            Some(until) => Due::Look(until.max(next.0)),
            None => Due::Tell(next.0, next.1),
        }
    }

    pub(super) fn tell(&mut self, told: Told, at: i64, cooldown: i64) {
        self.last_told = at;
        self.times += 1;
        match told {
            Told::Raised => {
                self.told = Some(at);
                self.rests_until = (cooldown > 0).then(|| at.saturating_add(cooldown));
            }
            Told::Escalated => self.escalated += 1,
            Told::Again(_) | Told::Resolved => {}
        }
    }
}
