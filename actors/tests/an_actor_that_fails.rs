//! Faults 1 to 3: an actor panics, fails at every start, ignores the stop. A whole site with fakes of its ports; the failures are
//! injected into the actors' own code. The scenarios run one after the other: a fail point holds for the process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fail::FailScenario;
use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineError, EngineFactory},
    ports::Ports,
    site::Site,
    topology,
};
use parapet_config::{Model, SlotConfig};
use parapet_contracts::{
    CameraId, Clock, ErrorKind, Severity, SystemClock, Timestamp,
    ports::store::{StorePort, Write},
};
use parapet_supervision::{NodeState, NodeStatus, ShutdownReport};
use parapet_testkit::{
    MemoryBus, MemoryStore,
    conformance::samples,
    wait::{PATIENCE, until_async},
};
use support::{config, ports, write};

/// Frames per second of each camera.
const FPS: u32 = 20;

/// What no scenario here uses.
struct Nothing;

impl EngineFactory for Nothing {
    fn build(&self, _: &Model, _: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        Err(EngineError { kind: ErrorKind::Fatal, code: "none", text: "only null models here".to_owned() })
    }
}

struct Running {
    site: Arc<Site>,
    bus: Arc<MemoryBus>,
    store: Arc<MemoryStore>,
}

/// A site with these cameras, two models of one slot each, and a rule for all cameras.
async fn start(cameras: &[&str], clock: Arc<dyn Clock>) -> Running {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "site.yaml", "site: {id: yard}\n");
    for model in ["first", "second"] {
        write(folder.path(), &format!("models/{model}.yaml"), "kind: null\n");
    }
    for camera in cameras {
        write(
            folder.path(),
            &format!("cameras/{camera}.yaml"),
            "source: rtsp://camera/stream\nmodels: [first, second]\n",
        );
    }
    write(folder.path(), "rules/anybody.yaml", "cameras: all\nmodel: first\nwhen: [{label: person}]\n");
    let (bus, store) = (Arc::new(MemoryBus::new()), Arc::new(MemoryStore::new()));
    let ports = ports(FPS, Arc::new(Nothing), Arc::clone(&store) as _, Arc::clone(&bus) as _);
    let ports = Ports { clock: Arc::clone(&clock), ..ports };
    let site = topology::start(config(folder.path()), ports, Journal::new(clock), |_| Vec::new()).await.unwrap();
    assert_eq!(site.settled(PATIENCE).await, [] as [String; 0]);
    Running { site, bus, store }
}

impl Running {
    fn node(&self, path: &str) -> NodeStatus {
        self.site.tree().find(path).unwrap_or_else(|| panic!("no {path} in {:#?}", self.site.tree())).clone()
    }

    fn restarts(&self) -> Vec<(String, u64)> {
        let tree = self.site.tree();
        let leaves = tree.walk().into_iter().filter(|(_, node)| node.restarts > 0);
        leaves.map(|(path, node)| (path, node.restarts)).collect()
    }

    fn frames(&self, camera: &str) -> u64 {
        self.site.cameras()[&CameraId::new(camera).unwrap()].frames()
    }

    /// Frames of a camera that a model has taken.
    fn taken(&self, model: &str, camera: &str) -> u64 {
        let status = self.site.models().into_iter().find(|(id, _)| id.as_str() == model).unwrap().1.status();
        status.cameras.iter().find(|feed| feed.camera == camera).map_or(0, |feed| feed.taken)
    }

    async fn at_work(&self, cameras: &[&str]) {
        until_async("every camera is seen by both models", PATIENCE, || {
            cameras.iter().all(|camera| self.taken("first", camera) > 5 && self.taken("second", camera) > 5)
        })
        .await;
    }
}

fn now() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap()
}

