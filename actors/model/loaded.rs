//! A model that is loaded, and has looked at nothing often enough that it is known how long a look takes.
//!
//! A slot makes its own when it starts. A changed model is made beside the one that runs, and checked more strictly: what the one that
//! runs does already, the new one must not do worse.

use std::{sync::Arc, time::Duration};

use parapet_config::{Model, SlotConfig};
use parapet_contracts::{Clock, ErrorKind, Picture, PixelFormat, picture::Colorimetry, ports::inference::Device};
use parapet_supervision::Heartbeat;

use super::{
    engine::{Engine, EngineError, EngineFactory, NullEngine, Seen, View},
    profile::Profile,
};

/// How long loading a model may take before it counts as stuck.
pub(super) const LOADING: Duration = Duration::from_secs(300);
/// The most frames that a slot looks at together, whatever its engine can take.
const MAX_BATCH: usize = 32;

/// See the module.
pub struct Loaded {
    pub(super) engine: Box<dyn Engine>,
    pub(super) profile: Profile,
}

/// What loads a model, and what it is loaded for.
pub(super) struct Loader<'a> {
    pub engines: &'a dyn EngineFactory,
    pub model: &'a Model,
    pub slot: &'a SlotConfig,
    pub clock: &'a dyn Clock,
    /// Hears of long work; nobody watches a trial that way.
    pub heartbeat: Option<&'a Heartbeat>,
}

impl Loader<'_> {
    /// Loads and measures. A model that can't look at all is an error; whether it says sensible things shows with the first real frame.
    pub(super) fn load(&self) -> Result<Loaded, EngineError> {
        self.measured(|answer| match answer {
            Err(error) if error.kind == ErrorKind::Fatal => Err(error),
            _ => Ok(()),
        })
    }

    /// Loads and measures. A model that fails at an empty picture, or answers with what are no numbers, is an error.
    pub(super) fn load_strictly(&self) -> Result<Loaded, EngineError> {
        self.measured(|answer| {
            let seen = answer?;
            match seen.refused.iter().find(|(reason, _)| *reason == "not_finite") {
                None => Ok(()),
                Some((_, count)) => {
                    let text = format!(
                        "models/{}.yaml: {count} of its answers to an empty picture are no numbers",
                        self.model.id
                    );
                    Err(EngineError { kind: ErrorKind::Fatal, code: "not_finite", text })
                }
            }
        })
    }

    fn measured(
        &self,
        judge: impl Fn(Result<Seen, EngineError>) -> Result<(), EngineError>,
    ) -> Result<Loaded, EngineError> {
        let mut engine = {
            let _busy = self.heartbeat.map(|heartbeat| heartbeat.busy(LOADING));
            self.build()?
        };
        let most = engine.max_batch().clamp(1, MAX_BATCH);
        let picture = blank()?;
        let mut first = true;
        let profile = Profile::measure(most, |size| {
            // An accelerator may compile its kernels at the first look.
            let compiles = std::mem::take(&mut first) && self.slot.device != Device::Cpu;
            let limit = if compiles { LOADING } else { self.model.hung_after };
            let _busy = self.heartbeat.map(|heartbeat| heartbeat.busy(limit));
            let views = vec![View { picture: &picture, region: None }; size];
            let began = self.clock.monotonic();
            let answers = engine.look(&views);
            let took = self.clock.monotonic().saturating_sub(began);
            answers.into_iter().try_for_each(&judge).map(|()| took)
        })?;
        Ok(Loaded { engine, profile })
    }

    fn build(&self) -> Result<Box<dyn Engine>, EngineError> {
        fail::fail_point!("slot::load", |text| Err(EngineError {
            kind: ErrorKind::Retry,
            code: "injected",
            text: text.unwrap_or_default()
        }));
        match self.model.file {
            None => Ok(Box::new(NullEngine)),
            Some(_) => self.engines.build(self.model, self.slot),
        }
    }
}

/// Loads a changed model for each of its slots, on the slot's hardware, and checks it. Blocks for as long as that takes.
///
/// # Errors
/// When it can't be loaded, its settings don't fit it, or its answers to an empty picture are no good.
pub fn try_out(model: &Arc<Model>, engines: &dyn EngineFactory, clock: &dyn Clock) -> Result<Vec<Loaded>, EngineError> {
    let slots = model.slots.iter();
    slots.map(|slot| Loader { engines, model, slot, clock, heartbeat: None }.load_strictly()).collect()
}

/// A picture of 1280×720 with nothing in it: it costs what a common one costs.
fn blank() -> Result<Picture, EngineError> {
    let (width, height) = (1280_usize, 720_usize);
    let planes = [(width, height), (width / 2, height / 2), (width / 2, height / 2)];
    let planes = planes.into_iter().map(|(row, rows)| (vec![128; row * rows], row)).collect();
    Picture::from_vecs(width as u32, height as u32, PixelFormat::I420, Colorimetry::BT709, planes)
        .map_err(|error| EngineError { kind: ErrorKind::Fatal, code: "blank", text: error.to_string() })
}
