//! A slot against ONNX Runtime and a loop: turn by turn, so that what else the machine does disturbs all alike.
//!
//! - the peer: a process with nothing but ONNX Runtime, which runs the model on one prepared tensor, again and again;
//! - the engine of a slot: the picture is prepared, the model runs, its answer becomes objects;
//! - a site without a decoder: cameras, pool, two slots that are always busy, fan-out, a rule, store, and bus with its broker.
//!
//! Each is told for a picture of 720p, and for one that has the model's size already, so that scaling is not in it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parapet::engine::Engines;
use parapet_actors::model::{Engine, EngineFactory, View};
use parapet_config::Model;
use parapet_contracts::{
    Picture,
    ports::inference::{InferencePort, SessionOptions, TensorData},
};
use parapet_inference_ort::OrtInference;
use parapet_testkit::site::{SiteFolder, shared_data};
use parapet_vision::{Detector, OnnxSummary, Overrides, guess};

use crate::{
    Turn,
    bare::Peer,
    pictures,
    site::{BenchSite, Cameras, frame},
    support::{Figures, Spread, cpu_of_process, cpu_of_thread},
};

/// Turns of each, after one that warms caches and the processor's clock.
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(1000);
/// A turn of the site is longer, since the processor time of a process is told in steps of 10 ms.
const SITE_TURN: Duration = Duration::from_millis(2500);
/// Two slots never lack a frame.
const CAMERAS: usize = 4;

/// Measures.
pub fn run(figures: &mut Figures) {
    let picture = pictures::first_frame("videos/azure_perimeterdemo720.mp4");
    for (model, side) in [("yolox_nano_416", 416), ("nanodet_m_320", 320)] {
        compare(figures, model, "720p", &picture);
        compare(figures, model, "a picture of the model's size", &pictures::part(&picture, side, side));
    }
}

fn compare(figures: &mut Figures, name: &str, what: &str, picture: &Picture) {
    let file = shared_data(&format!("models/{name}.onnx"));
    let folder = SiteFolder::new("bench");
    folder.file("models/coco.yaml", &format!("file: \"{}\"\nslots: 2\n", file.display()));
    for n in 0..CAMERAS {
        folder.file(&format!("cameras/c{n}.yaml"), &format!("source: {}\nmodels: [coco]\n", Cameras::source(n)));
    }
    folder.file("rules/giraffe.yaml", "cameras: all\nwhen: [{label: giraffe, min_score: 0.9}]\n");
    let cameras = Cameras::default();
    let site = BenchSite::start(&folder, |ports| ports.media = Arc::new(cameras.clone()));
    let model = Arc::clone(&site.site.config().models["coco"]);
    let inference = OrtInference::new(None).expect("ONNX Runtime is wanted: script/bootstrap");
    let tensor = folder.path().join("tensor.f32");
    std::fs::write(&tensor, prepared(&inference, &model, picture)).unwrap();
    let mut peer = Peer::start(&file, &tensor, TURN);
    let mut engine = Engines::new(Arc::new(inference)).build(&model, &model.slots[0]).unwrap();
    let sinks = cameras.sinks(CAMERAS);

    let (mut bare, mut alone, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let turns = (peer.turn(), engine_turn(engine.as_mut(), picture), site_turn(&site, &sinks, picture));
        if round > 0 {
            bare.push(turns.0);
            alone.push(turns.1);
            whole.push(turns.2);
        }
    }
    let label = format!("{name}, {what}");
    let a_second = |turns: &[Turn]| Spread::of(turns.iter().map(|turn| turn.per_cpu_second()).collect());
    let ratio = |turns: &[Turn]| {
        Spread::of(turns.iter().zip(&bare).map(|(turn, bare)| turn.per_cpu_second() / bare.per_cpu_second()).collect())
    };
    figures.spread(&format!("{label}: ONNX Runtime alone"), a_second(&bare), "a CPU second", None);
    figures.at_least(&format!("{label}: engine ÷ ONNX Runtime alone"), ratio(&alone), "", 0.98);
    figures.at_least(&format!("{label}: site, all slots busy ÷ ONNX Runtime alone"), ratio(&whole), "", 0.98);
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
    let TensorData::F32(values) = input.view().data else { unreachable!() };
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn engine_turn(engine: &mut dyn Engine, picture: &Picture) -> Turn {
    let (began, cpu) = (Instant::now(), cpu_of_thread());
    let mut looks = 0.0;
    while began.elapsed() < TURN {
        std::hint::black_box(engine.look(&[View { picture, region: None }]).remove(0).unwrap());
        looks += 1.0;
    }
    Turn { looks, cpu: cpu_of_thread() - cpu }
}

fn site_turn(
    site: &BenchSite,
    sinks: &[Arc<dyn parapet_contracts::ports::media::MediaSink>],
    picture: &Picture,
) -> Turn {
    let pid = std::process::id();
    let (began, cpu, before) = (Instant::now(), cpu_of_process(pid), site.looks());
    while began.elapsed() < SITE_TURN {
        for sink in sinks {
            sink.frame(frame(0, picture));
        }
        std::thread::sleep(Duration::from_millis(4));
    }
    Turn { looks: site.looks() - before, cpu: cpu_of_process(pid) - cpu }
}
