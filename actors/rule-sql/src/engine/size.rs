//! How much a rule's state takes: an estimate, from a sample of what is alike.

use std::mem::size_of;

use super::Engine;
use super::alert::Alerting;
use crate::expr::Row;
use crate::value::{Object, Value};

/// How many of many alike are looked at.
const SAMPLE: usize = 32;

/// The bytes of some things that are alike, from those of a few.
pub(crate) fn sampled<T>(items: impl Iterator<Item = T>, count: usize, size: impl FnMut(T) -> usize) -> u64 {
    let step = (count / SAMPLE).max(1);
    let (mut looked, mut bytes) = (0, 0);
    for item in items.step_by(step).map(size).take(SAMPLE) {
        looked += 1;
        bytes += item;
    }
    (bytes * count).checked_div(looked).unwrap_or(0) as u64
}

/// What a value takes outside of itself. What several share counts for each.
pub(crate) fn heap(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len() + 16,
        Value::Array(items) => 40 + items.iter().map(|item| size_of::<Value>() + heap(item)).sum::<usize>(),
        Value::Object(object) => 40 + fields(object),
        _ => 0,
    }
}

fn fields(object: &Object) -> usize {
    object.iter().map(|(_, value)| size_of::<(std::sync::Arc<str>, Value)>() + heap(value)).sum()
}

fn row(row: &Row) -> usize {
    let analytic = row.analytic.iter().map(|value| size_of::<Value>() + heap(value)).sum::<usize>();
    size_of::<Row>() + 40 + fields(&row.data) + analytic
}

impl Engine {
    /// How many bytes the rows, groups, memories and emissions take that this rule holds.
    pub(super) fn state_bytes(&self) -> u64 {
        let window = self.window.as_ref().map_or(0, |window| {
            let folds = self.plan.folding.as_ref().map_or(0, |folding| 64 + folding.calls.len() * 128);
            sampled(window.rows(), window.len(), |r| row(r) + folds)
        });
        let held = self.watermarks.as_ref().map_or(0, |w| sampled(w.rows(), w.len(), |r| row(r)));
        let tables: u64 = self.tables.iter().map(|table| sampled(table.iter(), table.len(), |r| row(r))).sum();
        let memories: u64 = self.memories.iter().map(crate::functions::analytic::Memory::bytes).sum();
        let emitted = sampled(self.emitted.iter(), self.emitted.len(), |emission| {
            let rows = emission.result.as_ref().map_or(0, |rows| rows.iter().map(fields).sum());
            size_of::<super::Emission>() + rows
        });
        window + held + tables + memories + emitted + self.alerting.as_ref().map_or(0, Alerting::bytes)
    }
}
