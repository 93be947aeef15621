//! The inference port over ONNX Runtime, whose shared library is opened at run time.
//!
//! What this crate promises:
//! - Without a library, or with one that is too old, there is an error that says how to get one; never a panic.
//! - A session runs on the device that was asked for, or not at all: there is no silent fallback from a GPU to the CPU.
//! - Tensors go in and come out without a copy, except 16-bit floats, which the port doesn't know.
//! - What the runtime makes of a model for this processor is made once and kept, and its weights are in memory once ([`cache`]).
//! - On a CPU a session has the threads that it was given, and they sleep between inferences.

mod cache;
mod errors;
mod library;
mod providers;
mod session;

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Mutex,
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
};
use parapet_contracts::{
    ErrorKind,
    ports::inference::{Device, InferenceError, InferencePort, InferenceSession, SessionOptions},
};

use crate::{
    cache::{Cache, Fingerprint, Found, Makers},
    errors::{error, loading, panicked},
    providers::with_device,
    session::OrtSession,
};

/// ONNX Runtime allows one environment a process, so whoever opens the library first shares it with all others.
static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

#[derive(Clone)]
struct Opened {
    environment: Environment,
    library: PathBuf,
    makers: Makers,
}

/// Loads models with ONNX Runtime. Cheap to clone.
#[derive(Clone)]
pub struct OrtInference(Opened);

impl std::fmt::Debug for OrtInference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrtInference").field("library", &self.0.library).finish()
    }
}

impl OrtInference {
    /// Opens ONNX Runtime's shared library: the one that is named, else the one that `ORT_DYLIB_PATH` names, else the newest in
    /// the first of these places that has one: beside the executable and in `../lib` from there, `/usr/local/lib`, `/usr/lib`, and the
    /// cache that `script/bootstrap` fills. A process opens one library; later calls share it.
    ///
    /// # Errors
    /// `runtime_missing` when there is none, or it is too old or damaged; the text says how to get one.
    pub fn new(library: Option<&Path>) -> Result<Self, InferenceError> {
        let mut opened = OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(Self(opened.clone()));
        }
        let (builder, library) = library::open(library)?;
        let environment = catch_unwind(AssertUnwindSafe(|| builder.with_name("parapet").with_telemetry(false).build()))
            .map_err(|payload| panicked("ONNX Runtime could not be started", &*payload))?
            .map_err(|e| error(ErrorKind::Fatal, "runtime_missing", format!("{}: {e}", library.display())))?;
        tracing::info!(library = %library.display(), build = ort::info(), "ONNX Runtime is open");
        let new = Opened { environment, library, makers: Makers::default() };
        *opened = Some(new.clone());
        Ok(Self(new))
    }

    /// The shared library that is open.
    pub fn library(&self) -> &Path {
        &self.0.library
    }

    /// What ONNX Runtime tells of its build: branch, commit, flags.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    fn session(&self, model: &Path, options: &SessionOptions, graph: Graph<'_>) -> Result<Session, InferenceError> {
        let level = match graph {
            Graph::Optimised => GraphOptimizationLevel::Disable,
            Graph::Original | Graph::Kept(_) => GraphOptimizationLevel::All,
        };
        let builder = Session::builder(&self.0.environment)
            .and_then(|b| Ok(b.with_optimization_level(level)?))
            .and_then(|b| Ok(b.with_intra_threads(options.threads.max(1))?))
            .and_then(|b| Ok(b.with_inter_threads(1)?))
            .and_then(|b| Ok(b.with_intra_op_spinning(false)?))
            .and_then(|b| Ok(b.with_inter_op_spinning(false)?))
            .and_then(|b| match graph {
                // It warns that what is written fits this machine alone, which its name says (`cache`).
                Graph::Kept(path) => Ok(b
                    .with_log_level(LogLevel::Error)?
                    .with_optimized_model_path(path)?
                    .with_config_entry("session.optimized_model_external_initializers_file_name", cache::WEIGHTS)?
                    .with_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")?),
                Graph::Original | Graph::Optimised => Ok(b),
            })
            .map_err(|e| loading(model, &e))?;
        let mut builder = with_device(builder, options, &self.0.library)?;
        builder.commit_from_file(model).map_err(|e| loading(model, &e))
    }
}

