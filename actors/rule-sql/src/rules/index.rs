//! Which rules of a stream an event concerns, without asking each of them.
//!
//! Rules whose filters begin with the same conditions form a group. A group hangs on one of its conditions, where few
//! others hang: under a value (`=`, `IN`) or a bound (`<`, `BETWEEN`, …) of a column. An event looks the values of its
//! columns up, and of the groups that it finds so, each condition is evaluated once, however many groups share it.
//!
//! What is found is exactly what each rule on its own would have found: a value of an unexpected type leads to the
//! groups that would refuse it, and they decide in the order in which their conditions are written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::hashing::QuickMap;
use super::predicate::{Answer, Class, Predicate, Test};
use super::slots::Slots;
use crate::ast::Op;
use crate::value::{Object, Value};

/// The rules of one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    columns: Vec<Column>,
    /// The conditions, each once.
    predicates: Slots<Shared>,
    by_text: HashMap<String, usize>,
    groups: Slots<Group>,
    by_conditions: HashMap<(Vec<usize>, bool), usize>,
    /// Groups whose conditions have no place to hang on.
    loose: BTreeSet<usize>,
    /// The number of the event; what was found out about another is out of date.
    event: u64,
    found: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Shared {
    predicate: Predicate,
    text: String,
    column: usize,
    users: usize,
    /// What it said about the event of this number.
    said: (u64, Answer),
}

#[derive(Debug, Clone)]
struct Group {
    /// In the order in which the filter asks.
    conditions: Vec<usize>,
    /// Whether the filter has no other condition.
    complete: bool,
    rules: Vec<usize>,
    seen: u64,
}

/// What hangs on one column.
#[derive(Debug, Clone)]
struct Column {
    name: Arc<str>,
    /// Where the last event had it: the next one's is probably there as well.
    place: usize,
    texts: QuickMap<Arc<str>, Vec<usize>>,
    numbers: QuickMap<u64, Vec<usize>>,
    bools: [Vec<usize>; 2],
    /// Groups that hold from a number on, and up to a number: the bounds as [`ordered`] has them.
    from: BTreeMap<u64, Vec<usize>>,
    up_to: BTreeMap<u64, Vec<usize>>,
    /// Groups that expect a class of values here, before or where they hang: others are for them to refuse.
    expecting: [(Option<Class>, Vec<usize>); 3],
}

static NULL: Value = Value::Null;