/// Injects a panic at a point once, and returns the path of the actor that was restarted for it, within a second.
async fn panics_once(running: &Running, point: &str) -> String {
    let (before, at) = (running.restarts(), now());
    fail::cfg(point, "1*panic(injected)").unwrap();
    let restarted = || running.restarts().into_iter().find(|entry| !before.contains(entry));
    until_async("an actor is restarted", PATIENCE, || restarted().is_some()).await;
    let (path, _) = restarted().unwrap();
    let short = path.strip_prefix("site/").unwrap().to_owned();
    until_async("it runs again", PATIENCE, || running.node(&short).state == NodeState::Running).await;
    let node = running.node(&short);
    let error = node.last_error.unwrap();
    assert!(error.text.contains("injected"), "{error:?}");
    assert!(error.at >= at && node.since.saturating_sub(error.at) < 1000, "down for {} ms", node.since - error.at);
    short
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_actor_that_panics_is_restarted_alone_within_a_second() {
    let scenario = FailScenario::setup();
    let cameras = ["a", "b", "c"];
    let running = start(&cameras, Arc::new(SystemClock::new())).await;
    running.at_work(&cameras).await;

    // A camera: the others' frames come on as before.
    let (before, from) = (cameras.map(|camera| running.frames(camera)), std::time::Instant::now());
    let failed = panics_once(&running, "camera::handle").await;
    assert!(failed.starts_with("cameras/"), "{failed}");
    let others: Vec<usize> = (0..3).filter(|n| failed != format!("cameras/{}", cameras[*n])).collect();
    until_async("two seconds' frames", PATIENCE, || {
        others.iter().all(|n| running.frames(cameras[*n]) >= before[*n] + 40)
    })
    .await;
    let came: Vec<u64> = others.iter().map(|n| running.frames(cameras[*n]) - before[*n]).collect();
    assert!(came[0].abs_diff(came[1]) <= 3, "in {:?} came {came:?}", from.elapsed());

    // A rule, then a slot: the other model goes on, and so does the one whose slot failed.
    assert_eq!(panics_once(&running, "rule::judge").await, "rules/anybody");
    let slot = panics_once(&running, "slot::look").await;
    let other = if slot == "models/first/slot-0" { "second" } else { "first" };
    assert!(slot.starts_with("models/"), "{slot}");
    let taken = [running.taken(other, "a"), running.taken(slot.split('/').nth(1).unwrap(), "a")];
    until_async("both models go on", PATIENCE, || {
        running.taken(other, "a") > taken[0] + 5 && running.taken(slot.split('/').nth(1).unwrap(), "a") > taken[1] + 5
    })
    .await;

    // Nobody else was restarted, and each failure is in the journal.
    let restarts = running.restarts();
    assert_eq!(restarts.len(), 3, "{restarts:?}");
    assert!(restarts.iter().all(|(_, count)| *count == 1), "{restarts:?}");
    until_async("the journal has them", PATIENCE, || running.store.usage().unwrap().errors >= 3).await;
    assert!(running.site.shutdown(Duration::from_secs(10)).await.is_clean());
    scenario.teardown();
}

#[tokio::test]
async fn an_actor_that_fails_at_every_start_is_tried_slowly_and_says_so() {
    let scenario = FailScenario::setup();
    fail::cfg("camera::start", "return(no such device)").unwrap();
    let started = tokio::time::Instant::now();
    let running = start(&["a"], Arc::new(SystemClock::new())).await;
    tokio::time::pause();
    let mut restarts = Vec::new(); // Simulated times.
    let mut failed_at = None;
    while started.elapsed() < Duration::from_secs(400) {
        let node = running.node("cameras/a");
        for _ in restarts.len() as u64..node.restarts {
            restarts.push(started.elapsed());
        }
        if node.state == NodeState::Failed {
            failed_at.get_or_insert(started.elapsed());
            assert!(node.last_error.unwrap().text.contains("no such device"));
            assert!(node.next_try.is_some(), "it says when it is tried again");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Threads of the site, such as the store's, live in real time: simulated time must not run away from them.
        std::thread::sleep(Duration::from_millis(1));
    }
    let failed_at = failed_at.expect("its state is FAILED");
    assert!(failed_at < Duration::from_secs(60), "FAILED only after {failed_at:?}");
    let within =
        |from: Duration| restarts.iter().filter(|at| (from..from + Duration::from_secs(60)).contains(*at)).count();
    let quick = restarts.iter().filter(|at| **at <= failed_at).count();
    assert_eq!(quick, 5, "{restarts:?}");
    assert!(restarts.iter().filter(|at| **at < failed_at).all(|at| within(*at) <= 6), "{restarts:?}");
    assert!(within(Duration::ZERO) <= 5, "{restarts:?}");
    // Then one a minute.
    let slow: Vec<Duration> = restarts[quick..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((4..=6).contains(&slow.len()), "{restarts:?}");
    assert!(slow.iter().all(|gap| (59.0..=62.0).contains(&gap.as_secs_f64())), "{slow:?}");
    // Nobody else; the store's thread may have seemed stuck all the same.
    let others = running.restarts().into_iter().filter(|(path, _)| path != "site/store").collect::<Vec<_>>();
    assert_eq!(others, [("site/cameras/a".to_owned(), restarts.len() as u64)]);

    // The device comes back: so does the camera, at its next try.
    fail::cfg("camera::start", "off").unwrap();
    until_async("it runs", Duration::from_secs(70), || running.node("cameras/a").state == NodeState::Running).await;
    until_async("its frames are seen", PATIENCE, || running.taken("first", "a") > 0).await;
    running.site.shutdown(Duration::from_secs(10)).await;
    scenario.teardown();
}

/// What the bus heard of the cameras' and the site's end, and whether the journal's last records were written.
async fn stop(running: &Running) -> ShutdownReport {
    let started = std::time::Instant::now();
    let report = running.site.shutdown(Duration::from_secs(10)).await;
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    assert!(!report.cut_short, "{report:?}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn an_actor_that_ignores_the_stop_is_killed_at_its_deadline_and_the_order_is_kept() {
    let scenario = FailScenario::setup();
    let cameras = ["a", "b"];
    // A thread that blocks, a task that blocks: nothing can end either. Both sit at the first of what they do next.
    for (point, blocked) in [("slot::look", "models/"), ("rule::judge", "rules/anybody")] {
        let running = start(&cameras, Arc::new(SystemClock::new())).await;
        running.at_work(&cameras).await;
        let hits = Arc::new(AtomicBool::new(false));
        let hit = Arc::clone(&hits);
        fail::cfg_callback(point, move || {
            if !hit.swap(true, Ordering::SeqCst) {
                std::thread::sleep(Duration::from_secs(6));
            }
        })
        .unwrap();
        until_async("it blocks", PATIENCE, || hits.load(Ordering::SeqCst)).await;
        let report = stop(&running).await;
        assert_eq!(report.killed.len(), 1, "{report:?}");
        assert!(report.killed[0].path.contains(blocked), "{report:?}");
        assert!(report.took >= Duration::from_secs(3), "it had its deadline: {report:?}");
        fail::remove(point);

        // The cameras, which stop first, could still tell the bus, which stops late; the store wrote who was killed, being last.
        let statuses = |camera: &str| running.bus.payloads(&format!("parapet/yard/cameras/{camera}/status"));
        for camera in cameras {
            let last = String::from_utf8(statuses(camera).last().unwrap().to_vec()).unwrap();
            assert!(last.contains("offline"), "{camera}: {last}");
        }
        let tree = running.site.tree();
        assert!(tree.walk().iter().all(|(_, node)| node.state == NodeState::Stopped), "{tree:#?}");
    }
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_was_given_up_and_goes_on_leaves_its_queue_to_the_next_one() {
    let scenario = FailScenario::setup();
    let running = start(&["a"], Arc::new(SystemClock::new())).await;
    let store = running.site.links().store.clone();
    let append = |number: u64| {
        let alert = samples::alert(number, "a", "anybody", Severity::Info, number);
        let item = samples::item(number);
        let store = store.clone();
        async move { store.append(vec![Write::Alert(alert)], vec![("bus".to_owned(), item)]).await }
    };
    fail::cfg("outbox::append", "pause").unwrap();
    let stuck = tokio::spawn(append(1));
    until_async("the writer is given up", PATIENCE, || running.node("store").restarts > 0).await;
    fail::remove("outbox::append");
    assert_eq!(stuck.await.unwrap(), Ok(()), "what it had taken it writes");
    for number in 2..20 {
        assert_eq!(append(number).await, Ok(()), "its successor takes what comes");
    }
    assert_eq!(running.store.usage().unwrap().alerts, 19);
    assert!(running.restarts().iter().all(|(path, _)| path == "site/store"), "{:?}", running.restarts());
    running.site.shutdown(Duration::from_secs(10)).await;
    scenario.teardown();
}
