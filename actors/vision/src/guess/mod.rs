//! What a model's file lets one guess of its settings, each guess with its confidence and its reason in words.
//!
//! A shape is certain, an exporter's metadata nearly; the order of the channels and the padding never show, so they are
//! guessed from the family, and said to be. What somebody named is taken as it is.

mod families;
mod layout;
mod objection;
mod pixels;

use std::{collections::BTreeMap, fmt};

use parapet_contracts::ports::inference::{ModelSignature, TensorSpec};

pub use objection::{objection, plugins};

use crate::{
    inputs::input_of,
    labels::{COCO, VOC, coco_by_number, parse_names},
    layout::{by_name, whole_by_name},
    onnx::OnnxSummary,
    settings::{ModelSettings, Overrides, SizePx},
};

/// Guesses below this are told as uncertain.
pub const UNCERTAIN_BELOW: f32 = 0.8;

/// One setting, and why it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The setting's name.
    pub what: &'static str,
    /// Its value, as one would write it into a model file.
    pub value: String,
    /// 0 to 1. 1: named by somebody, or told by the model itself.
    pub confidence: f32,
    /// The reason, in words.
    pub why: String,
}

impl Finding {
    /// True when somebody had better look.
    pub fn is_uncertain(&self) -> bool {
        self.confidence < UNCERTAIN_BELOW
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9} {:<23} {:>3.0} %  {}", self.what, self.value, self.confidence * 100.0, self.why)
    }
}

/// Settings, and how they were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Guessed {
    /// The settings.
    pub settings: ModelSettings,
    /// How each was found.
    pub findings: Vec<Finding>,
}

/// Why no settings can be guessed. The text says what to name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GuessError(pub String);

/// What guesses are made from.
pub(crate) struct Clues<'a> {
    pub(crate) signature: &'a ModelSignature,
    pub(crate) summary: Option<&'a OnnxSummary>,
    /// Class names out of the metadata.
    pub(crate) names: Option<Vec<String>>,
    /// True when the metadata has the keys that Ultralytics' exporters write.
    pub(crate) ultralytics: bool,
}

impl Clues<'_> {
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.signature.metadata.get(key).map(String::as_str)
    }
}

/// Guesses what nobody named. `summary` is a hint from the file's graph; without it some guesses are less certain.
///
/// # Errors
/// When the model is none that is known, or too much is open and somebody must name it.
pub fn guess(
    signature: &ModelSignature,
    summary: Option<&OnnxSummary>,
    named: &Overrides,
) -> Result<Guessed, GuessError> {
    let metadata = &signature.metadata;
    let names = metadata.get("names").and_then(|text| parse_names(text));
    let ultralytics = names.is_some() && metadata.contains_key("stride")
        || metadata.get("author").is_some_and(|a| a.eq_ignore_ascii_case("ultralytics"));
    let clues = Clues { signature, summary, names, ultralytics };
    if let Some(task) = clues.metadata("task").filter(|task| !matches!(*task, "detect" | "classify")) {
        return Err(GuessError(format!(
            "the model's metadata says that its task is `{task}`; only `detect` and `classify` can be used here"
        )));
    }
    let mut findings = Vec::new();
    let size = find_size(&clues, named, &mut findings)?;
    let found = layout::find(&clues, named, size, &mut findings)?;
    let labels = find_labels(&clues, named, &found.name, &mut findings)?;
    let pixels = pixels::find(&clues, named, &found, &mut findings);
    let settings = ModelSettings {
        layout: found.name,
        size,
        channels: pixels.channels,
        scale: pixels.scale,
        mean: pixels.mean,
        std: pixels.std,
        resize: pixels.resize,
        pad: pixels.pad,
        labels,
        min_score: named.min_score.unwrap_or(0.25),
        label_scores: BTreeMap::clone(&named.label_scores),
        iou: named.iou.unwrap_or(0.45),
        class_agnostic: named.class_agnostic.unwrap_or(false),
        max_detections: named.max_detections.unwrap_or(300),
    };
    Ok(Guessed { settings, findings })
}

/// The labels that a model will have unless somebody names others: those in its metadata, or COCO's when it is all but certain
/// that they are meant. `None` when somebody has to name them, or the layout.
pub fn known_labels(summary: &OnnxSummary) -> Option<Vec<String>> {
    let guessed = guess(&summary.signature, Some(summary), &Overrides::default());
    let Ok(Guessed { settings, findings }) = guessed else {
        // A layout that can't be guessed may still be named.
        return summary.signature.metadata.get("names").and_then(|names| parse_names(names));
    };
    let sure = findings.iter().any(|finding| finding.what == "labels" && !finding.is_uncertain());
    sure.then_some(settings.labels)
}

