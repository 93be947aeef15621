//! The life of an alert, from the moment it is raised until those who were told are told that it is over.
//!
//! It is fed with what a rule finds ([`Lifecycle::fired`], [`Lifecycle::resolved`], or [`Lifecycle::happened`] for what has no
//! length), with what people do ([`Lifecycle::acknowledge`], [`Lifecycle::silence`]), and with time
//! ([`Lifecycle::advance`]). It answers with what is to be told ([`Notice`]). It promises:
//! - Of one key, one alert at a time; a second firing while the first lasts changes nothing.
//! - Within the cooldown after an alert of a key was told, no other of it is. What still fires when the cooldown is over
//!   is told then.
//! - While a silence covers a key, nothing of it is told but the end of what was told before. What still fires when the
//!   silence is over is told then.
//! - Who acknowledges an alert is told of it no more, nor does it get worse; its end is told.
//! - What ends before it was told is never told; it is counted.

mod incident;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::incident::{Due, Incident};
pub use self::settings::{Acknowledgement, Escalation, LifecycleSettings, Silence};
use super::Key;
use super::timers::Timers;

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice<S> {
    /// Of which key.
    pub key: Key,
    /// When, in milliseconds.
    pub at: i64,
    /// Since when the condition has held.
    pub since: i64,
    /// When the rule fired.
    pub fired: i64,
    /// How bad it is now.
    pub severity: S,
    /// What.
    pub told: Told,
}

/// The kinds of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// An alert. Its `at` is later than `fired` when a silence or a cooldown held it back.
    Raised,
    /// It still fires; so many notices of it there were before.
    Again(u32),
    /// Nobody has acknowledged it, and it has got worse.
    Escalated,
    /// It is over.
    Resolved,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It fires, and was told.
    Firing,
    /// It fires, and somebody cares for it.
    Acknowledged,
    /// It fires, and is not told yet: it is silenced, or its cooldown is not over.
    Untold,
    /// It is over; its cooldown may not be.
    Resolved,
}

/// A key and where it is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<S> {
    /// The key.
    pub key: Key,
    /// Where it is.
    pub phase: Phase,
    /// Since when the condition has held.
    pub since: i64,
    /// When the rule fired.
    pub fired: i64,
    /// How bad it is now.
    pub severity: S,
    /// How often it was told.
    pub times: u32,
    /// Who cares for it.
    pub acknowledged: Option<Acknowledgement>,
}

/// What was not told, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleCounters {
    /// Alerts raised.
    pub raised: u64,
    /// Firings of what was firing already.
    pub repeated: u64,
    /// Alerts that a cooldown has held back.
    pub cooling: u64,
    /// Alerts that a silence has held back.
    pub silenced: u64,
    /// Alerts that ended before they were told.
    pub untold: u64,
    /// Keys forgotten because there were too many.
    pub evicted: u64,
}

/// See the module. `S` is how bad something is.
#[derive(Debug, Clone)]
pub struct Lifecycle<S> {
    settings: LifecycleSettings<S>,
    incidents: BTreeMap<Key, Incident>,
    silences: Vec<Silence>,
    timers: Timers,
    counters: LifecycleCounters,
    now: i64,
}

/// The state of a [`Lifecycle`], written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedLifecycle {
    incidents: BTreeMap<Key, Incident>,
    silences: Vec<Silence>,
    counters: LifecycleCounters,
    now: i64,
}

impl<S: Copy> Lifecycle<S> {
    /// Nothing has happened yet.
    pub fn new(settings: LifecycleSettings<S>) -> Self {
        Self {
            settings,
            incidents: BTreeMap::new(),
            silences: Vec::new(),
            timers: Timers::default(),
            counters: LifecycleCounters::default(),
            now: i64::MIN,
        }
    }

    /// A rule has fired at `at`; its condition has held since `since`.
    pub fn fired(&mut self, key: &str, since: i64, at: i64) -> Vec<Notice<S>> {
        let mut notices = self.advance(at);
        let rests_until = match self.incidents.get(key) {
            Some(incident) if incident.resolved.is_none() => {
                self.counters.repeated += 1;
                return notices;
            }
            Some(incident) => incident.rests_until,
            None => None,
        };
        let key: Key = Arc::from(key);
        self.incidents.insert(Arc::clone(&key), Incident::new(since, at, rests_until));
        self.look(&key, at, &mut notices);
        match self.incidents.get(&key) {
            Some(incident) if incident.told.is_some() => {}
            _ if self.silenced_until(&key, at).is_some() => self.counters.silenced += 1,
            _ => self.counters.cooling += 1,
        }
        self.bound();
        notices
    }

    /// Something has happened that has no length: it is over as it begins. Within a cooldown or a silence it is dropped,
    /// and counted.
    pub fn happened(&mut self, key: &str, at: i64) -> Vec<Notice<S>> {
        let mut notices = self.fired(key, at, at);
        if let Some(incident) = self.incidents.get_mut(key).filter(|i| i.resolved.is_none() && i.fired == at) {
            incident.resolved = Some(at);
            let key: Key = Arc::from(key);
            self.look(&key, at, &mut notices);
        }
        notices
    }

    /// What had fired is over.
    pub fn resolved(&mut self, key: &str, at: i64) -> Vec<Notice<S>> {
        let mut notices = self.advance(at);
        let Some((key, incident)) = self.incidents.get_key_value(key).filter(|(_, i)| i.resolved.is_none()) else {
            return notices;
        };
        let key = Arc::clone(key);
        if incident.told.is_some() {
            notices.push(self.notice(&key, incident, at, Told::Resolved));
        } else {
            self.counters.untold += 1;
        }
        if let Some(incident) = self.incidents.get_mut(&key) {
            incident.resolved = Some(at);
        }
        self.look(&key, at, &mut notices);
        notices
    }

