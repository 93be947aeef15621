//! An actor that does what a test tells it, a diary of what happened in which order, and an observer that remembers.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parapet_supervision::{
    Backoff, Budget, ChildSpec, FailureKind, FailureReport, Heartbeat, NodeState, NodeStatus, Observer, Slot,
    StateChange, SupervisorHandle, SupervisorSpec, WhenSpent,
};
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a start of a probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStart {
    #[default]
    Succeed,
    Fail,
    Panic,
    Hang,
    /// Starts, and fails as soon as it runs.
    FailSoon,
}

/// What a probe does when it is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStop {
    #[default]
    Obey,
    Ignore,
    Fail,
}

/// The orders for one child, the same for all its incarnations unless a test changes them.
#[derive(Default)]
pub struct Orders {
    pub on_start: Mutex<OnStart>,
    pub on_stop: Mutex<OnStop>,
    pub starts: AtomicU32,
    pub alive: AtomicU32,
    pub most: AtomicU32,
    /// Milliseconds that it takes to release what an incarnation holds, as a device driver might. Needs several threads.
    pub release_takes: AtomicU64,
}

impl Orders {
    pub fn start_like(&self, how: OnStart) {
        *self.on_start.lock() = how;
    }

    pub fn stop_like(&self, how: OnStop) {
        *self.on_stop.lock() = how;
    }

    pub fn starts(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }

    /// Incarnations that are alive now.
    pub fn alive(&self) -> u32 {
        self.alive.load(Ordering::SeqCst)
    }

    /// The most incarnations that were ever alive at once; a second one would be one too many.
    pub fn most(&self) -> u32 {
        self.most.load(Ordering::SeqCst)
    }
}

pub enum Do {
    Ping(RpcReplyPort<u32>),
    Panic(&'static str),
    Fail(&'static str),
    StopYourself,
    /// Never returns, but can be killed.
    Hang,
    /// Works for this long; declares it when told to.
    Work(Duration, bool),
    /// Says that it blocks its thread, and does so until the other end is dropped: nothing else ends that.
    Block(oneshot::Sender<()>, mpsc::Receiver<()>),
    /// Takes the request and never answers.
    Swallow(RpcReplyPort<u32>),
}

/// The actor.
pub struct Probe {
    pub id: String,
    pub diary: Diary,
    pub orders: Arc<Orders>,
    pub handlers: Heartbeat,
}

/// An incarnation that lives: it is noted in the diary when it is dropped, however it ended.
pub struct Alive {
    number: u32,
    id: String,
    diary: Diary,
    orders: Arc<Orders>,
    swallowed: Vec<RpcReplyPort<u32>>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let span = self.orders.release_takes.load(Ordering::SeqCst);
        if span > 0 {
            // So that this thread's other tasks go on meanwhile, the supervisor's among them.
            tokio::task::block_in_place(|| std::thread::sleep(millis(span)));
        }
        self.orders.alive.fetch_sub(1, Ordering::SeqCst);
        self.diary.note(&format!("-{}", self.id));
    }
}

impl Actor for Probe {
    type Msg = Do;
    type State = Alive;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Do>, (): ()) -> Result<Alive, ActorProcessingErr> {
        let number = self.orders.starts.fetch_add(1, Ordering::SeqCst) + 1;
        let how = *self.orders.on_start.lock();
        match how {
            OnStart::Fail => return Err("no luck at the start".into()),
            OnStart::Panic => panic!("panicked at the start"),
            OnStart::Hang => pending().await,
            OnStart::FailSoon => myself.cast(Do::Fail("no luck after the start"))?,
            OnStart::Succeed => {}
        }
        let others = self.orders.alive.fetch_add(1, Ordering::SeqCst);
        self.orders.most.fetch_max(others + 1, Ordering::SeqCst);
        self.diary.note(&format!("+{}", self.id));
        let (id, diary, orders) = (self.id.clone(), self.diary.clone(), Arc::clone(&self.orders));
        Ok(Alive { number, id, diary, orders, swallowed: Vec::new() })
    }

    async fn handle(&self, myself: ActorRef<Do>, message: Do, state: &mut Alive) -> Result<(), ActorProcessingErr> {
        match message {
            Do::Ping(reply) => reply.send(state.number)?,
            Do::Panic(text) => panic!("{text}"),
            Do::Fail(text) => return Err(text.into()),
            Do::StopYourself => myself.stop(None),
            Do::Hang => pending().await,
            Do::Work(span, declared) => {
                let _busy = declared.then(|| self.handlers.busy(2 * span));
                sleep(span).await;
            }
            Do::Block(begun, until) => {
                begun.send(()).unwrap();
                until.recv().ok();
            }
            Do::Swallow(reply) => state.swallowed.push(reply),
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Do>, _: &mut Alive) -> Result<(), ActorProcessingErr> {
        let how = *self.orders.on_stop.lock();
        match how {
            OnStop::Obey => Ok(()),
            OnStop::Ignore => pending().await,
            OnStop::Fail => Err("no luck at the stop".into()),
        }
    }
}

/// What happened, in order: `+id` for a start, `-id` for an end.
#[derive(Clone, Default)]
pub struct Diary {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Diary {
    pub fn note(&self, line: &str) {
        self.lines.lock().push(line.to_owned());
    }

