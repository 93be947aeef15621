//! Where an expression is evaluated: on a row, or on a group of rows.

use std::cell::{Cell, RefCell};

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::row::Tuple;
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

/// A row (one tuple) or a group (its tuples), with what was already computed on it.
#[derive(Debug)]
pub struct Frame<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) tuples: &'a [Tuple],
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
        Self::make(shared, std::slice::from_ref(tuple), range, false)
    }

    /// A frame on a group, which may be without rows.
    pub fn group(shared: &'a Shared<'a>, tuples: &'a [Tuple], range: Option<WindowRange>) -> Self {
        Self::make(shared, tuples, range, true)
    }

    fn make(shared: &'a Shared<'a>, tuples: &'a [Tuple], range: Option<WindowRange>, group: bool) -> Self {
        let memo = RefCell::new(vec![None; shared.aliases.len()]);
        Self { shared, tuples, range, group, number: Cell::new(1), memo }
    }

    /// Says which row of its window this is, from 1.
    #[must_use]
    pub fn numbered(self, number: i64) -> Self {
        self.number.set(number);
        self
    }

    /// The tuple that stands for the frame.
    pub fn first(&self) -> Option<&'a Tuple> {
        self.tuples.first()
    }

    /// Evaluates an expression here.
    pub fn eval(&self, node: &Node) -> Result<Value, EvalError> {
        node.eval(self)
    }

    pub(super) fn alias(&self, number: usize) -> Result<Value, EvalError> {
        if let Some(Some(known)) = self.memo.borrow().get(number) {
            return Ok(known.clone());
        }
        let Some(node) = self.shared.aliases.get(number) else { return Ok(Value::Null) };
        let value = node.eval(self)?;
        if let Some(place) = self.memo.borrow_mut().get_mut(number) {
            *place = Some(value.clone());
        }
        Ok(value)
    }
}