/// Where a group hangs.
enum Hook<'a> {
    Values(Vec<&'a Value>),
    From(&'a Value),
    UpTo(&'a Value),
}

/// A number such that greater floats have greater ones. Integers are rounded as if they were floats: what is found under
/// a bound may miss it by the rounding, and is asked again.
fn ordered(value: &Value) -> Option<u64> {
    let float = match value {
        Value::Int(i) => *i as f64,
        Value::Float(f) => *f + 0.0,
        _ => return None,
    };
    let bits = float.to_bits();
    Some(if bits >> 63 == 1 { !bits } else { bits | (1 << 63) })
}

impl Test {
    fn hook(&self) -> Option<Hook<'_>> {
        match self {
            Self::Compare(Op::Eq, value) => Some(Hook::Values(vec![value])),
            Self::Compare(Op::Gt | Op::Ge, value) => ordered(value).map(|_| Hook::From(value)),
            Self::Compare(Op::Lt | Op::Le, value) => ordered(value).map(|_| Hook::UpTo(value)),
            Self::In(values) => Some(Hook::Values(values.iter().collect())),
            Self::Between(low, _) => ordered(low).map(|_| Hook::From(low)),
            Self::Compare(..) | Self::Like { .. } => None,
        }
    }
}

impl Column {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            place: 0,
            texts: QuickMap::default(),
            numbers: QuickMap::default(),
            bools: Default::default(),
            from: BTreeMap::new(),
            up_to: BTreeMap::new(),
            expecting: Default::default(),
        }
    }

    /// Finds the column in an event.
    fn seek(&mut self, data: &Object) {
        let same = |name: &Arc<str>| Arc::ptr_eq(name, &self.name) || *name == self.name;
        if !data.at(self.place).is_some_and(|(name, _)| same(name)) {
            self.place = data.position(&self.name).unwrap_or(usize::MAX);
        }
    }

    /// The value where it was found.
    fn value<'a>(&self, data: &'a Object) -> &'a Value {
        data.at(self.place).map_or(&NULL, |(_, value)| value)
    }

    fn list(&mut self, value: &Value) -> Option<&mut Vec<usize>> {
        match value {
            Value::Str(text) => Some(self.texts.entry(Arc::clone(text)).or_default()),
            Value::Bool(b) => self.bools.get_mut(usize::from(*b)),
            number => Some(self.numbers.entry(ordered(number)?).or_default()),
        }
    }

    fn held(&self, value: &Value) -> &[usize] {
        match value {
            Value::Str(text) => self.texts.get(text).map_or(&[], Vec::as_slice),
            Value::Bool(b) => self.bools.get(usize::from(*b)).map_or(&[], Vec::as_slice),
            number => ordered(number).and_then(|n| self.numbers.get(&n)).map_or(&[], Vec::as_slice),
        }
    }

    /// How many groups an event has to look at that comes upon this hook.
    fn crowd(&self, hook: &Hook<'_>) -> usize {
        match hook {
            Hook::Values(values) => values.iter().map(|v| self.held(v).len()).max().unwrap_or(0),
            // Half of the bounds lie on the wrong side of a value.
            Hook::From(_) => 1 + self.from.len() / 2,
            Hook::UpTo(_) => 1 + self.up_to.len() / 2,
        }
    }

    fn hang(&mut self, hook: &Hook<'_>, group: usize) {
        match hook {
            Hook::Values(values) => {
                for value in values {
                    if let Some(list) = self.list(value).filter(|list| list.last() != Some(&group)) {
                        list.push(group);
                    }
                }
            }
            Hook::From(value) => self.from.entry(ordered(value).unwrap_or(0)).or_default().push(group),
            Hook::UpTo(value) => self.up_to.entry(ordered(value).unwrap_or(0)).or_default().push(group),
        }
    }

    fn unhang(&mut self, group: usize) {
        let lists = self.texts.values_mut().chain(self.numbers.values_mut()).chain(&mut self.bools);
        let lists = lists.chain(self.from.values_mut()).chain(self.up_to.values_mut());
        lists.chain(self.expecting.iter_mut().map(|(_, list)| list)).for_each(|list| list.retain(|g| *g != group));
        self.texts.retain(|_, list| !list.is_empty());
        self.numbers.retain(|_, list| !list.is_empty());
        self.from.retain(|_, list| !list.is_empty());
        self.up_to.retain(|_, list| !list.is_empty());
    }

    fn expect(&mut self, class: Class, group: usize) {
        let free = self.expecting.iter_mut().find(|(c, _)| c.is_none_or(|c| c == class));
        if let Some((place, list)) = free {
            *place = Some(class);
            if list.last() != Some(&group) {
                list.push(group);
            }
        }
    }

    /// The groups that a value leads to.
    fn find(&self, value: &Value, found: &mut Vec<usize>) {
        if value.is_null() {
            return;
        }
        let class = Class::of(value);
        found.extend_from_slice(self.held(value));
        if let Some(number) = ordered(value).filter(|_| class.is_some()) {
            found.extend(self.from.range(..=number).flat_map(|(_, list)| list));
            found.extend(self.up_to.range(number..).flat_map(|(_, list)| list));
        }
        for (expected, list) in &self.expecting {
            if expected.is_some() && *expected != class {
                found.extend_from_slice(list);
            }
        }
    }
}

impl Index {
    /// Adds a rule whose filter begins with these conditions, and has no others when they are `complete`.
    pub(super) fn add(&mut self, conditions: Vec<Predicate>, complete: bool, rule: usize) -> usize {
        let conditions: Vec<usize> = conditions.into_iter().map(|predicate| self.condition(predicate)).collect();
        let key = (conditions, complete);
        if let Some(number) = self.by_conditions.get(&key).copied()
            && let Some(group) = self.groups.get_mut(number)
        {
            group.rules.push(rule);
            return number;
        }
        for condition in &key.0 {
            if let Some(shared) = self.predicates.get_mut(*condition) {
                shared.users += 1;
            }
        }
        let group = Group { conditions: key.0.clone(), complete, rules: vec![rule], seen: 0 };
        let number = self.groups.insert(group);
        self.hang(&key.0, number);
        self.by_conditions.insert(key, number);
        number
    }

