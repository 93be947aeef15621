//! The metrics of a slot, looked up once: a name and its labels cost an allocation each time they are spelt out, and a frame spells none.

use std::{collections::HashMap, time::Duration};

use metrics::{Counter, Histogram};
use parapet_contracts::ModelId;

/// See the module.
pub(super) struct SlotMeters {
    model: String,
    inference: Histogram,
    wait: Histogram,
    looks: Counter,
    refused: HashMap<&'static str, Counter>,
    failures: HashMap<&'static str, Counter>,
}

impl SlotMeters {
    /// Those of a slot of this model.
    pub(super) fn new(model: &ModelId) -> Self {
        let model = model.to_string();
        Self {
            inference: metrics::histogram!("parapet_inference_seconds", "model" => model.clone()),
            wait: metrics::histogram!("parapet_slot_wait_seconds", "model" => model.clone()),
            looks: metrics::counter!("parapet_model_looks_total", "model" => model.clone()),
            refused: HashMap::new(),
            failures: HashMap::new(),
            model,
        }
    }

    /// A look, at however many frames.
    pub(super) fn batch(&self) {
        self.looks.increment(1);
    }

    /// A frame that was looked at: its part of the look, and what it waited before.
    pub(super) fn looked(&self, busy: Duration, waited: Duration) {
        self.inference.record(busy);
        self.wait.record(waited);
    }

    /// What was refused of an answer.
    pub(super) fn refused(&mut self, reason: &'static str, count: u64) {
        let counter = self.refused.entry(reason).or_insert_with(
            || metrics::counter!("parapet_model_refused_total", "model" => self.model.clone(), "reason" => reason),
        );
        counter.increment(count);
    }

    /// A frame that the model failed on.
    pub(super) fn failed(&mut self, reason: &'static str) {
        let counter = self.failures.entry(reason).or_insert_with(
            || metrics::counter!("parapet_model_failures_total", "model" => self.model.clone(), "reason" => reason),
        );
        counter.increment(1);
    }
}
