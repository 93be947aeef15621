//! Analytic calls: those over rows, which run before all other stages, and those over what the stages have left.
//!
//! A call whose arguments aggregate (`lag(avg(score))`) runs on each group, before HAVING: it compares a window with the
//! windows before it. `changed_cols` runs on each row or group that goes out, last of all: it compares what is put out
//! with what was put out before.

use std::sync::Arc;

use super::{Rows, Set, write_key};
use crate::error::EvalError;
use crate::expr::{Frame, Shared, Tuple, WindowRange, truth};
use crate::functions::analytic::Memory;
use crate::plan::{AnalyticCall, Over, Plan};
use crate::value::{Object, Value};

/// The memories of a statement's calls, one each, and how many partitions each may keep.
pub(crate) struct Memories<'a> {
    pub(crate) of: &'a mut [Memory],
    pub(crate) limit: usize,
    /// Space for the names of partitions.
    pub(crate) partition: &'a mut String,
}

/// Where calls over what is left are evaluated: what a frame is made of.
pub(crate) struct Place<'a> {
    pub(crate) shared: &'a Shared<'a>,
    pub(crate) tuples: &'a [Tuple],
    pub(crate) folded: &'a [Result<Value, EvalError>],
    pub(crate) range: Option<WindowRange>,
    pub(crate) group: bool,
}

impl Memories<'_> {
    /// One step of one call.
    pub(crate) fn step(&mut self, number: usize, call: &AnalyticCall, frame: &Frame<'_>) -> Result<Value, EvalError> {
        let args = call.args.iter().map(|arg| frame.eval(arg)).collect::<Result<Vec<_>, _>>()?;
        let when = match &call.when {
            Some(when) => truth(&frame.eval(when)?)?,
            None => true,
        };
        let Some(memory) = self.of.get_mut(number) else { return Ok(Value::Null) };
        if call.over == Over::Output {
            return watched(call, memory, &args, when, frame);
        }
        self.partition.clear();
        write_key(&call.partition, frame, self.partition)?;
        memory.step(call.name, self.partition, &args, when, self.limit)
    }

    /// Runs the calls over groups, or those over what is put out, and adds what they say to `recalled`.
    pub(crate) fn recall(
        &mut self,
        plan: &Plan,
        over: Over,
        place: &Place<'_>,
        recalled: &mut Vec<Value>,
    ) -> Result<(), EvalError> {
        for (number, call) in plan.analytics.iter().enumerate().filter(|(_, call)| call.over == over) {
            // Calls within calls are numbered before them, so that each sees what those inside it say.
            let value = self.step(number, call, &place.frame(recalled)).map_err(|e| failed(&e))?;
            recalled.resize(recalled.len().max(number + 1), Value::Null);
            if let Some(slot) = recalled.get_mut(number) {
                *slot = value;
            }
        }
        Ok(())
    }

    /// The calls over groups, on each group of a set; loose rows are one group.
    pub(crate) fn groups(&mut self, plan: &Plan, shared: &Shared<'_>, mut set: Set) -> Result<Set, EvalError> {
        if !plan.recalls(Over::Groups) {
            return Ok(set);
        }
        let range = set.range;
        match &mut set.rows {
            Rows::Loose(tuples) => {
                let place = Place { shared, tuples, folded: &[], range, group: true };
                self.recall(plan, Over::Groups, &place, &mut set.recalled)?;
            }
            Rows::Grouped(groups) => {
                for group in groups {
                    let place = Place { shared, tuples: &group.tuples, folded: &group.folded, range, group: true };
                    self.recall(plan, Over::Groups, &place, &mut group.recalled)?;
                }
            }
        }
        Ok(set)
    }

    /// The calls over what is put out, on each row or group that goes out.
    pub(crate) fn output(&mut self, plan: &Plan, shared: &Shared<'_>, mut set: Set) -> Result<Set, EvalError> {
        if !plan.recalls(Over::Output) {
            return Ok(set);
        }
        let range = set.range;
        match &mut set.rows {
            Rows::Loose(tuples) if plan.output.aggregate => {
                let place = Place { shared, tuples, folded: &[], range, group: true };
                self.recall(plan, Over::Output, &place, &mut set.recalled)?;
            }
            Rows::Loose(tuples) => {
                for tuple in tuples.iter() {
                    let mut own = set.recalled.clone();
                    let tuples = std::slice::from_ref(tuple);
                    let place = Place { shared, tuples, folded: &[], range, group: false };
                    self.recall(plan, Over::Output, &place, &mut own)?;
                    set.each.push(own);
                }
            }
            Rows::Grouped(groups) => {
                for group in groups {
                    let place = Place { shared, tuples: &group.tuples, folded: &group.folded, range, group: true };
                    self.recall(plan, Over::Output, &place, &mut group.recalled)?;
                }
            }
        }
        Ok(set)
    }
}

impl Place<'_> {
    fn frame<'a>(&'a self, recalled: &'a [Value]) -> Frame<'a> {
        let frame = match self.tuples {
            [tuple] if !self.group => Frame::row(self.shared, tuple, self.range),
            tuples => Frame::folded(self.shared, tuples, self.folded, self.range),
        };
        frame.recalling(recalled)
    }
}

/// Says which stage failed.
pub(crate) fn failed(error: &EvalError) -> EvalError {
    EvalError::new(format!("run Analytic error: {error}"))
}

/// `changed_cols`: a column under its own name, `*` as all of its fields.
fn watched(
    call: &AnalyticCall,
    memory: &mut Memory,
    args: &[Value],
    when: bool,
    frame: &Frame<'_>,
) -> Result<Value, EvalError> {
    let [Value::Str(prefix), Value::Bool(ignore_null)] = args else {
        return Err(EvalError::new("changed_cols takes a prefix and whether nulls are ignored"));
    };
    let mut columns: Vec<(Arc<str>, Value)> = Vec::new();
    for (name, node) in &call.columns {
        match (name.as_ref(), frame.eval(node)?) {
            ("*", Value::Object(all)) => {
                let known = columns.len();
                for (name, value) in all.iter() {
                    if !columns.iter().take(known).any(|(column, _)| column == name) {
                        columns.push((Arc::clone(name), value.clone()));
                    }
                }
            }
            (_, value) => columns.push((Arc::clone(name), value)),
        }
    }
    let changed = if when { memory.changed_cols(prefix, *ignore_null, &columns) } else { Object::new() };
    Ok(if changed.is_empty() { Value::Null } else { Value::object(changed) })
}
