//! Many rules on the same streams.
//!
//! A [`RuleSet`] hands each event to the rules that read its stream, and wakes a rule only when its timer is due. Rules
//! whose filters begin with conditions on single columns, as in `WHERE label = 'person' AND score > 0.8 AND …`, are not
//! even woken for an event for which these do not hold: the conditions of all rules are indexed by column and value, each
//! is evaluated once an event, and a filter that consists of such conditions alone is not evaluated again by the rule. A
//! rule that waits for something to last, or for a sequence, sees every event only while something has begun.
//! What comes out, and what is counted, is as if each rule had been run alone.
//!
//! Whoever runs a set calls [`RuleSet::push`] for each event, once for all rules, [`RuleSet::advance`] when
//! [`RuleSet::next_timer`] is due, and [`RuleSet::drain`] after either. A rule is added from an [`Engine`], new or
//! restored; [`RuleSet::with`] reaches it, e.g. for a checkpoint, after telling it what it was not woken for.

mod hashing;
mod index;
mod predicate;
mod selector;
mod slots;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::hashing::QuickMap;
use self::index::Index;
use self::predicate::{Predicate, leading};
pub use self::selector::Selector;
use self::slots::Slots;
use crate::engine::{Counters, Emission, Engine, Event};
use crate::plan::{AlertSource, Plan, PlanWindowKind};

/// The number of a rule in its set: rules that were added earlier have smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    serial: u64,
    slot: usize,
}

/// Rules that run together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Slots<Member>,
    streams: QuickMap<Arc<str>, Stream>,
    timers: BTreeSet<(i64, RuleId)>,
    /// Rules with emissions that nobody has taken.
    waiting: Vec<RuleId>,
    added: u64,
    now: i64,
    /// The rules that the event at hand concerns, and whether their filters are known to hold.
    concerned: Vec<(usize, bool)>,
}

#[derive(Debug, Clone)]
struct Member {
    id: RuleId,
    engine: Engine,
    timer: Option<i64>,
    waits: bool,
    /// Where an indexed rule is: its stream and its group.
    indexed: Option<(Arc<str>, usize)>,
    /// Whether an indexed rule is woken for every event for now: what has begun ends by what the index does not look for.
    awake: bool,
    /// For an indexed rule: how many events its stream had when the rule was last settled, and how many of those since
    /// it was woken for.
    base: u64,
    woken: u64,
}

#[derive(Debug, Clone, Default)]
struct Stream {
    events: u64,
    /// Rules that are woken for every event.
    open: BTreeSet<usize>,
    /// How many of them are indexed, and awake for now.
    awake: usize,
    index: Index,
}

/// The stream of a rule that need not see every event, the conditions that its filter begins with, and whether the filter
/// has no others.
fn conditions(plan: &Plan, event_time: bool) -> Option<(Arc<str>, Vec<Predicate>, bool)> {
    let [source] = plan.sources.as_slice() else { return None };
    let relation = &source.relation;
    // A window that folds its rows and ends by the clock does not care for rows that WHERE leaves out.
    let window = plan.window.as_ref().is_none_or(|window| {
        let by_clock = matches!(window.kind, PlanWindowKind::Tumbling { .. } | PlanWindowKind::Hopping { .. });
        plan.folding.is_some() && by_clock && window.filter.is_none()
    });
    let judges_rows_alone = window && plan.analytics.is_empty() && !event_time;
    // With two names, an event of either is the rule's.
    if !judges_rows_alone || relation.table || relation.flag("STRICT_VALIDATION") || source.known_as != source.name {
        return None;
    }
    // A column as the event has it: not one that is declared under another spelling or with a default.
    let plain = |name: &str| {
        relation.columns.is_empty() || relation.columns.iter().any(|c| c.name.as_ref() == name && c.default.is_none())
    };
    let name = |number: usize| plan.columns.get(number).map(|c| Arc::clone(&c.name)).filter(|name| plain(name));
    // A sequence waits for its first step, until it has begun (see `Member::awake`).
    let first = match plan.alert.as_ref().map(|alert| &alert.source) {
        Some(AlertSource::Sequence(sequence)) => sequence.stages.first().map(|stage| &stage.condition),
        _ => plan.filter.as_ref(),
    };
    let (found, complete) = leading(first?, &name);
    (!found.is_empty()).then(|| (Arc::clone(&source.name), found, complete))
}

/// The names under which events reach a rule.
fn names(plan: &Plan) -> BTreeSet<Arc<str>> {
    plan.sources.iter().flat_map(|s| [Arc::clone(&s.name), Arc::clone(&s.known_as)]).collect()
}

impl RuleSet {
    /// A set without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a rule.
    pub fn add(&mut self, engine: Engine) -> RuleId {
        self.added += 1;
        let conditions = conditions(engine.plan(), engine.options().event_time);
        let names = names(engine.plan());
        let id = RuleId { serial: self.added, slot: 0 };
        let member = Member { id, engine, timer: None, waits: false, indexed: None, awake: false, base: 0, woken: 0 };
        let slot = self.rules.insert(member);
        let id = RuleId { slot, ..id };
        let mut place = (None, 0);
        match conditions {
            Some((stream, conditions, complete)) => {
                let entry = self.streams.entry(Arc::clone(&stream)).or_default();
                place = (Some((stream, entry.index.add(conditions, complete, slot))), entry.events);
            }
            None => {
                for name in names {
                    self.streams.entry(name).or_default().open.insert(slot);
                }
            }
        }
        if let Some(member) = self.rules.get_mut(slot) {
            member.id = id;
            (member.indexed, member.base) = place;
        }
        self.settle(id);
        self.noted(slot);
        id
    }

