//! Where models are loaded: by ONNX Runtime in the site's process, or in a process for each slot.
//!
//! Whatever a model needs is opened when the first one needs it: a site of null models runs without the library, and one whose models
//! all have processes of their own never opens it itself.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use parapet_actors::model::{Engine, EngineError, EngineFactory, ModelKeeper};
use parapet_config::{Isolation, Model, SiteConfig, SlotConfig};
use parapet_contracts::ports::inference::{InferenceError, InferencePort};
use parapet_inference_ort::OrtInference;
use parapet_inference_process::{ProcessInference, WorkerCommand};
use parking_lot::Mutex;

use crate::{engine::Engines, kept::KeptModels};

/// The hidden command that a model's process runs.
pub(crate) const WORKER: &str = "inference-worker";

/// Builds the engines of a site, each where its model's file says.
pub struct SiteEngines {
    library: Option<PathBuf>,
    cache: PathBuf,
    kept: KeptModels,
    worker: WorkerCommand,
    processes: Mutex<Option<ProcessInference>>,
}

impl SiteEngines {
    /// Engines for the models of this site.
    pub fn new(config: &SiteConfig) -> Self {
        let site = &config.site;
        let mut arguments: Vec<OsString> = vec![WORKER.into(), "--log".into(), site.telemetry.level.clone().into()];
        if site.telemetry.json {
            arguments.push("--json".into());
        }
        if let Some(library) = &site.onnxruntime {
            arguments.extend(["--onnxruntime".into(), library.into()]);
        }
        let worker = WorkerCommand::this_program(arguments);
        // Beside the store: it may go at any time, and is made again.
        let cache = site.store.path.with_file_name("cache");
        let kept = KeptModels::new(site.store.path.with_file_name("kept"));
        Self { kept, library: site.onnxruntime.clone(), cache, worker, processes: Mutex::default() }
    }

    /// Models whose processes are started by another program: for a program that is not `parapet` itself.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.worker.program);
        self
    }

    /// The port that loads models in this kind of isolation.
    ///
    /// # Errors
    /// When the runtime can't be opened.
    pub fn port(&self, isolation: Isolation) -> Result<Arc<dyn InferencePort>, InferenceError> {
        Ok(match isolation {
            Isolation::Thread => Arc::new(OrtInference::new(self.library.as_deref())?),
            Isolation::Process => {
                let mut processes = self.processes.lock();
                let port = match &*processes {
                    Some(port) => port.clone(),
                    None => processes.insert(ProcessInference::new(self.worker.clone())?).clone(),
                };
                Arc::new(port)
            }
        })
    }
}

impl EngineFactory for SiteEngines {
    fn build(&self, model: &Model, slot: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        let model = self.kept.placed(model);
        Engines::new(self.port(model.isolation)?).with_cache(self.cache.clone()).build(&model, slot)
    }

    fn keeper(&self) -> &dyn ModelKeeper {
        &self.kept
    }
}
