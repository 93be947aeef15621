//! Why a model can't be used, as far as its file shows it: what a check tells before anything runs.

use std::path::Path;

use super::{Guessed, guess};
use crate::{detector::Detector, inputs::input_of, onnx::OnnxSummary, reading::ReadingKind, settings::Overrides};

/// Why the model `file`, of which `summary` was read, can't be used with what is named; `None` when it can, or when only a runtime could
/// tell: it knows more of shapes than some files say. A model that is shown pictures of cameras (`first`) has to give objects.
pub fn objection(file: &Path, summary: &OnnxSummary, named: &Overrides, first: bool) -> Option<String> {
    if let [missing, ..] = &summary.missing_files(file)[..] {
        return Some(format!(
            "its weights are in `{}`, which is not beside it; copy that file, too",
            missing.display()
        ));
    }
    if let Some(plugins) = plugins(summary) {
        return Some(plugins);
    }
    let signature = &summary.signature;
    if signature.inputs.iter().all(|input| !input.shape.is_empty())
        && let Err(why) = input_of(signature)
    {
        return Some(why);
    }
    let shown = |shape: &[Option<usize>]| shape.len() > 1 && shape[1..].iter().all(Option::is_some);
    if !signature.outputs.iter().all(|output| shown(&output.shape)) {
        return None;
    }
    match guess(signature, Some(summary), named) {
        Err(error) => Some(error.to_string()),
        Ok(Guessed { settings, findings }) => match Detector::new(settings, signature) {
            Err(error) => Some(error.to_string()),
            Ok(detector) => {
                let sure = !findings.iter().any(|finding| finding.what == "layout" && finding.is_uncertain());
                let useless = first && sure && detector.kind() == ReadingKind::Vector;
                useless.then(|| "it gives a vector, and no objects: let it follow another model (`after`)".to_owned())
            }
        },
    }
}

/// What is wrong when a model has operators that no runtime has by itself.
pub fn plugins(summary: &OnnxSummary) -> Option<String> {
    let names: Vec<&str> = summary.plugins.iter().map(String::as_str).collect();
    if names.is_empty() {
        return None;
    }
    let whose = if names.iter().any(|name| name.ends_with("_TRT")) { ", a plugin of TensorRT" } else { "" };
    Some(format!("it holds {}, which ONNX Runtime doesn't have{whose}; export the model without it", names.join(", ")))
}
