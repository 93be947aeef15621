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
    engine::{Engine, EngineError, EngineFactory, NullEngine, Seen, View},
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

/// The most frames that a slot looks at together, whatever its engine can take.
const MAX_BATCH: usize = 32;

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
        let batch = engine.max_batch().clamp(1, MAX_BATCH);
        ready.tell();
        while !stop.is_set() {
            self.heartbeat.idle();
            let jobs = self.parts.pool.take(batch, PATIENCE);
            if !jobs.is_empty() {
                let _busy = self.heartbeat.busy(self.parts.model.hung_after);
                self.look(engine.as_mut(), &jobs, stop)?;
            }
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

    fn look(&self, engine: &mut dyn Engine, jobs: &[Job], stop: &Stop) -> LoopResult {
        fail::fail_point!("slot::look", |text| Err(text.unwrap_or_default()));
        let clock = &self.parts.clock;
        let taken = clock.monotonic();
        let views: Vec<_> = jobs.iter().map(|job| View { picture: &job.frame.picture, region: job.region }).collect();
        let seen = engine.look(&views);
        if stop.is_set() {
            return Ok(()); // Somebody else has this slot's place by now.
        }
        let times = Times { taken, inferred: clock.monotonic(), share: jobs.len() as u32 };
        for (job, seen) in jobs.iter().zip(seen) {
            match seen {
                Ok(seen) => self.seen(job, seen, times),
                Err(error) => self.failed(job, error)?,
            }
        }
        Ok(())
    }

    fn seen(&self, job: &Job, seen: Seen, times: Times) {
        let model = self.parts.model.id.to_string();
        let waited = times.taken.saturating_sub(job.offered);
        let busy = times.inferred.saturating_sub(times.taken) / times.share.max(1);
        metrics::histogram!("parapet_inference_seconds", "model" => model.clone()).record(busy);
        metrics::histogram!("parapet_slot_wait_seconds", "model" => model.clone()).record(waited);
        for &(reason, count) in &seen.refused {
            metrics::counter!("parapet_model_refused_total", "model" => model.clone(), "reason" => reason)
                .increment(count);
        }
        self.parts.board.looked(seen.objects.len(), &seen.refused, waited, busy);
        let steps = Steps { decoded: job.frame.decoded_at, taken: times.taken, inferred: times.inferred };
        self.parts.fanout.seen(&self.parts.model.id, &job.frame, seen.objects, steps);
    }

    /// An error when the slot must start anew.
    fn failed(&self, job: &Job, error: EngineError) -> LoopResult {
        job.counters.count_failed();
        self.parts.board.failed();
        let model = self.parts.model.id.to_string();
        metrics::counter!("parapet_model_failures_total", "model" => model, "reason" => error.code).increment(1);
        if error.kind == ErrorKind::Fatal {
            return Err(error.text);
        }
        self.parts.journal.report(Failure::new(&*self.actor, error.code, error.text));
        Ok(())
    }
}

/// When a batch was looked at.
#[derive(Debug, Clone, Copy)]
struct Times {
    taken: Duration,
    inferred: Duration,
    /// How many frames shared the look.
    share: u32,
}
