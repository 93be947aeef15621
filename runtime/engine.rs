//! Engines over ONNX Runtime: a model file of the configuration, and what the file itself tells, become a detector in a session.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parapet_actors::model::{Engine, EngineError, EngineFactory, Seen, SeenKind, View};
use parapet_config::{ChannelOrder, Model, Resize, SlotConfig};
use parapet_contracts::{
    ErrorKind,
    ports::inference::{InferencePort, InferenceSession, SessionOptions},
};
use parapet_vision::{
    Channels, DecodeError, Detector, Guessed, InputTensor, OnnxSummary, Overrides, Placement, Reading, ReadingKind,
    SizePx, guess,
};

/// Builds engines through an inference port.
pub struct Engines {
    inference: Arc<dyn InferencePort>,
    cache: Option<PathBuf>,
}

impl Engines {
    /// Engines whose models the port loads.
    pub fn new(inference: Arc<dyn InferencePort>) -> Self {
        Self { inference, cache: None }
    }

    /// What libraries compile of a model is kept in this folder.
    #[must_use]
    pub fn with_cache(mut self, folder: PathBuf) -> Self {
        self.cache = Some(folder);
        self
    }

    /// A session where the slot's file says; or, when that can't be used and the file says so, where it says then, with the reason.
    fn session(
        &self,
        file: &Path,
        model: &Model,
        slot: &SlotConfig,
    ) -> Result<(Box<dyn InferenceSession>, Option<String>), EngineError> {
        let options = |device| SessionOptions {
            device,
            threads: slot.threads,
            hung_after: Some(model.hung_after),
            cache: self.cache.clone(),
        };
        match (self.inference.load(file, &options(slot.device)), slot.fallback) {
            (Err(error), Some(other)) if error.code == "no_device" => {
                let session = self.inference.load(file, &options(other))?;
                Ok((session, Some(format!("it runs on {other}, as its file says for this case: {}", error.text))))
            }
            (session, _) => Ok((session?, None)),
        }
    }
}

impl EngineFactory for Engines {
    fn build(&self, model: &Model, slot: &SlotConfig) -> Result<Box<dyn Engine>, EngineError> {
        let Some(file) = &model.file else {
            return Err(fatal("no_file", format!("model {} names no file", model.id)));
        };
        let (session, fallback) = self.session(file, model, slot)?;
        // The graph is a hint: without it the guess is less certain, and says so.
        let summary = OnnxSummary::read(file).ok();
        let guessed = guess::guess(session.signature(), summary.as_ref(), &overrides(model))
            .map_err(|error| fatal("unknown_layout", format!("{}: {error}", file.display())))?;
        let detector = Detector::new(guessed.settings.clone(), session.signature())
            .map_err(|error| fatal("settings", format!("models/{}.yaml: {error}", model.id)))?;
        if detector.kind() == ReadingKind::Vector && model.after.is_none() {
            let text = format!(
                "models/{}.yaml: layout {} gives a vector, and no objects: it can follow another model (`after`)",
                model.id,
                detector.settings().layout
            );
            return Err(fatal("settings", text));
        }
        let input = detector.new_input();
        let instead = slot.fallback.filter(|_| fallback.is_some());
        let place = instead.map_or_else(String::new, |other| format!("on {other} instead of {}; ", slot.device));
        let note = session.note().map_or_else(String::new, |note| format!("; {note}"));
        let description = place + &describe(model, &guessed) + &note;
        Ok(Box::new(VisionEngine { detector, session, input, description, fallback }))
    }
}

fn reject(code: &'static str, text: String) -> EngineError {
    EngineError { kind: ErrorKind::Reject, code, text }
}

fn fatal(code: &'static str, text: String) -> EngineError {
    EngineError { kind: ErrorKind::Fatal, code, text }
}

