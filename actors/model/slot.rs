//! A slot: one thread with one engine, which pulls the frame that is due next.
//!
//! It promises: a frame that the engine can't use is counted and costs nobody else anything; a slot that was replaced while its
//! engine hung drops what the engine says at last, and the frames are counted; a slot that is stopped in good order hands on what it
//! looks at; loading happens on the slot's own thread, and a model that can't be loaded
//! is a failed start with the reason.

use std::{sync::Arc, time::Duration};

use parapet_config::{Model, SlotConfig};
use parapet_contracts::{Clock, ErrorKind};
use parapet_supervision::Heartbeat;
use parking_lot::Mutex;

use super::{
    board::ModelBoard,
    canary::Canary,
    engine::{Engine, EngineError, EngineFactory, Seen, View},
    in_flight::InFlight,
    job::{Job, Purpose},
    loaded::{Loaded, Loader},
    meters::SlotMeters,
    sitting::{Sitting, Work},
};
use crate::{
    fanout::{Answering, Fanout},
    journal::{Failure, Journal},
    observation::Steps,
    worker::{Body, LoopResult, Ready, Stop},
};

/// How long an idle slot waits before it looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// What all slots of a model share.
#[derive(Clone)]
pub struct SlotParts {
    /// The model.
    pub model: Arc<Model>,
    /// What it looks at comes from here.
    pub work: Work,
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
    /// What judges it, when the model is a canary.
    pub canary: Option<Arc<Canary>>,
}

/// One slot.
pub struct Slot {
    /// Its path in the tree: `models/people/slot-0`.
    pub actor: String,
    /// The hardware.
    pub config: SlotConfig,
    /// The model, when it was loaded before the slot starts.
    pub spare: Arc<Mutex<Option<Loaded>>>,
    /// What it looks at now; all incarnations of the slot share it.
    pub in_flight: Arc<InFlight>,
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
        let mut meters = SlotMeters::new(&self.parts.model.id);
        let hung = self.in_flight.give_up();
        for _ in 0..hung {
            self.parts.board.failed();
            meters.failed(HUNG);
        }
        if self.in_flight.begins_again() {
            self.send_back(|| match hung {
                0 => format!("{} had to start anew", self.actor),
                _ => format!("a look of {} never came back", self.actor),
            });
        }
        // Taken by the first incarnation: one that comes after a failure loads anew.
        let spare = self.spare.lock().take();
        let loaded = spare.map_or_else(|| self.load(), Ok);
        let Loaded { mut engine, profile } = loaded.map_err(|error| {
            self.send_back(|| format!("it can't be loaded: {}", error.text));
            error.text
        })?;
        if let Some(text) = engine.fallback() {
            self.parts.journal.report(Failure::new(&*self.actor, "fallback", text));
        }
        self.parts.board.loaded(engine.description());
        if let Err(text) = self.parts.engines.keeper().good(&self.parts.model) {
            self.parts.journal.report(Failure::new(&*self.actor, "kept", text));
        }
        let (one, batch) = (profile.predict(1), profile.best());
        tracing::info!(actor = %self.actor, ?one, batch, "{}", engine.description());
        let mut seat = self.parts.work.sit(&self.actor, profile);
        if let Some(canary) = &self.parts.canary {
            canary.opens();
        }
        ready.tell();
        while !stop.is_set() {
            self.heartbeat.idle();
            let jobs = seat.take(PATIENCE);
            if !jobs.is_empty() {
                let _busy = self.heartbeat.busy(self.parts.model.hung_after);
                self.look(engine.as_mut(), jobs, stop, &mut seat, &mut meters)?;
            }
        }
        Ok(())
    }

    /// A canary that can't be relied on looks no more.
    fn send_back(&self, why: impl FnOnce() -> String) {
        if let Some(canary) = &self.parts.canary {
            canary.send_back(why());
        }
    }

    fn load(&self) -> Result<Loaded, EngineError> {
        let SlotParts { model, engines, clock, .. } = &self.parts;
        let (engines, clock, heartbeat) = (engines.as_ref(), clock.as_ref(), Some(&self.heartbeat));
        Loader { engines, model, slot: &self.config, clock, heartbeat }.load()
    }

    fn look(
        &self,
        engine: &mut dyn Engine,
        jobs: Vec<Job>,
        stop: &Stop,
        seat: &mut Sitting,
        meters: &mut SlotMeters,
    ) -> LoopResult {
        fail::fail_point!("slot::look", |text| Err(text.unwrap_or_default()));
        let clock = &self.parts.clock;
        let taken = clock.monotonic();
        let views: Vec<_> = jobs.iter().map(|job| View { picture: &job.frame.picture, region: job.region }).collect();
        self.in_flight.begin(jobs.iter().map(Job::promise));
        let seen = engine.look(&views);
        let inferred = clock.monotonic();
        // A stop in good order lets a look end and takes its answer. One that hung is not asked for any more: others have looked at newer
        // frames meanwhile.
        if stop.is_set() && inferred.saturating_sub(taken) > self.parts.model.hung_after {
            return Ok(());
        }
        let times = Times { taken, inferred, share: jobs.len() as u32 };
        seat.looked(jobs.len(), times.inferred.saturating_sub(taken));
        meters.batch();
        let mut result = Ok(());
        for (job, seen) in jobs.into_iter().zip(seen) {
            match seen {
                Ok(seen) => self.seen(job, seen, times, meters),
                // The other frames of the batch are accounted for, too.
                Err(error) => result = result.and(self.failed(error, meters)),
            }
        }
        result
    }

    fn seen(&self, job: Job, seen: Seen, times: Times, meters: &mut SlotMeters) {
        if !job.answered() {
            return; // Somebody else has this slot's place by now, and has given this frame up.
        }
        let waited = times.taken.saturating_sub(job.offered);
        let busy = times.inferred.saturating_sub(times.taken) / times.share.max(1);
        meters.looked(busy, waited);
        for &(reason, count) in &seen.refused {
            meters.refused(reason, count);
        }
        self.parts.board.looked(seen.objects.len(), &seen.refused, waited, busy);
        if let Some(canary) = &self.parts.canary {
            canary.saw(&seen, busy);
        }
        let steps = Steps { decoded: job.frame.decoded_at, taken: times.taken, inferred: times.inferred };
        match job.purpose {
            Purpose::Frame { asked, .. } => {
                let who = Answering { asked: &asked, looked: &self.parts.model.id };
                self.parts.fanout.seen(who, &job.frame, seen.objects, steps);
            }
            Purpose::Crop(errand) => self.parts.fanout.answered(*errand, seen, &job.frame, steps),
        }
    }

    /// An error when the slot must start anew. The job counts itself as failed.
    fn failed(&self, error: EngineError, meters: &mut SlotMeters) -> LoopResult {
        self.parts.board.failed();
        meters.failed(error.code);
        if let Some(canary) = &self.parts.canary {
            canary.failed(&error);
        }
        if error.kind == ErrorKind::Fatal {
            return Err(error.text);
        }
        self.parts.journal.report(Failure::new(&*self.actor, error.code, error.text));
        Ok(())
    }
}

/// The reason under which frames are counted whose look never came back.
const HUNG: &str = "hung";

/// When a batch was looked at.
#[derive(Debug, Clone, Copy)]
struct Times {
    taken: Duration,
    inferred: Duration,
    /// How many frames shared the look.
    share: u32,
}
