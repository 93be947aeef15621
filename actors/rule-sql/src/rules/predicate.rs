//! Conditions on one column that can be looked up: `label = 'person'`, `score > 0.8`, `camera IN ('a', 'b')`.
//!
//! A predicate answers as the statement itself would, and says [`Answer::Odd`] where it cannot: for a value of another
//! type than the one compared with, which the statement alone knows to refuse.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::ast::Op;
use crate::expr::{LikePattern, Node, compare};
use crate::value::Value;

/// A condition on one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Predicate {
    /// The column, as the statement writes it.
    pub(super) column: Arc<str>,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`.
    Compare(Op, Value),
    /// `IN`, with constants of one class.
    In(Vec<Value>),
    /// `BETWEEN`, both ends included.
    Between(Value, Value),
    /// `LIKE`.
    Like { pattern: LikePattern, negated: bool },
}

/// What a predicate says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    No,
    Yes,
    /// Only the statement can tell.
    Odd,
}

/// Values that compare with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Text,
    Number,
    Bool,
}

impl Class {
    /// `None`: a value that predicates do not look at.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Str(_) => Some(Self::Text),
            // What is no number compares with nothing: it is left to the statement.
            Value::Float(f) if f.is_nan() => None,
            Value::Int(_) | Value::Float(_) => Some(Self::Number),
            Value::Bool(_) => Some(Self::Bool),
            _ => None,
        }
    }
}

impl Predicate {
    /// The predicate that a condition is, if it is one. `name` gives the column of a number, where it can be looked up.
    pub(super) fn of(node: &Node, name: &impl Fn(usize) -> Option<Arc<str>>) -> Option<Self> {
        let column = |node: &Node| if let Node::Column(number) = node { name(*number) } else { None };
        let constant = |node: &Node| match node {
            Node::Const(value) if Class::of(value).is_some() => Some(value.clone()),
            _ => None,
        };
        let (column, test) = match node {
            Node::Binary(op, left, right) => match (column(left), constant(right)) {
                (Some(column), Some(value)) => (column, Test::Compare(*op, value)),
                _ => (column(right)?, Test::Compare(mirrored(*op)?, constant(left)?)),
            },
            Node::InList { value, negated: false, items } => {
                (column(value)?, Test::In(items.iter().map(constant).collect::<Option<_>>()?))
            }
            Node::Between { value, negated: false, low, high } => {
                (column(value)?, Test::Between(constant(low)?, constant(high)?))
            }
            Node::Like { value, negated, pattern } => {
                (column(value)?, Test::Like { pattern: pattern.clone(), negated: *negated })
            }
            _ => return None,
        };
        let predicate = Self { column, test };
        predicate.class().is_some().then_some(predicate)
    }

    /// The class of values that this predicate can judge; `None` where it would be more than one.
    pub(super) fn class(&self) -> Option<Class> {
        let alike = |mut values: std::slice::Iter<'_, Value>| {
            let first = Class::of(values.next()?)?;
            values.all(|v| Class::of(v) == Some(first)).then_some(first)
        };
        match &self.test {
            // Truth values have no order.
            Test::Compare(op, value) => {
                let class = Class::of(value)?;
                let ordered = matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge);
                (matches!(op, Op::Eq | Op::Ne) || (ordered && class != Class::Bool)).then_some(class)
            }
            Test::In(values) => alike(values.iter()),
            Test::Between(low, high) => alike([low.clone(), high.clone()].iter()).filter(|c| *c != Class::Bool),
            Test::Like { .. } => Some(Class::Text),
        }
    }

    /// What the statement would find for this value of the column.
    pub(super) fn ask(&self, value: &Value) -> Answer {
        if value.is_null() {
            return Answer::No;
        }
        if Class::of(value) != self.class() {
            return Answer::Odd;
        }
        let order = |other: &Value| compare(value, other);
        let holds = match &self.test {
            Test::Compare(op, other) => order(other).is_some_and(|order| match op {
                Op::Eq => order.is_eq(),
                Op::Ne => order.is_ne(),
                Op::Lt => order.is_lt(),
                Op::Le => order.is_le(),
                Op::Gt => order.is_gt(),
                _ => order.is_ge(),
            }),
            Test::In(values) => values.iter().any(|other| order(other).is_some_and(Ordering::is_eq)),
            Test::Between(low, high) => {
                order(low).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
            }
            Test::Like { pattern, negated } => value.as_str().is_some_and(|text| pattern.matches(text) != *negated),
        };
        if holds { Answer::Yes } else { Answer::No }
    }
}

/// The operator with its sides exchanged.
fn mirrored(op: Op) -> Option<Op> {
    Some(match op {
        Op::Eq | Op::Ne => op,
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        Op::Ge => Op::Le,
        _ => return None,
    })
}

/// The conditions that a filter begins with and that can be looked up, and whether there is nothing else to it. They are
/// in the order in which the statement comes to them; each is asked only when those before it hold.
pub(super) fn leading(filter: &Node, name: &impl Fn(usize) -> Option<Arc<str>>) -> (Vec<Predicate>, bool) {
    let mut found = Vec::new();
    let complete = collect(filter, name, &mut found);
    (found, complete)
}

fn collect(node: &Node, name: &impl Fn(usize) -> Option<Arc<str>>, found: &mut Vec<Predicate>) -> bool {
    if let Node::Binary(Op::And, left, right) = node {
        return collect(left, name, found) && collect(right, name, found);
    }
    match Predicate::of(node, name) {
        Some(predicate) => {
            found.push(predicate);
            true
        }
        None => false,
    }
}