pub(crate) fn overrides(model: &Model) -> Overrides {
    let io = &model.io;
    Overrides {
        layout: io.layout.clone(),
        size: io.size.map(|(width, height)| SizePx { width, height }),
        channels: io.channels.map(|order| match order {
            ChannelOrder::Rgb => Channels::Rgb,
            ChannelOrder::Bgr => Channels::Bgr,
        }),
        scale: io.scale,
        mean: io.mean,
        std: io.std,
        resize: io.resize.map(|resize| match resize {
            Resize::Letterbox => parapet_vision::Resize::Letterbox,
            Resize::LetterboxCentre => parapet_vision::Resize::LetterboxCentre,
            Resize::Stretch => parapet_vision::Resize::Stretch,
        }),
        pad: io.pad,
        labels: io.labels.clone(),
        min_score: Some(model.min_score),
        label_scores: model.min_score_by_label.clone(),
        iou: Some(model.nms_iou),
        class_agnostic: None,
        max_detections: Some(model.max_detections),
    }
}

fn describe(model: &Model, guessed: &Guessed) -> String {
    let s = &guessed.settings;
    let unsure: Vec<_> = guessed.findings.iter().filter(|f| f.is_uncertain()).map(|f| f.what).collect();
    let doubt = if unsure.is_empty() {
        String::new()
    } else {
        format!("; unsure of {}: name it in models/{}.yaml if detections are wrong", unsure.join(", "), model.id)
    };
    format!("{} {} {} {}, {} labels{doubt}", s.layout, s.size, s.channels, s.resize, s.labels.len())
}

struct VisionEngine {
    detector: Detector,
    session: Box<dyn InferenceSession>,
    input: InputTensor,
    description: String,
    fallback: Option<String>,
}

impl VisionEngine {
    /// Runs the model once over what was prepared. One answer for each placement.
    fn run(&mut self, placements: &[Placement]) -> Vec<Result<Seen, EngineError>> {
        let mut readings = Vec::new();
        let (detector, views) = (&self.detector, self.input.views());
        let ran = self.session.run(&views, &mut |outputs| readings = detector.read_batch(placements, outputs));
        if let Err(error) = ran {
            let error = EngineError::from(error);
            return placements.iter().map(|_| Err(error.clone())).collect();
        }
        if readings.is_empty() {
            return placements
                .iter()
                .map(|_| Err(reject("run_failed", "the runtime returned without an answer".to_owned())))
                .collect();
        }
        let seen = |(reading, placement): (Result<Reading, DecodeError>, &Placement)| {
            let kind = match detector.kind() {
                ReadingKind::Objects => SeenKind::Objects,
                ReadingKind::Classes => SeenKind::Class,
                ReadingKind::Vector => SeenKind::Vector,
            };
            let reading = match reading {
                Ok(Reading::Vector(vector)) => return Ok(Seen { kind, vector, ..Seen::default() }),
                other => other,
            };
            let decoded = reading.and_then(|reading| detector.as_objects(placement, reading));
            let decoded = decoded.map_err(|error| reject(error.reason.as_str(), error.text))?;
            let refused = decoded.refused.iter().map(|r| (r.reason.as_str(), r.count)).collect();
            Ok(Seen { kind, objects: decoded.objects, refused, ..Seen::default() })
        };
        readings.into_iter().zip(placements).map(seen).collect()
    }
}

impl Engine for VisionEngine {
    fn look(&mut self, views: &[View<'_>]) -> Vec<Result<Seen, EngineError>> {
        let mut placements = Vec::with_capacity(views.len());
        let mut refused = Vec::new();
        for (index, view) in views.iter().enumerate() {
            match self.detector.prepare_place(placements.len(), view.picture, view.region, &mut self.input) {
                Ok(placement) => placements.push(placement),
                Err(error) => refused.push((index, reject("prepare", error.to_string()))),
            }
        }
        let mut answers = if placements.is_empty() { Vec::new() } else { self.run(&placements) };
        for (index, error) in refused {
            answers.insert(index, Err(error));
        }
        answers
    }

    fn max_batch(&self) -> usize {
        if self.detector.takes_batches() { usize::MAX } else { 1 }
    }

    fn description(&self) -> String {
        self.description.clone()
    }

    fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }
}
