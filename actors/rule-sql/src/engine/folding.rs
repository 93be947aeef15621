//! Windows that fold their rows: what they are told of each, and what becomes of their groups.

use std::sync::Arc;

use super::{Engine, stages::chosen};
use crate::error::EvalError;
use crate::exec::{self, Group, Memories, Rows, Set, in_stage};
use crate::expr::{Frame, Row, Tuple};
use crate::plan::Plan;
use crate::value::Value;
use crate::window::{Entry, Folded, Place, WindowRange};

impl Engine {
    /// A row for a window that folds. `accepted`: WHERE is known to hold for it.
    pub(super) fn fold_row(&mut self, row: &Arc<Row>, tuple: &Tuple, accepted: bool) {
        let mut entry = std::mem::take(&mut self.entry);
        self.describe(tuple, accepted, &mut entry);
        let Some(window) = &mut self.window else { return };
        let complete = window.entry(row, &entry);
        self.counters.refused_groups += window.take_refused();
        self.entry = entry;
        self.complete(complete);
    }

    fn describe(&self, tuple: &Tuple, accepted: bool, entry: &mut Entry) {
        entry.key.clear();
        entry.arguments.clear();
        let Some(folding) = &self.plan.folding else { return };
        let shared = self.shared(&self.env);
        let accepts = if accepted { Ok(true) } else { exec::accepts(&self.plan, &shared, tuple) };
        entry.place = match accepts {
            Ok(true) => Place::Group,
            Ok(false) => Place::Nowhere,
            Err(e) => Place::WhereFailed(e.0),
        };
        if entry.place != Place::Group {
            return;
        }
        let frame = Frame::row(&shared, tuple, None);
        if let Err(e) = exec::write_key(&self.plan.group_by, &frame, &mut entry.key).map_err(in_stage("Group By")) {
            entry.place = Place::KeyFailed(e.0);
            return;
        }
        let argument = |node: Option<&_>| node.map_or(Ok(Value::Null), |node| frame.eval(node)).map_err(|e| e.0);
        entry.arguments.extend(folding.calls.iter().map(|call| argument(call.argument.as_ref())));
    }

    /// A window is complete.
    pub(super) fn fold_complete(&mut self, plan: &Plan, folded: Folded, range: WindowRange) {
        let set = self.remembering(|engine, memories| engine.fold_stages(plan, memories, folded, range));
        self.left(plan, set, Some(range), None);
    }

    /// The stages between GROUP BY and SELECT.
    fn fold_stages(
        &self,
        plan: &Plan,
        memories: &mut Memories<'_>,
        folded: Folded,
        range: WindowRange,
    ) -> Result<Option<Set>, EvalError> {
        let Some(folding) = &plan.folding else { return Ok(None) };
        if let Some(failed) = folded.failed.0.or(folded.failed.1) {
            return Err(EvalError(failed));
        }
        let selective = plan.filter.is_some() || !plan.group_by.is_empty();
        if selective && folded.groups.is_empty() {
            return Ok(None);
        }
        let mut groups: Vec<Group> = Vec::with_capacity(folded.groups.len());
        for group in folded.groups {
            let folded = group.folds.iter().zip(&folding.calls).map(|(fold, call)| fold.result(call.function));
            let first = vec![Tuple::One(group.first)];
            groups.push(Group { folded: folded.collect(), ..Group::of(first) });
        }
        // Without keys, no rows are a group as well.
        if groups.is_empty() {
            let folded = folding.calls.iter().map(|call| call.fold.result(call.function)).collect();
            groups.push(Group { folded, ..Group::default() });
        }
        chosen(plan, &self.shared(&self.env), memories, Set::of(Rows::Grouped(groups), Some(range)))
    }
}
