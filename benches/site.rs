//! What a site costs: `script/bench site`.
//!
//! It drives the released binary, which `PARAPET_BIN` names, as a user would: sites in temporary folders, real videos, a real model.
//! The cost of a camera is held against `gst-launch-1.0`, which decodes the same video in the same seconds and does nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use parapet_testkit::{
    command::{end, parapet_command},
    site::{RunningSite, SiteFolder, shared_data},
};
use support::{Figures, Spread, cpu_of_process, memory_of};

/// Starts that are measured, after one that warms the caches.
const STARTS: usize = 5;
/// How long a site runs before its cost is measured: what starting costs is over then.
const SETTLE: Duration = Duration::from_millis(2500);
/// How long quiet sites are measured: long enough for each silent camera to be given up and opened anew, twice.
const QUIET: Duration = Duration::from_secs(22);
/// How long cameras are measured.
const BUSY: Duration = Duration::from_secs(6);
const LIMIT: Duration = Duration::from_secs(30);

const NULL_MODEL: &str = "kind: null\n";

fn main() {
    let binary = std::env::var("PARAPET_BIN").expect("PARAPET_BIN names the binary: run `script/bench site`");
    let mut figures = Figures::new("site");
    let bytes = std::fs::metadata(&binary).expect("PARAPET_BIN is a file").len();
    figures.one("binary", bytes as f64 / 1e6, "MB", Some(60.0));
    starts(&binary, &mut figures);
    quiet(&binary, &mut figures);
    cameras(&binary, &mut figures);
    figures.tell();
}

/// A site's folder whose cameras may read the shared videos.
fn folder(id: &str) -> SiteFolder {
    SiteFolder::with(id, &format!("media: [\"{}\"]\n", shared_data("videos").display()))
}

fn file_camera(video: &str, model: &str) -> String {
    format!("source: \"{}\"\nrepeat: true\nfps: 5fps\nmodels: [{model}]\n", shared_data(video).display())
}

/// From the start of the process to the first detection, with everything that it reads in the page cache.
fn starts(binary: &str, figures: &mut Figures) {
    let model = format!("file: \"{}\"\n", shared_data("models/yolox_nano_416.onnx").display());
    let file = folder("start");
    file.file("models/coco.yaml", &model);
    file.file("cameras/street.yaml", &file_camera("videos/ahmetozlu_vehicle.mp4", "coco"));
    first_detections(binary, &file, "file", figures);

    let simulator = Simulator::start(binary, "videos/ahmetozlu_vehicle.mp4");
    let rtsp = folder("start");
    rtsp.file("models/coco.yaml", &model);
    rtsp.file("cameras/street.yaml", &format!("source: \"{}\"\nfps: 5fps\nmodels: [coco]\n", simulator.url));
    first_detections(binary, &rtsp, "RTSP", figures);
}

