//! Events to rows: declared columns are checked, times found, analytic calls run.

use std::sync::Arc;

use super::{Engine, Event};
use crate::catalog::Relation;
use crate::error::EvalError;
use crate::exec::{Memories, failed};
use crate::expr::{Frame, Row, Tuple, places_like};
use crate::plan::Over;
use crate::value::{Object, Value, parse_time, to_time};

impl Engine {
    /// An event has come. Timers that are due before it fire first.
    pub fn push(&mut self, event: &Event) {
        self.take(event, false);
    }

    /// As [`Engine::push`], of an event for which WHERE is perhaps known to hold.
    pub(crate) fn take(&mut self, event: &Event, accepted: bool) {
        self.advance(event.at);
        self.counters.events_in += 1;
        let plan = Arc::clone(&self.plan);
        let Some(source) = plan.source(&event.stream) else {
            self.counters.dropped_unknown += 1;
            return;
        };
        let Some(relation) = plan.sources.get(source).map(|s| &s.relation) else { return };
        let prepared = self.declared(relation, source, &event.data).and_then(|data| {
            let ts = if self.options.event_time && !relation.table {
                self.event_time(relation, &data)?
            } else {
                self.env.now
            };
            Ok((data, ts))
        });
        let (data, ts) = match prepared {
            Ok(prepared) => prepared,
            Err(e) => {
                self.counters.dropped_invalid += 1;
                self.emit_error(&format!("error in preprocessor: {e}"));
                return;
            }
        };
        let places = match self.places.get_mut(source) {
            Some(before) => {
                *before = places_like(before, source, &data, &plan.columns);
                Arc::clone(before)
            }
            None => return,
        };
        let row = Row { source, ts, data, meta: event.meta.clone(), places, analytic: Vec::new() };
        if relation.table {
            self.table_row(source, Arc::new(row), relation.retain());
            return;
        }
        match &mut self.watermarks {
            Some(watermarks) => {
                // Tables bring no time: streams are numbered among themselves.
                let number = plan.sources.iter().take(source).filter(|s| !s.relation.table).count();
                let released = watermarks.row(number, Arc::new(row), self.env.now);
                // A source that is silent, or whose clock is behind, must not make the others' rows pile up.
                self.counters.dropped_rows += watermarks.bound(self.options.max_rows) as u64;
                self.released(released);
            }
            None => self.arrived(row, accepted),
        }
    }

    /// Loads a table with these rows, replacing what it held.
    pub fn load_table(&mut self, name: &str, rows: impl IntoIterator<Item = Arc<Object>>) {
        let plan = Arc::clone(&self.plan);
        let Some(source) = plan.source(name).filter(|s| plan.is_table(*s)) else { return };
        if let Some(table) = self.tables.get_mut(source) {
            table.clear();
        }
        for data in rows {
            let row = Arc::new(Row::new(source, self.env.now, data, None, &plan.columns));
            self.table_row(source, row, None);
        }
    }

    fn table_row(&mut self, source: usize, row: Arc<Row>, retain: Option<usize>) {
        let limit = retain.unwrap_or(self.options.max_rows).max(1);
        let Some(table) = self.tables.get_mut(source) else { return };
        table.push_back(row);
        while table.len() > limit {
            table.pop_front();
            // What a declared retention drops is meant to go.
            self.counters.dropped_rows += u64::from(retain.is_none());
        }
    }

    /// The declared columns alone, with defaults; checked where the stream asks for it.
    fn declared(&self, relation: &Relation, source: usize, data: &Arc<Object>) -> Result<Arc<Object>, EvalError> {
        if relation.columns.is_empty() {
            return Ok(Arc::clone(data));
        }
        let strict = relation.flag("STRICT_VALIDATION");
        let known = |name: &str| relation.columns.iter().any(|c| c.name.as_ref() == name);
        let complete = relation.columns.iter().all(|c| c.default.is_none() || data.get(&c.name).is_some());
        if !strict && complete && data.iter().all(|(name, _)| known(name)) {
            return Ok(Arc::clone(data));
        }
        let used = |name: &str| {
            let reads = self.plan.columns.iter();
            self.plan.reads_all
                || reads.filter(|c| c.source.is_none_or(|s| s == source)).any(|c| c.name.eq_ignore_ascii_case(name))
        };
        let mut out = Object::new();
        for column in &relation.columns {
            let value = data.find(&column.name).or(column.default.as_ref());
            match value {
                Some(value) if strict && used(&column.name) && !value.is_null() => {
                    let checked = column.ty.check(value, &self.options.zone);
                    let checked =
                        checked.map_err(|e| EvalError::new(format!("field {} type mismatch: {e}", column.name)))?;
                    out.set(Arc::clone(&column.name), checked);
                }
                Some(value) => out.set(Arc::clone(&column.name), value.clone()),
                None if strict && used(&column.name) => {
                    return Err(EvalError::new(format!("field {} is not found", column.name)));
                }
                None => {}
            }
        }
        Ok(Arc::new(out))
    }

    fn event_time(&self, relation: &Relation, data: &Object) -> Result<i64, EvalError> {
        let Some(column) = relation.timestamp_column() else { return Ok(self.env.now) };
        let value = data.find(column).unwrap_or(&Value::Null);
        let time = match (value, relation.option("TIMESTAMP_FORMAT")) {
            (Value::Str(text), Some(format)) if !format.is_empty() => parse_time(text, format, &self.options.zone)?,
            (Value::Null, _) => return Err(EvalError::new(format!("the time column {column} is missing"))),
            _ => to_time(value, &self.options.zone)?,
        };
        Ok(time.millis())
    }

    /// Runs the analytic calls over rows on one, each seeing the results of those before it.
    pub(crate) fn analyze(&mut self, row: Arc<Row>) -> Result<Tuple, EvalError> {
        let mut tuple = Tuple::One(row);
        if !self.plan.recalls(Over::Rows) {
            return Ok(tuple);
        }
        let plan = Arc::clone(&self.plan);
        self.remembering(|engine, memories| {
            for (number, call) in plan.analytics.iter().enumerate() {
                let value = match call.over {
                    Over::Rows => {
                        let shared = engine.shared(&engine.env);
                        memories.step(number, call, &Frame::row(&shared, &tuple, None)).map_err(|e| failed(&e))?
                    }
                    // It has its turn later; its place is kept.
                    Over::Groups | Over::Output => Value::Null,
                };
                if let Tuple::One(row) = &mut tuple {
                    Arc::make_mut(row).analytic.push(value);
                }
            }
            Ok(tuple)
        })
    }

    /// Does something with the memories of the analytic calls.
    pub(super) fn remembering<T>(&mut self, act: impl FnOnce(&Self, &mut Memories<'_>) -> T) -> T {
        let mut memories = std::mem::take(&mut self.memories);
        let mut partition = std::mem::take(&mut self.entry.key);
        let limit = self.options.max_partitions;
        let result = act(self, &mut Memories { of: &mut memories, limit, partition: &mut partition });
        self.memories = memories;
        self.entry.key = partition;
        result
    }
}
