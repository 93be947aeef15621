//! The model that is tried: its settings named or guessed, its session, and its answers.

use std::path::{Path, PathBuf};

use parapet_config::{Secrets, load_model};
use parapet_contracts::{
    Picture,
    ports::inference::{InferenceError, InferencePort, InferenceSession, SessionOptions},
};
use parapet_vision::{
    Detector, Finding, InputTensor, OnnxError, OnnxSummary, Overrides, ReadingKind,
    guess::{guess, plugins},
    parse_label_file,
};

use super::{DetectArgs, Failure, answer::Answer};
use crate::{cli::tell, engine::overrides, probe::OnnxProbe};

/// The file and what is named of its settings, in a model file and by flags.
pub(super) struct Wanted {
    file: PathBuf,
    named: Overrides,
}

impl Wanted {
    /// The .onnx file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// What is named of its settings.
    pub(super) fn named(&self) -> &Overrides {
        &self.named
    }
}

/// What the file says by itself, or why it is no model: in plainer words than the runtime's.
pub(super) fn summary(file: &Path) -> Result<OnnxSummary, Failure> {
    OnnxSummary::read(file).map_err(|error| match error {
        OnnxError::Io { source, .. } => Failure::Input(format!("model {}: {source}", file.display())),
        OnnxError::Corrupt { what } => Failure::Input(format!("model {what}")),
    })
}

/// Reads the model file if it is one, and the flags over it.
pub(super) fn wanted(args: &DetectArgs) -> Result<Wanted, Failure> {
    let is_yaml =
        args.model.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("yaml") || ext.eq_ignore_ascii_case("yml"));
    let (file, mut named) =
        if is_yaml { from_model_file(&args.model)? } else { (args.model.clone(), Overrides::default()) };
    let three = |name: &str, values: &Option<Vec<f32>>| match values.as_deref() {
        None => Ok(None),
        Some([a, b, c]) => Ok(Some([*a, *b, *c])),
        Some(_) => Err(Failure::Input(format!("--{name}: three numbers are wanted, such as 0.5,0.5,0.5"))),
    };
    named.layout = args.layout.clone().or(named.layout);
    named.size = args.size.or(named.size);
    named.channels = args.channels.or(named.channels);
    named.scale = args.scale.or(named.scale);
    named.mean = three("mean", &args.mean)?.or(named.mean);
    named.std = three("std", &args.std)?.or(named.std);
    named.resize = args.resize.or(named.resize);
    named.pad = args.pad.or(named.pad);
    named.iou = args.iou.or(named.iou);
    named.max_detections = args.max_detections.or(named.max_detections);
    if let Some(path) = &args.labels {
        let failed = |why: String| Failure::Input(format!("labels {}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        named.labels = Some(parse_label_file(&text).map_err(|error| failed(error.to_string()))?);
    }
    if let Some(score) = args.min_score {
        // Named for this run, it holds for all labels.
        named.min_score = Some(score);
        named.label_scores.clear();
    }
    Ok(Wanted { file, named })
}

fn from_model_file(path: &Path) -> Result<(PathBuf, Overrides), Failure> {
    let (model, warnings) =
        load_model(path, &OnnxProbe, &Secrets::standard()).map_err(|problems| Failure::Input(problems.to_string()))?;
    for warning in warnings {
        tell(&format!("warning: {warning}"));
    }
    let named = overrides(&model);
    let none =
        || Failure::Input(format!("{}: the null model sees nothing, so there is nothing to try", path.display()));
    Ok((model.file.ok_or_else(none)?, named))
}

/// A loaded model.
pub(super) struct Trial {
    session: Box<dyn InferenceSession>,
    detector: Detector,
    input: InputTensor,
    findings: Vec<Finding>,
    file: PathBuf,
}

impl Trial {
    pub(super) fn load(inference: &dyn InferencePort, wanted: Wanted, args: &DetectArgs) -> Result<Self, Failure> {
        let Wanted { file, named } = wanted;
        let unusable = |why: String| Failure::Input(format!("model {}: {why}", file.display()));
        // The graph is a hint for the guess, too.
        let summary = summary(&file)?;
        if let [missing, ..] = &summary.missing_files(&file)[..] {
            return Err(unusable(format!(
                "its weights are in `{}`, which is not beside it; copy that file, too",
                missing.display()
            )));
        }
        if let Some(why) = plugins(&summary) {
            return Err(unusable(why));
        }
        let options = SessionOptions { device: args.device, threads: args.threads, ..SessionOptions::default() };
        let session = inference.load(&file, &options).map_err(|error| match error.code {
            "not_found" | "corrupt" | "unsupported" | "no_device" => Failure::Input(error.text),
            _ => Failure::Other(error.text),
        })?;
        let guessed =
            guess(session.signature(), Some(&summary), &named).map_err(|error| unusable(error.to_string()))?;
        let detector =
            Detector::new(guessed.settings, session.signature()).map_err(|error| unusable(error.to_string()))?;
        if detector.kind() == ReadingKind::Vector {
            let layout = &detector.settings().layout;
            return Err(unusable(format!("layout {layout} gives a vector, and no objects that could be told")));
        }
        let input = detector.new_input();
        Ok(Self { session, detector, input, findings: guessed.findings, file })
    }

    /// Tells what was guessed, and what had better be named.
    pub(super) fn tell_guesses(&self) {
        if self.findings.iter().all(|finding| finding.confidence >= 1.0) {
            return;
        }
        tell(&format!("settings of {}; a flag or a model file overrules what is guessed:", self.file.display()));
        for finding in &self.findings {
            tell(&format!("  {finding}"));
        }
        let unsure: Vec<_> = self.findings.iter().filter(|f| f.is_uncertain()).map(|f| f.what).collect();
        if !unsure.is_empty() {
            tell(&format!("  uncertain: {}; name them when boxes are missing or wrong", unsure.join(", ")));
        }
    }

    /// What the model sees in a picture.
    pub(super) fn look(&mut self, picture: &Picture) -> Result<Answer, Failure> {
        let Self { session, detector, input, .. } = self;
        let placement = detector.prepare(picture, None, input).map_err(|error| Failure::Other(error.to_string()))?;
        let mut answer = None;
        session
            .run(&input.views(), &mut |outputs| answer = Some(detector.decode(&placement, outputs)))
            .map_err(|InferenceError { text, .. }| Failure::Other(text))?;
        answer.ok_or_else(|| Failure::Other("the runtime returned without an answer".into()))
    }
}
