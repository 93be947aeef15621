//! The thread that starts all workers.
//!
//! The kernel kills a worker when its parent is gone, and takes for the parent the thread that started it. A slot's thread comes and
//! goes, and a session may move between threads: so one thread that outlives every session starts them all.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use crate::{WorkerCommand, child::ChildProcess};

/// Variables that a worker sees, by their name or, with a `*`, by what they begin with: what finds libraries and caches, and what
/// runtimes and drivers are tuned by. Everything else stays with the site, secrets above all.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_*",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "XDG_CACHE_HOME",
    "PARAPET_CACHE",
    "PARAPET_LOG",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "ORT_*",
    "OMP_*",
    "KMP_*",
    "MKL_*",
    "CUDA_*",
    "CUDNN_*",
    "CUBLAS_*",
    "NVIDIA_*",
    "TRT_*",
    "OPENVINO_*",
    "OV_*",
    "GOMP_*",
    "MALLOC_*",
    "ASAN_OPTIONS",
];

/// See the module.
#[derive(Debug)]
pub(crate) struct Nursery {
    requests: Sender<Request>,
}

struct Request {
    command: Arc<WorkerCommand>,
    model: PathBuf,
    started: SyncSender<io::Result<Started>>,
}

/// A worker, and the site's end of the socket to it.
pub(crate) type Started = (ChildProcess, UnixStream);

impl Nursery {
    /// Starts the thread. It ends with the last session.
    pub(crate) fn open() -> io::Result<Arc<Self>> {
        let (requests, arriving) = channel::<Request>();
        thread::Builder::new().name("model-nursery".to_owned()).spawn(move || {
            for request in arriving {
                // Nobody waits any more when the slot's thread is gone: the worker is killed as it is dropped.
                request.started.send(start(&request.command, &request.model)).ok();
            }
        })?;
        Ok(Arc::new(Self { requests }))
    }

    /// Starts a worker for a model.
    pub(crate) fn start(&self, command: &Arc<WorkerCommand>, model: &Path) -> io::Result<Started> {
        let (started, answer) = sync_channel(1);
        let gone = || io::Error::other("the thread that starts processes is gone");
        self.requests
            .send(Request { command: Arc::clone(command), model: model.to_owned(), started })
            .map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

fn start(worker: &WorkerCommand, model: &Path) -> io::Result<Started> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(&worker.program);
    command
        .args(&worker.arguments)
        // So that `ps` tells whose process it is; what is to be loaded is told over the socket.
        .arg(model)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(needed)))
        .envs(worker.environment.iter().map(|(name, value)| (name, value)))
        // The socket is its standard input: no descriptor has to be passed by number. What it writes on its standard output is for nobody.
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null());
    Ok((ChildProcess::new(command.spawn()?), ours))
}

fn needed(name: &str) -> bool {
    ENVIRONMENT.iter().any(|known| known.strip_suffix('*').map_or(name == *known, |start| name.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_sees_what_a_runtime_needs_and_no_secret() {
        for name in ["PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "ORT_DYLIB_PATH", "LC_ALL"] {
            assert!(needed(name), "{name}");
        }
        for name in ["PARAPET_TOKEN", "MQTT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PATHS", "LC", ""] {
            assert!(!needed(name), "{name}");
        }
    }
}
