//! The worker's side: a process with one model, which does what the site asks until the site lets go.

use std::{
    fs, io,
    os::{fd::AsFd, unix::net::UnixStream},
};

use parapet_contracts::{
    ErrorKind,
    ports::inference::{InferenceError, InferencePort, InferenceSession, TensorView},
};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{
    region::{Placed, Region, room},
    wire::{Channel, Reply, Request},
};

/// What the kernel adds to this process's score when memory is short and somebody must go: better a model than the site.
const OOM_SCORE: &str = "500";

/// Serves the process that started this one, over standard input, until that lets go. `open` opens the runtime, once a model is to be
/// loaded.
///
/// # Errors
/// When standard input is no socket: this program was started by hand.
pub fn serve<P: InferencePort>(open: impl FnOnce() -> Result<P, InferenceError>) -> io::Result<()> {
    live_and_die_with_the_site();
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr().map_err(|_| {
        io::Error::other("this command is for a running site, which starts it for a model with `isolation: process`")
    })?;
    let channel = Channel::new(socket);
    let mut session = match channel.receive()? {
        (Request::Load { model, options }, _) => match open().and_then(|port| port.load(&model, &options)) {
            Ok(session) => {
                channel.send(&Reply::Loaded(session.signature().clone()), None)?;
                session
            }
            Err(error) => return channel.send(&Reply::from(error), None),
        },
        (Request::Run { .. }, _) => return Err(io::Error::other("asked to run before a model was loaded")),
    };
    let (mut inputs, mut outputs) = (None, None);
    loop {
        let (request, memory) = match channel.receive::<Request>() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            received => received?,
        };
        if let Some(memory) = memory {
            inputs = Some(Region::received(memory)?);
        }
        let Request::Run { inputs: placed } = request else {
            return Err(io::Error::other("asked to load a second model"));
        };
        let before = outputs.take();
        match run(session.as_mut(), inputs.as_ref(), &placed, before) {
            Ok(Answer { placed, region, is_new }) => {
                channel.send(&Reply::Done { outputs: placed }, is_new.then(|| region.memory()))?;
                outputs = Some(region);
            }
            Err((error, region)) => {
                channel.send(&Reply::from(error), None)?;
                outputs = region;
            }
        }
    }
}

struct Answer {
    placed: Vec<Placed>,
    region: Region,
    is_new: bool,
}

/// Runs the model once, and puts what it says into the region `before`, or into a new one when it doesn't fit.
fn run(
    session: &mut dyn InferenceSession,
    inputs: Option<&Region>,
    placed: &[Placed],
    mut before: Option<Region>,
) -> Result<Answer, (InferenceError, Option<Region>)> {
    let failed = |kind, code, text| InferenceError { kind, code, text };
    let views = inputs.map_or_else(|| Err("no memory came with the inputs".to_owned()), |region| region.read(placed));
    let views = match views {
        Ok(views) => views,
        Err(why) => return Err((failed(ErrorKind::Reject, "bad_input", why), before)),
    };
    let mut written = None;
    let mut keep = |outputs: &[TensorView<'_>]| written = Some(write(outputs, before.take()));
    let ran = session.run(&views, &mut keep);
    match (ran, written) {
        (Ok(()), Some(Ok(answer))) => Ok(answer),
        (Ok(()), Some(Err(error))) => {
            Err((failed(ErrorKind::Reject, "out_of_memory", format!("no memory for the outputs: {error}")), None))
        }
        (Ok(()), None) => {
            Err((failed(ErrorKind::Reject, "run_failed", "the runtime gave no outputs".to_owned()), before))
        }
        (Err(error), _) => Err((error, before)),
    }
}

fn write(outputs: &[TensorView<'_>], before: Option<Region>) -> io::Result<Answer> {
    if let Some(mut region) = before
        && let Some(placed) = region.write(outputs)
    {
        return Ok(Answer { placed, region, is_new: false });
    }
    let mut region = Region::new(room(outputs))?;
    let placed =
        region.write(outputs).ok_or_else(|| io::Error::other("a region is smaller than it was asked to be"))?;
    Ok(Answer { placed, region, is_new: true })
}

/// What a worker does at its start, before any library is opened. Nothing of it is vital, so that a system that refuses costs no model.
fn live_and_die_with_the_site() {
    // A stopped or looping worker sees no closed socket: the kernel ends it. When the site has gone already, reading the socket tells.
    set_parent_process_death_signal(Some(Signal::KILL)).ok();
    // SAFETY: this process has one thread and has opened no file yet, so that nobody loses a descriptor that he uses; and these are the
    // plain dispositions "ignore" and "default", which run no code.
    unsafe {
        // What the site has open without the flag that closes it on exec: sockets of libraries in C, above all.
        libc::close_range(3, libc::c_uint::MAX, 0);
        // A terminal's Ctrl-C and a service manager's stop go to all processes. The site drains first, and then lets go.
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::signal(signal, libc::SIG_IGN);
        }
        // The site tells of a crash: without Rust's own handler for stacks that overflow, the first signal is the last.
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::signal(libc::SIGBUS, libc::SIG_DFL);
    }
    fs::write("/proc/self/oom_score_adj", OOM_SCORE).ok();
    rustix::thread::set_name(c"parapet-model").ok();
}
