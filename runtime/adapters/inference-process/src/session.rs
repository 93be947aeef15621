//! The site's side of one worker.

use std::{io, os::fd::OwnedFd, path::Path, sync::Arc, time::Duration};

use parapet_contracts::{
    ErrorKind,
    ports::inference::{Device, InferenceError, InferenceSession, ModelSignature, SessionOptions, TensorView},
};

use crate::{
    WorkerCommand,
    child::ChildProcess,
    nursery::Nursery,
    region::{Region, room},
    wire::{Channel, Reply, Request, code},
};

/// How long loading may take: a GPU's engine may have to be built.
const LOADING: Duration = Duration::from_secs(300);

/// A model in a process of its own.
pub(crate) struct ProcessSession {
    worker: Worker,
    signature: ModelSignature,
    hung_after: Option<Duration>,
    /// An accelerator may compile its kernels at its first run.
    compiles: bool,
    inputs: Option<Region>,
    outputs: Option<Region>,
    /// Keeps the thread that started the worker.
    _nursery: Arc<Nursery>,
}

impl ProcessSession {
    pub(crate) fn load(
        nursery: &Arc<Nursery>,
        command: &Arc<WorkerCommand>,
        model: &Path,
        options: &SessionOptions,
    ) -> Result<Self, InferenceError> {
        let name = model.display().to_string();
        let (child, socket) = nursery.start(command, model).map_err(|error| {
            let text = format!("model {name}: no process for it can be started: {error}");
            InferenceError { kind: ErrorKind::Retry, code: "run_failed", text }
        })?;
        tracing::debug!(model = %name, pid = child.id(), "a process for the model has started");
        let mut worker = Worker { child, channel: Channel::new(socket), model: name, over: None };
        let request = Request::Load { model: model.to_owned(), options: options.clone() };
        match worker.ask(&request, None, Some(LOADING), "while the model was loaded")? {
            (Reply::Loaded(signature), _) => Ok(Self {
                worker,
                signature,
                hung_after: options.hung_after,
                compiles: options.device != Device::Cpu,
                inputs: None,
                outputs: None,
                _nursery: Arc::clone(nursery),
            }),
            (Reply::Failed { kind, code: word, text }, _) => Err(InferenceError { kind, code: code(&word), text }),
            (Reply::Done { .. }, _) => Err(worker.give_up("crashed", "answered something that was not asked")),
        }
    }
}

impl InferenceSession for ProcessSession {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        read: &mut dyn FnMut(&[TensorView<'_>]),
    ) -> Result<(), InferenceError> {
        let (placed, is_new) = match self.inputs.as_mut().and_then(|region| region.write(inputs)) {
            Some(placed) => (placed, false),
            None => {
                let made =
                    Region::new(room(inputs)).map(|mut region| (region.write(inputs).unwrap_or_default(), region));
                let (placed, region) = made.map_err(|error| {
                    let text = format!("model {}: no memory for its inputs: {error}", self.worker.model);
                    InferenceError { kind: ErrorKind::Retry, code: "out_of_memory", text }
                })?;
                self.inputs = Some(region);
                (placed, true)
            }
        };
        let memory = self.inputs.as_ref().filter(|_| is_new).map(Region::memory);
        let request = Request::Run { inputs: placed };
        let limit = if std::mem::take(&mut self.compiles) { Some(LOADING) } else { self.hung_after };
        let outputs = match self.worker.ask(&request, memory, limit, "during an inference")? {
            (Reply::Done { outputs }, memory) => {
                if let Some(memory) = memory {
                    let region = Region::received(memory);
                    self.outputs =
                        Some(region.map_err(|_| self.worker.give_up("crashed", "sent memory that is not sealed"))?);
                }
                outputs
            }
            (Reply::Failed { kind, code: word, text }, _) => {
                return Err(InferenceError { kind, code: code(&word), text });
            }
            (Reply::Loaded(_), _) => {
                return Err(self.worker.give_up("crashed", "answered something that was not asked"));
            }
        };
        if outputs.len() != self.signature.outputs.len() {
            return Err(self.worker.give_up("crashed", "gave another number of outputs than the model has"));
        }
        let views = match &self.outputs {
            Some(region) => region.read(&outputs),
            None => Err("no memory came with the outputs".to_owned()),
        };
        match views {
            Ok(views) => read(&views),
            Err(why) => return Err(self.worker.give_up("crashed", &why)),
        }
        Ok(())
    }
}

/// The process and the socket to it.
struct Worker {
    child: ChildProcess,
    channel: Channel,
    model: String,
    /// Why it can't be used any more.
    over: Option<InferenceError>,
}

impl Worker {
    /// Asks and waits for the answer. After an error of its own the worker is gone, and every later call has that error again.
    fn ask(
        &mut self,
        request: &Request,
        memory: Option<&OwnedFd>,
        limit: Option<Duration>,
        when: &str,
    ) -> Result<(Reply, Option<OwnedFd>), InferenceError> {
        if let Some(error) = &self.over {
            return Err(error.clone());
        }
        let talked = self
            .channel
            .wait_at_most(limit)
            .and_then(|()| self.channel.send(request, memory))
            .and_then(|()| self.channel.receive());
        talked.map_err(|error| match (error.kind(), limit) {
            (io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut, Some(limit)) => {
                let why = format!("gave no answer within {limit:?} {when}, counts as hung, and was killed");
                self.give_up("hung", &why)
            }
            (io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe, _) => {
                let how = self.child.end();
                self.give_up("crashed", &format!("{how}; that was {when}"))
            }
            _ => self.give_up("crashed", &format!("can't be talked to {when}: {error}")),
        })
    }

    /// Ends the process. The error says why, and stays.
    fn give_up(&mut self, code: &'static str, why: &str) -> InferenceError {
        self.child.end();
        let text = format!("model {}: its process {why}", self.model);
        let error = InferenceError { kind: ErrorKind::Fatal, code, text };
        self.over = Some(error.clone());
        error
    }
}
