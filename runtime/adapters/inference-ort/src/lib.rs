//! The inference port over ONNX Runtime, whose shared library is opened at run time.
//!
//! What this crate promises:
//! - Without a library, or with one that is too old, there is an error that says how to get one; never a panic.
//! - A session runs on the device that was asked for, or not at all: there is no silent fallback from a GPU to the CPU.
//! - Tensors go in and come out without a copy, except 16-bit floats, which the port doesn't know.
//! - On a CPU a session has the threads that it was given, and they sleep between inferences.

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
    session::{Session, builder::GraphOptimizationLevel},
};
use parapet_contracts::{
    ErrorKind,
    ports::inference::{InferenceError, InferencePort, InferenceSession, SessionOptions},
};

use crate::{
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
        let new = Opened { environment, library };
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

    fn session(&self, model: &Path, options: &SessionOptions) -> Result<Session, InferenceError> {
        let builder = Session::builder(&self.0.environment)
            .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::All)?))
            .and_then(|b| Ok(b.with_intra_threads(options.threads.max(1))?))
            .and_then(|b| Ok(b.with_inter_threads(1)?))
            .and_then(|b| Ok(b.with_intra_op_spinning(false)?))
            .and_then(|b| Ok(b.with_inter_op_spinning(false)?))
            .map_err(|e| loading(model, &e))?;
        let mut builder = with_device(builder, options, &self.0.library)?;
        builder.commit_from_file(model).map_err(|e| loading(model, &e))
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
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            self.session(model, options).and_then(|session| OrtSession::new(session, model))
        }));
        let session = loaded.map_err(|payload| panicked(&format!("model {}", model.display()), &*payload))??;
        Ok(Box::new(session))
    }
}
