//! A slot: one thread with one engine, which pulls the frame that is due next.
//!
//! It promises: a frame that the engine can't use is counted and costs nobody else anything; a slot that was replaced while its
//! engine hung drops what the engine says at last; loading happens on the slot's own thread, and a model that can't be loaded
//! is a failed start with the reason.

use std::{sync::Arc, time::Duration};

use parapet_config::{Model, SlotConfig};
use parapet_contracts::{Clock, ErrorKind};
use parapet_supervision::Heartbeat;

use super::{
    board::ModelBoard,
    engine::{Engine, EngineError, EngineFactory, NullEngine},
    pool::{Job, ModelPool},
};
use crate::{
    fanout::Fanout,
    journal::{Failure, Journal},
    observation::Steps,
    worker::{Body, LoopResult, Ready, Stop},
};

/// How long an idle slot waits before it looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long loading a model may take before the slot counts as stuck.
const LOADING: Duration = Duration::from_secs(300);

/// What all slots of a model share.
#[derive(Clone)]
pub struct SlotParts {
    /// The model.
    pub model: Arc<Model>,
    /// Frames come from here.
    pub pool: Arc<ModelPool>,
    /// Loads the model.
    pub engines: Arc<dyn EngineFactory>,
    /// What was seen goes here.
    pub fanout: Arc<Fanout>,
    /// Counts.
    pub board: Arc<ModelBoard>,
    /// Hears of failures.
    pub journal: Journal,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// One slot.
pub struct Slot {
    /// Its path in the tree: `models/people/slot-0`.
    pub actor: String,
    /// The hardware.
    pub config: SlotConfig,
    /// What it shares.
    pub parts: SlotParts,
    /// Proof of life of its thread.
    pub heartbeat: Heartbeat,
}

impl Slot {
    /// What the slot actor runs.
    pub fn body(self) -> Body {
        Body::thread(move |stop, ready| self.run(&stop, ready))
    }

    fn run(self, stop: &Stop, ready: Ready) -> LoopResult {
        let mut engine = {
            let _busy = self.heartbeat.busy(LOADING);
            self.load().map_err(|error| error.text)?
        };
        self.parts.board.loaded(engine.description());
        tracing::info!(actor = %self.actor, "{}", engine.description());
        ready.tell();
        while !stop.is_set() {
            self.heartbeat.idle();
            let Some(job) = self.parts.pool.take(PATIENCE) else { continue };
            let looked = {
                let _busy = self.heartbeat.busy(self.parts.model.hung_after);
                self.look(engine.as_mut(), &job, stop)
            };
            looked?;
        }
        Ok(())
    }

    fn load(&self) -> Result<Box<dyn Engine>, EngineError> {
        fail::fail_point!("slot::load", |text| Err(EngineError {
            kind: ErrorKind::Retry,
            code: "injected",
            text: text.unwrap_or_default()
        }));
        match self.parts.model.file {
            None => Ok(Box::new(NullEngine)),
            Some(_) => self.parts.engines.build(&self.parts.model, &self.config),
        }
    }

    fn look(&self, engine: &mut dyn Engine, job: &Job, stop: &Stop) -> LoopResult {
        fail::fail_point!("slot::look", |text| Err(text.unwrap_or_default()));
        let clock = &self.parts.clock;
        let taken = clock.monotonic();
        let seen = engine.look(&job.frame.picture);
        if stop.is_set() {
            return Ok(()); // Somebody else has this slot's place by now.
        }
        let inferred = clock.monotonic();
        let model = self.parts.model.id.to_string();
        match seen {
            Ok(seen) => {
                let (waited, busy) = (taken.saturating_sub(job.offered), inferred.saturating_sub(taken));
                metrics::histogram!("parapet_inference_seconds", "model" => model.clone()).record(busy);
                metrics::histogram!("parapet_slot_wait_seconds", "model" => model.clone()).record(waited);
                for &(reason, count) in &seen.refused {
                    metrics::counter!("parapet_model_refused_total", "model" => model.clone(), "reason" => reason)
                        .increment(count);
                }
                self.parts.board.looked(seen.objects.len(), &seen.refused, waited, busy);
                let steps = Steps { decoded: job.frame.decoded_at, taken, inferred };
                self.parts.fanout.seen(&self.parts.model.id, &job.frame, seen.objects, steps);
                Ok(())
            }
            Err(error) => {
                job.counters.count_failed();
                self.parts.board.failed();
                metrics::counter!("parapet_model_failures_total", "model" => model, "reason" => error.code)
                    .increment(1);
                if error.kind == ErrorKind::Fatal {
                    return Err(error.text);
                }
                self.parts.journal.report(Failure::new(&*self.actor, error.code, error.text));
                Ok(())
            }
        }
    }
}