    fn condition(&mut self, predicate: Predicate) -> usize {
        // Types show: 1 and 1.0 are two conditions.
        let text = format!("{predicate:?}");
        if let Some(number) = self.by_text.get(&text) {
            return *number;
        }
        let column = self.columns.iter().position(|c| c.name == predicate.column).unwrap_or_else(|| {
            self.columns.push(Column::new(Arc::clone(&predicate.column)));
            self.columns.len() - 1
        });
        let shared = Shared { predicate, text: text.clone(), column, users: 0, said: (0, Answer::No) };
        let number = self.predicates.insert(shared);
        self.by_text.insert(text, number);
        number
    }

    fn hang(&mut self, conditions: &[usize], group: usize) {
        let shared: Vec<&Shared> = conditions.iter().filter_map(|c| self.predicates.get(*c)).collect();
        let crowds = shared.iter().enumerate().filter_map(|(place, shared)| {
            let hook = shared.predicate.test.hook()?;
            Some((self.columns.get(shared.column)?.crowd(&hook), place))
        });
        let Some((_, place)) = crowds.min() else {
            self.loose.insert(group);
            return;
        };
        for shared in shared.iter().take(place + 1) {
            if let (Some(class), Some(column)) = (shared.predicate.class(), self.columns.get_mut(shared.column)) {
                column.expect(class, group);
            }
        }
        if let Some(shared) = shared.get(place)
            && let (Some(hook), Some(column)) = (shared.predicate.test.hook(), self.columns.get_mut(shared.column))
        {
            column.hang(&hook, group);
        }
    }

    /// Takes a rule out of its group.
    pub(super) fn remove(&mut self, number: usize, rule: usize) {
        let Some(group) = self.groups.get_mut(number) else { return };
        group.rules.retain(|other| *other != rule);
        if !group.rules.is_empty() {
            return;
        }
        let Some(group) = self.groups.remove(number) else { return };
        self.loose.remove(&number);
        self.columns.iter_mut().for_each(|column| column.unhang(number));
        for condition in &group.conditions {
            if let Some(shared) = self.predicates.get_mut(*condition) {
                shared.users -= 1;
                if shared.users == 0 {
                    self.by_text.remove(&shared.text);
                    self.predicates.remove(*condition);
                }
            }
        }
        self.by_conditions.remove(&(group.conditions, group.complete));
    }

    /// The rules that an event concerns, and for each whether its filter is known to hold.
    pub(super) fn concerned(&mut self, data: &Object, out: &mut Vec<(usize, bool)>) {
        self.event += 1;
        let mut found = std::mem::take(&mut self.found);
        found.extend(&self.loose);
        for column in &mut self.columns {
            column.seek(data);
            column.find(column.value(data), &mut found);
        }
        for number in found.drain(..) {
            let Some(group) = self.groups.get_mut(number).filter(|group| group.seen != self.event) else { continue };
            group.seen = self.event;
            let answer = asked(&mut self.predicates, &group.conditions, &self.columns, data, self.event);
            if answer != Answer::No {
                let known = group.complete && answer == Answer::Yes;
                out.extend(group.rules.iter().map(|rule| (*rule, known)));
            }
        }
        self.found = found;
    }
}

/// What the conditions say together: the first that does not hold decides.
fn asked(
    predicates: &mut Slots<Shared>,
    conditions: &[usize],
    columns: &[Column],
    data: &Object,
    event: u64,
) -> Answer {
    for condition in conditions {
        let Some(shared) = predicates.get_mut(*condition) else { return Answer::Odd };
        if shared.said.0 != event {
            let value = columns.get(shared.column).map_or(&NULL, |column| column.value(data));
            shared.said = (event, shared.predicate.ask(value));
        }
        if shared.said.1 != Answer::Yes {
            return shared.said.1;
        }
    }
    Answer::Yes
}
