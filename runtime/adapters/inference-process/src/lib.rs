//! The inference port over processes: each session is a process of its own, so that a model that crashes or hangs takes nothing
//! else with it.
//!
//! ```text
//! site ── ProcessSession ──control: length-prefixed JSON over a socket──▶ worker ── the port that really loads models
//!              │                                                             │
//!              └── inputs: memory of the site's, sealed ── mapped ──▶        │
//!                    ◀── mapped ── outputs: memory of the worker's, sealed ──┘
//! ```
//! What this crate promises:
//! - A worker that ends, by a signal or otherwise, is a `Fatal` error that names the signal. One that does not answer within the
//!   time that the caller gave is killed, and that is a `Fatal` error, too. No call waits for longer.
//! - A worker lives exactly as long as its session: dropping the session kills it and takes its exit status in, and the kernel kills it
//!   when the site's process ends, however that happens.
//! - A worker has no file of the site's open but its end of the socket and what is inherited as standard error, and sees of the
//!   environment only what a runtime needs: no secret is in there.
//! - A tensor is copied once on its way in and once on its way out, into memory that both see; what the caller reads are these
//!   bytes. What a worker says of them is checked before they are looked at.
//!
//! The program that uses [`ProcessInference`] must call [`worker::serve`] when it is started as its [`WorkerCommand`] says.
#![allow(
    unsafe_code,
    reason = "memory that two processes see has no safe form; see `region`, and `worker` for what is done at its start"
)]

mod child;
mod nursery;
mod region;
mod session;
mod wire;
pub mod worker;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use parapet_contracts::{
    ErrorKind,
    ports::inference::{InferenceError, InferencePort, InferenceSession, SessionOptions},
};

use crate::{nursery::Nursery, session::ProcessSession};

/// Loads each model in a process of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ProcessInference {
    nursery: Arc<Nursery>,
    command: Arc<WorkerCommand>,
}

/// How a worker is started: the program must end up in [`worker::serve`]. The path of its model follows the arguments, for people who
/// list processes.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Environment variables besides those that a runtime needs.
    pub environment: Vec<(OsString, OsString)>,
}

impl WorkerCommand {
    /// This very program, with these arguments: also when its file was replaced by a newer one meanwhile, which may speak differently.
    pub fn this_program<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            program: "/proc/self/exe".into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
        }
    }
}

impl ProcessInference {
    /// Workers that are started by `command`.
    ///
    /// # Errors
    /// When there can be no thread that starts them.
    pub fn new(command: WorkerCommand) -> Result<Self, InferenceError> {
        let nursery = Nursery::open().map_err(|error| {
            let text = format!("no thread that starts processes for models: {error}");
            InferenceError { kind: ErrorKind::Retry, code: "run_failed", text }
        })?;
        Ok(Self { nursery, command: Arc::new(command) })
    }
}

impl InferencePort for ProcessInference {
    fn load(&self, model: &Path, options: &SessionOptions) -> Result<Box<dyn InferenceSession>, InferenceError> {
        Ok(Box::new(ProcessSession::load(&self.nursery, &self.command, model, options)?))
    }
}