fn find_size(clues: &Clues<'_>, named: &Overrides, findings: &mut Vec<Finding>) -> Result<SizePx, GuessError> {
    let input = input_of(clues.signature).map_err(GuessError)?;
    let (size, confidence, why) = if let Some(size) = named.size {
        (size, 1.0, "named".into())
    } else if let Some(size) = input.size {
        (size, 1.0, "the shape of the model's input".into())
    } else if let Some(size) = clues.metadata("imgsz").and_then(parse_imgsz) {
        (size, 0.95, "the input's shape is open; `imgsz` in the metadata".into())
    } else if let Some(size) = layout::square_of_cells(&clues.signature.outputs) {
        (size, 0.7, "the input's shape is open; the number of boxes is that of a square of this size".into())
    } else {
        (
            SizePx { width: 640, height: 640 },
            0.4,
            "the input's shape is open, and nothing tells; 640 is the most common".into(),
        )
    };
    findings.push(Finding { what: "size", value: size.to_string(), confidence, why });
    Ok(size)
}

/// `[384, 640]`, height first, as Ultralytics writes it; or one number.
fn parse_imgsz(text: &str) -> Option<SizePx> {
    let numbers: Option<Vec<u32>> = text
        .trim()
        .trim_start_matches(['[', '('])
        .trim_end_matches([']', ')'])
        .split(',')
        .map(|n| n.trim().parse().ok())
        .collect();
    match numbers?[..] {
        [side @ 1..=16_384] => Some(SizePx { width: side, height: side }),
        [height @ 1..=16_384, width @ 1..=16_384] => Some(SizePx { width, height }),
        _ => None,
    }
}

fn find_labels(
    clues: &Clues<'_>,
    named: &Overrides,
    layout: &str,
    findings: &mut Vec<Finding>,
) -> Result<Vec<String>, GuessError> {
    let outputs = &clues.signature.outputs;
    let whole = whole_by_name(layout);
    if whole.is_some_and(|layout| !layout.has_labels()) {
        return Ok(Vec::new());
    }
    let boxes = by_name(layout);
    let classes = boxes.and_then(|l| l.classes(outputs)).or_else(|| whole.and_then(|l| l.classes(outputs))).flatten();
    let numbered = boxes.is_some_and(crate::layout::Layout::numbers_classes);
    let (labels, confidence, why) = match (&named.labels, &clues.names, classes) {
        (Some(labels), _, _) => (labels.clone(), 1.0, "named".to_owned()),
        (None, Some(names), classes) if classes.is_none_or(|c| c == names.len()) => {
            (names.clone(), 1.0, "`names` in the model's metadata".into())
        }
        (None, _, Some(80)) => {
            (COCO.map(str::to_owned).to_vec(), 0.85, "80 classes: COCO's, since the metadata names none".into())
        }
        (None, _, Some(91)) => (coco_by_number(), 0.85, "91 classes: COCO's by their own numbers".into()),
        (None, _, Some(20)) if layout == "yolov2" => (
            VOC.map(str::to_owned).to_vec(),
            0.85,
            "20 classes: those of Pascal VOC, since the metadata names none".into(),
        ),
        (None, _, Some(1)) if families::is_of_faces(layout) => {
            (vec!["face".into()], 0.9, "the one class of such models".into())
        }
        (None, _, None) if (layout == "tfod" || layout == "torchvision") && !families::begins_as_yolox(clues) => {
            let names = coco_by_number().split_off(1);
            (names, 0.5, "the model doesn't tell its classes; COCO's by their own numbers are the most common".into())
        }
        (None, _, None) if numbered => (
            COCO.map(str::to_owned).to_vec(),
            0.5,
            "the model doesn't tell its classes; COCO's are the most common".into(),
        ),
        (None, _, Some(classes)) => {
            let why = "neither metadata nor anybody names the classes; give a file of labels".into();
            ((0..classes).map(|c| format!("class{c}")).collect(), 0.3, why)
        }
        (None, _, None) => {
            return Err(GuessError("the number of classes is only known at run time: name the labels".into()));
        }
    };
    if let Some(classes) = classes.filter(|c| *c != labels.len()) {
        return Err(GuessError(format!("{} labels are named, and the model has {classes} classes", labels.len())));
    }
    let value = match &labels[..] {
        [first, second, _, ..] => format!("{} ({first}, {second}, …)", labels.len()),
        few => few.join(", "),
    };
    findings.push(Finding { what: "labels", value, confidence, why });
    Ok(labels)
}

#[cfg(test)]
mod tests;
