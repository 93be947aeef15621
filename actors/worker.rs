//! An actor around a loop: a task, or a thread of its own for work that blocks.
//!
//! It promises: the actor lives exactly as long as its loop; an error or a panic of the loop is a failure of the actor, with its
//! text; stopping the actor asks the loop to end and waits for it; killing it leaves nothing that acts on. A thread can't be
//! killed: it is told to stop and abandoned, and whatever it holds is released when it looks.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The signal by which a loop learns that it should end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: CancellationToken,
    abandoned: Arc<AtomicBool>,
}

impl Stop {
    /// True once the loop should end.
    pub fn is_set(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Returns when the loop should end.
    pub async fn wait(&self) {
        self.asked.cancelled().await;
    }

    /// Asks the loop to end.
    pub fn set(&self) {
        self.asked.cancel();
    }

    /// True when the actor was killed, and this is what is left of it: another one takes its place, if any. Whatever it shares with
    /// that one it must leave as it is.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

/// By which a thread says that it has started well; dropped without a word, the start has failed.
#[derive(Debug)]
pub struct Ready(oneshot::Sender<()>);

impl Ready {
    /// The start is done: the actor runs.
    pub fn tell(self) {
        // Nobody listens any more when the actor was killed during its start; the thread learns of it through `Stop`.
        self.0.send(()).ok();
    }
}

/// The result of a loop: an error's text goes to the journal.
pub type LoopResult = Result<(), String>;

type TaskBody = Box<dyn FnOnce(Stop) -> Pin<Box<dyn Future<Output = LoopResult> + Send>> + Send>;
type ThreadBody = Box<dyn FnOnce(Stop, Ready) -> LoopResult + Send>;

/// What the actor runs.
pub enum Body {
    /// A future on the runtime. It must not block.
    Task(TaskBody),
    /// A function on a thread of its own.
    Thread(ThreadBody),
}

impl Body {
    /// A future on the runtime.
    pub fn task<F, Fut>(body: F) -> Self
    where
        F: FnOnce(Stop) -> Fut + Send + 'static,
        Fut: Future<Output = LoopResult> + Send + 'static,
    {
        Self::Task(Box::new(move |stop| Box::pin(body(stop))))
    }

    /// A function on a thread of its own.
    pub fn thread(body: impl FnOnce(Stop, Ready) -> LoopResult + Send + 'static) -> Self {
        Self::Thread(Box::new(body))
    }
}

/// The actor.
#[derive(Debug, Clone, Copy)]
pub struct Worker;

/// What a worker is told by its own loop.
#[derive(Debug)]
pub enum WorkerMessage {
    /// The loop has ended.
    Ended(LoopResult),
}

/// The loop that runs.
#[derive(Debug)]
pub struct Running {
    stop: Stop,
    ended: Option<oneshot::Receiver<()>>,
    task: Option<tokio::task::AbortHandle>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody waited for its end: it was killed, or has failed.
        if self.ended.is_some() {
            self.stop.abandoned.store(true, Ordering::Release);
        }
        self.stop.set();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Actor for Worker {
    type Msg = WorkerMessage;
    type State = Running;
    type Arguments = (String, Body);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (name, body): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let stop = Stop::default();
        let (ended_tx, ended_rx) = oneshot::channel();
        let mut running = Running { stop: stop.clone(), ended: Some(ended_rx), task: None };
        match body {
            Body::Task(body) => running.task = Some(start_task(body(stop), myself, ended_tx)),
            Body::Thread(body) => start_thread(name, body, stop, myself, ended_tx).await?,
        }
        Ok(running)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        WorkerMessage::Ended(result): Self::Msg,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        result?;
        myself.stop(None);
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, running: &mut Self::State) -> Result<(), ActorProcessingErr> {
        running.stop.set();
        if let Some(ended) = running.ended.take() {
            ended.await.ok(); // An error means that it has ended without a word: it has ended.
        }
        Ok(())
    }
}

fn start_task(
    future: Pin<Box<dyn Future<Output = LoopResult> + Send>>,
    myself: ActorRef<WorkerMessage>,
    ended: oneshot::Sender<()>,
) -> tokio::task::AbortHandle {
    let task = tokio::spawn(future);
    let abort = task.abort_handle();
    tokio::spawn(async move {
        let result = match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(format!("panicked: {}", panic_text(&*error.into_panic()))),
            Err(_) => Ok(()), // Aborted with the actor.
        };
        drop(ended);
        drop(myself.cast(WorkerMessage::Ended(result)));
    });
    abort
}

async fn start_thread(
    name: String,
    body: ThreadBody,
    stop: Stop,
    myself: ActorRef<WorkerMessage>,
    ended: oneshot::Sender<()>,
) -> Result<(), ActorProcessingErr> {
    let (ready_tx, ready_rx) = oneshot::channel();
    let (failed_tx, failed_rx) = oneshot::channel();
    std::thread::Builder::new().name(name).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| body(stop, Ready(ready_tx))))
            .unwrap_or_else(|panic| Err(format!("panicked: {}", panic_text(&*panic))));
        drop(ended);
        // The start waits for one of these; the running actor reads the other.
        drop(failed_tx.send(result.clone()));
        drop(myself.cast(WorkerMessage::Ended(result)));
    })?;
    match ready_rx.await {
        Ok(()) => Ok(()),
        Err(_) => match failed_rx.await {
            Ok(Err(text)) => Err(text.into()),
            _ => Err("the thread ended before it had started".into()),
        },
    }
}

/// The message of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
