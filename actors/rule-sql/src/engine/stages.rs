//! The way of a row through the stages: window, join, WHERE, GROUP BY, HAVING, ORDER BY, SELECT.

use std::sync::Arc;

use super::Engine;
use crate::error::EvalError;
use crate::exec::{self, Memories, Place, Rows, Set, in_stage};
use crate::expr::{Frame, Node, Row, Shared, Tuple, truth};
use crate::plan::{Over, Plan, PlanWindow, PlanWindowKind};
use crate::value::{Object, Value};
use crate::window::{Complete, Released, Verdict, WindowRange};

impl Engine {
    pub(super) fn released(&mut self, released: Vec<Released>) {
        for item in released {
            match item {
                Released::Row(row) => self.row(row, false),
                Released::Watermark(time) => {
                    let complete = self.window.as_mut().map(|w| w.advance(time)).unwrap_or_default();
                    self.complete(complete);
                    self.alert_until(time);
                }
            }
        }
    }

    /// A row of a stream that waits for no other. Where rows are judged alone, what WHERE leaves out goes no further.
    pub(super) fn arrived(&mut self, row: Row, mut accepted: bool) {
        let alone = self.plan.judges_rows_alone() && self.plan.joins.is_empty();
        if alone && !accepted {
            match exec::accepts_bare(&self.plan, &self.shared(&self.env), &row) {
                Ok(true) => accepted = true,
                Ok(false) => return,
                Err(e) => return self.emit_error(&e.to_string()),
            }
        }
        self.row(Arc::new(row), accepted);
    }

    /// A row of a stream, in its turn. `accepted`: WHERE is known to hold for it.
    pub(super) fn row(&mut self, row: Arc<Row>, accepted: bool) {
        let tuple = match self.analyze(row) {
            Ok(tuple) => tuple,
            Err(e) => return self.emit_error(&e.to_string()),
        };
        let plan = Arc::clone(&self.plan);
        match (&plan.window, &tuple) {
            (Some(window), Tuple::One(row)) => self.enter_window(window, row, &tuple, accepted),
            (None, Tuple::One(row)) if plan.joins.is_empty() && plan.alert.is_some() => {
                if let Some(alert) = &plan.alert {
                    self.alert_row(&plan, alert, row, &tuple);
                }
            }
            (None, Tuple::One(row)) if !plan.joins.is_empty() => self.with_tables(row),
            _ => self.single(&plan, &tuple, accepted),
        }
    }

    /// A statement without window and join: a row at a time.
    fn single(&mut self, plan: &Plan, tuple: &Tuple, accepted: bool) {
        let result = self.remembering(|engine, memories| engine.one(plan, memories, tuple, accepted));
        let time = tuple.parts().first().map_or(self.env.now, |row| row.ts);
        match result {
            Ok(None) => {}
            Ok(Some(rows)) => {
                self.counters.matched += 1;
                self.hits.hit(time);
                if plan.having.is_some() {
                    self.agg_hits.hit(time);
                }
                // Each row that a function gives goes out on its own.
                if plan.output.rows.is_some() {
                    for row in rows {
                        self.emit(vec![row], None);
                    }
                } else {
                    self.emit(rows, None);
                }
            }
            Err(e) => self.emit_error(&e.to_string()),
        }
    }

    /// What a row gives. `None`: it is left out.
    fn one(
        &self,
        plan: &Plan,
        memories: &mut Memories<'_>,
        tuple: &Tuple,
        accepted: bool,
    ) -> Result<Option<Vec<Object>>, EvalError> {
        let shared = self.shared(&self.env);
        if !accepted && !exec::accepts(plan, &shared, tuple)? {
            return Ok(None);
        }
        let mut recalled = Vec::new();
        let tuples = std::slice::from_ref(tuple);
        let place = |group| Place { shared: &shared, tuples, folded: &[], range: None, group };
        memories.recall(plan, Over::Groups, &place(true), &mut recalled)?;
        if let Some(having) = &plan.having {
            let group = Frame::group(&shared, tuples, None).recalling(&recalled);
            if !group.eval(having).and_then(|v| truth(&v)).map_err(in_stage("Having"))? {
                return Ok(None);
            }
        }
        memories.recall(plan, Over::Output, &place(plan.output.aggregate), &mut recalled)?;
        exec::project_row(plan, &shared, tuple, &recalled, self.options.send_null).map(Some)
    }

    fn enter_window(&mut self, plan_window: &PlanWindow, row: &Arc<Row>, tuple: &Tuple, accepted: bool) {
        let verdict = match self.verdict(plan_window, tuple) {
            Ok(verdict) => verdict,
            Err(e) => return self.emit_error(&in_stage("Filter")(e).to_string()),
        };
        if self.plan.folding.is_some() {
            if verdict.enters {
                self.fold_row(row, tuple, accepted);
            }
            return;
        }
        let sliding = matches!(plan_window.kind, PlanWindowKind::Sliding { .. });
        if sliding && verdict.enters && verdict.triggers {
            self.hits.hit(row.ts);
        }
        let limit = self.options.max_rows;
        let Some(window) = &mut self.window else { return };
        let complete = window.row(Arc::clone(row), &verdict);
        let dropped = window.bound(limit);
        self.counters.evicted_partitions += window.bound_partitions(self.options.max_partitions) as u64;
        self.counters.dropped_rows += dropped as u64;
        self.complete(complete);
    }