    /// Somebody cares for what fires. False: nothing of this key fires.
    pub fn acknowledge(&mut self, key: &str, by: &str, at: i64) -> bool {
        match self.incidents.get_mut(key).filter(|incident| incident.resolved.is_none()) {
            Some(incident) => {
                incident.acknowledged.get_or_insert_with(|| Acknowledgement { by: by.to_owned(), at });
                true
            }
            None => false,
        }
    }

    /// Tells nothing for a time. Silences that are over are forgotten.
    pub fn silence(&mut self, silence: Silence, now: i64) {
        self.silences.retain(|other| other.id != silence.id && other.until > now);
        self.silences.push(silence);
        self.look_again(now);
    }

    /// Ends a silence before its time. False: there is none of this name.
    pub fn unsilence(&mut self, id: &str, now: i64) -> bool {
        let before = self.silences.len();
        self.silences.retain(|silence| silence.id != id);
        self.look_again(now);
        self.silences.len() < before
    }

    /// A silence that was replaced or ended may have held something back for longer.
    fn look_again(&mut self, now: i64) {
        for key in self.incidents.keys() {
            self.timers.wake(key, now);
        }
    }

    /// The silences, also those to come.
    pub fn silences(&self) -> &[Silence] {
        &self.silences
    }

    /// The time has come this far.
    pub fn advance(&mut self, now: i64) -> Vec<Notice<S>> {
        let mut notices = Vec::new();
        while let Some(at) = self.timers.next().filter(|at| *at <= now) {
            if let Some(key) = self.timers.pop(now) {
                self.look(&key, at, &mut notices);
            }
        }
        self.now = self.now.max(now);
        self.silences.retain(|silence| silence.until > now);
        notices
    }

    /// When there may be something to tell.
    pub fn next_timer(&self) -> Option<i64> {
        self.timers.next()
    }

    /// What has been counted.
    pub fn counters(&self) -> LifecycleCounters {
        self.counters
    }

    /// All keys, and where each is in its life.
    pub fn standings(&self) -> impl Iterator<Item = Standing<S>> + '_ {
        self.incidents.iter().map(|(key, incident)| Standing {
            key: Arc::clone(key),
            phase: incident.phase(),
            since: incident.since,
            fired: incident.fired,
            severity: self.severity(incident),
            times: incident.times,
            acknowledged: incident.acknowledged.clone(),
        })
    }

    /// Writes the state down. The settings are the rule's.
    pub fn save(&self) -> SavedLifecycle {
        let (incidents, silences) = (self.incidents.clone(), self.silences.clone());
        SavedLifecycle { incidents, silences, counters: self.counters, now: self.now }
    }

    /// Goes on where another has stopped, perhaps with other settings.
    pub fn restore(settings: LifecycleSettings<S>, saved: SavedLifecycle) -> Self {
        let SavedLifecycle { incidents, silences, counters, now } = saved;
        let mut timers = Timers::default();
        for key in incidents.keys() {
            // What is not due yet says so when it is looked at.
            timers.wake(key, now);
        }
        Self { settings, incidents, silences, timers, counters, now }
    }

    /// Tells what is due for a key at `at`, and notes when to look again.
    fn look(&mut self, key: &Key, at: i64, notices: &mut Vec<Notice<S>>) {
        loop {
            let silenced = self.silenced_until(key, at);
            let Some(incident) = self.incidents.get_mut(key) else { return };
            match incident.due(&self.settings, silenced, at) {
                Due::Tell(when, told) if when <= at => {
                    incident.tell(told, at, self.settings.cooldown);
                    self.counters.raised += u64::from(told == Told::Raised);
                    if let Some(incident) = self.incidents.get(key) {
                        notices.push(self.notice(key, incident, at, told));
                    }
                }
                Due::Tell(when, _) | Due::Look(when) if when > at => return self.timers.wake(key, when),
                Due::Forget => {
                    self.incidents.remove(key);
                    return;
                }
                _ => return,
            }
        }
    }

    /// Until when a key is silenced, also by silences that follow one another.
    fn silenced_until(&self, key: &str, at: i64) -> Option<i64> {
        let mut until = None;
        while let Some(next) = self
            .silences
            .iter()
            .filter(|silence| silence.covers(key, until.unwrap_or(at)))
            .map(|silence| silence.until)
            .max()
        {
            until = Some(next);
        }
        until
    }

    fn severity(&self, incident: &Incident) -> S {
        let step = incident.escalated.checked_sub(1).and_then(|step| self.settings.escalations.get(step));
        step.map_or(self.settings.severity, |step| step.to)
    }

    fn notice(&self, key: &Key, incident: &Incident, at: i64, told: Told) -> Notice<S> {
        let (since, fired) = (incident.since, incident.fired);
        Notice { key: Arc::clone(key), at, since, fired, severity: self.severity(incident), told }
    }

    /// Past the limit, what is over goes first, then what fired longest ago.
    fn bound(&mut self) {
        let limit = self.settings.max_keys.max(1);
        if self.incidents.len() <= limit {
            return;
        }
        let mut ages: Vec<(bool, i64, Key)> = self
            .incidents
            .iter()
            .map(|(key, incident)| (incident.resolved.is_none(), incident.fired, Arc::clone(key)))
            .collect();
        ages.sort_unstable();
        let count = self.incidents.len() - limit + limit / 8;
        for (_, _, key) in ages.into_iter().take(count) {
            self.incidents.remove(&key);
            self.timers.forget(&key);
        }
        self.counters.evicted += count as u64;
    }
}
