//! Many rules on the same streams.
//!
//! A [`RuleSet`] hands each event to the rules that read its stream, and wakes a rule only when its timer is due. A rule
//! that begins with a comparison, as in `WHERE label = 'person' AND …`, is not even woken for an event with another
//! label: such rules share one look-up. What comes out, and what is counted, is as if each rule had been run alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ast::Op;
use crate::engine::{Counters, Emission, Engine, Event};
use crate::expr::Node;
use crate::plan::Plan;
use crate::value::Value;

/// The number of a rule in its set: rules that were added earlier have smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u64);

/// Rules that run together.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: BTreeMap<RuleId, Member>,
    streams: HashMap<Arc<str>, Stream>,
    timers: BTreeSet<(i64, RuleId)>,
    /// Rules with emissions that nobody has taken.
    waiting: BTreeSet<RuleId>,
    added: u64,
    now: i64,
}

#[derive(Debug, Clone)]
struct Member {
    engine: Engine,
    timer: Option<i64>,
    gate: Option<Gate>,
    /// For a rule with a gate: how many events its stream had when the rule was last settled, and how many of those
    /// since it was woken for.
    base: u64,
    woken: u64,
}

/// A comparison without which a rule does not hold.
#[derive(Debug, Clone, PartialEq)]
struct Gate {
    stream: Arc<str>,
    column: Arc<str>,
    wanted: Value,
}

#[derive(Debug, Clone, Default)]
struct Stream {
    events: u64,
    /// Rules that are woken for every event.
    open: Vec<RuleId>,
    /// By column: the rules that wait for one value of it.
    gated: BTreeMap<Arc<str>, Gated>,
}

#[derive(Debug, Clone, Default)]
struct Gated {
    texts: HashMap<Arc<str>, Vec<RuleId>>,
    numbers: HashMap<i64, Vec<RuleId>>,
}

impl Gate {
    /// The first condition of a rule that keeps no state but its hits, when that is `column = value`.
    fn of(engine: &Engine) -> Option<Self> {
        let plan = engine.plan();
        let [source] = plan.sources.as_slice() else { return None };
        let simple = plan.window.is_none()
            && plan.analytics.is_empty()
            && !engine.options().event_time
            && source.relation.columns.is_empty()
            && !source.relation.table
            && source.known_as == source.name;
        let mut first = plan.filter.as_ref().filter(|_| simple)?;
        // A condition further on may fail with an error before the comparison is reached: only the first one counts.
        while let Node::Binary(Op::And, left, _) = first {
            first = left;
        }
        let Node::Binary(Op::Eq, left, right) = first else { return None };
        let (Node::Column(number), Node::Const(wanted)) = (left.as_ref(), right.as_ref()) else { return None };
        let column = Arc::clone(&plan.columns.get(*number)?.name);
        let indexed = matches!(wanted, Value::Str(_) | Value::Int(_));
        indexed.then(|| Self { stream: Arc::clone(&source.name), column, wanted: wanted.clone() })
    }
}

impl Gated {
    fn list(&mut self, wanted: &Value) -> Option<&mut Vec<RuleId>> {
        match wanted {
            Value::Str(text) => Some(self.texts.entry(Arc::clone(text)).or_default()),
            Value::Int(number) => Some(self.numbers.entry(*number).or_default()),
            _ => None,
        }
    }

