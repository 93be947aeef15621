//! Inferences a processor second: `script/bench inference`.
//!
//! Three parties take turns, so that what else the machine does disturbs all alike:
//! - the peer: a process with nothing but ONNX Runtime, which runs the model on one prepared tensor, again and again;
//! - the engine of a slot: the picture is prepared, the model runs, its answer becomes objects;
//! - a site without a decoder: camera, pool, slot, fan-out, a rule, store, and bus with its broker, fed with a new frame whenever
//!   the slot could take one. Its processor time is that of the whole process.
//!
//! All of them see the same frame of 720p and run the same model in sessions with the same settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use std::{
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use parapet::{
    assemble::{Assembly, assemble},
    engine::Engines,
    probe::OnnxProbe,
    telemetry::Metrics,
};
use parapet_actors::{
    journal::Journal,
    model::{Engine, EngineFactory, View},
    site::Site,
    store::{AlertObserver, Timeline},
    topology,
};
use parapet_config::{Model, Secrets, SiteConfig, load};
use parapet_contracts::{
    Alert, CaptureTime, Clock, Picture, SystemClock, TimeSource,
    camera::SourceSpec,
    ports::{
        inference::{InferencePort, SessionOptions},
        media::{Attention, MediaError, MediaFrame, MediaPort, MediaSink, MediaStats, MediaStream},
    },
};
use parapet_inference_ort::OrtInference;
use parapet_media_gstreamer::GstMedia;
use parapet_testkit::site::{SiteFolder, shared_data};
use parapet_vision::{Detector, OnnxSummary, Overrides, guess};
use support::{Figures, Spread, cpu_of_process, cpu_of_thread};

/// Turns of each.
const ROUNDS: usize = 7;
/// How long a turn of the peer and of the engine is.
const TURN: Duration = Duration::from_millis(1200);
/// A turn of the site is longer, since the processor time of a process is told in steps of 10 ms.
const SITE_TURN: Duration = Duration::from_millis(2500);
const MODEL: &str = "models/yolox_nano_416.onnx";
/// A parked car is in it from the beginning.
const VIDEO: &str = "videos/azure_perimeterdemo720.mp4";
/// By which this program knows that it is the peer; the model and the tensor follow.
const PEER: &str = "--bare-onnx-runtime";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == PEER) {
        return bare::serve(Path::new(&arguments[at + 1]), Path::new(&arguments[at + 2]));
    }
    let folder = site_folder();
    let config = load(folder.path(), &OnnxProbe, &Secrets::standard()).expect("the site is a good one").config;
    let model = Arc::clone(config.models.values().next().unwrap());
    let picture = first_picture();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let inference = OrtInference::new(None).expect("ONNX Runtime is wanted: script/bootstrap");
    let tensor = folder.path().join("tensor.f32");
    std::fs::write(&tensor, prepared(&inference, &model, &picture)).unwrap();
    let mut peer = Peer::start(&shared_data(MODEL), &tensor);
    let mut engine = Engines::new(Arc::new(inference)).build(&model, &model.slots[0]).unwrap();
    let seen = engine.look(&[View { picture: &picture, region: None }]).remove(0).unwrap();
    assert!(!seen.objects.is_empty(), "the frame has objects in it");
    let _metrics = Metrics::install().unwrap();
    let site = runtime.block_on(RunningSite::start(config, picture.clone()));

    let mut rounds = Rounds::default();
    for round in 0..=ROUNDS {
        let (bare, engine) = (peer.turn(), engine_turn(engine.as_mut(), &picture));
        let site = runtime.block_on(site.turn());
        // The first round warms caches and the processor's clock.
        if round > 0 {
            rounds.add(bare, engine, site);
        }
    }
    runtime.block_on(site.site.shutdown(Duration::from_secs(10)));
    rounds.tell();
}

/// How often, and in how much time.
#[derive(Clone, Copy)]
struct Turn {
    inferences: f64,
    cpu: Duration,
    wall: Duration,
}

impl Turn {
    fn per_cpu_second(self) -> f64 {
        self.inferences / self.cpu.as_secs_f64()
    }

    fn per_second(self) -> f64 {
        self.inferences / self.wall.as_secs_f64()
    }
}

#[derive(Default)]
struct Rounds {
    bare: Vec<Turn>,
    engine: Vec<Turn>,
    site: Vec<Turn>,
}

