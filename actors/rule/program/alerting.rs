//! From what a statement puts out to alerts: how long it must hold, what is told of it, and when it is over.
//!
//! Semantics, key by key, by event time:
//! - A statement with clauses of its own (`FOR`, `PER`, `RESOLVE`, `ABSENT`, `THEN`) says itself what begins and what is over.
//! - A statement whose rule says neither `held_for` nor `resolve_after` finds things that have no length: each is an alert, but
//!   for those that a cooldown, a silence or a maintenance window holds back.
//! - Otherwise the condition holds from a row to the next one of the same key. A frame of the key's camera (a message of the
//!   key's thing) without such a row ends it, and so does silence; of streams whose last message says how things *are*
//!   (`status`, and declared ones with a key) silence does not.
//! - Without `resolve_after` it fires again after each cooldown for as long as it holds; with it, it fires once, is told again
//!   and gets worse as the rule says, and is resolved.
//! - An alert's id follows from rule, key, time and cause: judged again, it is the same alert.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parapet_config::{Rule, RuleBody};
use parapet_contracts::{
    AlertChange, AlertDraft, Severity, Silence, Timestamp,
    ports::rule::{AlertFollowUp, Outcome, RuleState},
};
use parapet_rule_sql::alerting::{
    Escalation, Hold, Holding, Lifecycle, LifecycleSettings, Notice, SavedHolding, SavedLifecycle,
    Silence as LifeSilence, Told,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::rule::schedule;

/// Keys that hold at the same time at most; beyond it those that have not held for longest are forgotten, and counted.
const MOST_KEYS: usize = 10_000;
/// Silence of things that say how they are ends nothing.
const FOR_EVER: i64 = i64::MAX / 4;
/// The name of the silence of a maintenance window.
const MAINTENANCE: &str = "maintenance";

/// See the module.
pub(super) struct Alerting {
    rule: Arc<Rule>,
    hold: Hold,
    /// Whether what is found has a length.
    pub(super) episodes: bool,
    /// Whether the statement itself says what begins and what is over.
    told_by_statement: bool,
    /// Whether the last message says how things are.
    level: bool,
    holding: Holding<()>,
    life: Lifecycle<Severity>,
    open: BTreeMap<String, Open>,
    /// The keys of what goes on, by those that the statement has for them.
    by_statement: BTreeMap<String, String>,
    /// Keys that have become due while nothing moved.
    primed: BTreeSet<String>,
    silences: Arc<Vec<Silence>>,
    pub(super) counted: Counted,
}

/// What is known of a key that holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    /// What its messages are about: those about the same end it.
    subject: String,
    /// What is told if it fires.
    draft: AlertDraft,
    /// The alert that was raised.
    alert: Option<Uuid>,
    severity: Severity,
}

/// What alerting has counted.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) fired: u64,
    pub(super) resolved: u64,
    /// Held back because it has fired in this episode.
    once: u64,
}

/// An [`Alerting`], written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedAlerting {
    holding: SavedHolding<()>,
    life: SavedLifecycle,
    open: BTreeMap<String, Open>,
    by_statement: BTreeMap<String, String>,
    counted: Counted,
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(FOR_EVER).min(FOR_EVER)
}

impl Alerting {
    /// Nothing holds yet. `level`: the last message says how things are; `between`: the time between two windows;
    /// `told_by_statement`: the statement has clauses of its own for what begins and what is over.
    pub(super) fn new(rule: Arc<Rule>, level: bool, between: i64, told_by_statement: bool) -> Self {
        let says = &rule.alerting;
        let classic = matches!(rule.body, RuleBody::Classic(_));
        let says_so = classic || !rule.held_for.is_zero() || says.resolve_after.is_some();
        let episodes = says_so && !told_by_statement;
        let mut hold = Hold::new(millis(rule.held_for), None, says.resolve_after.map_or(0, millis), between);
        if level {
            hold.silence = FOR_EVER;
        }
        let life = Lifecycle::new(Self::settings(&rule));
        let (open, by_statement, primed, silences, counted) = Default::default();
        Self {
            hold,
            episodes,
            told_by_statement,
            level,
            holding: Holding::new(hold),
            life,
            open,
            by_statement,
            primed,
            silences,
            counted,
            rule,
        }
    }

