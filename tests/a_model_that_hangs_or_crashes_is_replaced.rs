//! Faults 15 and 16 at a whole site: the process of a model stops answering, or ends by a segmentation fault. The slot is replaced, the
//! frame that it looked at is counted, the journal says what happened, and neither the site nor the other model notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use parapet_testkit::{
    RunningSite, SiteFolder,
    onnx::OnnxModel,
    pace::{Count, Pairs},
    wait::{PATIENCE, until},
};
use serde_json::Value;
use support::PARAPET;

const SIZE: usize = 64;
/// Cells of the grids of strides 8, 16 and 32.
const CELLS: usize = 64 + 16 + 4;
const COLUMNS: usize = 5 + 2;
/// What the faults ask for.
const NOTICED: Duration = Duration::from_secs(5);
const BACK: Duration = Duration::from_secs(10);

/// A site with a model in a process of its own that camera `gate` uses, and one on a thread for `dock`.
fn site() -> (SiteFolder, RunningSite) {
    let folder = SiteFolder::new("yard");
    let sees_nothing = OnnxModel::constant(SIZE, &[1, CELLS, COLUMNS], None, &[0.0; CELLS * COLUMNS]);
    for (id, isolation, camera) in [("apart", "process", "gate"), ("inside", "thread", "dock")] {
        fs::create_dir_all(folder.path().join("models")).unwrap();
        fs::write(folder.path().join(format!("models/{id}.onnx")), sees_nothing.bytes()).unwrap();
        let model = format!("file: models/{id}.onnx\nlayout: yolov5\nlabels: [hen, fox]\nisolation: {isolation}\n");
        folder.file(&format!("models/{id}.yaml"), &model);
        folder.file(
            &format!("cameras/{camera}.yaml"),
            &format!("source: test://ball?size=320x240&fps=10\nmodels: [{id}]\n"),
        );
    }
    let site = RunningSite::start(PARAPET, &folder);
    for id in ["apart", "inside"] {
        looked(&site, id, 5);
    }
    (folder, site)
}

fn status(site: &RunningSite, id: &str) -> Value {
    let models = site.get("/api/v1/models");
    models.as_array().unwrap().iter().find(|model| model["model"] == id).unwrap().clone()
}

fn inferences(site: &RunningSite, id: &str) -> u64 {
    status(site, id)["inferences"].as_u64().unwrap()
}

/// Waits until a model has looked at `more` frames.
fn looked(site: &RunningSite, id: &str, more: u64) {
    let goal = inferences(site, id) + more;
    until("the model looks at frames", PATIENCE, || inferences(site, id) >= goal);
}

/// The processes that a site has started for its models, which still run.
fn workers(site: &RunningSite) -> Vec<u32> {
    let child = |stat: &str| {
        let (head, rest) = stat.rsplit_once(')')?;
        let parent = rest.split_whitespace().nth(1)?.parse::<u32>().ok()?;
        (parent == site.pid() && head.ends_with("(parapet-model")).then(|| head.split(' ').next()?.parse().ok())?
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| child(&fs::read_to_string(entry.path().join("stat")).ok()?)).collect()
}

fn worker(site: &RunningSite) -> u32 {
    let workers = workers(site);
    assert_eq!(workers.len(), 1, "one model has one slot in a process of its own");
    workers[0]
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()), "SIG{name} to {pid}");
}

/// The times after `began` at which the slot's replacement was seen, and at which the model looked at a frame again.
fn recovery(site: &RunningSite, began: Instant) -> (Duration, Duration) {
    let slot = || site.node("models/apart/slot-0").unwrap();
    until("the slot is replaced", PATIENCE, || slot()["last_error"]["text"].is_string());
    let noticed = began.elapsed();
    looked(site, "apart", 1);
    (noticed, began.elapsed())
}

fn journal_of(site: &RunningSite) -> String {
    let path = "/api/v1/errors?actor=models/apart/slot-0";
    let journal =
        site.wait_for("it is journalled", path, PATIENCE, |journal| !journal["items"].as_array().unwrap().is_empty());
    journal["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["text"].as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rates of the other camera without and with a fault, in turn. A turn ends when the model is back.
fn pairs(site: &RunningSite, turns: usize, frames: u64, mut fault: impl FnMut()) -> Pairs {
    let mut pairs = Pairs::default();
    for _ in 0..turns {
        let plain = Count::begin(site, "dock");
        pairs.plain.push(plain.rate_over(site, frames, PATIENCE));
        let faulty = Count::begin(site, "dock");
        fault();
        pairs.faulty.push(faulty.rate_over(site, frames, PATIENCE));
    }
    pairs
}

/// The site, the other model and the other camera did not notice.
fn others_went_on(site: &RunningSite, pairs: &Pairs) {
    println!("the other camera: {:+.1} % frames", pairs.change() * 100.0);
    pairs.assert_within(0.05, &site.log());
    let node = |path: &str| site.node(path).unwrap();
    for path in ["models/inside/slot-0", "cameras/gate", "cameras/dock"] {
        assert_eq!((&node(path)["state"], &node(path)["restarts"]), (&"running".into(), &0.into()), "{path}");
    }
    assert_eq!(status(site, "inside")["failures"], 0);
}

#[test]
fn a_model_that_hangs_is_noticed_in_time_and_the_site_looks_on() {
    let (_folder, site) = site();
    let hung = worker(&site);
    let (mut noticed, mut back) = (Duration::MAX, Duration::MAX);
    let others = pairs(&site, 1, 80, || {
        let began = Instant::now();
        signal(hung, "STOP");
        (noticed, back) = recovery(&site, began);
    });
    println!("fault 15: noticed after {noticed:?}, back after {back:?}");
    others_went_on(&site, &others);
    let journal = journal_of(&site);
    assert!(journal.contains("hung") || journal.contains("stuck"), "{journal}");
    let lost = status(&site, "apart")["cameras"][0]["failed"].clone();
    assert_eq!(lost, 1, "the frame that waited for the answer is counted");
    until("the process that hung is gone", PATIENCE, || !Path::new(&format!("/proc/{hung}")).exists());
    assert_ne!(worker(&site), hung);
    assert!(noticed <= NOTICED && back <= BACK, "noticed after {noticed:?}, back after {back:?}");
    let ended = workers(&site);
    assert_eq!(site.terminate().code, Some(0));
    assert!(ended.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()), "processes outlive the site");
}

#[test]
fn a_model_that_segfaults_takes_nothing_else_with_it() {
    let (_folder, site) = site();
    let (mut faults, mut backs) = (["SEGV", "KILL"].into_iter().cycle(), Vec::new());
    let others = pairs(&site, 4, 40, || {
        let (name, old) = (faults.next().unwrap(), worker(&site));
        let failed = || status(&site, "apart")["failures"].as_u64().unwrap();
        let before = failed();
        let began = Instant::now();
        signal(old, name);
        let told = || journal_of(&site).contains(&format!("SIG{name}"));
        until("the journal names the signal", PATIENCE, told);
        until("the model has another process", PATIENCE, || workers(&site).iter().any(|pid| *pid != old));
        looked(&site, "apart", 1);
        backs.push(began.elapsed());
        assert_eq!(failed(), before + 1, "one frame is lost");
    });
    println!("fault 16: back after {backs:?}");
    others_went_on(&site, &others);
    assert!(backs.iter().all(|back| *back <= BACK), "{backs:?}");
    let pid = worker(&site);
    site.kill();
    until("its processes go with it", PATIENCE, || {
        fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z"))
    });
}
