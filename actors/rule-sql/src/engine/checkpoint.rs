//! A running rule written down, and taken up again.
//!
//! A checkpoint holds all that an engine has learnt from its events: windows, watermarks, memories of analytic calls,
//! tables, counters and the emissions that nobody has taken yet. An engine that is restored from it goes on exactly as
//! the one that it was taken from. It fits the same statement over the same declarations alone; a rule that was changed
//! begins anew. Data nested more than 40 levels deep is written, but JSON readers refuse it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::alert::{Alerting, SavedAlerting};
use super::{Counters, Emission, Engine, MAX_TIME, RuleOptions};
use crate::ast::LONGEST_WINDOW;
use crate::expr::Row;
use crate::functions::analytic::{Hits, Memory};
use crate::plan::Plan;
use crate::value::Value;
use crate::window::{SavedWatermarks, SavedWindow};

/// What the form of checkpoints is called; another form is refused.
const FORM: &str = "rule-sql/2";

/// The state of an engine, for `serde` to write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    form: String,
    statement: String,
    now: i64,
    rule_start: i64,
    random: u64,
    keyed: BTreeMap<String, Value>,
    memories: Vec<Memory>,
    window: Option<SavedWindow>,
    watermarks: Option<SavedWatermarks>,
    alerting: Option<SavedAlerting>,
    tables: Vec<VecDeque<Arc<Row>>>,
    hits: (Hits, Hits),
    counters: Counters,
    emitted: VecDeque<Emission>,
}

/// Why a checkpoint cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// It was written by another version of this crate.
    #[error("the checkpoint has the form {0:?}, and {FORM:?} is understood: begin the rule anew")]
    Form(String),
    /// The statement, or what it reads, is no longer the same.
    #[error("the checkpoint belongs to another statement or other declarations: begin the rule anew")]
    Statement,
    /// What it says cannot be.
    #[error("the checkpoint is damaged: {0}; begin the rule anew")]
    Damaged(&'static str),
}

impl Engine {
    /// Writes the state down.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            form: FORM.to_owned(),
            statement: self.statement(),
            now: self.env.now,
            rule_start: self.env.rule_start,
            random: self.env.random.get(),
            keyed: self.env.keyed.clone(),
            memories: self.memories.clone(),
            window: self.window.as_ref().map(crate::window::Window::save),
            watermarks: self.watermarks.as_ref().map(crate::window::Watermarks::save),
            alerting: self.alerting.as_ref().map(Alerting::save),
            tables: self.tables.clone(),
            hits: (self.hits, self.agg_hits),
            counters: self.counters.clone(),
            emitted: self.emitted.clone(),
        }
    }

    /// What the state depends on, besides itself.
    fn statement(&self) -> String {
        let zone = self.options.zone.iana_name().unwrap_or_default();
        format!("{} {} {zone}", self.plan.fingerprint, if self.options.event_time { "event" } else { "clock" })
    }

    /// A rule that goes on from a checkpoint.
    pub fn restore(plan: Arc<Plan>, options: RuleOptions, checkpoint: Checkpoint) -> Result<Self, RestoreError> {
        let mut saved = checkpoint;
        if saved.form != FORM {
            return Err(RestoreError::Form(saved.form));
        }
        let inside = |t: i64| (-MAX_TIME..=MAX_TIME).contains(&t);
        if !inside(saved.now) || !inside(saved.rule_start) {
            return Err(RestoreError::Damaged("its time cannot be"));
        }
        let mut engine = Self::from_plan(plan, options, saved.rule_start);
        if engine.statement() != saved.statement {
            return Err(RestoreError::Statement);
        }
        if saved.memories.len() != engine.memories.len() || saved.tables.len() != engine.tables.len() {
            return Err(RestoreError::Damaged("memories or tables are missing"));
        }
        // A window ends when it has lasted, which may be long after all times that an engine can know.
        let ends = MAX_TIME + 2 * LONGEST_WINDOW;
        if !saved.window.iter().all(|w| w.within(ends)) || !saved.watermarks.iter().all(|w| w.within(MAX_TIME)) {
            return Err(RestoreError::Damaged("a time of its window cannot be"));
        }
        if !saved.alerting.iter().all(|alerting| alerting.within(MAX_TIME)) {
            return Err(RestoreError::Damaged("a time of its alerts cannot be"));
        }
        let alerting = saved.alerting.iter_mut().flat_map(SavedAlerting::rows_mut);
        let windows = saved.window.iter_mut().flat_map(SavedWindow::rows_mut);
        let held = saved.watermarks.iter_mut().flat_map(|w| w.held.iter_mut());
        for row in windows.chain(held).chain(alerting).chain(saved.tables.iter_mut().flatten()) {
            if !inside(row.ts) || row.source >= engine.plan.sources.len() {
                return Err(RestoreError::Damaged("a row has a time or a source that cannot be"));
            }
            Arc::make_mut(row).resolve(&engine.plan.columns);
        }
        let fits = match (&mut engine.window, saved.window) {
            (Some(window), Some(saved)) => window.restore(saved),
            (window, saved) => window.is_none() && saved.is_none(),
        } && match (&mut engine.watermarks, saved.watermarks) {
            (Some(watermarks), Some(saved)) => watermarks.restore(saved),
            (watermarks, saved) => watermarks.is_none() && saved.is_none(),
        };
        if !fits {
            return Err(RestoreError::Damaged("its window is of another kind"));
        }
        let alerts_fit = match (&mut engine.alerting, &engine.plan.alert, saved.alerting) {
            (Some(alerting), Some(alert), Some(saved)) => alerting.restore(saved, alert, &engine.plan),
            (alerting, _, saved) => alerting.is_none() && saved.is_none(),
        };
        if !alerts_fit {
            return Err(RestoreError::Damaged("its alerts are those of other clauses"));
        }
        engine.env.now = saved.now;
        engine.env.random.set(saved.random);
        engine.env.keyed = saved.keyed;
        engine.memories = saved.memories;
        engine.tables = saved.tables;
        (engine.hits, engine.agg_hits) = saved.hits;
        engine.counters = saved.counters;
        engine.emitted = saved.emitted;
        Ok(engine)
    }
}