    fn settings(rule: &Rule) -> LifecycleSettings<Severity> {
        let says = &rule.alerting;
        let steps = says.escalate.iter().map(|step| Escalation { after: millis(step.after), to: step.severity });
        LifecycleSettings {
            cooldown: millis(rule.cooldown),
            again_every: says.remind_every.map(millis),
            escalations: steps.collect(),
            max_keys: MOST_KEYS,
            ..LifecycleSettings::new(rule.severity)
        }
    }

    /// The silences from now on. Those that were taken back hold nothing back any more.
    pub(super) fn set_silences(&mut self, silences: Arc<Vec<Silence>>, now: i64) {
        let known = |id: &str| silences.iter().any(|silence| id.starts_with(&silence.id.to_string()));
        let gone: Vec<String> =
            self.life.silences().iter().map(|s| &s.id).filter(|id| *id != MAINTENANCE && !known(id)).cloned().collect();
        for id in gone {
            self.life.unsilence(&id, now);
        }
        self.silences = silences;
    }

    /// The statement says that something begins, and lasts.
    pub(super) fn begins(&mut self, draft: AlertDraft, name: &str, since: i64, at: i64) -> Vec<Outcome> {
        let key = draft.key.clone();
        self.hush(&draft, at);
        self.remember(draft, name.to_owned());
        self.by_statement.insert(name.to_owned(), key.clone());
        let notices = self.life.fired(&key, since, at);
        self.told(notices)
    }

    /// The statement says that what had begun under this name is over.
    pub(super) fn ends(&mut self, name: &str, at: i64) -> Vec<Outcome> {
        let Some(key) = self.by_statement.remove(name) else { return Vec::new() };
        let notices = self.life.resolved(&key, at);
        let outcomes = self.told(notices);
        self.open.remove(&key);
        outcomes
    }

    /// The statement has put something out.
    pub(super) fn yes(&mut self, draft: AlertDraft, subject: String, at: i64) -> Vec<Outcome> {
        let key = draft.key.clone();
        self.hush(&draft, at);
        if !self.episodes {
            self.remember(draft, subject);
            let notices = self.life.happened(&key, at);
            let outcomes = self.told(notices);
            self.open.remove(&key);
            return outcomes;
        }
        let mut outcomes = self.advance(at);
        let fires = self.holding.yes(&key, at) | self.primed.remove(&key);
        self.holding.bound(MOST_KEYS);
        let since = self.holding.since(&key).unwrap_or(at);
        let since_ts = Timestamp::from_millisecond(since).unwrap_or(draft.since).min(draft.since);
        self.remember(AlertDraft { since: since_ts, ..draft }, subject);
        if fires || self.holding.is_firing(&key) {
            outcomes.extend(self.fire(&key, since, at, fires));
        }
        outcomes
    }

    fn fire(&mut self, key: &str, since: i64, at: i64, first: bool) -> Vec<Outcome> {
        let notices = match self.rule.alerting.resolve_after {
            Some(_) if first => self.life.fired(key, since, at),
            Some(_) => {
                self.counted.once += 1;
                self.life.advance(at)
            }
            None if first || !self.rule.cooldown.is_zero() => self.life.happened(key, at),
            None => {
                self.counted.once += 1;
                Vec::new()
            }
        };
        self.told(notices)
    }

    /// Keeps what would be told. Of an alert that goes on, the first is kept.
    fn remember(&mut self, draft: AlertDraft, subject: String) {
        let severity = self.rule.severity;
        let lasts = self.told_by_statement || self.rule.alerting.resolve_after.is_some();
        match self.open.get_mut(&draft.key) {
            Some(open) if open.alert.is_some() && lasts => open.subject = subject,
            _ => drop(self.open.insert(draft.key.clone(), Open { subject, draft, alert: None, severity })),
        }
    }

    /// Something about `subject` has come at `at`, and of all keys it was true of `held` alone.
    pub(super) fn no_others(&mut self, subject: &str, held: &[String], at: i64) -> Vec<Outcome> {
        if !self.episodes || self.open.is_empty() {
            return Vec::new();
        }
        let outcomes = self.advance(at);
        let others = self.open.iter().filter(|(key, open)| open.subject == subject && !held.contains(key));
        for (key, _) in others {
            self.holding.no(key, at);
        }
        outcomes
    }

