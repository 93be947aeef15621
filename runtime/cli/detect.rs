//! `parapet detect`: tries a model on a video or a picture, without a site.
//!
//! Standard output holds JSON lines and nothing else, one for each examined frame. What is guessed of the model is told on
//! standard error, progress too when that is a terminal.

mod answer;
mod film;
mod frames;
mod inspect;
mod model;
mod progress;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use parapet_contracts::ports::inference::{Device, InferencePort};
use parapet_inference_ort::OrtInference;
use parapet_media_gstreamer::GstMedia;
use parapet_vision::{Channels, Resize, SizePx};

use self::{answer::Refusals, frames::Frames, model::Trial, progress::Progress};
pub(crate) use self::{film::film, inspect::inspect};
use super::{WRONG_INPUT, tell};

/// Tries a model on a video or a picture: one JSON line for each examined frame.
#[derive(Debug, Clone, Args)]
pub(crate) struct DetectArgs {
    /// The model: an .onnx file, whose settings are guessed, or a model file (.yaml) as a site has it.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,

    /// A video, a picture (JPEG or PNG), or a folder of pictures.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,

    /// Examine every Nth frame.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,

    /// Leave out what has a lower score, 0 to 1 [default: what the model file says, or 0.25].
    #[arg(long, value_name = "S", value_parser = fraction)]
    pub min_score: Option<f32>,

    /// Names of the classes, one a line [default: the model's own, or COCO's when it has 80].
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,

    /// Layout of the model's outputs, as `layout` in a model file: yolox, yolov8, n7, … [default: guessed].
    #[arg(long, value_name = "NAME")]
    pub layout: Option<String>,

    /// Size of the model's input, `416` or `640x384` [default: the model's].
    #[arg(long, value_name = "SIZE")]
    pub size: Option<SizePx>,

    /// Order of the colour channels: rgb or bgr [default: guessed].
    #[arg(long, value_name = "ORDER")]
    pub channels: Option<Channels>,

    /// Factor for values of 0 to 255, such as 1 or 0.00392157 [default: guessed].
    #[arg(long, value_name = "FACTOR")]
    pub scale: Option<f32>,

    /// What is subtracted after scaling, per channel: `0.485,0.456,0.406`.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', num_args = 1)]
    pub mean: Option<Vec<f32>>,

    /// What is divided by at the end, per channel: `0.229,0.224,0.225`.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', num_args = 1)]
    pub std: Option<Vec<f32>>,

    /// How a picture becomes the input: letterbox, letterbox-centre or stretch [default: guessed].
    #[arg(long, value_name = "WAY")]
    pub resize: Option<Resize>,

    /// Grey of the padding, 0 to 255 [default: guessed].
    #[arg(long, value_name = "GREY")]
    pub pad: Option<u8>,

    /// Boxes of a class that overlap by more are one, 0 to 1 [default: what the model file says, or 0.45].
    #[arg(long, value_name = "IOU", value_parser = fraction)]
    pub iou: Option<f32>,

    /// At most so many objects a frame [default: what the model file says, or 300].
    #[arg(long, value_name = "N")]
    pub max_detections: Option<usize>,

    /// Hardware that runs the model: `cpu`, `cuda`, `cuda:1`, `tensorrt`, `openvino`, `openvino:gpu`.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: Device,

    /// Threads of one inference on the CPU.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = threads)]
    pub threads: usize,

    /// ONNX Runtime's shared library [default: ORT_DYLIB_PATH, or the usual places].
    #[arg(long, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
}

pub(crate) fn fraction(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("a number from 0 to 1 is wanted".into()),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(value @ 1..=256) => Ok(value),
        _ => Err("a number from 1 to 256 is wanted".into()),
    }
}

impl DetectArgs {
    /// What `parapet detect --model … --input …` means when nothing else is said.
    pub(crate) fn of(model: PathBuf, input: PathBuf) -> Self {
        Self {
            model,
            input,
            every: 1,
            min_score: None,
            labels: None,
            layout: None,
            size: None,
            channels: None,
            scale: None,
            mean: None,
            std: None,
            resize: None,
            pad: None,
            iou: None,
            max_detections: None,
            device: Device::Cpu,
            threads: 1,
            onnxruntime: None,
        }
    }
}

/// Why it ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user gave can't be used.
    Input(String),
    /// Anything else.
    Other(String),
    /// Nobody reads standard output any more: `… | head` is no failure.
    Unread,
}

/// Runs the command. Exit code 0: done; 2: model, input or settings can't be used; 1: anything else.
#[allow(clippy::needless_pass_by_value, reason = "as every command takes its arguments")]
pub(crate) fn run(args: DetectArgs) -> anyhow::Result<ExitCode> {
    exit(detect(&args))
}

/// A result as an exit code, with the error told.
pub(crate) fn exit(result: Result<(), Failure>) -> anyhow::Result<ExitCode> {
    match result {
        Ok(()) | Err(Failure::Unread) => Ok(ExitCode::SUCCESS),
        Err(Failure::Input(text)) => {
            tell(&format!("error: {text}"));
            Ok(ExitCode::from(WRONG_INPUT))
        }
        Err(Failure::Other(text)) => Err(anyhow::Error::msg(text)),
    }
}

fn detect(args: &DetectArgs) -> Result<(), Failure> {
    // What is cheap to find wrong comes first, then what takes long.
    let input = frames::examine(&args.input)?;
    let wanted = model::wanted(args)?;
    let inference = OrtInference::new(args.onnxruntime.as_deref()).map_err(|error| Failure::Other(error.text))?;
    let mut trial = Trial::load(&inference as &dyn InferencePort, wanted, args)?;
    trial.tell_guesses();
    let media = || GstMedia::new().map_err(|error| Failure::Other(error.text));
    let mut frames = Frames::open(&input, args.every, media)?;
    let mut out = io::stdout().lock();
    let mut progress = Progress::new();
    let mut refusals = Refusals::default();
    while let Some(frame) = frames.next_frame()? {
        let answer = trial.look(&frame.picture)?;
        refusals.count(&answer);
        let line = answer::line(frame.index, frame.pts, &answer);
        match writeln!(out, "{line}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(Failure::Unread),
            written => written.map_err(|error| Failure::Other(format!("standard output: {error}")))?,
        }
        progress.frame(&frame);
    }
    progress.end();
    refusals.end()
}