impl Rounds {
    fn add(&mut self, bare: Turn, engine: Turn, site: Turn) {
        self.bare.push(bare);
        self.engine.push(engine);
        self.site.push(site);
    }

    fn tell(self) {
        let mut figures = Figures::new("inference");
        for (who, turns) in [("ONNX Runtime alone", &self.bare), ("engine", &self.engine), ("site", &self.site)] {
            let each = |of: fn(Turn) -> f64| Spread::of(turns.iter().map(|turn| of(*turn)).collect());
            figures.spread(&format!("{who}: inferences"), each(Turn::per_cpu_second), "a CPU second", None);
            figures.spread(&format!("{who}: inferences by the clock"), each(Turn::per_second), "a second", None);
        }
        for (who, turns) in [("engine", &self.engine), ("site", &self.site)] {
            let ratios = turns.iter().zip(&self.bare).map(|(turn, bare)| turn.per_cpu_second() / bare.per_cpu_second());
            figures.spread(&format!("{who} ÷ ONNX Runtime alone, by CPU time"), Spread::of(ratios.collect()), "", None);
        }
        figures.tell();
    }
}

/// One camera, the model, and a rule that never fires but judges every frame.
fn site_folder() -> SiteFolder {
    let folder = SiteFolder::with("bench", &format!("media: [\"{}\"]\n", shared_data("videos").display()));
    folder.file("models/coco.yaml", &format!("file: \"{}\"\n", shared_data(MODEL).display()));
    let camera = format!("source: \"{}\"\nmodels: [coco]\n", shared_data(VIDEO).display());
    folder.file("cameras/gate.yaml", &camera);
    folder.file("rules/giraffe.yaml", "cameras: [gate]\nwhen: [{label: giraffe, min_score: 0.9}]\n");
    folder
}