fn first_detections(binary: &str, folder: &SiteFolder, source: &str, figures: &mut Figures) {
    let (mut ready, mut seen, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for start in 0..=STARTS {
        let site = RunningSite::start(binary, folder);
        let up = site.started().elapsed();
        let many = |models: &serde_json::Value| models[0]["objects"].as_u64().is_some_and(|n| n > 0);
        while !many(&site.get("/api/v1/models")) {
            assert!(site.started().elapsed() < LIMIT, "no detection; the site said:\n{}", site.log());
            sleep(Duration::from_millis(5));
        }
        if start > 0 {
            ready.push(up.as_secs_f64());
            seen.push(site.started().elapsed().as_secs_f64());
            cpu.push(cpu_of_process(site.pid()).as_secs_f64());
        }
        site.kill();
    }
    figures.spread(&format!("start to ready, {source}"), Spread::of(ready), "s", None);
    figures.spread(&format!("start to first detection, {source}"), Spread::of(seen), "s", Some(2.0));
    figures.spread(&format!("processor time of that start, {source}"), Spread::of(cpu), "s", None);
}

/// A site without a camera, and one with ten cameras that take the connection and never say a word; both in the same seconds.
fn quiet(binary: &str, figures: &mut Figures) {
    let idle = folder("idle");
    idle.file("models/none.yaml", NULL_MODEL);
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    // It keeps every connection open, and ends with the benchmark.
    std::thread::spawn(move || server.incoming().collect::<Vec<_>>());
    let silent = folder("silent");
    silent.file("models/none.yaml", NULL_MODEL);
    for n in 0..10 {
        let camera = format!("source: \"rtsp://127.0.0.1:{port}/{n}\"\nmodels: [none]\n");
        silent.file(&format!("cameras/silent-{n}.yaml"), &camera);
    }
    let sites = [RunningSite::start(binary, &idle), RunningSite::start(binary, &silent)];
    sleep(SETTLE);
    let before = sites.each_ref().map(|site| cpu_of_process(site.pid()));
    let began = Instant::now();
    sleep(QUIET);
    let took = began.elapsed().as_secs_f64();
    let share = |n: usize| (cpu_of_process(sites[n].pid()) - before[n]).as_secs_f64() / took * 100.0;
    let (idle, silent) = (share(0), share(1));
    let memory = sites.each_ref().map(|site| memory_of(site.pid()));
    figures.one("idle site", idle, "% of a core", None);
    figures.one("idle site: memory", memory[0].resident, "MiB", None);
    figures.one("idle site: anonymous memory", memory[0].anonymous, "MiB", None);
    figures.one("ten silent cameras", silent, "% of a core", Some(1.0));
    figures.one("ten silent cameras, above the idle site", silent - idle, "% of a core", None);
    figures.one("ten silent cameras: memory", memory[1].resident, "MiB", None);
}

/// What one site with `n` cameras takes.
struct Cost {
    /// Percent of a core.
    cpu: f64,
    /// MiB.
    memory: f64,
    /// Frames a second that the model looked at, over all cameras.
    rate: f64,
}

/// One, four and sixteen cameras of 720p H.264 at 20 frames a second, of which a null model wants five.
fn cameras(binary: &str, figures: &mut Figures) {
    let one = cost(binary, 1, || ());
    let mut peer = None;
    let four = cost(binary, 4, || peer = Some(Peer::start(4)));
    let peer = peer.unwrap().share() / 4.0;
    let sixteen = cost(binary, 16, || ());
    for (n, cost) in [(1, &one), (4, &four), (16, &sixteen)] {
        figures.one(&format!("{n} file cameras 720p"), cost.cpu, "% of a core", None);
        figures.one(&format!("{n} file cameras 720p: memory"), cost.memory, "MiB", None);
        figures.one(
            &format!("{n} file cameras 720p: share of the wanted frames"),
            cost.rate / (5 * n) as f64,
            "",
            None,
        );
    }
    figures.one("one more camera", (sixteen.cpu - one.cpu) / 15.0, "% of a core", None);
    figures.one("one more camera: memory", (sixteen.memory - one.memory) / 15.0, "MiB", None);
    figures.one("gst-launch-1.0 that only decodes, a camera", peer, "% of a core", None);
    figures.one("a camera of four ÷ gst-launch-1.0", four.cpu / 4.0 / peer, "", None);
}

fn cost(binary: &str, n: usize, meanwhile: impl FnOnce()) -> Cost {
    let folder = folder("cameras");
    folder.file("models/none.yaml", NULL_MODEL);
    for camera in 0..n {
        let text = file_camera("videos/azure_perimeterdemo720.mp4", "none");
        folder.file(&format!("cameras/camera-{camera}.yaml"), &text);
    }
    let site = RunningSite::start(binary, &folder);
    sleep(SETTLE);
    meanwhile();
    let looked = || site.get("/api/v1/models")[0]["inferences"].as_u64().unwrap() as f64;
    let (cpu, frames, began) = (cpu_of_process(site.pid()), looked(), Instant::now());
    sleep(BUSY);
    let (used, frames) = (cpu_of_process(site.pid()) - cpu, looked() - frames);
    let took = began.elapsed().as_secs_f64();
    Cost { cpu: used.as_secs_f64() / took * 100.0, memory: memory_of(site.pid()).resident, rate: frames / took }
}

/// The same video, decoded in real time by as many pipelines in one process of GStreamer's own.
struct Peer {
    child: Child,
    cpu: Duration,
    began: Instant,
}

impl Peer {
    fn start(pipelines: usize) -> Self {
        let mut command = Command::new("gst-launch-1.0");
        let location = format!("location={}", shared_data("videos/azure_perimeterdemo720.mp4").display());
        command.arg("-q");
        for _ in 0..pipelines {
            command.args(["filesrc", &location, "!", "qtdemux", "!", "h264parse", "!"]);
            command.args(["avdec_h264", "max-threads=1", "!", "fakesink", "sync=true"]);
        }
        let child = command.stdin(Stdio::null()).spawn().expect("gst-launch-1.0 is installed: script/bootstrap");
        sleep(Duration::from_secs(1));
        let cpu = cpu_of_process(child.id());
        Self { child, cpu, began: Instant::now() }
    }

    /// Percent of a core until now.
    fn share(mut self) -> f64 {
        let used = cpu_of_process(self.child.id()) - self.cpu;
        let share = used.as_secs_f64() / self.began.elapsed().as_secs_f64() * 100.0;
        end(&mut self.child);
        share
    }
}

/// `parapet simulate-camera`, which plays a video over RTSP.
struct Simulator {
    child: Child,
    url: String,
}

impl Simulator {
    fn start(binary: &str, video: &str) -> Self {
        let port = parapet_testkit::mosquitto::free_port();
        let child = parapet_command(binary)
            .arg("simulate-camera")
            .arg(shared_data(video))
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let simulator = Self { child, url: format!("rtsp://127.0.0.1:{port}/camera") };
        let given_up = Instant::now() + LIMIT;
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < given_up, "the simulator does not listen");
            sleep(Duration::from_millis(20));
        }
        simulator
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
