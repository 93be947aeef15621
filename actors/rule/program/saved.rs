//! A program written down, and taken up again.
//!
//! It holds all that a program has learnt: the engine's windows and memories, what waits for its turn, the life of alerts, the
//! last frames of cameras, the latest messages of keyed streams. It fits the same rule file alone: a rule that was changed
//! begins anew. Tables are not in it; they are loaded again.

use std::{collections::BTreeMap, sync::Arc};

use parapet_config::Rule;
use parapet_contracts::{CameraId, Timestamp, hex, ports::rule::RuleStats};
use parapet_rule_sql::{Checkpoint, Engine, plan::Plan};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{LastSeen, Program, alerting::SavedAlerting, load, order::Order, order::SavedOrder, others::Latest};

/// What the form is called; another one is refused.
const FORM: &str = "rule/1";

#[derive(Serialize, Deserialize)]
struct Saved {
    form: String,
    rule: String,
    engine: Option<Checkpoint>,
    order: SavedOrder,
    alerting: SavedAlerting,
    seen: BTreeMap<CameraId, LastSeen>,
    last_camera: Option<CameraId>,
    heard: BTreeMap<String, Timestamp>,
    health: BTreeMap<String, String>,
    latest: Latest,
    last_of: BTreeMap<String, Timestamp>,
    stats: RuleStats,
}

/// Changes with the rule's file, and with what it names.
fn fingerprint(rule: &Rule) -> String {
    hex(&Sha256::digest(format!("{rule:?}"))[..16])
}

impl Program {
    /// Writes the program down; `None` when there is nothing that a restart could lose.
    ///
    /// # Errors
    /// When it has no JSON, which it has.
    pub fn checkpoint(&self) -> Result<Option<String>, serde_json::Error> {
        if self.judges_rows_alone() && !self.alerting.has_state() && self.health.is_empty() {
            return Ok(None);
        }
        let tables = &self.rule.reads.tables;
        let engine = self.engine.as_ref().map(|engine| {
            if tables.is_empty() && self.rule.reads.streams.is_empty() {
                return engine.checkpoint();
            }
            // What is loaded again anyway need not be written each time.
            let mut light = engine.clone();
            tables.iter().for_each(|table| light.load_table(table.as_str(), []));
            light.checkpoint()
        });
        let saved = Saved {
            form: FORM.to_owned(),
            rule: fingerprint(&self.rule),
            engine,
            order: self.order.save(),
            alerting: self.alerting.save(),
            seen: self.seen.clone(),
            last_camera: self.last_camera.clone(),
            heard: self.heard.clone(),
            health: self.health.clone(),
            latest: self.latest.clone(),
            last_of: self.last_of.clone(),
            stats: self.stats,
        };
        serde_json::to_string(&saved).map(Some)
    }

    /// A program that goes on where another one was written down.
    ///
    /// # Errors
    /// Why it can't: it is of another form or of another rule, or damaged. The rule begins anew then.
    pub fn restore(rule: Arc<Rule>, plan: Arc<Plan>, checkpoint: &str) -> Result<Self, String> {
        let saved: Saved = serde_json::from_str(checkpoint).map_err(|error| format!("it can't be read: {error}"))?;
        if saved.form != FORM {
            return Err(format!("it has the form {:?}, and {FORM:?} is understood", saved.form));
        }
        if saved.rule != fingerprint(&rule) {
            return Err("the rule's file has changed since".to_owned());
        }
        let mut program = Self::of(rule, plan);
        if let Some(engine) = saved.engine {
            let restored = Engine::restore(Arc::clone(&program.plan), program.options(), engine);
            program.engine = Some(restored.map_err(|error| error.to_string())?);
        }
        program.order = Order::restore(saved.order);
        program.alerting.restore(saved.alerting);
        program.seen = saved.seen;
        program.last_camera = saved.last_camera;
        program.heard = saved.heard;
        program.health = saved.health;
        program.latest = saved.latest;
        program.last_of = saved.last_of;
        program.stats = saved.stats;
        if let Some(engine) = &mut program.engine {
            program.tables.iter().for_each(|(_, table)| load(engine, &program.rule, table));
        }
        Ok(program)
    }
}