    /// Takes a rule out, with what it has not yet put out.
    pub fn remove(&mut self, id: RuleId) -> Option<Engine> {
        self.settle(id);
        self.member(id)?;
        let member = self.rules.remove(id.slot)?;
        if let Some(timer) = member.timer {
            self.timers.remove(&(timer, id));
        }
        self.waiting.retain(|other| *other != id);
        match &member.indexed {
            Some((stream, group)) => {
                if let Some(stream) = self.streams.get_mut(stream) {
                    stream.index.remove(*group, id.slot);
                    stream.awake -= usize::from(member.awake);
                    stream.open.remove(&id.slot);
                }
            }
            None => {
                for name in names(member.engine.plan()) {
                    if let Some(stream) = self.streams.get_mut(&name) {
                        stream.open.remove(&id.slot);
                    }
                }
            }
        }
        Some(member.engine)
    }

    fn member(&mut self, id: RuleId) -> Option<&mut Member> {
        self.rules.get_mut(id.slot).filter(|member| member.id == id)
    }

    /// Does something with a rule: loads a table, takes a checkpoint, reads its plan.
    pub fn with<T>(&mut self, id: RuleId, act: impl FnOnce(&mut Engine) -> T) -> Option<T> {
        self.settle(id);
        let result = act(&mut self.member(id)?.engine);
        self.noted(id.slot);
        Some(result)
    }

    /// What a rule has done so far.
    pub fn counters(&mut self, id: RuleId) -> Option<Counters> {
        self.with(id, |engine| engine.counters())
    }

    /// An event has come. Timers that are due before it fire first. Events of streams that no rule reads are ignored.
    pub fn push(&mut self, event: &Event) {
        self.advance(event.at);
        let Some(stream) = self.streams.get_mut(&event.stream) else { return };
        stream.events += 1;
        let mut concerned = std::mem::take(&mut self.concerned);
        concerned.extend(stream.open.iter().map(|slot| (*slot, false)));
        let open = concerned.len();
        stream.index.concerned(&event.data, &mut concerned);
        if stream.awake > 0 {
            // Who is awake is not woken twice.
            let mut place = 0;
            concerned.retain(|(slot, _)| {
                place += 1;
                place <= open || !stream.open.contains(slot)
            });
        }
        for (slot, known) in concerned.drain(..) {
            if let Some(member) = self.rules.get_mut(slot) {
                member.woken += 1;
                // A rule that slept does not know yet how late it is.
                member.engine.advance(self.now);
                member.engine.take(event, known);
            }
            self.noted(slot);
        }
        self.concerned = concerned;
    }

    /// The time has come this far. Timers up to and including it fire.
    pub fn advance(&mut self, now: i64) {
        self.now = self.now.max(now);
        while let Some((timer, id)) = self.timers.first().copied().filter(|(timer, _)| *timer <= self.now) {
            self.timers.remove(&(timer, id));
            let time = self.now;
            if let Some(member) = self.member(id) {
                member.timer = None;
                member.engine.advance(time);
            }
            self.noted(id.slot);
            // A timer that is still due would be due for ever.
            if self.timers.remove(&(timer, id))
                && let Some(member) = self.member(id)
            {
                member.timer = None;
            }
        }
    }

    /// When a timer fires next, if one is set.
    pub fn next_timer(&self) -> Option<i64> {
        self.timers.first().map(|(timer, _)| *timer)
    }

    /// Takes what was put out: rule by rule, for each the oldest first.
    pub fn drain(&mut self) -> Vec<(RuleId, Emission)> {
        let mut out = Vec::new();
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        for id in waiting.drain(..) {
            if let Some(member) = self.member(id) {
                member.waits = false;
                out.extend(member.engine.drain().map(|emission| (id, emission)));
            }
        }
        self.waiting = waiting;
        out
    }

    /// Counts the events for which a rule was not woken.
    fn settle(&mut self, id: RuleId) {
        let now = self.now;
        let Some(member) = self.rules.get_mut(id.slot).filter(|member| member.id == id) else { return };
        member.engine.advance(now);
        let stream = member.indexed.as_ref().and_then(|(stream, _)| self.streams.get(stream));
        let Some(stream) = stream else { return };
        member.engine.passed(stream.events.saturating_sub(member.base).saturating_sub(member.woken));
        (member.base, member.woken) = (stream.events, 0);
    }

    /// Notes when a rule wants to be woken next, and whether it has put something out.
    fn noted(&mut self, slot: usize) {
        let Some(member) = self.rules.get_mut(slot) else { return };
        let timer = member.engine.next_timer();
        if timer != member.timer {
            if let Some(before) = member.timer {
                self.timers.remove(&(before, member.id));
            }
            if let Some(timer) = timer {
                self.timers.insert((timer, member.id));
            }
            member.timer = timer;
        }
        if let Some((stream, _)) = &member.indexed
            && member.awake != member.engine.minds_all()
            && let Some(stream) = self.streams.get_mut(stream)
        {
            member.awake = !member.awake;
            if member.awake {
                stream.awake += 1;
                stream.open.insert(slot);
            } else {
                stream.awake -= 1;
                stream.open.remove(&slot);
            }
        }
        if !member.waits && member.engine.has_emissions() {
            member.waits = true;
            self.waiting.push(member.id);
        }
    }
}