    pub fn text(&self) -> String {
        self.lines.lock().join(" ")
    }

    pub fn clear(&self) {
        self.lines.lock().clear();
    }
}

/// Remembers all that an observer is told.
#[derive(Default)]
pub struct Recorder {
    pub failures: Mutex<Vec<FailureReport>>,
    pub changes: Mutex<Vec<StateChange>>,
}

impl Recorder {
    pub fn kinds(&self, path: &str) -> Vec<FailureKind> {
        self.failures.lock().iter().filter(|report| report.path == path).map(|report| report.kind).collect()
    }

    pub fn texts(&self, path: &str) -> Vec<String> {
        self.failures.lock().iter().filter(|report| report.path == path).map(|report| report.text.clone()).collect()
    }

    pub fn states(&self, path: &str) -> Vec<Option<NodeState>> {
        self.changes.lock().iter().filter(|change| change.path == path).map(|change| change.to).collect()
    }
}

impl Observer for Recorder {
    fn failure(&self, report: &FailureReport) {
        self.failures.lock().push(report.clone());
    }

    fn state_change(&self, change: &StateChange) {
        self.changes.lock().push(change.clone());
    }
}

/// A test's children, by id.
#[derive(Default)]
pub struct Bench {
    pub diary: Diary,
    pub recorder: Arc<Recorder>,
    orders: Mutex<HashMap<String, Arc<Orders>>>,
    slots: Mutex<HashMap<String, Slot<Do>>>,
}

impl Bench {
    pub fn orders(&self, id: &str) -> Arc<Orders> {
        Arc::clone(self.orders.lock().entry(id.to_owned()).or_default())
    }

    pub fn slot(&self, id: &str) -> Slot<Do> {
        self.slots.lock().entry(id.to_owned()).or_insert_with(|| Slot::new(id)).clone()
    }

    /// A probe: restarted after 100 ms, 5 times a minute.
    pub fn probe(&self, id: &str) -> ChildSpec {
        let (name, diary, orders) = (id.to_owned(), self.diary.clone(), self.orders(id));
        ChildSpec::actor(id, &self.slot(id), move |context| {
            let (id, diary, orders) = (name.clone(), diary.clone(), Arc::clone(&orders));
            (Probe { id, diary, orders, handlers: context.handler_heartbeat() }, ())
        })
        .kind("probe")
        .backoff(Backoff::fixed(millis(100)))
        .budget(Budget { max_restarts: 5, within: MINUTE })
        .when_spent(WhenSpent::RetrySlowly { every: MINUTE })
    }

    pub fn supervisor(&self, id: &str) -> SupervisorSpec {
        SupervisorSpec::new(id).observer(Arc::clone(&self.recorder) as Arc<dyn Observer>).seed(7)
    }

    /// Which incarnation of a probe answers now.
    pub async fn ping(&self, id: &str) -> Result<u32, parapet_supervision::SlotError> {
        self.slot(id).call(Do::Ping, SECOND).await
    }

    /// Blocks a probe's thread, until what is returned is dropped.
    pub async fn block(&self, id: &str) -> mpsc::Sender<()> {
        let (release, until) = mpsc::channel();
        let (begun, blocked) = oneshot::channel();
        self.tell(id, Do::Block(begun, until));
        blocked.await.unwrap();
        release
    }

    pub fn tell(&self, id: &str, order: Do) {
        self.slot(id).cast(order).unwrap();
    }
}

/// Starts a tree and waits until each child has been tried.
pub async fn start(spec: &SupervisorSpec) -> SupervisorHandle {
    let handle = spec.start().await.unwrap();
    handle.settled(MINUTE).await.unwrap();
    handle
}

/// Awaits a condition, and says what was waited for when it does not come true in time.
pub async fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    let step = (limit / 500).clamp(millis(2), millis(100));
    while !condition() {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        sleep(step).await;
    }
}

pub fn node(handle: &SupervisorHandle, path: &str) -> NodeStatus {
    let tree = handle.tree();
    tree.find(path).unwrap_or_else(|| panic!("no {path} in {tree:#?}")).clone()
}

pub async fn until_state(handle: &SupervisorHandle, path: &str, state: NodeState, limit: Duration) {
    until(&format!("{path} is {state:?}"), limit, || handle.tree().find(path).is_some_and(|node| node.state == state))
        .await;
}