    fn verdict(&self, window: &PlanWindow, tuple: &Tuple) -> Result<Verdict, EvalError> {
        let shared = self.shared(&self.env);
        let frame = Frame::row(&shared, tuple, None);
        let enters = match &window.filter {
            Some(filter) => truth(&frame.eval(filter)?)?,
            None => true,
        };
        // A trigger that cannot be evaluated does not trigger.
        let holds = |node: &Node| matches!(frame.eval(node), Ok(Value::Bool(true)));
        let (triggers, ends) = match &window.kind {
            PlanWindowKind::State { begin, emit } => (holds(begin), emit.as_ref().is_some_and(holds)),
            _ => (window.when.as_ref().is_none_or(holds), false),
        };
        Ok(Verdict { enters, triggers, ends, partition: exec::key(&window.partition, &frame)? })
    }

    /// Windows that are complete go through the other stages.
    pub(super) fn complete(&mut self, windows: Vec<Complete>) {
        let plan = Arc::clone(&self.plan);
        for window in windows {
            let filtered = plan.window.as_ref().is_some_and(|w| w.filter.is_some());
            let empty = window.folded.as_ref().map_or(window.rows.is_empty(), |folded| folded.rows == 0);
            if filtered && empty {
                continue;
            }
            match window.folded {
                Some(folded) => self.fold_complete(&plan, folded, window.range),
                None => self.set(&plan, window.rows, Some(window.range)),
            }
        }
    }

    /// A row that is joined with tables alone.
    fn with_tables(&mut self, row: &Arc<Row>) {
        let plan = Arc::clone(&self.plan);
        self.set(&plan, vec![Arc::clone(row)], None);
    }

    fn set(&mut self, plan: &Plan, mut rows: Vec<Arc<Row>>, range: Option<WindowRange>) {
        let joined = !plan.joins.is_empty();
        if joined {
            rows.extend(self.tables.iter().flatten().cloned());
        }
        let row = rows.first().filter(|_| range.is_none()).cloned();
        let set =
            self.remembering(|engine, memories| arranged(plan, &engine.shared(&engine.env), memories, rows, range));
        self.left(plan, set, range, row.as_ref());
    }

    /// What the stages have left of a window, or of a row with tables.
    pub(super) fn left(
        &mut self,
        plan: &Plan,
        set: Result<Option<Set>, EvalError>,
        range: Option<WindowRange>,
        row: Option<&Arc<Row>>,
    ) {
        if let Some(alert) = &plan.alert {
            let time = range.map(|range| range.trigger).or(row.map(|row| row.ts));
            // What a window says counts at its end already.
            self.alert_until(time.unwrap_or(self.env.now) - i64::from(range.is_some()));
            return match set {
                Ok(set) => self.alert_set(plan, alert, set.as_ref(), range, row),
                Err(e) => self.emit_error(&e.to_string()),
            };
        }
        let shared = self.shared(&self.env);
        let project = |set: Set| exec::project_set(plan, &shared, &set, self.options.send_null);
        let result = set.and_then(|set| set.map(project).transpose());
        match result {
            Ok(None) => {}
            Ok(Some(objects)) => {
                self.counters.matched += 1;
                let time = range.map_or(self.env.now, |r| r.trigger);
                if plan.having.is_some() {
                    self.agg_hits.hit(time);
                }
                if range.is_none() {
                    self.hits.hit(time);
                }
                self.emit(objects, range);
            }
            Err(e) => self.emit_error(&e.to_string()),
        }
    }
}

/// The stages between the window and SELECT. `None`: nothing was left.
fn arranged(
    plan: &Plan,
    shared: &Shared<'_>,
    memories: &mut Memories<'_>,
    rows: Vec<Arc<Row>>,
    range: Option<WindowRange>,
) -> Result<Option<Set>, EvalError> {
    let tuples = if plan.joins.is_empty() {
        rows.into_iter().map(Tuple::One).collect()
    } else {
        let joined = exec::join(plan, shared, &rows)?;
        if joined.is_empty() {
            return Ok(None);
        }
        joined
    };
    let set = Set::of(Rows::Loose(tuples), range);
    let set = exec::filter(plan, shared, set)?;
    let selective = plan.filter.is_some() || !plan.group_by.is_empty();
    if selective && set.is_empty() {
        return Ok(None);
    }
    let set = exec::group(plan, shared, set)?;
    chosen(plan, shared, memories, set)
}

/// The stages between GROUP BY and SELECT. `None`: nothing was left.
pub(super) fn chosen(
    plan: &Plan,
    shared: &Shared<'_>,
    memories: &mut Memories<'_>,
    set: Set,
) -> Result<Option<Set>, EvalError> {
    let set = memories.groups(plan, shared, set)?;
    let Some(set) = exec::having(plan, shared, set)? else { return Ok(None) };
    let set = exec::order(plan, shared, set)?;
    memories.output(plan, shared, set).map(Some)
}