    /// The rules that a value may concern. Values of other types than the one compared with give errors, which the
    /// rules tell themselves.
    fn concerned(&self, value: &Value, out: &mut Vec<RuleId>) {
        let all_texts = self.texts.values().flatten();
        let all_numbers = self.numbers.values().flatten();
        match value {
            Value::Null => {}
            Value::Str(text) => {
                out.extend(self.texts.get(text).into_iter().flatten());
                out.extend(all_numbers);
            }
            Value::Int(number) => {
                out.extend(self.numbers.get(number).into_iter().flatten());
                out.extend(all_texts);
            }
            _ => out.extend(all_texts.chain(all_numbers)),
        }
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.numbers.is_empty()
    }
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
        self.rules.is_empty()
    }

    /// Adds a rule.
    pub fn add(&mut self, engine: Engine) -> RuleId {
        self.added += 1;
        let id = RuleId(self.added);
        let gate = Gate::of(&engine);
        let mut base = 0;
        match &gate {
            Some(gate) => {
                let stream = self.streams.entry(Arc::clone(&gate.stream)).or_default();
                base = stream.events;
                let gated = stream.gated.entry(Arc::clone(&gate.column)).or_default();
                if let Some(list) = gated.list(&gate.wanted) {
                    list.push(id);
                }
            }
            None => {
                for name in names(engine.plan()) {
                    self.streams.entry(name).or_default().open.push(id);
                }
            }
        }
        self.rules.insert(id, Member { engine, timer: None, gate, base, woken: 0 });
        self.settle(id);
        self.noted(id);
        id
    }

    /// Takes a rule out, with what it has not yet put out.
    pub fn remove(&mut self, id: RuleId) -> Option<Engine> {
        self.settle(id);
        let member = self.rules.remove(&id)?;
        if let Some(timer) = member.timer {
            self.timers.remove(&(timer, id));
        }
        self.waiting.remove(&id);
        match &member.gate {
            Some(gate) => {
                let Some(stream) = self.streams.get_mut(&gate.stream) else { return Some(member.engine) };
                if let Some(gated) = stream.gated.get_mut(&gate.column) {
                    if let Some(list) = gated.list(&gate.wanted) {
                        list.retain(|other| *other != id);
                    }
                    gated.texts.retain(|_, list| !list.is_empty());
                    gated.numbers.retain(|_, list| !list.is_empty());
                }
                stream.gated.retain(|_, gated| !gated.is_empty());
            }
            None => {
                for name in names(member.engine.plan()) {
                    if let Some(stream) = self.streams.get_mut(&name) {
                        stream.open.retain(|other| *other != id);
                    }
                }
            }
        }
        Some(member.engine)
    }

    /// Does something with a rule: loads a table, takes a checkpoint, reads its plan.
    pub fn with<T>(&mut self, id: RuleId, act: impl FnOnce(&mut Engine) -> T) -> Option<T> {
        self.settle(id);
        let result = act(&mut self.rules.get_mut(&id)?.engine);
        self.noted(id);
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
        let mut concerned = stream.open.clone();
        for (column, gated) in &stream.gated {
            gated.concerned(event.data.find(column).unwrap_or(&Value::Null), &mut concerned);
        }
        concerned.sort_unstable();
        for id in concerned {
            if let Some(member) = self.rules.get_mut(&id) {
                member.woken += 1;
                // A rule that slept does not know yet how late it is.
                member.engine.advance(self.now);
                member.engine.push(event);
            }
            self.noted(id);
        }
    }

    /// The time has come this far. Timers up to and including it fire.
    pub fn advance(&mut self, now: i64) {
        self.now = self.now.max(now);
        while let Some((timer, id)) = self.timers.first().copied().filter(|(timer, _)| *timer <= self.now) {
            self.timers.remove(&(timer, id));
            if let Some(member) = self.rules.get_mut(&id) {
                member.timer = None;
                member.engine.advance(self.now);
            }
            self.noted(id);
            // A timer that is still due would be due for ever.
            if self.timers.contains(&(timer, id)) {
                self.timers.remove(&(timer, id));
                if let Some(member) = self.rules.get_mut(&id) {
                    member.timer = None;
                }
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
        for id in std::mem::take(&mut self.waiting) {
            if let Some(member) = self.rules.get_mut(&id) {
                out.extend(member.engine.drain().map(|emission| (id, emission)));
            }
        }
        out
    }

    /// Counts the events for which a rule was not woken.
    fn settle(&mut self, id: RuleId) {
        let Some(member) = self.rules.get_mut(&id) else { return };
        member.engine.advance(self.now);
        let Some(stream) = member.gate.as_ref().and_then(|gate| self.streams.get(&gate.stream)) else { return };
        member.engine.passed(stream.events.saturating_sub(member.base).saturating_sub(member.woken));
        (member.base, member.woken) = (stream.events, 0);
    }

    /// Notes when a rule wants to be woken next, and whether it has put something out.
    fn noted(&mut self, id: RuleId) {
        let Some(member) = self.rules.get_mut(&id) else { return };
        let timer = member.engine.next_timer();
        if timer != member.timer {
            if let Some(before) = member.timer {
                self.timers.remove(&(before, id));
            }
            if let Some(timer) = timer {
                self.timers.insert((timer, id));
            }
            member.timer = timer;
        }
        if member.engine.has_emissions() {
            self.waiting.insert(id);
        }
    }
}
