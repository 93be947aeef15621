//! Where an expression is evaluated: on a row, or on a group of rows.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::row::{Row, Tuple};
use crate::error::EvalError;
use crate::functions::Env;
use crate::functions::analytic::Hits;
use crate::value::Value;

/// The time a window covers, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowRange {
    /// Its beginning.
    pub start: i64,
    /// Its end.
    pub end: i64,
    /// What made it fire: its end, or the event that triggered it.
    pub trigger: i64,
}

/// What all frames of one evaluation share.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// What functions may see.
    pub env: &'a Env,
    /// The definitions of the statement's aliases.
    pub aliases: &'a [Node],
    /// For `last_hit_*`.
    pub hits: Hits,
    /// For `last_agg_hit_*`.
    pub agg_hits: Hits,
}

/// What stands for a frame: the first tuple, or a row on its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Head<'a> {
    Nothing,
    Row(&'a Row),
    Tuple(&'a Tuple),
}

impl<'a> Head<'a> {
    fn of(tuple: Option<&'a Tuple>) -> Self {
        tuple.map_or(Self::Nothing, Self::Tuple)
    }

    /// The first that is found in its rows.
    pub(super) fn find<T>(self, mut in_row: impl FnMut(&'a Row) -> Option<T>) -> Option<T> {
        match self {
            Self::Nothing => None,
            Self::Row(row) => in_row(row),
            Self::Tuple(Tuple::One(row)) => in_row(row),
            Self::Tuple(Tuple::Joined(rows)) => rows.iter().find_map(|row| in_row(row)),
        }
    }
}

/// A row (one tuple) or a group (its tuples), with what was already computed on it.
#[derive(Debug)]
pub struct Frame<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) head: Head<'a>,
    pub(super) tuples: &'a [Tuple],
    /// The results of the aggregates, where the group's rows were folded into them.
    folded: &'a [Result<Value, EvalError>],
    /// What analytic calls over groups, or over what is put out, say of it: by the numbers of the calls.
    recalled: &'a [Value],
    pub(super) range: Option<WindowRange>,
    /// Whether this is a group: its first tuple stands for it.
    pub(super) group: bool,
    pub(super) number: Cell<i64>,
    /// Each alias is computed once: two uses see the same value, also of functions that change.
    memo: RefCell<Vec<Option<Value>>>,
}

impl<'a> Frame<'a> {
    /// A frame on one row.
    pub fn row(shared: &'a Shared<'a>, tuple: &'a Tuple, range: Option<WindowRange>) -> Self {
        Self::make(shared, Head::Tuple(tuple), std::slice::from_ref(tuple), range, false)
    }

    /// A frame on one row that is no tuple yet: for conditions on single rows.
    pub fn bare(shared: &'a Shared<'a>, row: &'a Row) -> Self {
        Self::make(shared, Head::Row(row), &[], None, false)
    }

    /// A frame on a group, which may be without rows.
    pub fn group(shared: &'a Shared<'a>, tuples: &'a [Tuple], range: Option<WindowRange>) -> Self {
        Self::make(shared, Head::of(tuples.first()), tuples, range, true)
    }

    /// A frame on a group of which perhaps only the first tuple is left, with the results of its aggregates.
    pub fn folded(
        shared: &'a Shared<'a>,
        tuples: &'a [Tuple],
        results: &'a [Result<Value, EvalError>],
        range: Option<WindowRange>,
    ) -> Self {
        Self { folded: results, ..Self::group(shared, tuples, range) }
    }

    fn make(
        shared: &'a Shared<'a>,
        head: Head<'a>,
        tuples: &'a [Tuple],
        range: Option<WindowRange>,
        group: bool,
    ) -> Self {
        let (number, memo) = (Cell::new(1), RefCell::default());
        Self { shared, head, tuples, folded: &[], recalled: &[], range, group, number, memo }
    }

    /// With what analytic calls over groups, or over what is put out, say of it.
    #[must_use]
    pub fn recalling(self, recalled: &'a [Value]) -> Self {
        Self { recalled, ..self }
    }

    /// Says which row of its window this is, from 1.
    #[must_use]
    pub fn numbered(self, number: i64) -> Self {
        self.number.set(number);
        self
    }

    /// Evaluates an expression here, without a copy of what a row or the statement holds.
    pub fn view<'b>(&'b self, node: &'b Node) -> Result<Cow<'b, Value>, EvalError> {
        node.view(self)
    }

    /// Evaluates an expression here.
    pub fn eval(&self, node: &Node) -> Result<Value, EvalError> {
        node.eval(self)
    }

    pub(super) fn folded_result(&self, number: usize) -> Result<Value, EvalError> {
        self.folded.get(number).cloned().unwrap_or(Ok(Value::Null))
    }

    pub(super) fn recalled(&self, number: usize) -> Value {
        self.recalled.get(number).cloned().unwrap_or(Value::Null)
    }

    pub(super) fn alias(&self, number: usize) -> Result<Value, EvalError> {
        if let Some(Some(known)) = self.memo.borrow().get(number) {
            return Ok(known.clone());
        }
        let Some(node) = self.shared.aliases.get(number) else { return Ok(Value::Null) };
        let value = node.eval(self)?;
        let mut memo = self.memo.borrow_mut();
        memo.resize(self.shared.aliases.len(), None);
        if let Some(place) = memo.get_mut(number) {
            *place = Some(value.clone());
        }
        Ok(value)
    }
}