    /// Nothing moved for `still` milliseconds before `at`: what held, has held through it.
    pub(super) fn still(&mut self, subject: &str, at: i64, still: i64) {
        let began = at.saturating_sub(still);
        for (key, open) in &self.open {
            let held = open.subject == subject && self.holding.since(key).is_some_and(|since| since < began);
            if held && self.holding.yes(key, at.saturating_sub(1)) {
                // What has become due meanwhile fires with the frame itself.
                self.primed.insert(key.clone());
            }
        }
    }

    /// The time has come this far.
    pub(super) fn advance(&mut self, now: i64) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some((at, key, since)) = self.next_ripe(now) {
            // What had ended by then does not ripen.
            outcomes.extend(self.over(at));
            if self.holding.since(&key) != Some(since) {
                continue;
            }
            if !self.holding.yes(&key, at) {
                break;
            }
            let draft = self.open.get(&key).map(|open| open.draft.clone());
            draft.iter().for_each(|draft| self.hush(draft, at));
            outcomes.extend(self.fire(&key, since, at, true));
        }
        outcomes.extend(self.over(now));
        let notices = self.life.advance(now);
        outcomes.extend(self.told(notices));
        if self.episodes && self.open.len() > self.holding.len() {
            // What broke off before it fired goes unseen.
            let holding = &self.holding;
            self.open.retain(|key, _| holding.since(key).is_some());
        }
        outcomes
    }

    /// What no longer holds by `now` is over.
    fn over(&mut self, now: i64) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut all: Vec<_> = std::iter::from_fn(|| self.holding.due(now)).collect();
        all.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        for over in all {
            if self.rule.alerting.resolve_after.is_some() {
                let notices = self.life.resolved(&over.key, over.at);
                outcomes.extend(self.told(notices));
            }
            self.open.remove(over.key.as_ref());
        }
        outcomes
    }

    /// The key whose last message has held for long enough first, by `now`: when, and since when.
    fn next_ripe(&self, now: i64) -> Option<(i64, String, i64)> {
        if !self.level {
            return None;
        }
        let pending = self.holding.keys().filter(|(_, fired)| !fired);
        let since = pending.filter_map(|(key, _)| Some((key, self.holding.since(key)?)));
        let ripe = since.map(|(key, since)| (since.saturating_add(self.hold.duration), key.to_string(), since));
        ripe.filter(|(at, ..)| *at <= now).min()
    }

    /// Whether time alone may bring something.
    pub(super) fn waits(&self) -> bool {
        !self.holding.is_empty() || self.life.next_timer().is_some()
    }

    /// Somebody has taken notice of an alert. False when it is none that goes on.
    pub(super) fn acknowledge(&mut self, alert: Uuid, by: &str, at: i64) -> bool {
        let key = self.open.iter().find(|(_, open)| open.alert == Some(alert)).map(|(key, _)| key.clone());
        key.is_some_and(|key| self.life.acknowledge(&key, by, at))
    }

    /// Ends all that goes on: a clock was set, and what follows has nothing to do with it.
    pub(super) fn begin_anew(&mut self, at: i64) -> Vec<Outcome> {
        let keys: Vec<String> = self.open.keys().cloned().collect();
        let notices: Vec<_> = keys.iter().flat_map(|key| self.life.resolved(key, at)).collect();
        let outcomes = self.told(notices);
        self.holding = Holding::new(self.hold);
        self.life = Lifecycle::new(Self::settings(&self.rule));
        self.open.clear();
        self.by_statement.clear();
        outcomes
    }

    /// Lets silences and maintenance windows that cover this moment hold back what is about to be told.
    fn hush(&mut self, draft: &AlertDraft, at: i64) {
        let Ok(now) = Timestamp::from_millisecond(at) else { return };
        let window = schedule::until(&self.rule.alerting.maintenance, &self.rule.time_zone, now);
        let window = window.map(|until| LifeSilence {
            id: MAINTENANCE.to_owned(),
            key: None,
            from: at,
            until: until.as_millisecond(),
        });
        let covering = self.silences.iter().filter(|silence| {
            silence.from <= now
                && now < silence.until
                && silence.concerns(&self.rule.id, draft.camera.as_ref(), &draft.key)
        });
        let own = covering.map(|silence| LifeSilence {
            id: format!("{} {}", silence.id, draft.key),
            key: Some(draft.key.clone()),
            from: silence.from.as_millisecond(),
            until: silence.until.as_millisecond(),
        });
        for silence in window.into_iter().chain(own).collect::<Vec<_>>() {
            let there = |other: &LifeSilence| other.id == silence.id && other.until == silence.until;
            if !self.life.silences().iter().any(there) {
                self.life.silence(silence, at);
            }
        }
    }

    fn told(&mut self, notices: Vec<Notice<Severity>>) -> Vec<Outcome> {
        notices.into_iter().filter_map(|notice| self.outcome(&notice)).collect()
    }

    fn outcome(&mut self, notice: &Notice<Severity>) -> Option<Outcome> {
        let key = notice.key.as_ref();
        let open = self.open.get_mut(key)?;
        open.severity = notice.severity;
        let change = match notice.told {
            Told::Raised => {
                self.counted.fired += 1;
                let draft = AlertDraft { id: alert_id(&self.rule, &open.draft, notice.at), ..open.draft.clone() };
                open.alert = Some(draft.id);
                return Some(Outcome::Fired(Box::new(draft)));
            }
            Told::Again(_) => AlertChange::Reminded,
            Told::Escalated => AlertChange::Escalated,
            Told::Resolved => AlertChange::Resolved,
        };
        let alert = open.alert?;
        let follow_up = AlertFollowUp {
            id: id_of(&format!("{alert}\u{1f}{}", change.as_str()), notice.at),
            alert,
            key: key.to_owned(),
            change,
            severity: notice.severity,
            at: Timestamp::from_millisecond(notice.at).ok()?,
            camera: open.draft.camera.clone(),
        };
        if change == AlertChange::Resolved {
            self.counted.resolved += 1;
            self.open.remove(key);
        }
        Some(Outcome::Changed(follow_up))
    }

    /// How often an alert was held back, by a cooldown or because it goes on; and by silences.
    pub(super) fn held_back(&self) -> (u64, u64) {
        let counters = self.life.counters();
        (counters.cooling + counters.repeated + self.counted.once, counters.silenced)
    }

    /// Adds what is held to a rule's state.
    pub(super) fn describe(&self, state: &mut RuleState) {
        state.firing = self.open.values().filter(|open| open.alert.is_some()).count();
        state.pending = self.open.len() - state.firing;
        let evicted = self.holding.evicted() + self.life.counters().evicted;
        if evicted > 0 {
            state.dropped.insert("keys_forgotten", evicted);
        }
    }

    /// Whether there is anything that a restart must not lose.
    pub(super) fn has_state(&self) -> bool {
        !self.holding.is_empty() || !self.open.is_empty() || self.life.standings().next().is_some()
    }

    /// Writes it down.
    pub(super) fn save(&self) -> SavedAlerting {
        let (open, by_statement, counted) = (self.open.clone(), self.by_statement.clone(), self.counted);
        SavedAlerting { holding: self.holding.save(), life: self.life.save(), open, by_statement, counted }
    }

    /// Takes up what was written down of the same rule.
    pub(super) fn restore(&mut self, saved: SavedAlerting) {
        self.holding.restore(saved.holding);
        self.life = Lifecycle::restore(Self::settings(&self.rule), saved.life);
        (self.open, self.by_statement, self.counted) = (saved.open, saved.by_statement, saved.counted);
    }
}

/// A UUIDv7 whose random part is none: the same alert has the same id, however often it is judged.
fn alert_id(rule: &Rule, draft: &AlertDraft, at: i64) -> Uuid {
    id_of(&format!("{}\u{1f}{}\u{1f}{}", rule.id, draft.key, draft.cause), at)
}

fn id_of(name: &str, at: i64) -> Uuid {
    let digest = Sha256::digest(format!("{name}\u{1f}{at}"));
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    Builder::from_unix_timestamp_millis(at.unsigned_abs(), &random).into_uuid()
}