/// The first frame of the video, as the decoder gives it.
fn first_picture() -> Picture {
    struct First(mpsc::SyncSender<Picture>);
    impl MediaSink for First {
        fn frame(&self, frame: MediaFrame) {
            // Those after the first don't fit, and nobody wants them.
            self.0.try_send(frame.picture).ok();
        }
        fn event(&self, _: parapet_contracts::ports::media::MediaEvent) {}
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let folder = site_folder();
    let config = load(folder.path(), &OnnxProbe, &Secrets::standard()).unwrap().config;
    let camera = config.cameras.values().next().unwrap();
    let stream = GstMedia::new().unwrap().open(&camera.source, Arc::new(First(sender))).unwrap();
    let picture = receiver.recv_timeout(Duration::from_secs(20)).expect("the video has a frame");
    drop(stream);
    picture
}

/// The tensor that the engine makes of the picture, as bytes.
fn prepared(inference: &OrtInference, model: &Model, picture: &Picture) -> Vec<u8> {
    let file = model.file.as_deref().unwrap();
    let session = inference.load(file, &SessionOptions::default()).unwrap();
    let summary = OnnxSummary::read(file).ok();
    let settings = guess::guess(session.signature(), summary.as_ref(), &Overrides::default()).unwrap().settings;
    let detector = Detector::new(settings, session.signature()).unwrap();
    let mut input = detector.new_input();
    detector.prepare(picture, None, &mut input).unwrap();
    let parapet_contracts::ports::inference::TensorData::F32(values) = input.view().data else { unreachable!() };
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn engine_turn(engine: &mut dyn Engine, picture: &Picture) -> Turn {
    let (began, cpu) = (Instant::now(), cpu_of_thread());
    let mut inferences = 0.0;
    while began.elapsed() < TURN {
        std::hint::black_box(engine.look(&[View { picture, region: None }]).remove(0).unwrap());
        inferences += 1.0;
    }
    Turn { inferences, cpu: cpu_of_thread() - cpu, wall: began.elapsed() }
}

/// The peer's process, asked for one turn at a time.
struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(model: &Path, tensor: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(PEER).arg(model).arg(tensor).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (ask, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, ask, answers }
    }

    fn turn(&mut self) -> Turn {
        writeln!(self.ask, "go").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let numbers: Vec<f64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [inferences, cpu, wall] = numbers[..] else { panic!("the peer said {line:?}") };
        Turn { inferences, cpu: Duration::from_secs_f64(cpu), wall: Duration::from_secs_f64(wall) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        parapet_testkit::command::end(&mut self.child);
    }
}

/// The peer itself: `ort` and a loop.
mod bare {
    use super::*;

    pub fn serve(model: &Path, tensor: &Path) {
        let library = PathBuf::from(std::env::var_os("ORT_DYLIB_PATH").expect("run script/bench inference"));
        let environment = ort::init_from(library).unwrap().with_telemetry(false).build().unwrap();
        let mut session = ort::session::Session::builder(&environment)
            .unwrap()
            .with_optimization_level(ort::session::builder::GraphOptimizationLevel::All)
            .unwrap()
            .with_intra_threads(1)
            .unwrap()
            .with_inter_threads(1)
            .unwrap()
            .with_intra_op_spinning(false)
            .unwrap()
            .commit_from_file(model)
            .unwrap();
        let bytes = std::fs::read(tensor).unwrap();
        let values: Vec<f32> = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        let side = (values.len() / 3).isqrt();
        for line in std::io::stdin().lines() {
            line.unwrap();
            let (began, cpu) = (Instant::now(), cpu_of_thread());
            let mut inferences = 0;
            while began.elapsed() < TURN {
                let input = ort::value::TensorRef::from_array_view(([1, 3, side, side], &*values)).unwrap();
                let outputs = session.run(ort::inputs![input]).unwrap();
                std::hint::black_box(outputs[0].try_extract_tensor::<f32>().unwrap().1[0]);
                inferences += 1;
            }
            let cpu = (cpu_of_thread() - cpu).as_secs_f64();
            println!("{inferences} {cpu} {}", began.elapsed().as_secs_f64());
        }
    }
}

/// A site in this process, fed by [`Feeder`].
struct RunningSite {
    site: Arc<Site>,
    feeder: Feeder,
    _assembly: Assembly,
}

impl RunningSite {
    async fn start(config: SiteConfig, picture: Picture) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let journal = Journal::new(Arc::clone(&clock));
        let assembly = assemble(&config, Arc::new(Nobody), Arc::clone(&clock), &journal).unwrap();
        let feeder = Feeder { picture, clock, sink: Arc::default() };
        let mut ports = assembly.ports.clone();
        ports.media = Arc::new(feeder.clone());
        let site = topology::start(config, ports, journal, |_| Vec::new()).await.unwrap();
        assert!(site.settled(Duration::from_secs(20)).await.is_empty());
        Self { site, feeder, _assembly: assembly }
    }

    fn inferences(&self) -> u64 {
        self.site.models().values().map(|board| board.status().inferences).sum()
    }

    async fn turn(&self) -> Turn {
        let pid = std::process::id();
        let (began, cpu, before) = (Instant::now(), cpu_of_process(pid), self.inferences());
        while began.elapsed() < SITE_TURN {
            self.feeder.feed();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let inferences = (self.inferences() - before) as f64;
        Turn { inferences, cpu: cpu_of_process(pid) - cpu, wall: began.elapsed() }
    }
}

/// A source that gives the same picture whenever it is told to.
#[derive(Clone)]
struct Feeder {
    picture: Picture,
    clock: Arc<dyn Clock>,
    sink: Arc<parking_lot::Mutex<Option<Arc<dyn MediaSink>>>>,
}

impl Feeder {
    fn feed(&self) {
        if let Some(sink) = &*self.sink.lock() {
            let (at, pts) = (self.clock.now(), self.clock.monotonic().as_secs_f64());
            let capture = CaptureTime { at, source: TimeSource::Pts };
            sink.frame(MediaFrame { index: 0, pts, capture, picture: self.picture.clone() });
        }
    }
}

impl MediaPort for Feeder {
    fn open(&self, _: &SourceSpec, sink: Arc<dyn MediaSink>) -> Result<Box<dyn MediaStream>, MediaError> {
        *self.sink.lock() = Some(sink);
        Ok(Box::new(self.clone()))
    }
}

impl MediaStream for Feeder {
    fn stats(&self) -> MediaStats {
        MediaStats::default()
    }

    fn set_attention(&self, _: Attention) {}
}

struct Nobody;

impl AlertObserver for Nobody {
    fn durable(&self, _: &Alert, _: &Timeline) {}
}