/// Which graph a session is made of.
#[derive(Clone, Copy)]
enum Graph<'a> {
    /// The model's own, optimised in memory.
    Original,
    /// The same, and what came of it is written to this file.
    Kept(&'a Path),
    /// One that was written so.
    Optimised,
}

impl OrtInference {
    /// A session of `file`; errors speak of `model`.
    fn open(
        &self,
        model: &Path,
        file: &Path,
        options: &SessionOptions,
        graph: Graph<'_>,
    ) -> Result<OrtSession, InferenceError> {
        self.session(file, options, graph).and_then(|session| OrtSession::new(session, model))
    }

    /// A session of the optimised model that is kept, or is made and kept now. What goes wrong with keeping it is told, and the model is loaded
    /// without.
    fn through_cache(
        &self,
        model: &Path,
        options: &SessionOptions,
        cache: &Cache,
    ) -> Result<OrtSession, InferenceError> {
        let without = |outcome: &'static str, why: Option<String>| {
            metrics::counter!("parapet_model_cache_total", "outcome" => outcome).increment(1);
            if let Some(why) = &why {
                tracing::warn!(model = %model.display(), "{why}");
            }
            let session = self.open(model, model, options, Graph::Original)?;
            Ok(session.with_note(why))
        };
        let fingerprint = match Fingerprint::of(model, self.build_info()) {
            Ok(fingerprint) if fingerprint.external => return without("external", None),
            Ok(fingerprint) => fingerprint,
            Err(error) => {
                return without("unreadable", Some(format!("the optimised model is not looked for: {error}")));
            }
        };
        let lock = self.0.makers.lock_of(&fingerprint.key);
        let _one_at_a_time = lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = &fingerprint.key;
        match cache.find(key) {
            Found::Whole(graph, signature) => match self.open(model, &graph, options, Graph::Optimised) {
                Ok(session) if *session.signature() == *signature => {
                    metrics::counter!("parapet_model_cache_total", "outcome" => "hit").increment(1);
                    return Ok(session);
                }
                Ok(_) => cache.set_aside(key, "it tells other things of itself than the model does"),
                Err(error) => cache.set_aside(key, &error.text),
            },
            Found::Damaged => metrics::counter!("parapet_model_cache_total", "outcome" => "damaged").increment(1),
            Found::Nothing => {}
        }
        let made = cache.draft(key).map_err(|error| error.to_string()).and_then(|draft| {
            let graph = draft.graph();
            let session = self.open(model, model, options, Graph::Kept(&graph)).map_err(|error| error.text)?;
            draft.finish(cache, session.signature()).map_err(|error| error.to_string())?;
            Ok(session)
        });
        let made = match made {
            Ok(session) => session,
            // A model that can't be loaded at all says so here.
            Err(why) => return without("unwritable", Some(format!("the optimised model is not kept: {why}"))),
        };
        metrics::counter!("parapet_model_cache_total", "outcome" => "made").increment(1);
        // The one that is kept, so that its weights are shared; the one that was made goes.
        match cache.find(key) {
            Found::Whole(graph, signature) => match self.open(model, &graph, options, Graph::Optimised) {
                Ok(session) if *session.signature() == *signature => Ok(session),
                _ => Ok(made),
            },
            Found::Damaged | Found::Nothing => Ok(made),
        }
    }
}

impl InferencePort for OrtInference {
    fn load(&self, model: &Path, options: &SessionOptions) -> Result<Box<dyn InferenceSession>, InferenceError> {
        // The runtime's own words for these are poor.
        let unreadable =
            |why: String| error(ErrorKind::Fatal, "not_found", format!("model {}: {why}", model.display()));
        let file = File::open(model).map_err(|e| unreadable(e.to_string()))?;
        let metadata = file.metadata().map_err(|e| unreadable(e.to_string()))?;
        if metadata.is_dir() {
            return Err(unreadable("is a folder; an .onnx file is wanted".into()));
        }
        if metadata.len() == 0 {
            return Err(error(ErrorKind::Fatal, "corrupt", format!("model {}: the file is empty", model.display())));
        }
        drop(file);
        let loaded = catch_unwind(AssertUnwindSafe(|| match &options.cache {
            Some(folder) if options.device == Device::Cpu => self.through_cache(model, options, &Cache::new(folder)),
            _ => self.open(model, model, options, Graph::Original),
        }));
        let session = loaded.map_err(|payload| panicked(&format!("model {}", model.display()), &*payload))??;
        Ok(Box::new(session))
    }
}
